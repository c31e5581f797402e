"""CelebA's files (example 55): the attribute list and the pictures that it names, checked before anything is trained.

::

    img_align_celeba/000001.jpg …   or img_align_celeba_png/000001.png …
    list_attr_celeba.txt            line 1 the count, line 2 the names of the attributes, then file ±1 … ±1
"""

import contextlib
import io
import os
import re
import warnings

import numpy as np
import pandas as pd

from common import datasets, images, text
from common.chinese import chinese
from common.errors import UserError

ATTRIBUTE_FILE = "list_attr_celeba.txt"
PICTURE_FOLDERS = ("img_align_celeba_png", "img_align_celeba")
FULL_SIZE = (218, 178)  # height and width of the aligned pictures, of which the printed crop boxes speak
CHINESE = {  # the 40 attributes in the list's order (10.3.1)
    "5_o_Clock_Shadow": "胡茬",
    "Arched_Eyebrows": "柳叶眉",
    "Attractive": "有魅力",
    "Bags_Under_Eyes": "眼袋",
    "Bald": "秃头",
    "Bangs": "刘海",
    "Big_Lips": "厚嘴唇",
    "Big_Nose": "大鼻子",
    "Black_Hair": "黑发",
    "Blond_Hair": "金发",
    "Blurry": "模糊",
    "Brown_Hair": "棕发",
    "Bushy_Eyebrows": "浓眉",
    "Chubby": "圆胖",
    "Double_Chin": "双下巴",
    "Eyeglasses": "戴眼镜",
    "Goatee": "山羊胡",
    "Gray_Hair": "灰白发",
    "Heavy_Makeup": "浓妆",
    "High_Cheekbones": "高颧骨",
    "Male": "男性",
    "Mouth_Slightly_Open": "嘴微张",
    "Mustache": "髭（上唇胡）",
    "Narrow_Eyes": "细长眼",
    "No_Beard": "无胡须",
    "Oval_Face": "鹅蛋脸",
    "Pale_Skin": "皮肤白",
    "Pointy_Nose": "尖鼻子",
    "Receding_Hairline": "发际线后移",
    "Rosy_Cheeks": "脸颊红润",
    "Sideburns": "连鬓胡",
    "Smiling": "微笑",
    "Straight_Hair": "直发",
    "Wavy_Hair": "卷发",
    "Wearing_Earrings": "戴耳环",
    "Wearing_Hat": "戴帽子",
    "Wearing_Lipstick": "涂口红",
    "Wearing_Necklace": "戴项链",
    "Wearing_Necktie": "系领带",
    "Young": "年轻",
}
_NAME = re.compile(r"(?<![A-Za-z0-9_])(?:%s)(?![A-Za-z])" % "|".join(sorted(CHINESE, key=len, reverse=True)))
HEADERS_CHECKED = 20000  # pictures; of larger sets (CelebA itself, known by its checksum) a sample of so many


def in_chinese(words: str) -> str:
    """What docs/words.zh.json knows, and the attributes' names: ``original`` → ``原图``, ``Male_0.50`` → ``男性_0.50``."""
    return _NAME.sub(lambda found: CHINESE[found.group()], chinese(words))


def read_list(path):
    """The attribute list (10.3.1), or Kaggle's CSV of it.

    Returns:
      (names, files, labels): the attributes, the pictures' file names, and int8 ``[pictures, attributes]`` of −1 and 1.

    Raises:
      UserError: not CelebA's layout; says which line.
    """
    content = text.read_text(path, "attribute list")
    first, _, rest = content.partition("\n")
    if first.count(",") > 1:  # Kaggle's: image_id,5_o_Clock_Shadow,…
        names, rows, separator, lines_before, count = first.strip().split(",")[1:], rest, ",", 1, None
    else:
        header, _, rows = rest.partition("\n")
        names, separator, lines_before, count = header.split(), r"\s+", 2, first.strip()
        if not re.match(r"[0-9]{1,9}$", count) or not names:
            raise UserError("%s: line 1 must be the number of pictures and line 2 the attribute names" % path)
    try:
        table = pd.read_csv(io.StringIO(rows), sep=separator, header=None, dtype={0: str}, engine="c")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["unreadable"])[0]
        raise UserError("%s: rows of unequal length or none (%s)" % (path, reason))
    if table.shape[1] != len(names) + 1:
        raise UserError("%s: %d values a row, but the header names %d" % (path, table.shape[1] - 1, len(names)))
    if count is not None and len(table) != int(count):
        raise UserError("%s: line 1 says %s pictures, but there are %d rows" % (path, count, len(table)))
    if len(set(names)) != len(names):
        raise UserError("%s names an attribute twice" % path)
    files = table[0].fillna("").astype(str)
    labels = table.iloc[:, 1:].apply(pd.to_numeric, errors="coerce").values
    wrong = np.nonzero(~np.isin(labels, (-1, 1)).all(axis=1))[0]
    if len(wrong):
        line = wrong[0] + lines_before + 1
        raise UserError("%s, line %d (%s): every value must be -1 or 1" % (path, line, files[wrong[0]]))
    twice = np.nonzero(files.duplicated().values)[0]
    if len(twice):
        raise UserError("%s, line %d: %s is named twice" % (path, twice[0] + lines_before + 1, files[twice[0]]))
    return names, files.tolist(), labels.astype(np.int8)


