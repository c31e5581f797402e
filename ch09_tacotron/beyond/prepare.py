"""Beyond listing 9-9: a corpus of one's own made ready for the trainers here.

    python ch09_tacotron/beyond/prepare.py --data-dir FOLDER

Recordings of any rate in ``FOLDER/mytest/`` (.wav, .flac, .ogg), what they say in ``FOLDER/doc/trans/*.syllable.txt`` (all of
them): lines ``name1 ni3 hao3`` or ``name1 你好``. Silence is cut off at both ends, each tenth utterance is held out, and a
forced alignment (``alignment.py``) finds out when each syllable is said. Writes ``training/`` as listing 9-9 does, with
``heldout.txt`` and ``syllables.json``. What is done is not done again: stop and start as you like. About 0.2 s of work for each
recording, and half a minute of alignment for 80 sentences.
"""

import concurrent.futures
import functools
import glob
import json
import multiprocessing
import os
import re

import numpy as np

from ch09_tacotron.beyond import pinyin as mandarin
from ch09_tacotron.beyond import sound
from ch09_tacotron.beyond.alignment import SPANS_FILE, align, read_spans, spans_of, write_spans
from ch09_tacotron.beyond.utterances import load_mel
from ch09_tacotron.beyond.written_text import HAN
from ch09_tacotron.code_9_09_preprocess import max_frame_num
from common import files, options, records, run
from common.errors import UserError
from data import thchs30

FITTED = 400  # utterances; half an hour of one voice says all of its sounds

VALUES = [
    options.Value("trim_silence", True, "cut off the silence at both ends"),
    options.Value("hold_out", 10, "every n-th utterance (2 at least) goes to heldout.txt; 0: none", tiny=6, low=0),
    options.Value("align", True, "find out when each syllable is said"),
    options.Value("wav_folder", "mytest", "folder of the recordings, below the data folder", more=True),
    options.Value("num_workers", 0, "processes; 0: one for each core", low=0, high=256, more=True),
]


def process_utterance(out_dir, index, wav_path, pinyin, trim_silence=False):
    """Listing 9-9's ``_process_utterance``, for any sound file.

    Raises:
      UserError: the recording is broken or silent.
    """
    wav = sound.load_wav(wav_path)
    if np.max(np.abs(wav)) < 1e-4:
        raise UserError("silent")
    if trim_silence:
        wav = sound.trim_silence(wav)
    D = sound.magnitude(wav)
    if D.shape[1] > max_frame_num:
        raise UserError("too long: more than %d frames" % max_frame_num)
    names = ["thchs30-%s-%05d.npy" % (kind, index) for kind in ("spec", "mel")]
    for name, array in zip(names, (sound.spectrogram(D), sound.melspectrogram(D))):
        with files.atomic(os.path.join(out_dir, name)) as stream:
            np.save(stream, array.T.astype(np.float32), allow_pickle=False)
    return names[0], names[1], D.shape[1], pinyin


def _work(arguments):
    """One utterance in a worker process: (metadata or None, reason why it was skipped or None)."""
    try:
        return process_utterance(*arguments), None
    except UserError as error:
        return None, str(error)


def _journal_entry(line):
    """A line of ``done.jsonl`` as a dict with key, metadata and reason; None where it is unfinished (a killed run) or damaged."""
    try:
        entry = json.loads(line) if line.endswith("\n") else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("key"), str):
        return None
    fields, reason = entry.get("metadata"), entry.get("reason")
    if fields is None:
        return entry if isinstance(reason, str) else None
    kinds = [type(field) for field in fields] if isinstance(fields, list) else []
    return entry if kinds == [str, str, int, str] else None


def journal_key(index, wav_path, pinyin, trim_silence):
    """What must be as before for a recording not to be processed again."""
    status = os.stat(wav_path)
    stamp = (index, status.st_size, status.st_mtime_ns, trim_silence, os.path.basename(wav_path), pinyin)
    return "%s %d %d %d %s %s" % stamp


def read_journals(out_dir):
    """What earlier runs finished, by its key: of ``done.jsonl`` and of each share's ``done-i-of-n.jsonl``."""
    done = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(out_dir), "done*.jsonl"))):
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                entry = _journal_entry(line)
                if entry is not None:
                    done[entry["key"]] = entry
    return done


