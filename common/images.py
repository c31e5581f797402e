"""Reading, writing, laying out and comparing pictures (examples 54 and 55)."""

import hashlib
import io
import os
import struct
import warnings
from typing import Callable, NamedTuple, Optional, Sequence

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageFont, ImageOps, features

from common import files
from common.chinese import chinese, chinese_path, is_chinese
from common.errors import UserError
from common.fonts import FONT, drawable

# What Pillow raises at damaged files of the several formats.
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    ZeroDivisionError,
    struct.error,
    Image.DecompressionBombError,
)
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
PHOTO_ENDINGS = PICTURE_ENDINGS + (".gif", ".jfif", ".jpe")  # of a reader's own; TensorFlow reads no GIF as one picture
FOREIGN_ENDINGS = (".heic", ".heif", ".avif", ".dng")  # photos, too, that nothing here reads
# Of Pillow's fifty readers only these: PostScript's starts a program, and hardly anybody has looked at the rare ones.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF")
WEBP_MENDED = (1, 3, 2)  # a prepared file can overrun older decoders (CVE-2023-4863)
LARGEST_FILE = 256 << 20  # bytes
LARGEST_PICTURE = 100 * 10**6  # pixels: a 100-megapixel photo takes 300 MB as uint8, and a bomb of 20 kB can claim more
# tags of a TIFF, and what some of them say
BITS, SAMPLE_FORMAT, SIGNED, DNG_VERSION = 258, 339, 2, 50706
PHOTOMETRIC, WHITE_IS_ZERO, PLANAR, PLANES_APART = 262, 0, 284, 2
# What stands behind 'ftyp' in a file of this family; MPEG's films are of it, too.
BOXED = {b"avif": "AVIF", b"avis": "AVIF", b"mif1": "HEIC", b"msf1": "HEIC"}
BOXED.update({brand: "HEIC" for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")})
ORIENTATION = 0x0112
# description, maker, model, software, date, artist, copyright, and where the camera's data and the place stand
TAGS_OF_PHOTOS = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825}


class Refused(ValueError):
    """A picture that is not read, for a reason in words of ours; what else is of ``UNREADABLE`` has Pillow's."""


class Photo(NamedTuple):
    """A picture as the networks take it, with what its file said besides.

    Attributes:
      pixels: uint8 RGB ``[height, width, 3]``, upright, in sRGB.
      exif: EXIF bytes without the orientation; None where the file has none.
      pages: number of pages or frames in the file; the first one is ``pixels``.
      note: what was converted on the way, in words for the user; empty where nothing was.
    """

    pixels: np.ndarray
    exif: Optional[bytes]
    pages: int
    note: str


def _to_srgb(picture: Image.Image, profile: Optional[bytes]):
    """``picture`` (RGB, grey or CMYK, of a colour profile) in sRGB, and what was done; empty where nothing was."""
    if not profile or picture.mode not in ("RGB", "L", "CMYK"):
        return picture, ""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(source).strip()
        if name.lower().startswith("srgb"):
            return picture, ""
        space = source.profile.xcolor_space.strip()
        if space == "RGB" and picture.mode == "L":  # whoever made the photo grey left the profile of its colours in it
            picture = picture.convert("RGB")
        if space != {"L": "GRAY"}.get(picture.mode, picture.mode):
            return picture, "its colour profile is for colours of another kind and was left out"
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture, "its colour profile is damaged and was left out"
    return converted, "colours converted from %s to sRGB" % (name or "its profile")


def _of_tiff(picture: Image.Image, tag: int, otherwise: int) -> int:
    """A TIFF's tag; ``otherwise`` where it has none, and for other formats."""
    values = getattr(picture, "tag_v2", {}).get(tag, otherwise)
    return values[0] if isinstance(values, tuple) else values


def _mend_planes(picture: Image.Image, bits: int) -> None:
    """Has the planes of a TIFF that are not packed and lie apart read as 16-bit ones: Pillow takes all for 8-bit ones."""
    if bits == 16 and _of_tiff(picture, PLANAR, 1) == PLANES_APART:
        kind = ";16L" if picture.tag_v2.prefix == b"II" else ";16B"
        picture.tile = [
            (decoder, box, place, (known[0] + kind, *known[1:]) if decoder == "raw" and len(known[0]) == 1 else known)
            for decoder, box, place, known in picture.tile
        ]


def _to_8_bit(picture: Image.Image, bits: int, signed: bool, negative: bool) -> Image.Image:
    """Grey of more than 8 bit, or floating-point, as 8 bit: by the format's range, not by what happens to be in the picture.

    But for values of 32 bit: programs leave those of 16 (or 8) bit in them as they are.

    Args:
      negative: whether 0 is white, which Pillow heeds in 8-bit pictures only.
    """
    values = np.asarray(picture, dtype=np.float64)
    if not np.isfinite(values).all():
        raise Refused("it holds values that are not finite")
    if bits == 32 and not signed and picture.mode == "I":
        values = values % 2.0**32  # Pillow takes them for signed ones
    largest = values.max(initial=0.0)
    if picture.mode == "F":
        top = 1.0 if largest <= 1.0 else 255.0 if largest <= 255.0 else 65535.0
    elif bits == 32 and largest <= 65535.0:
        top = 65535.0
    else:
        top = 2.0 ** (bits - signed) - 1.0
    grey = np.uint8(np.clip(values * (255.0 / top) + 0.5, 0, 255))
    return Image.fromarray(255 - grey if negative else grey)


def open_picture(path: str) -> Image.Image:
    """Pillow's ``Image.open`` for the formats that are read; raises one of ``UNREADABLE`` for others."""
    with open(path, "rb") as stream:
        head = stream.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        version = features.version("webp") or "0"
        if tuple(int(part) for part in version.split(".") if part.isdecimal()) < WEBP_MENDED:
            raise Refused("WebP's decoder here, %s, can be overrun: save it as PNG or JPEG" % version)
        return Image.open(path, formats=("WEBP",))
    if head[4:8] == b"ftyp" and head[8:] in BOXED:
        raise Refused("%s: save it as JPEG or PNG" % BOXED[head[8:]])
    picture = Image.open(path, formats=FORMATS)
    if DNG_VERSION in getattr(picture, "tag_v2", {}):  # Pillow would give its preview
        picture.close()
        raise Refused("DNG: save it as JPEG or PNG")
    return picture


def upright_size(picture: Image.Image):
    """(width, height) of an open picture as ``read_photo`` gives it, and whether its EXIF data turn or mirror it.

    To be asked before the pixels are loaded: Pillow closes a TIFF of several pages then.
    """
    orientation = picture.getexif().get(ORIENTATION, 1)
    return picture.size[:: -1 if orientation in (5, 6, 7, 8) else 1], orientation in range(2, 9)


def read_photo(path: str, largest: int = LARGEST_PICTURE) -> Photo:
    """A picture file, upright, in sRGB, 8 bit, without alpha (laid over white); of several pages the first.

    Args:
      largest: most pixels that are decoded.

    Raises:
      UserError: no such file, not a picture, a truncated or too large one.
    """
    files.regular_file(path, "picture", LARGEST_FILE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's own, lower pixel limit, and of odd EXIF entries
            with open_picture(path) as picture:
                width, height = picture.size
                if width * height > largest:
                    raise UserError(
                        "picture %s has %d×%d pixels; at most %d megapixels are read"
                        % (path, width, height, largest // 10**6)
                    )
                if width < 1 or height < 1:
                    raise Refused("it has no pixels")
                pages = getattr(picture, "n_frames", 1)
                exif = picture.getexif()  # before the pixels are loaded: Pillow then closes a TIFF
                if picture.format == "TIFF":  # its other tags say how its own pixels lie
                    for tag in set(exif) - TAGS_OF_PHOTOS:
                        del exif[tag]
                orientation = exif.pop(ORIENTATION, 1)  # not passed on: the pixels will be upright
                exif_bytes = exif.tobytes() if len(exif) else None
                exif[ORIENTATION] = orientation  # by it Pillow turns the picture: a TIFF as it loads, others below
                kind = _of_tiff(picture, BITS, 16), _of_tiff(picture, SAMPLE_FORMAT, 1) == SIGNED
                kind += (_of_tiff(picture, PHOTOMETRIC, 1) == WHITE_IS_ZERO,)
                _mend_planes(picture, kind[0])
                picture.load()
                picture = ImageOps.exif_transpose(picture)
                profile = picture.info.get("icc_profile")
                if picture.mode.startswith("I") or picture.mode == "F":
                    picture = _to_8_bit(picture, *kind)
                # as its profile has it: a grey one is of one channel, that of a palette's colours of three
                mode = "L" if picture.mode in ("L", "LA", "La") else "RGB"
                if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
                    picture = picture.convert("RGBA")
                    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
                    picture = Image.alpha_composite(white, picture).convert(mode)
                elif picture.mode == "P":
                    picture = picture.convert(mode)
                picture, note = _to_srgb(picture, profile)
                pixels = np.array(picture.convert("RGB"))
    except UserError:
        raise
    except Refused as error:
        raise UserError("%s is not a readable picture (%s)" % (path, error))
    except Image.DecompressionBombError:
        raise UserError("picture %s has too many pixels; at most %d megapixels are read" % (path, largest // 10**6))
    except UNREADABLE as error:
        raise UserError(
            "%s is not a readable picture: it is cut off, damaged or of another kind (%s)"
            % (path, str(error)[:160] or type(error).__name__)
        )
    if pages > 1:
        note = "; ".join(filter(None, ["the first of its %d pages" % pages, note]))
    return Photo(pixels, exif_bytes, pages, note)


def read_rgb(path: str) -> np.ndarray:
    """``read_photo``'s pixels alone: uint8 RGB ``[height, width, 3]``."""
    return read_photo(path).pixels


def write_png(path: str, pixels: np.ndarray, exif: Optional[bytes] = None) -> str:
    """Writes uint8 ``[H, W, 3]`` (or ``[H, W]``) as PNG, whole or not at all; returns the path.

    Args:
      exif: what ``Photo.exif`` kept of the file that the pixels come from (its date, for one).
    """
    with files.atomic(path) as stream:
        Image.fromarray(pixels).save(stream, format="PNG", **({"exif": exif} if exif else {}))
    return path


def through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """uint8 ``[H, W, 3]`` as it comes back from a JPEG file of that quality (1…95)."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Network values in −1…1 as uint8 pixels, clipped and rounded (listing 10-3 wraps and truncates)."""
    scaled = (np.asarray(values, dtype=np.float64) + 1.0) * 127.5
    return np.uint8(np.clip(np.rint(scaled), 0, 255))


def from_uint8(pixels: np.ndarray) -> np.ndarray:
    """uint8 pixels as float32 in −1…1."""
    return np.float32(pixels) / np.float32(127.5) - np.float32(1.0)


def resize(pixels: np.ndarray, height: int, width: int, filter=Image.BICUBIC) -> np.ndarray:
    """uint8 picture at another size (bicubic, with antialiasing when it shrinks)."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), filter))


def shrunk(pixels: np.ndarray, long_side: int) -> np.ndarray:
    """uint8 picture whose longer side has at most ``long_side`` pixels; as it is where that is 0, or no less than it has."""
    height, width = pixels.shape[:2]
    scale = long_side / float(max(height, width)) if long_side else 1.0
    if scale >= 1.0:
        return pixels
    return resize(pixels, max(1, int(round(height * scale))), max(1, int(round(width * scale))))


def psnr(truth: np.ndarray, result: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 pictures (peak 255); infinite for equal ones."""
    if truth.shape != result.shape:  # NumPy would stretch one over the other
        raise ValueError("pictures of shapes %s and %s cannot be compared" % (truth.shape, result.shape))
    error = np.mean((truth.astype(np.float64) - result.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10.0 * np.log10(255.0**2 / error))


def ssim(truth: np.ndarray, result: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of two uint8 RGB pictures, −1…1.

    Gaussian window 11×11 (σ 1.5), data range 255, mean over the channels.
    """
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            truth,
            result,
            data_range=255,
            multichannel=True,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def list_pictures(folder: str, also: Sequence[str] = ()) -> Sequence[str]:
    """Paths of the pictures in ``folder``, sorted by name; UserError when there are none.

    Args:
      also: other endings, such as ``FOREIGN_ENDINGS``, whose reading says that it cannot be done.
    """
    endings = PHOTO_ENDINGS + tuple(also)
    if not os.path.isdir(folder):
        raise UserError("%s: no such folder" % folder)
    names = sorted(
        name
        for name in os.listdir(folder)
        if name.lower().endswith(endings) and not name.startswith(".")  # "._x.jpg" comes from macOS
    )
    if not names:
        raise UserError("%s holds no pictures (%s)" % (folder, " ".join(PHOTO_ENDINGS)))
    return [os.path.join(folder, name) for name in names]


def short_name(name: str, most: int) -> str:
    """A file's name, or a part of it, of at most ``most`` bytes; the end of one that is cut is a hash of the whole."""
    known = name.encode("utf-8", "replace")
    if len(known) <= most:
        return name
    return known[: most - 9].decode("utf-8", "ignore") + "-" + hashlib.sha256(known).hexdigest()[:8]


def write_labelled(path: str, draw: Callable, texts: Sequence[str], words: Callable = chinese) -> str:
    """Writes ``draw(texts)`` (uint8 pixels) as a PNG, and the same with the texts in Chinese beside it; returns the path."""
    write_png(chinese_path(path), draw([words(text) for text in texts]))
    return write_png(path, draw(texts))


def label_row(texts: Sequence[str], cell_width: int, height: int = 18) -> np.ndarray:
    """A strip of captions, black on white, one a cell: uint8 ``[height, len(texts)·cell_width, 3]``."""
    font = None
    if any(map(is_chinese, texts)):
        font, texts = ImageFont.truetype(FONT, min(12, height - 2)), [drawable(text) for text in texts]
    strip = Image.new("RGB", (cell_width * len(texts), height), (255, 255, 255))
    draw = ImageDraw.Draw(strip)
    for index, text in enumerate(texts):
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
        x = index * cell_width + max(0, (cell_width - (right - left)) // 2)
        draw.text((x, (height - (bottom - top)) // 2 - top), text, fill=(0, 0, 0), font=font)
    return np.array(strip)