def columns(names, wanted):
    """Numbers of the columns ``wanted`` among ``names``; UserError for an unknown, a doubled or no attribute."""
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UserError("unknown attribute %s; there are: %s" % (", ".join(unknown), " ".join(names)))
    if len(set(wanted)) != len(wanted) or not wanted:
        raise UserError("the list of attributes is empty or names one twice: %s" % " ".join(wanted))
    return [names.index(name) for name in wanted]


def _pictures_below(folder):
    """(folder, names): the pictures there; of an archive unpacked into a folder of its own name, those inside."""
    while True:
        entries = [name for name in sorted(os.listdir(folder)) if not name.startswith((".", "__MACOSX"))]
        names = [name for name in entries if name.lower().endswith(images.PICTURE_ENDINGS)]
        inner = [name for name in entries if os.path.isdir(os.path.join(folder, name))]
        if names or len(inner) != 1:
            return folder, names
        folder = os.path.join(folder, inner[0])


def match(folder, files):
    """Paths of the pictures ``files`` in ``folder``, whatever the case and the kind that their endings claim.

    Raises:
      UserError: a row without picture, or a picture without row.
    """
    if not os.path.isdir(folder):
        raise UserError("%s is no folder of pictures" % folder)
    inner, names = _pictures_below(folder)
    here = {os.path.splitext(name)[0].lower(): name for name in names}  # 000001.JPG, 000001.png for 000001.jpg
    if len(here) < len(names):
        doubled = next(name for name in names if here[os.path.splitext(name)[0].lower()] != name)
        raise UserError("%s holds %s twice, with different endings: leave one" % (inner, os.path.splitext(doubled)[0]))
    found = [here.pop(os.path.splitext(name)[0].lower(), None) for name in files]
    missing = [name for name, there in zip(files, found) if there is None]
    if missing:
        text_of = "%s lacks %d of the %d pictures that the attribute list names, the first is %s"
        raise UserError(text_of % (inner, len(missing), len(files), missing[0]))
    if here:
        text_of = "%s holds %d pictures without a row in the attribute list, the first is %s"
        raise UserError(text_of % (inner, len(here), min(here.values())))
    return [os.path.join(inner, name) for name in found]


def _must_be_known(picture):
    if picture.format not in ("JPEG", "PNG"):  # what TensorFlow 1 decodes, whatever the file's ending says
        raise ValueError("it is %s, not JPEG or PNG" % picture.format)


def check_headers(paths, smallest=(1, 1)):
    """Looks at the headers of the pictures: regular files, pictures, of a size that can be cut and held in memory.

    Raises:
      UserError: names the first picture that cannot be used.
    """
    step = -(-len(paths) // HEADERS_CHECKED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths[::step]:
            if not os.path.isfile(path):  # a pipe would be waited for without end
                raise UserError("%s is not a file" % path)
            try:
                with images.open_picture(path) as picture:
                    _must_be_known(picture)
                    width, height = picture.size
                    if picture.format == "JPEG" and images.upright_size(picture)[1]:
                        raise ValueError("its EXIF data turn it, which TensorFlow does not: save it upright")
            except images.UNREADABLE as error:
                raise UserError("%s cannot be read (%s): replace it" % (path, str(error)[:160] or "damaged"))
            if height < smallest[0] or width < smallest[1]:
                raise UserError(
                    "%s is %d wide and %d high; aligned pictures are %d and %d or larger"
                    % (path, width, height, smallest[1], smallest[0])
                )
            if width * height > images.LARGEST_PICTURE:
                raise UserError("%s has %d×%d pixels, too many" % (path, width, height))


@contextlib.contextmanager
def naming_broken_pictures(paths):
    """Turns TensorFlow's error for a picture that it cannot decode into one that names the file.

    Raises:
      UserError: the picture; where every one can be decoded, TensorFlow's error goes on.
    """
    import tensorflow as tf  # here: the generator of samples, which imports this module, needs none

    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.UnimplementedError) as error:
        for path in paths:
            try:
                with images.open_picture(path) as picture:
                    _must_be_known(picture)
                    picture.load()
            except images.UNREADABLE as reason:
                raise UserError("%s cannot be read (%s): replace it" % (path, str(reason)[:160]))
        raise error


def describe(folder, count):
    """One line on the data for records."""
    where = "generated cartoon faces" if datasets.is_sample(folder) else "faces of %s" % os.path.basename(folder)
    return "%d %s" % (count, where)