def as_pinyin(transcript):
    """A transcript, pinyin or Chinese, as pinyin; Chinese with the tones as they are spoken, for that is what was recorded.

    Raises:
      UserError: it cannot be read, or has a syllable that does not exist: a voice would learn letters that nothing uses.
    """
    if re.search(HAN, transcript):
        joined = re.sub(r"(?<=%s)\s+(?=%s)" % (HAN, HAN), "", transcript)  # words may stand apart, nobody speaks so
        return mandarin.to_pinyin(joined, tone_sandhi=True)
    wrong = thchs30.bad_syllables(transcript)
    if wrong:
        raise UserError("no syllables with a tone (1 to 5, ü as v): %s" % " ".join(wrong[:10]))
    known = mandarin.known_syllables()
    unknown = [word for word in transcript.split() if re.match("[a-z]+", word).group() not in known]
    if unknown:
        raise UserError("no such syllable of Mandarin: %s (write ü as v)" % " ".join(unknown[:10]))
    return transcript


def utterance_id(wav_path):
    """By which its line in a transcript goes."""
    return os.path.splitext(os.path.basename(wav_path))[0]


def pinyin_of(wav_path, transcripts):
    """What a recording says, as pinyin; UserError with the reason where it cannot be used."""
    if not os.path.isfile(wav_path):
        raise UserError("not a file")
    if utterance_id(wav_path) not in transcripts:
        raise UserError("no transcript for %s" % utterance_id(wav_path))
    return as_pinyin(transcripts[utterance_id(wav_path)])


def build_from_path(in_dir, out_dir, num_workers=1, trim_silence=False, wav_folder="mytest", shard=(1, 1)):
    """Processes the recordings of a corpus in parallel; what an earlier run finished is taken over from its journal.

    Args:
      shard: (i, n): every n-th recording from the i-th on. Names and contents of the files do not depend on it.

    Returns:
      (metadata, skipped): metadata is a list of ``process_utterance``'s tuples, sorted by file name; skipped is a list of
      (file name, reason).
    """
    wav_paths = thchs30.wav_paths(in_dir, wav_folder)
    transcripts = thchs30.read_transcripts(in_dir)
    done = read_journals(out_dir)
    done_path = os.path.join(out_dir, "done.jsonl" if shard == (1, 1) else "done-%d-of-%d.jsonl" % shard)

    results, skipped, jobs, before = {}, {}, {}, {}
    for index, wav_path in enumerate(wav_paths, 1):
        before.setdefault(utterance_id(wav_path), index)
    for index, wav_path in list(enumerate(wav_paths, 1))[shard[0] - 1 :: shard[1]]:
        try:
            if before[utterance_id(wav_path)] != index:  # one of the two might be held out
                raise UserError("another recording has its name")
            pinyin = pinyin_of(wav_path, transcripts)
        except UserError as error:
            skipped[index] = (os.path.basename(wav_path), str(error))
            continue
        key = journal_key(index, wav_path, pinyin, trim_silence)
        if key in done and all(os.path.exists(os.path.join(out_dir, f)) for f in (done[key]["metadata"] or [])[:2]):
            results[index] = done[key]
        else:
            jobs[index] = (key, (out_dir, index, wav_path, pinyin, trim_silence))
    chinese = sum(bool(re.search(HAN, transcripts.get(utterance_id(path), ""))) for path in wav_paths)
    if chinese:
        print("%d transcripts in Chinese: tones are written as spoken (train_few.py: give --tone-sandhi)" % chinese)
    if results:
        print("%d of %d recordings were done before" % (len(results), len(wav_paths)))

    # 'spawn', because a forked child of a process that runs TensorFlow can hang
    context = multiprocessing.get_context("spawn")
    with open(done_path, "a", encoding="utf-8") as journal, concurrent.futures.ProcessPoolExecutor(
        max_workers=num_workers, mp_context=context
    ) as executor:
        futures = {executor.submit(_work, arguments): (index, key) for index, (key, arguments) in jobs.items()}
        finished = concurrent.futures.as_completed(futures)
        for future in run.progress(finished, total=len(futures), desc="spectrograms", unit="recording"):
            index, key = futures[future]
            metadata, reason = future.result()
            results[index] = dict(key=key, metadata=metadata, reason=reason)
            journal.write(json.dumps(results[index], ensure_ascii=False) + "\n")
            journal.flush()
    for index, entry in results.items():
        if entry["reason"]:
            skipped[index] = (os.path.basename(wav_paths[index - 1]), entry["reason"])
    metadata = [tuple(results[i]["metadata"]) for i in sorted(results) if results[i]["metadata"]]
    others = [(name, "save it as .wav") for name in thchs30.other_sounds(in_dir, wav_folder)]
    return metadata, [skipped[i] for i in sorted(skipped)] + others


