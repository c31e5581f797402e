"""Makes the example inputs of the local page, docs/examples/: nobody's data, or free of rights.

python tools/example_inputs.py
"""

import argparse
import datetime
import os
import sys

import numpy as np
from PIL import Image
from skimage import data

from ch10_deblurgan.beyond import motion
from common import files, images, options, text
from data import sample_celeba

FOLDER = os.path.join(options.REPOSITORY, "docs", "examples")


def visitors(random):
    """Two years of daily visitors with a week and a year in them."""
    rows = [["date", "visitors"]]
    for number in range(760):
        day = datetime.date(2024, 1, 1) + datetime.timedelta(number)
        year = np.sin(2 * np.pi * (day.timetuple().tm_yday - 110) / 365.25)
        week = [0, -8, -6, 0, 25, 70, 55][day.weekday()]
        rows.append([day.isoformat(), int(max(0, 220 + 60 * year + week + 14 * random.randn()))])
    text.write_csv(os.path.join(FOLDER, "visitors.csv"), rows)


def shaken(random):
    """scikit-image's photo `coffee` (CC0, Rachel Michetti), blurred by a shaking camera and with a little noise."""
    blurred = motion.blur(data.coffee(), motion.kernel_of(motion.random_trajectory(random, 9)))
    noisy = np.clip(np.rint(blurred + random.normal(0, 1.0, blurred.shape)), 0, 255).astype(np.uint8)
    with files.atomic(os.path.join(FOLDER, "shaken.jpg")) as stream:
        Image.fromarray(noisy).save(stream, format="JPEG", quality=92)


def portrait(random):
    """scikit-image's photo `astronaut` (NASA, public domain)."""
    with files.atomic(os.path.join(FOLDER, "portrait.jpg")) as stream:
        Image.fromarray(data.astronaut()).save(stream, format="JPEG", quality=92)


def face(random):
    """A drawn face, as the generated sample of CelebA has them."""
    labels = dict(sample_celeba.random_attributes(random), Eyeglasses=False, Bald=False)
    images.write_png(os.path.join(FOLDER, "face.png"), sample_celeba.draw_face(labels, random))


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    for make in (visitors, shaken, portrait, face):
        make(np.random.RandomState(4))
    print("wrote %s" % FOLDER)


if __name__ == "__main__":
    sys.exit(options.run(main))
