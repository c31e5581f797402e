"""Faces in photos: found where they are, cropped as CelebA is."""

import io
import os
import zipfile

import numpy as np
import pytest
import skimage.data
from PIL import Image

from ch10_attgan.beyond import finding
from common import images, options
from common.errors import UserError


def test_the_face_of_a_photo_is_found_at_any_size():
    """scikit-image's astronaut (NASA, public domain): eyes at columns 201 and 245, row 104, by eye."""
    photo = skimage.data.astronaut()
    ((left, top, side),) = finding.boxes_of_faces(photo, 128, "astronaut.png")
    # the eyes of CelebA's aligned faces are 39 pixels apart, at row 111 of 218, in a crop of 170 pixels from row 26 on
    assert 128 * 39 / 170 == pytest.approx(44.0 * 128 / side, rel=0.25)
    assert (223 - left) / side == pytest.approx(0.5, abs=0.06) and (104 - top) / side == pytest.approx(0.5, abs=0.08)
    large = images.resize(photo, 1500, 1500)
    assert np.array(finding.boxes_of_faces(large, 128, "x")[0]) * 512 / 1500 == pytest.approx(
        np.array([left, top, side]), abs=6
    )


def test_a_wall_is_no_face_where_there_is_one():
    """By four agreeing windows a part of the wall was the largest of three faces; she is at the picture's left edge here."""
    ((left, top, side),) = finding.find_faces(skimage.data.astronaut()[60:400, 175:512])
    np.testing.assert_allclose((left, top, side), (7, 11, 91), atol=4)
    portrait = os.path.join(options.REPOSITORY, "docs", "examples", "portrait.jpg")
    assert len(finding.find_faces(images.read_rgb(portrait))) == 1


def test_a_face_that_only_four_windows_see_is_found_still(monkeypatch):
    """scikit-image's cat."""
    assert len(finding.find_faces(skimage.data.chelsea())) == 1
    monkeypatch.setattr(finding, "NEIGHBOURS", (8,))
    assert finding.find_faces(skimage.data.chelsea()) == []


def test_no_face_is_said():
    with pytest.raises(UserError, match="--box"):
        finding.boxes_of_faces(skimage.data.coffee(), 64, "coffee.png")
    with pytest.raises(UserError, match="no face found"):
        finding.boxes_of_faces(np.zeros((8, 8, 3), np.uint8), 64, "small.png")


def test_the_crop_of_a_face_as_celeba_shows_it_is_the_printed_one():
    column, row, side = finding.IN_CELEBA
    found = (column - side / 2, row - side / 2, side)
    assert finding.celeba_box(found, 128) == (3, 26, 170)
    assert finding.celeba_box(found, 64) == (15, 40, 148)
    assert finding.celeba_box([2 * value for value in found], 64) == (30, 80, 296)


@pytest.mark.real
def test_where_the_cascade_finds_celebas_faces():
    path = os.path.join(os.environ.get("BOOK_DATA_DIR", ""), "celeba", "img_align_celeba_first100_178x218.zip")
    if not os.path.exists(path):
        pytest.skip("no CelebA pictures here")
    boxes = []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(name for name in archive.namelist() if name.endswith(".jpg"))[:20]:
            boxes += finding.find_faces(np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")))[:1]
    assert len(boxes) >= 16
    left, top, side = np.median(boxes, axis=0)
    np.testing.assert_allclose((left + side / 2, top + side / 2, side), finding.IN_CELEBA, atol=4)
