"""Listing 9-9 (sections 9.8.2 and 9.8.3): recordings and transcripts become spectrograms and a list.

Reads a folder in the book's layout (``mytest/*.wav`` and ``doc/trans/*.syllable.txt``, itself or in a folder
``data_thchs30`` below); writes ``training/thchs30-spec-*.npy``, ``training/thchs30-mel-*.npy``, ``training/train.txt``
and, with ``--align``, ``training/syllables.json`` below the output folder. About 0.2 s of work for each
recording; what is done is not done again. Next: ``code_9_17_train.py`` with the same ``--preset``.
"""

import concurrent.futures
import glob
import json
import multiprocessing
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np

# The audio constants of this listing stand in audio.py: max_frame_num, sample_rate, num_freq, num_mels, frame_length_ms,
# frame_shift_ms, preemphasis, ref_level_db, min_level_db; so do spectrogram and melspectrogram.
from ch09_tacotron import audio
from ch09_tacotron.audio import max_frame_num, melspectrogram, spectrogram
from ch09_tacotron.code_9_15_dataset import unknown_characters
from ch09_tacotron.forced_alignment import SPANS_FILE, align, read_spans, write_spans
from common import datasets, options, records, training
from common.errors import UserError

PRESETS = {
    "book": dict(wav_folder="mytest", trim_silence=False, hold_out=0, align=False, num_workers=0),
    "cpu": dict(trim_silence=True, hold_out=10, align=True),
    "tiny": dict(trim_silence=True, hold_out=6, align=True),
}
HELP = dict(
    wav_folder="folder of the recordings, below the data folder",
    trim_silence="Extra: cut off the silence at both ends",
    hold_out="Extra: every n-th utterance goes to heldout.txt and is not trained on; 0: none",
    align="Extra: find out when each syllable is said (forced_alignment.py), for --guide-by recording and --splice of training",
    num_workers="processes; 0: one for each core",
)


def corpus_root(folder, wav_folder="mytest"):
    """``folder`` or its ``data_thchs30``: the one that has recordings and transcripts; else a UserError."""
    for root in (folder, os.path.join(folder, "data_thchs30")):
        if os.path.isdir(os.path.join(root, wav_folder)) and os.path.isdir(os.path.join(root, "doc", "trans")):
            return root
    raise UserError(
        "%s: no folders '%s' (recordings) and 'doc/trans' (transcripts) here or in data_thchs30: copy some recordings "
        "to %s, as section 9.8.1 does, or name their folder with --wav-folder" % (folder, wav_folder, wav_folder)
    )


def read_transcripts(root):
    """Utterance id → pinyin, of all ``doc/trans/*.syllable.txt``."""
    paths = sorted(glob.glob(os.path.join(glob.escape(root), "doc", "trans", "*.syllable.txt")))
    if not paths:
        raise UserError("%s: no *.syllable.txt" % os.path.join(root, "doc", "trans"))
    transcripts = {}
    for path in paths:
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                fields = line.split()
                if len(fields) > 1:
                    transcripts[fields[0]] = " ".join(fields[1:])
    return transcripts


def utterance_id(wav_path):
    """``…/mytest/D4_750.wav`` → ``D4_750``.

    Erratum E32: the print cuts the path at its first capital D (``path.index('D')``), wherever that is.
    """
    return os.path.splitext(os.path.basename(wav_path))[0]


def _save(path, array):
    """Writes an array whole or not at all."""
    with open(path + ".part", "wb") as stream:
        np.save(stream, array.astype(np.float32), allow_pickle=False)
    os.replace(path + ".part", path)


