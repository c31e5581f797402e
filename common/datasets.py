"""Where a data set is, what it must look like, and how to get it.

A script looks at ``--data-dir``, then ``$BOOK_DATA_DIR/<name>``, then ``data/<name>``. The preset ``tiny`` uses a small
sample that the project generates in the real set's format (``data/samples/<name>``), unless ``--data-dir`` is given.
"""

import glob
import hashlib
import importlib
import os
import shutil
import tempfile
from typing import NamedTuple, Optional, Sequence, Tuple

from common.errors import UserError
from common.options import REPOSITORY


class Source(NamedTuple):
    """One file to download: official address, size in bytes and checksum where they are known."""

    url: str
    filename: str
    size: Optional[int] = None
    sha256: Optional[str] = None
    md5: Optional[str] = None
    note: str = ""


class Dataset(NamedTuple):
    """One row of ``data/README.md``."""

    name: str
    title: str
    licence: str
    homepage: str
    sources: Tuple[Source, ...]
    example: int


_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

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
                note="DataMarket, where the book found its CSV, has closed; these are the same 5,113 values",
            ),
        ),
        52,
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
            ),
            Source(
                _KERAS + "reuters_word_index.json",
                "reuters_word_index.json",
                None,
                None,
                "4d44cc38712099c9e383dc6e5f11a921",
            ),
        ),
        51,
    ),
    "thchs30": Dataset(
        "thchs30",
        "THCHS-30: Mandarin speech of 30 hours, many speakers, with pinyin",
        "free for academic use (OpenSLR: Apache 2.0)",
        "https://www.openslr.org/18/",
        (Source("https://www.openslr.org/resources/18/data_thchs30.tgz", "data_thchs30.tgz", note="6.4 GB"),),
        53,
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
                note="about 9 GB; where this address fails, take the file from the home page",
            ),
        ),
        54,
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
            ),
        ),
        54,
    ),
    "celeba": Dataset(
        "celeba",
        "CelebA: 202,599 aligned faces, 178×218, 40 attributes",
        "non-commercial research and education only; not to be passed on",
        "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        (
            Source(
                "https://drive.google.com/uc?export=download&id=0B7EVK8r0v71pZjFTYXZWM3FlRnM",
                "img_align_celeba.zip",
                1443490838,
                None,
                "00d2c5bc6d35e252742224ab0c1e8fcb",
                note="Google Drive often answers with a quota page: then download by hand",
            ),
            Source(
                "https://drive.google.com/uc?export=download&id=0B7EVK8r0v71pblRyaVFSWGxPY0U",
                "list_attr_celeba.txt",
                26721026,
                None,
                "75e246fa4810816ffd6ee81facbd244c",
            ),
        ),
        55,
    ),
}


def how_to_get(name: str) -> str:
    """One sentence: the official source, the command that fetches it, and where it goes."""
    dataset = DATASETS.get(name)
    if dataset is None:
        return "give its folder with --data-dir"
    return "fetch it with `python -m data fetch %s` (from %s), or give its folder with --data-dir" % (
        name,
        dataset.homepage,
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


def find(name: str, data_dir: Optional[str] = None, required: Sequence[str] = ()) -> str:
    """The folder of data set ``name``.

    Args:
      name: a key of ``DATASETS`` (or another folder name, e.g. ``bznsyp``).
      data_dir: the user's ``--data-dir``; nothing else is looked at when it is given.
      required: glob patterns below the folder, each of which must match a file.

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
    raise UserError("data set %s: %s; %s" % (name, "; ".join(complaints), how_to_get(name)))


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
    stamp_file = os.path.join(folder, ".generated")
    if os.path.exists(stamp_file):
        with open(stamp_file, encoding="utf-8") as stream:
            if stream.read() == stamp:
                return folder
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    temporary = tempfile.mkdtemp(dir=os.path.dirname(folder), prefix=".new-")
    try:
        module.generate(temporary, seed=0, **sizes)
        with open(os.path.join(temporary, ".generated"), "w", encoding="utf-8") as stream:
            stream.write(stamp)
        os.chmod(temporary, 0o755)
        if os.path.isdir(folder):
            shutil.rmtree(folder)
        try:
            os.rename(temporary, folder)
        except OSError:  # another process made it meanwhile
            if not os.path.exists(stamp_file):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def is_sample(folder: str) -> bool:
    """Whether ``folder`` is a generated sample."""
    return os.path.exists(os.path.join(folder, ".generated"))


def locate(name: str, opts, required: Sequence[str] = (), **sizes) -> str:
    """The data folder for a script's options: the sample for preset ``tiny``, real data otherwise. Says which."""
    if opts.preset == "tiny" and opts.data_dir is None:
        folder = sample(name, **sizes)
    else:
        folder = find(name, opts.data_dir, required)
    print("data: %s%s" % (folder, " (generated sample, not real data)" if is_sample(folder) else ""))
    return folder
