"""Generated cartoon faces in CelebA's layout (example 55), so that AttGAN has something to learn without a download.

::

    img_align_celeba/000001.jpg …   178 wide, 218 high, eyes and mouth where CelebA's alignment puts them
    list_attr_celeba.txt            line 1 the count, line 2 the 40 names, then a row of ±1 a picture

What is drawn is true to the labels: every attribute of ``DRAWN`` is one visible thing of its own (Bald leaves a fringe of
hair at the sides, so that a bald head has a hair colour too), and apart from CelebA's contradictions (Bald and Bangs, Mustache
and No_Beard, one hair colour) the attributes are drawn independently of each other. The others are −1 and not drawn.
"""

import argparse
import os

import numpy as np
from PIL import Image, ImageDraw

from common import options
from common.errors import UserError
from data.celeba import CHINESE

ATTRIBUTES = tuple(CHINESE)
HAIR = {
    "Black_Hair": (28, 24, 28),
    "Blond_Hair": (238, 208, 96),
    "Brown_Hair": (128, 72, 30),
    "Gray_Hair": (168, 170, 176),
}
SHARES = {  # how often an attribute is drawn where nothing contradicts it
    "Bald": 0.3,
    "Bangs": 0.5,
    "Bushy_Eyebrows": 0.45,
    "Eyeglasses": 0.45,
    "Male": 0.5,
    "Mouth_Slightly_Open": 0.5,
    "Mustache": 0.35,
    "No_Beard": 0.65,
    "Pale_Skin": 0.45,
    "Rosy_Cheeks": 0.25,
    "Smiling": 0.5,
    "Wearing_Hat": 0.2,
    "Wearing_Lipstick": 0.4,
    "Young": 0.5,
}
DRAWN = sorted(list(HAIR) + list(SHARES))
WIDTH, HEIGHT = 178, 218
SCALE = 2  # drawn at twice the size and averaged down: smooth edges


def random_attributes(random) -> dict:
    """Labels of one face: name → 0 or 1 for all 40 names."""
    labels = dict.fromkeys(ATTRIBUTES, 0)
    for name, share in SHARES.items():
        labels[name] = int(random.rand() < share)
    labels[sorted(HAIR)[random.randint(len(HAIR))]] = 1
    if labels["Bald"]:
        labels["Bangs"] = 0
    if labels["Mustache"]:
        labels["No_Beard"] = 0
    return labels


def draw_face(labels, random) -> np.ndarray:
    """One cartoon face.

    Args:
      labels: name → 0 or 1 (names of ``DRAWN`` are looked at).
      random: ``np.random.RandomState`` for what no label speaks of: background, clothes, eye colour, shades, position.

    Returns:
      uint8 ``[218, 178, 3]``.
    """

    def shade(colour, spread=8):
        return tuple(int(np.clip(value + random.randint(-spread, spread + 1), 0, 255)) for value in colour)

    canvas = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), tuple(random.randint(60, 226, 3).tolist()))
    draw = ImageDraw.Draw(canvas)
    move_x, move_y = random.uniform(-3, 3), random.uniform(-3, 3)
    centre = WIDTH / 2.0 + move_x

    def points(values):
        return [(SCALE * (centre + x), SCALE * (y + move_y)) for x, y in values]

    def ellipse(x, y, radius_x, radius_y, **keywords):
        (left, top), (right, bottom) = points([(x - radius_x, y - radius_y), (x + radius_x, y + radius_y)])
        draw.ellipse([left, top, right, bottom], **keywords)

    def box(left, top, right, bottom, fill):
        draw.rectangle([value for point in points([(left, top), (right, bottom)]) for value in point], fill=fill)

    def line(values, fill, width):
        draw.line(points(values), fill=fill, width=int(round(width * SCALE)), joint="curve")

    def arc(x, y, radius_x, radius_y, begin, end, fill, width):
        angles = np.radians(np.linspace(begin, end, 17))
        line([(x + radius_x * np.cos(angle), y + radius_y * np.sin(angle)) for angle in angles], fill, width)

    skin = shade((250, 226, 212) if labels["Pale_Skin"] else (198, 142, 100))
    dark_skin = tuple(int(value * 0.72) for value in skin)
    hair = shade(HAIR[next((name for name in sorted(HAIR) if labels[name]), "Gray_Hair")])
    face_x = random.uniform(43, 48)

    # Behind the face: long hair, neck, clothes.
    if not labels["Male"]:
        box(-face_x - 13, 112, face_x + 13, 196, hair)
    box(-19, 160, 19, 205, dark_skin)
    ellipse(0, 226, 76, 34, fill=tuple(random.randint(30, 226, 3).tolist()))

    # Hair round the head, ears, face.
    if not labels["Bald"]:
        ellipse(0, 112, face_x + 12, 66, fill=hair)
    else:  # a fringe at the sides only
        box(-face_x - 9, 92, face_x + 9, 126, hair)
    if labels["Male"]:
        ellipse(-face_x - 1, 124, 8, 12, fill=dark_skin)
        ellipse(face_x + 1, 124, 8, 12, fill=dark_skin)
    ellipse(0, 120, face_x, 60, fill=skin)
    if labels["Bald"]:
        ellipse(0, 100, face_x, 45, fill=skin)
    if labels["Bangs"]:
        (left, top), (right, bottom) = points([(-face_x, 60), (face_x, 128)])
        draw.pieslice([left, top, right, bottom], 195, 345, fill=hair)
        box(-face_x * 0.93, 78, face_x * 0.93, 89, hair)
    if labels["Wearing_Hat"]:
        hat = ((190, 30, 40), (40, 60, 160), (30, 120, 60))[random.randint(3)]
        box(-27, 26, 27, 60, hat)
        box(-38, 56, 38, 64, hat)

    # Age: furrows beside the mouth and bags under the eyes.
    if not labels["Young"]:
        furrow = tuple(int(value * 0.5) for value in skin)
        for side in (-1, 1):
            line([(side * 20, 131), (side * 29, 142), (side * 31, 154)], furrow, 3.5)
            arc(side * 20, 117, 12, 8, 25, 155, furrow, 3)
        if not labels["Bangs"]:
            line([(-22, 84), (22, 84)], furrow, 3)

    if labels["Rosy_Cheeks"]:
        for side in (-1, 1):
            ellipse(side * 31, 138, 9, 7, fill=(236, 96, 110))

    # Eyes, brows, nose.
    iris = ((60, 110, 190), (70, 130, 70), (90, 56, 30))[random.randint(3)]
    for side in (-1, 1):
        ellipse(side * 20, 112, 10, 6.5, fill=(255, 255, 255))
        ellipse(side * 20, 112, 5, 5.5, fill=iris)
        ellipse(side * 20, 112, 2.5, 2.5, fill=(10, 10, 10))
        brow = 7 if labels["Bushy_Eyebrows"] else 2
        line([(side * 9, 99), (side * 20, 96), (side * 32, 100)], (40, 28, 24), brow)
    line([(0, 116), (-5, 134), (4, 135)], dark_skin, 3)

    # Beard, mouth, mustache.
    beard = (44, 32, 28)
    if not labels["No_Beard"]:
        (left, top), (right, bottom) = points([(-28, 132), (28, 182)])
        draw.chord([left, top, right, bottom], 15, 165, fill=beard)
    lips = (206, 24, 60) if labels["Wearing_Lipstick"] else tuple(int(value * 0.6) for value in skin)
    lift = 5 if labels["Smiling"] else -1
    if labels["Mouth_Slightly_Open"]:
        ellipse(0, 153, 17, 9, fill=lips)
        ellipse(0, 153, 13.5, 5.5, fill=(60, 8, 16))
        box(-9, 148.5, 9, 152, (255, 255, 255))
        if labels["Smiling"]:
            for side in (-1, 1):
                line([(side * 14, 153), (side * 21, 146)], lips, 4)
    else:
        line([(-20, 152 - lift), (-11, 154), (0, 155), (11, 154), (20, 152 - lift)], lips, 5.5)
    if labels["Mustache"]:
        line([(-21, 146), (-9, 140), (0, 141), (9, 140), (21, 146)], beard, 6.5)

    if labels["Eyeglasses"]:
        frame = (16, 16, 24)
        for side in (-1, 1):
            ellipse(side * 21, 112, 16.5, 13.5, outline=frame, width=int(3.5 * SCALE))
            line([(side * 37, 111), (side * (face_x + 2), 108)], frame, 3.5)
        line([(-5, 110), (5, 110)], frame, 3.5)
    return np.array(canvas.resize((WIDTH, HEIGHT), Image.BOX))