def _process_utterance(out_dir, index, wav_path, pinyin, trim_silence=False):
    """Spectrograms of one recording (section 9.8.3).

    Returns:
      (spec file, mel file, frames, pinyin); None when it has more than ``max_frame_num`` frames.

    Raises:
      UserError: the recording is broken or silent.
    """
    wav = audio.load_wav(wav_path)
    if np.max(np.abs(wav)) < 1e-4:
        raise UserError("silent")
    if trim_silence:
        wav = audio.trim_silence(wav)
    D = audio.magnitude(wav)
    n_frames = D.shape[1]
    if n_frames > max_frame_num:
        return None
    spectrogram_filename = "thchs30-spec-%05d.npy" % index
    mel_filename = "thchs30-mel-%05d.npy" % index
    _save(os.path.join(out_dir, spectrogram_filename), spectrogram(D).T)
    _save(os.path.join(out_dir, mel_filename), melspectrogram(D).T)
    return spectrogram_filename, mel_filename, n_frames, pinyin


def _work(arguments):
    """One utterance in a worker process: (metadata or None, reason why it was skipped or None)."""
    try:
        metadata = _process_utterance(*arguments)
    except UserError as error:
        return None, str(error)
    return metadata, None if metadata else "too long: more than %d frames" % max_frame_num


def build_from_path(in_dir, out_dir, num_workers=1, tqdm=lambda x: x, wav_folder="mytest", trim_silence=False):
    """Processes all recordings of a corpus in parallel (section 9.8.3).

    What an earlier run finished (same file, size, time of change, transcript and settings) is taken over from ``done.jsonl``.

    Returns:
      (metadata, skipped): metadata is a list of ``_process_utterance``'s tuples, sorted by file name; skipped is a list of
      (file name, reason).
    """
    root = corpus_root(in_dir, wav_folder)
    # Erratum E37: sorted; the print takes the files in whatever order the file system lists them
    wav_paths = sorted(glob.glob(os.path.join(glob.escape(root), wav_folder, "*.wav")))
    if not wav_paths:
        raise UserError("%s: no *.wav" % os.path.join(root, wav_folder))
    transcripts = read_transcripts(root)
    done_path = os.path.join(out_dir, "done.jsonl")
    done = {}
    if os.path.exists(done_path):
        with open(done_path, encoding="utf-8") as stream:
            for line in stream:
                if line.endswith("}\n"):  # a line that a killed run left unfinished is no result
                    entry = json.loads(line)
                    done[entry["key"]] = entry

    results, skipped, jobs = {}, {}, {}
    for index, wav_path in enumerate(wav_paths, 1):
        name = os.path.basename(wav_path)
        pinyin = transcripts.get(utterance_id(wav_path))
        if pinyin is None:  # Erratum E38: in print a KeyError half way
            skipped[index] = (name, "no transcript for %s" % utterance_id(wav_path))
        elif unknown_characters(pinyin):
            skipped[index] = (name, "characters without a symbol: %s" % " ".join(unknown_characters(pinyin)))
        else:
            status = os.stat(wav_path)
            key = "%s %d %d %d %s %s" % (index, status.st_size, status.st_mtime_ns, trim_silence, name, pinyin)
            if key in done and all(os.path.exists(os.path.join(out_dir, f)) for f in (done[key]["metadata"] or [])[:2]):
                results[index] = done[key]
            else:
                jobs[index] = (key, (out_dir, index, wav_path, pinyin, trim_silence))
    if results:
        print("%d of %d recordings were done before" % (len(results), len(wav_paths)))

    # 'spawn', because a forked child of a process that runs TensorFlow can hang
    context = multiprocessing.get_context("spawn")
    with open(done_path, "a", encoding="utf-8") as journal, concurrent.futures.ProcessPoolExecutor(
        max_workers=num_workers, mp_context=context
    ) as executor:
        futures = {executor.submit(_work, arguments): (index, key) for index, (key, arguments) in jobs.items()}
        for future in tqdm(concurrent.futures.as_completed(futures)):
            index, key = futures[future]
            metadata, reason = future.result()
            results[index] = dict(key=key, metadata=metadata, reason=reason)
            journal.write(json.dumps(results[index], ensure_ascii=False) + "\n")
            journal.flush()
    for index, entry in results.items():
        if entry["reason"]:
            skipped[index] = (os.path.basename(wav_paths[index - 1]), entry["reason"])
    metadata = [tuple(results[i]["metadata"]) for i in sorted(results) if results[i]["metadata"]]
    return metadata, [skipped[i] for i in sorted(skipped)]


