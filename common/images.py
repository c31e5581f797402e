"""Reading, writing, laying out and comparing pictures (examples 54 and 55)."""

import os
import struct
from typing import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from common.errors import UserError

# What Pillow raises at damaged files of the several formats.
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error, Image.DecompressionBombError)
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def read_rgb(path: str) -> np.ndarray:
    """A picture file as uint8 RGB ``[height, width, 3]``.

    Alpha is laid over white, CMYK, palette and grey pictures are converted, 16-bit grey is scaled to 8 bit, and the EXIF
    orientation of phone photos is applied.

    Raises:
      UserError: no such file, not a picture, or a truncated one.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            picture = ImageOps.exif_transpose(picture)
            if picture.mode.startswith("I"):
                values = np.asarray(picture, dtype=np.float64)
                picture = Image.fromarray(np.uint8(np.clip(values / 257.0 + 0.5, 0, 255)))
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
                picture = Image.alpha_composite(white, picture)
            return np.array(picture.convert("RGB"))
    except FileNotFoundError:
        raise UserError("%s: no such picture" % path)
    except _UNREADABLE as error:
        raise UserError("%s is not a readable picture (%s)" % (path, error))


def write_png(path: str, pixels: np.ndarray) -> str:
    """Writes uint8 ``[H, W, 3]`` (or ``[H, W]``) as PNG, whole or not at all; returns the path."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    temporary = path + ".part"
    try:
        Image.fromarray(pixels).save(temporary, format="PNG")
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
    return path


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


def list_pictures(folder: str) -> Sequence[str]:
    """Paths of the pictures in ``folder``, sorted by name; UserError when there are none."""
    if not os.path.isdir(folder):
        raise UserError("%s: no such folder" % folder)
    names = sorted(
        name
        for name in os.listdir(folder)
        if name.lower().endswith(PICTURE_ENDINGS) and not name.startswith(".")  # "._x.jpg" comes from macOS
    )
    if not names:
        raise UserError("%s holds no pictures (%s)" % (folder, " ".join(PICTURE_ENDINGS)))
    return [os.path.join(folder, name) for name in names]


def label_row(texts: Sequence[str], cell_width: int, height: int = 18) -> np.ndarray:
    """A strip of captions, black on white, one a cell: uint8 ``[height, len(texts)·cell_width, 3]``."""
    strip = Image.new("RGB", (cell_width * len(texts), height), (255, 255, 255))
    draw = ImageDraw.Draw(strip)
    for index, text in enumerate(texts):
        left, top, right, bottom = draw.textbbox((0, 0), text)
        x = index * cell_width + max(0, (cell_width - (right - left)) // 2)
        draw.text((x, (height - (bottom - top)) // 2 - top), text, fill=(0, 0, 0))
    return np.array(strip)