def faces(count, size, seed=0, square=(26, 3, 170), **fixed):
    """Faces without files.

    Args:
      size: side of the pictures.
      square: (top, left, side) of what is cut out; by default as listing 10-4 does.
      fixed: attributes that all faces have (1) or lack (0), e.g. ``Eyeglasses=1``.

    Returns:
      (pictures uint8 ``[count, size, size, 3]``, labels 0/1 float32 ``[count, len(DRAWN)]`` in the order of ``DRAWN``).
    """
    random = np.random.RandomState(seed)
    top, left, side = square
    pictures, rows = [], []
    for _ in range(count):
        labels = dict(random_attributes(random), **fixed)
        cut = draw_face(labels, random)[top : top + side, left : left + side]
        pictures.append(np.asarray(Image.fromarray(cut).resize((size, size), Image.BICUBIC)))
        rows.append([labels[name] for name in DRAWN])
    return np.stack(pictures), np.float32(rows)


def generate(folder, seed=0, count=240, variant=0):
    """Writes ``count`` faces and their attribute file below ``folder`` (some 300 faces a second and core).

    ``variant``: another number gives other faces of the same kind, e.g. some that no model was trained on.
    """
    random = np.random.RandomState([seed, variant] if variant else seed)
    pictures = os.path.join(folder, "img_align_celeba")
    os.makedirs(pictures, exist_ok=True)
    rows = []
    for number in range(1, count + 1):
        labels = random_attributes(random)
        name = "%06d.jpg" % number
        Image.fromarray(draw_face(labels, random)).save(os.path.join(pictures, name), quality=92)
        rows.append(name + "".join(" %2d" % (1 if labels[item] else -1) for item in ATTRIBUTES))
    with open(os.path.join(folder, "list_attr_celeba.txt"), "w", encoding="utf-8") as stream:
        stream.write("%d\n%s \n%s\n" % (count, " ".join(ATTRIBUTES), "\n".join(rows)))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where to write; made when missing, refused when it holds something")
    parser.add_argument("--count", type=int, default=8000, help="number of faces (default: 8000, half a minute)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the faces [0]")
    opts = parser.parse_args(argv)
    if opts.count < 1:
        raise UserError("--count must be at least 1")
    if not 0 <= opts.seed < 2**32:
        raise UserError("--seed must be 0 to %d" % (2**32 - 1))
    if os.path.isdir(opts.folder) and os.listdir(opts.folder):
        raise UserError("%s is not empty: name a new folder" % opts.folder)
    generate(opts.folder, opts.seed, opts.count)
    with open(os.path.join(opts.folder, ".generated"), "w", encoding="utf-8") as stream:  # see datasets.is_sample
        stream.write("%d faces, seed %d\n" % (opts.count, opts.seed))
    print("%d generated faces in %s" % (opts.count, opts.folder))


if __name__ == "__main__":
    options.run(main)