def divide(metadata, hold_out):
    """(utterances that are trained on, each ``hold_out``-th of ``metadata``); 0 holds none out."""
    held = set(range(hold_out - 1, len(metadata), hold_out)) if hold_out else set()
    chosen = [fields for place, fields in enumerate(metadata) if place not in held]
    return chosen, [metadata[place] for place in sorted(held)]


def write_metadata(metadata, path):
    """``spec|mel|frames|pinyin``, a line an utterance, whole or not at all."""
    with files.atomic(path, "w") as stream:
        for fields in metadata:
            stream.write("|".join(str(field) for field in fields) + "\n")


def align_recordings(training_dir, rows, trained):
    """Writes ``syllables.json``, when each syllable of the utterances ``rows`` is said, unless it is there, and of the
    spectrograms as they are.

    The sounds of the syllables are learnt from the first of the ``trained`` ones; those behind, held out or many, are only laid
    along them.
    """
    path = os.path.join(training_dir, SPANS_FILE)
    if read_spans(path, rows, strict=True) is not None:
        return
    first = min(FITTED, trained)
    mels, texts = [load_mel(training_dir, row) for row in rows[:first]], [row[3] for row in rows[:first]]
    found, gaussians = align(mels, texts, progress=lambda x: run.progress(x, desc="syllables", unit="round"))
    for row in run.progress(rows[first:], desc="the others", unit="utterance"):  # one at a time: they may be many
        found.append(spans_of(gaussians, load_mel(training_dir, row), row[3]) if gaussians else None)
    write_spans(path, rows, found)
    print("Found the syllables of %d of %d utterances" % (sum(spans is not None for spans in found), len(rows)))


def main(argv=None):
    add = functools.partial(options.add_shard, what="recording")
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add=add, base="cpu")
    if opts.hold_out == 1:
        raise UserError("--hold-out 1 leaves nothing to train on: give 2 or more, or 0 to hold out none")
    folder = thchs30.locate(opts, opts.wav_folder)
    record = records.Record(opts, opts.script, "beyond listing 9-9", thchs30.describe(folder))
    out_dir = os.path.join(opts.output_dir, "training")
    os.makedirs(out_dir, exist_ok=True)
    workers = opts.num_workers or os.cpu_count() or 1
    metadata, skipped = build_from_path(folder, out_dir, workers, opts.trim_silence, opts.wav_folder, opts.shard)
    for name, reason in skipped:
        print("skipped %s: %s" % (name, reason))
    if opts.shard != (1, 1):
        print("share %d of %d is done; when all are, run this without --shard: it writes the lists" % opts.shard)
        return
    chosen, held_out = divide(metadata, opts.hold_out)
    if not chosen:
        raise UserError(
            "%s: no usable recording of %d (the reasons stand above)" % (folder, len(metadata) + len(skipped))
        )
    write_metadata(chosen, os.path.join(out_dir, "train.txt"))
    write_metadata(held_out, os.path.join(out_dir, "heldout.txt"))
    minutes = sum(fields[2] for fields in chosen) * sound.frame_shift_ms / 60000
    print("Wrote %d utterances (%.1f minutes); %d held out" % (len(chosen), minutes, len(held_out)))
    if opts.align:
        align_recordings(out_dir, chosen + held_out, len(chosen))
    options.save_settings(out_dir, dict(options.run_settings(opts), data=record.content["data"]))
    record.metric("utterances", len(chosen), note="trained on")
    record.metric("held out", len(held_out), note="not trained on")
    record.metric("skipped", len(skipped))
    record.metric("length", round(minutes, 2), "min", note="of the recordings that are trained on")
    record.save()


if __name__ == "__main__":
    options.run(main)
