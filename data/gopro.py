"""Pairs of blurred (A) and sharp (B) pictures in the layout of example 54, ``image/{train,val,test}/{A,B}`` (10.2.1)."""

import glob
import os
import warnings
from typing import Dict, List, Optional, Sequence, Tuple

from common import datasets, files, images, same_data
from common.errors import UserError


def image_folder(opts) -> str:
    """The folder that holds ``train/{A,B}``, ``test/{A,B}``, …: the data folder's ``image``, or ``--data-dir`` itself."""
    if opts.data_dir and any(has_split(opts.data_dir, split) for split in ("train", "val", "test")):
        print("data: %s" % opts.data_dir)
        folder = opts.data_dir
    else:
        required = ["image/train/A/*", "image/train/B/*"]
        folder = os.path.join(datasets.locate("gopro", opts, required=required), "image")
    same_data.note(opts, "gopro", folder, ["train/A/*", "train/B/*"])  # whichever way the folder was named
    return folder


def has_split(folder: str, split: str) -> bool:
    """Whether ``folder/split/A`` holds files."""
    return bool(glob.glob(os.path.join(glob.escape(folder), split, "A", "*")))


def by_name(paths: Sequence[str]) -> Dict[str, str]:
    """{name without ending: path}; UserError where two of the pictures of one folder have one name."""
    found = {}
    for path in paths:
        name = os.path.splitext(os.path.basename(path))[0]
        if name in found:
            raise UserError("%s and %s have one name: remove one of them" % (found[name], path))
        found[name] = path
    return found


def _other_pictures(folder: str, taken: Sequence[str]) -> List[str]:
    """Names (``A/1.jpg``) of the pictures in ``folder/A`` and ``folder/B`` that are not among the paths ``taken``."""
    paths = sorted(set(glob.glob(os.path.join(glob.escape(folder), "[AB]", "*"))) - set(taken))
    return [os.path.relpath(path, folder) for path in paths if path.lower().endswith(images.PICTURE_ENDINGS)]


def _first_of(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (" and %d more" % (len(names) - 10) if len(names) > 10 else "")


def paired(
    blurred: Sequence[str], sharp: Sequence[str], formats: Sequence[str] = (), folder: Optional[str] = None
) -> List[Tuple[str, str]]:
    """(blurred path, sharp path) of equal names, sorted; the ending does not count.

    Args:
      formats: what a file may be, as Pillow names it, whatever its ending says, where TensorFlow reads it, which does not turn
        pictures upright; empty: all that Pillow reads.
      folder: where A and B lie, for who looks for ``*.png`` only: pictures with other endings are not left out in silence.

    Raises:
      UserError: none at all; pictures that are no ``*.png`` in ``folder``; names without a partner (ten of them named); a picture
        that is damaged; a pair of two sizes.
    """
    # Erratum E54: two unsorted globs pair pictures in whatever order the file system has; here the names must agree
    others = _other_pictures(folder, list(blurred) + list(sharp)) if folder else []
    if others:
        raise UserError(
            "%s: only *.png are read, not %s: call PNG and JPEG files so (ext_10_2_1_layout.py does)"
            % (folder, _first_of(others))
        )
    if not blurred and not sharp:
        raise UserError("no pairs of pictures in the folders A and B: lay them out with ext_10_2_1_layout.py")
    blurred, sharp = by_name(blurred), by_name(sharp)
    alone = ["A/%s" % name for name in sorted(set(blurred) - set(sharp))]
    alone += ["B/%s" % name for name in sorted(set(sharp) - set(blurred))]
    if alone:
        folder = os.path.dirname(os.path.dirname((list(blurred.values()) + list(sharp.values()))[0]))
        raise UserError(
            "%s: pictures without a partner of the same name: %s; add or remove them" % (folder, _first_of(alone))
        )
    pairs = [(blurred[name], sharp[name]) for name in sorted(blurred)]
    for pair in pairs:
        check_pair(*pair, formats)
    return pairs


def check_pair(blurred: str, sharp: str, formats: Sequence[str] = ()) -> None:
    """UserError when one of the two is damaged, too large or of another format, or their upright sizes differ.

    Checksums are looked at and the pixels decoded: a damaged picture would otherwise end a training in its first epoch.
    """
    sizes = []
    for path in (blurred, sharp):
        files.regular_file(path, "picture", images.LARGEST_FILE)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Pillow's own, lower pixel limit
                with images.open_picture(path) as picture:
                    if picture.width * picture.height > images.LARGEST_PICTURE:
                        raise UserError("picture %s has %d×%d pixels, too many" % (path, *picture.size))
                    if formats and picture.format not in formats:
                        raise UserError(
                            "%s is a file of kind %s: save it as %s" % (path, picture.format, " or ".join(formats))
                        )
                    picture.verify()
                with images.open_picture(path) as picture:
                    size, turned = images.upright_size(picture)
                    sizes.append(size)
                    picture.load()
        except UserError:
            raise
        except images.UNREADABLE as error:
            raise UserError("%s is not a readable picture (%s)" % (path, str(error)[:160] or type(error).__name__))
        if turned and formats:
            raise UserError(
                "%s is to be turned (EXIF orientation), which this script's reader does not do: save it upright" % path
            )
    if sizes[0] != sizes[1]:
        raise UserError(
            "%s is %d×%d but %s is %d×%d: both of a pair must have one size" % (blurred, *sizes[0], sharp, *sizes[1])
        )


def find_pairs(folder: str) -> List[Tuple[str, str]]:
    """``paired`` of the pictures, of any format, in ``folder/A`` and ``folder/B``."""
    return paired(*(images.list_pictures(os.path.join(folder, part)) for part in ("A", "B")))