def write_metadata(metadata, path):
    """``spec|mel|frames|pinyin``, a line an utterance, whole or not at all."""
    with open(path + ".part", "w", encoding="utf-8") as stream:
        for fields in metadata:
            # Erratum E33: the print writes no end of line; it lives on the one that its transcripts happen to end in
            stream.write("|".join(str(field) for field in fields) + "\n")
    os.replace(path + ".part", path)


def align_recordings(training_dir, rows):
    """Extra: writes ``syllables.json``, when each syllable of the utterances ``rows`` is said, unless it is there."""
    path = os.path.join(training_dir, SPANS_FILE)
    if read_spans(path, rows) is not None:
        return
    mels = [np.load(os.path.join(training_dir, row[1]), allow_pickle=False) for row in rows]
    found, _ = align(
        mels, [row[3] for row in rows], progress=lambda x: training.progress(x, desc="syllables", unit="round")
    )
    write_spans(path, rows, found)
    print("Found the syllables of %d of %d utterances" % (sum(spans is not None for spans in found), len(rows)))


def preprocess_data(num_workers, in_dir, output_dir, wav_folder="mytest", trim_silence=False, hold_out=0):
    """Writes the ``training`` folder (section 9.8.3); returns (trained-on, held-out, skipped) lists."""
    out_dir = os.path.join(output_dir, "training")
    os.makedirs(out_dir, exist_ok=True)

    def progress(futures):
        return training.progress(futures, desc="spectrograms", unit="recording")

    metadata, skipped = build_from_path(in_dir, out_dir, num_workers, progress, wav_folder, trim_silence)
    for name, reason in skipped:
        print("skipped %s: %s" % (name, reason))
    held_out = metadata[hold_out - 1 :: hold_out] if hold_out else []
    chosen = [fields for fields in metadata if fields not in held_out]
    if not chosen:
        raise UserError(
            "%s: no usable recording of %d (the reasons stand above)" % (in_dir, len(skipped) + len(held_out))
        )
    write_metadata(chosen, os.path.join(out_dir, "train.txt"))
    write_metadata(held_out, os.path.join(out_dir, "heldout.txt"))
    frames = sum(fields[2] for fields in chosen)
    hours = frames * audio.frame_shift_ms / (3600 * 1000)
    print("Wrote %d utterances, %d frames (%.2f hours); %d held out" % (len(chosen), frames, hours, len(held_out)))
    print("Max input length:  %d" % max(len(fields[3]) for fields in chosen))
    print("Max output length: %d" % max(fields[2] for fields in chosen))
    return chosen, held_out, skipped


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv, help_texts=HELP)
    folder = datasets.locate("thchs30", opts)
    chosen, held_out, skipped = preprocess_data(
        opts.num_workers or os.cpu_count() or 1,
        folder,
        opts.output_dir,
        opts.wav_folder,
        opts.trim_silence,
        opts.hold_out,
    )
    if opts.align:
        align_recordings(os.path.join(opts.output_dir, "training"), chosen)
    seconds = sum(fields[2] for fields in chosen) * audio.frame_shift_ms / 1000
    data = "generated sample" if datasets.is_sample(folder) else os.path.basename(folder)
    options.save_settings(
        os.path.join(opts.output_dir, "training"),
        dict(data=data, trim_silence=opts.trim_silence, hold_out=opts.hold_out),
    )
    record = records.Record(opts, "code_9_09_preprocess", "listing 9-9", data)
    record.metric("utterances", len(chosen), note="trained on")
    record.metric("held out", len(held_out), note="not trained on")
    record.metric("skipped", len(skipped))
    record.metric("length", round(seconds, 1), "s", note="of the recordings that are trained on")
    record.save()


if __name__ == "__main__":
    options.run(main)
