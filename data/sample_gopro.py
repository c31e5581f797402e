"""A small sample in the layout of the deblurring data: generated sharp pictures and their motion blur.

``image/{train,test}/{A,B}/*.png`` (A blurred, B sharp) and the same pictures as clips, ``clips/<split>/<clip>/{blur,sharp}``, in
the layout of GOPRO_Large. It proves that things run; nothing can be said about quality from it.
"""

import os

import numpy as np
from PIL import Image, ImageDraw

SCALE = 4  # drawn larger and shrunk, so that edges are smooth as a photo's


def sharp_picture(random, height, width):
    """Boxes, discs and lines before a gradient: uint8 ``[height, width, 3]``."""
    ramp = np.linspace(0, 1, width * SCALE)[np.newaxis, :, np.newaxis]
    left, right = random.uniform(40, 215, (2, 3))
    canvas = Image.fromarray(np.uint8(np.repeat(left * (1 - ramp) + right * ramp, height * SCALE, axis=0)))
    draw = ImageDraw.Draw(canvas)
    for _ in range(10):
        colour = tuple(int(value) for value in random.randint(0, 256, 3))
        x, y = random.randint(0, width * SCALE), random.randint(0, height * SCALE)
        w, h = random.randint(2 * SCALE, width * SCALE // 2, 2)
        kind = random.randint(3)
        if kind == 0:
            draw.rectangle((x, y, x + w, y + h), fill=colour)
        elif kind == 1:
            draw.ellipse((x, y, x + w, y + w), fill=colour)
        else:
            draw.line((x, y, x + w, y + h - w), fill=colour, width=SCALE)
    return np.asarray(canvas.resize((width, height), Image.LANCZOS))


def blurred_picture(random, sharp, length):
    """The mean of copies moved along a straight line of ``length`` pixels: uint8, the shape of ``sharp``."""
    angle = random.uniform(0, np.pi)
    margin = int(length) + 1
    padded = np.pad(sharp.astype(np.float64), ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    total = np.zeros(sharp.shape)
    steps = np.linspace(-length / 2.0, length / 2.0, 9)
    for step in steps:
        top, left = (margin + int(np.rint(step * value)) for value in (np.sin(angle), np.cos(angle)))
        total += padded[top : top + sharp.shape[0], left : left + sharp.shape[1]]
    return np.uint8(np.rint(total / len(steps)))


def generate(folder, seed=0, height=32, width=48, train=21, test=3):
    """Writes the sample below ``folder``: ``train`` and ``test`` pairs of ``height``×``width`` pixels."""
    random = np.random.RandomState(seed)
    for split, clip, count in (("train", "GOPR0001_11_00", train), ("test", "GOPR0002_11_00", test)):
        for index in range(count):
            sharp = sharp_picture(random, height, width)
            blurred = blurred_picture(random, sharp, random.uniform(3.0, 6.0))
            name = "%06d.png" % (index + 1)
            for place in (("image", split, "B"), ("clips", split, clip, "sharp")):
                _write(os.path.join(folder, *place), name, sharp)
            for place in (("image", split, "A"), ("clips", split, clip, "blur")):
                _write(os.path.join(folder, *place), name, blurred)


def _write(folder, name, pixels):
    os.makedirs(folder, exist_ok=True)
    Image.fromarray(pixels).save(os.path.join(folder, name))
