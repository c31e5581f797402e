"""The generated faces: CelebA's layout, labels that are true to what is drawn."""

import os

import numpy as np
import pytest
from PIL import Image

from ch10_attgan.code_10_04_dataset import Celeba
from ch10_attgan.code_10_06_train import att_default
from common import options
from common.errors import UserError
from data import celeba, sample_celeba


def test_layout_is_celebas(faces):
    names, files, labels = celeba.read_list(os.path.join(faces, "list_attr_celeba.txt"))
    assert names == list(sample_celeba.ATTRIBUTES) and len(names) == 40
    assert list(celeba.CHINESE) == names
    assert Celeba.att_dict == {name: column for column, name in enumerate(names)}
    assert files[0] == "000001.jpg" and len(files) == 60 == len(labels)
    with Image.open(os.path.join(faces, "img_align_celeba", files[0])) as picture:
        assert picture.size == (178, 218) and picture.format == "JPEG" and picture.mode == "RGB"


def test_the_page_of_attributes_is_the_list():
    with open(os.path.join(options.REPOSITORY, "docs", "attributes.md"), encoding="utf-8") as stream:
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in stream if line.startswith("| ")][1:]
    assert [(row[1].strip("`"), row[2]) for row in rows] == list(celeba.CHINESE.items())
    for column, names in ((3, att_default), (4, sample_celeba.DRAWN)):
        assert {row[1].strip("`") for row in rows if row[column]} == set(names)


def test_equal_seeds_give_equal_faces_and_variants_differ(tmp_path):
    contents = []
    for name, arguments in (("a", {}), ("b", {}), ("c", dict(variant=1))):
        sample_celeba.generate(str(tmp_path / name), seed=5, count=3, **arguments)
        contents.append((tmp_path / name / "img_align_celeba" / "000002.jpg").read_bytes())
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize("name", sample_celeba.DRAWN)
def test_every_drawn_attribute_shows(name):
    """Flipping one label and nothing else changes the crop that the network sees, the same background kept."""
    labels = dict.fromkeys(sample_celeba.ATTRIBUTES, 0)
    labels.update(No_Beard=1, Young=1, Male=1, Gray_Hair=0 if name == "Gray_Hair" else 1)
    other = dict(labels, **{name: 1 - labels[name]})
    if name in sample_celeba.HAIR and name != "Gray_Hair":
        other["Gray_Hair"] = 0
    if name == "Gray_Hair":
        labels["Black_Hair"], other["Black_Hair"] = 1, 0
    first = sample_celeba.draw_face(labels, np.random.RandomState(1)).astype(int)
    second = sample_celeba.draw_face(other, np.random.RandomState(1)).astype(int)
    assert first.shape == (218, 178, 3)
    changed = np.abs(first - second)[40:188, 15:163].max(axis=2) > 30
    assert changed.sum() > 60, changed.sum()
    assert changed.mean() < 0.5  # a face, not the whole picture


def test_labels_never_contradict_each_other():
    random = np.random.RandomState(0)
    for _ in range(300):
        labels = sample_celeba.random_attributes(random)
        assert sum(labels[name] for name in sample_celeba.HAIR) == 1
        assert not (labels["Bald"] and labels["Bangs"]) and not (labels["Mustache"] and labels["No_Beard"])
        assert not any(labels[name] for name in sample_celeba.ATTRIBUTES if name not in sample_celeba.DRAWN)


def test_script_refuses_a_folder_that_is_in_use(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="not empty"):
        sample_celeba.main([str(tmp_path), "--count", "2"])
    sample_celeba.main([str(tmp_path / "new"), "--count", "2"])
    assert len(os.listdir(str(tmp_path / "new" / "img_align_celeba"))) == 2


@pytest.mark.parametrize("words", [["--count", "0"], ["--seed", "-1"], ["--seed", "4294967296"]])
def test_script_says_what_number_is_wrong(tmp_path, words):
    with pytest.raises(UserError, match="%s must be" % words[0]):
        sample_celeba.main([str(tmp_path / "new"), "--count", "2"] + words)
    assert not os.listdir(str(tmp_path))
