"""Listing 10-4, its file format and beyond/faces: against independent computations, their errors."""

import os
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ch10_attgan import code_10_04_dataset as listing
from ch10_attgan.beyond.faces import Faces
from ch10_attgan.code_10_04_dataset import Celeba, Dataset
from common.errors import UserError
from data import celeba

ATTS = ["Bald", "Bangs", "Eyeglasses"]


def write_set(
    folder, pictures, rows=None, names=("A", "B"), ending=".png", subfolder="img_align_celeba_png", count=None
):
    """A data set of given uint8 pictures; rows of labels default to −1."""
    os.makedirs(os.path.join(str(folder), subfolder), exist_ok=True)
    files = ["%06d" % (number + 1) for number in range(len(pictures))]
    for name, picture in zip(files, pictures):
        Image.fromarray(picture).save(os.path.join(str(folder), subfolder, name + ending), quality=95)
    rows = [[-1] * len(names)] * len(pictures) if rows is None else rows
    with open(os.path.join(str(folder), "list_attr_celeba.txt"), "w", encoding="utf-8") as stream:
        stream.write("%s\n%s\n" % (len(rows) if count is None else count, " ".join(names)))
        for name, row in zip(files, rows):
            stream.write("%s.jpg %s\n" % (name, " ".join("%2d" % value for value in row)))
    return str(folder)


def random_pictures(number, height=218, width=178):
    return np.random.RandomState(0).randint(0, 256, (number, height, width, 3)).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ pictures and labels
def test_large_crop_is_the_printed_box(tmp_path):
    pictures = random_pictures(2)
    folder = write_set(tmp_path, pictures)
    batch, _ = Faces(folder, ["A"], 170, 2, shuffle=False).get_next()  # as large as the box: no resizing
    expected = pictures[:, 26:196, 3:173] / 127.5 - 1.0
    np.testing.assert_allclose(batch, expected, atol=1e-5)
    ours, printed = [kind(folder, ["A"], 128, 2, shuffle=False).get_next()[0] for kind in (Faces, Celeba)]
    np.testing.assert_allclose(ours, printed, atol=1e-5)


def ramp(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    scale = 218.0 / height
    return np.uint8(np.stack([rows * scale, columns * scale, np.full_like(rows, 40)], axis=-1))


def test_erratum_e125_a_size_equal_to_the_box_is_read(tmp_path):
    pictures = random_pictures(1)
    with pytest.raises(TypeError):  # as printed: resizing to the same size returns the uint8 picture
        tf.clip_by_value(tf.image.resize(tf.constant(pictures[0]), [218, 178]), 0, 255) / 127.5
    batch, _ = Celeba(write_set(tmp_path, pictures), ["A"], 170, 1).get_next()
    np.testing.assert_allclose(batch, pictures[:, 26:196, 3:173] / 127.5 - 1.0, atol=1e-5)


@pytest.mark.parametrize("height,width", [(218, 178), (436, 356)])
def test_64_pixels_take_the_tighter_box_scaled_with_the_picture(tmp_path, height, width):
    """On a ramp the value of a pixel says which place of the original it came from, whatever the interpolation."""
    folder = write_set(tmp_path, [ramp(height, width)])
    batch, _ = Faces(folder, ["A"], 64, 1, mode="all").get_next()
    if height == 218:
        np.testing.assert_allclose(batch, Celeba(folder, ["A"], 64, 1).get_next()[0], atol=1e-5)
    values = (batch[0] + 1.0) * 127.5
    step = 148.0 / 64.0
    np.testing.assert_allclose(values[2:-4, 5, 0], 40 + step * np.arange(2, 60), atol=1.2)
    np.testing.assert_allclose(values[5, 2:-4, 1], 15 + step * np.arange(2, 60), atol=1.2)


def test_jpeg_crop_equals_decoding_first(tmp_path):
    folder = write_set(tmp_path, [ramp(218, 178)], ending=".jpg", subfolder="img_align_celeba")
    batch, _ = Faces(folder, ["A"], 170, 1, mode="all").get_next()
    with Image.open(os.path.join(folder, "img_align_celeba", "000001.jpg")) as picture:
        whole = np.float32(picture)
    difference = np.abs((batch[0] + 1.0) * 127.5 - whole[26:196, 3:173])
    assert difference.mean() < 1.5 and difference.max() < 12  # decoders round differently


def test_labels_become_0_and_1_in_the_order_asked_for(tmp_path):
    """−1 and 1 become 0 and 1 by (label + 1) // 2."""
    rows = [[-1, 1, 1], [1, -1, -1], [1, 1, -1]]
    folder = write_set(tmp_path, random_pictures(3, 40, 30), rows, names=("A", "B", "C"))
    for data in (Celeba(folder, ["C", "A"], 16, 3, False, crop=False), Faces(folder, ["C", "A"], 16, 3, mode="all")):
        _, labels = data.get_next()
        assert labels.tolist() == [[1, 0], [0, 1], [0, 1]] and labels.dtype == np.int64
        assert len(data) == 3


@pytest.mark.parametrize("kind", [Celeba, Faces])
def test_test_part_comes_once_in_order_with_the_remainder(kind, faces):
    data = kind(faces, ATTS, 16, 3, mode="test")
    sizes = [len(labels) for _, labels in data]
    assert [os.path.basename(path) for path in data.img_paths] == ["%06d.jpg" % number for number in range(57, 61)]
    assert sizes == [3, 1]
    data.reset()
    assert len(list(data)) == 2


@pytest.mark.parametrize("kind", [Celeba, Faces])
def test_training_part_is_shuffled_and_repeats(kind, faces):
    data = kind(faces, ATTS, 16, 27, mode="train")
    batches = [data.get_next()[0] for _ in range(4)]  # 54 pictures, two epochs
    first = {batch.tobytes() for batch in np.concatenate(batches[:2])}
    assert len(first) == 54  # each picture once an epoch
    assert first == {batch.tobytes() for batch in np.concatenate(batches[2:])}
    assert not np.array_equal(batches[0], batches[2])


def test_flips_mirror_about_half(faces):
    tf.set_random_seed(1)
    plain = Faces(faces, ATTS, 16, 54, shuffle=False).get_next()[0]
    mirrored = Faces(faces, ATTS, 16, 54, shuffle=False, flips=True).get_next()[0]
    same = np.array([np.array_equal(a, b) for a, b in zip(plain, mirrored)])
    flipped = np.array([np.array_equal(a[:, ::-1], b) for a, b in zip(plain, mirrored)])
    assert (same ^ flipped).all() and 10 < flipped.sum() < 44


def test_cached_pictures_differ_by_rounding_only(faces):
    plain = Faces(faces, ATTS, 32, 54, shuffle=False).get_next()[0]
    cached = Faces(faces, ATTS, 32, 54, shuffle=False, cache=True).get_next()[0]
    assert 0 < np.abs(plain - cached).max() <= 0.5 / 127.5 + 1e-6


def test_split_points():
    assert listing.split_points(202599) == (182000, 182637)
    train_end, val_end = listing.split_points(9000)
    assert (train_end, val_end) == (8100, 8400)


def test_erratum_e79_fixed_split_points_leave_nothing(faces):
    files = list(range(60))
    assert files[182000:182637] == [] == files[182637:]  # as printed
    assert all(len(Celeba(faces, ATTS, 16, 1, mode=mode)) > 0 for mode in ("train", "val", "test"))


# ------------------------------------------------------------------------------------------------ contradictions
NAMES = (
    "Bald Receding_Hairline Bangs Black_Hair Blond_Hair Brown_Hair Gray_Hair Straight_Hair Wavy_Hair Mustache No_Beard"
).split()


@pytest.mark.parametrize(
    "name,cleared",
    [
        ("Bald", {"Bangs"}),
        ("Receding_Hairline", {"Bangs"}),
        ("Bangs", {"Bald", "Receding_Hairline"}),
        ("Black_Hair", {"Blond_Hair", "Brown_Hair", "Gray_Hair"}),
        ("Gray_Hair", {"Black_Hair", "Blond_Hair", "Brown_Hair"}),
        ("Straight_Hair", {"Wavy_Hair"}),
        ("Wavy_Hair", {"Straight_Hair"}),
        ("Mustache", {"No_Beard"}),
        ("No_Beard", {"Mustache"}),
    ],
)
def test_contradictions_are_cleared(name, cleared):
    att = np.ones((2, len(NAMES)), int)
    att[1, NAMES.index(name)] = 0  # switched off: nothing is cleared
    Celeba.check_attribute_conflict(att, name, NAMES)
    assert {NAMES[column] for column in np.nonzero(att[0] == 0)[0]} == cleared
    assert att[1].sum() == len(NAMES) - 1


def test_contradictions_that_are_not_in_the_list_do_not_matter():
    assert Celeba.check_attribute_conflict(np.ones((1, 2), int), "Bald", ["Bald", "Young"]).tolist() == [[1, 1]]


# ------------------------------------------------------------------------------------------------ errors
def test_erratum_e77_attributes_equal_those_of_loadtxt(faces):
    """The print reads the list with np.loadtxt, twice for each data set; the values are the same."""
    path = os.path.join(faces, "list_attr_celeba.txt")
    files = np.loadtxt(path, skiprows=2, usecols=[0], dtype=str)
    labels = np.loadtxt(path, skiprows=2, usecols=range(1, 41), dtype=np.int64)
    names, ours, our_labels = celeba.read_list(path)
    assert ours == files.tolist() and np.array_equal(labels, our_labels) and len(names) == 40


class Printed(Dataset):
    """The printed way to the next batch: any error is the end."""

    def __next__(self):
        try:
            return self.get_next()
        except:  # noqa: E722
            raise StopIteration


def test_erratum_e75_a_broken_picture_is_named_not_the_end_of_data(faces, tmp_path):
    folder = str(tmp_path / "faces")
    shutil.copytree(faces, folder)
    broken = os.path.join(folder, "img_align_celeba", "000059.jpg")
    with open(broken, "r+b") as stream:
        stream.truncate(900)
    for kind in (Celeba, Faces):
        with pytest.raises(UserError, match="000059.jpg cannot be read"):
            list(kind(folder, ATTS, 16, 1, mode="test"))
    data = Celeba(folder, ATTS, 16, 1, mode="test")
    printed = Printed()
    printed._bulid(data.dataset)
    assert len(list(printed)) < len(data)  # the print: no error, pictures are missing


def test_erratum_e76_a_shared_session_outlives_one_of_two_data_sets(faces):
    with tf.Session() as session:
        first = Celeba(faces, ATTS, 16, 2, sess=session)
        second = Celeba(faces, ATTS, 16, 2, sess=session, mode="val")
        first.__del__()  # the print closes the session here
        assert second.get_next()[0].shape == (2, 16, 16, 3)


def test_an_own_session_is_closed(faces):
    data = Celeba(faces, ATTS, 16, 2)
    data.__del__()
    with pytest.raises(RuntimeError, match="closed"):
        data._sess.run(tf.constant(1))


class PrintedBuild(Dataset):
    """The printed end of ``_bulid``: any error of the first reset is passed over."""

    def reset(self, feed_dict={}):  # noqa: B006
        try:
            super().reset(feed_dict)
        except:  # noqa: E722
            pass


def test_erratum_e122_an_error_at_the_first_reset_is_seen():
    empty = tf.placeholder(tf.string, [None])
    dataset = tf.data.Dataset.from_tensor_slices(empty)  # cannot be initialised without its feed
    PrintedBuild()._bulid(dataset)  # not a word
    with pytest.raises(tf.errors.InvalidArgumentError):
        Dataset()._bulid(dataset)


def test_erratum_e123_crop_is_an_argument_that_does_something(tmp_path):
    pictures = random_pictures(1)
    folder = write_set(tmp_path, pictures)
    boxed, whole = [Celeba(folder, ["A"], 109, 1, crop=crop).get_next()[0] for crop in (True, False)]
    assert np.abs(boxed - whole).max() > 0.1
    small = write_set(tmp_path / "small", random_pictures(1, 40, 30))
    assert Celeba(small, ["A"], 16, 1, crop=False).get_next()[0].shape == (1, 16, 16, 3)
    with pytest.raises(UserError, match="is 30 wide and 40 high; aligned pictures are 178 and 218"):
        Celeba(small, ["A"], 16, 1)


def test_erratum_e78_no_picture_folder(tmp_path):
    folder = write_set(tmp_path, random_pictures(2, 20, 20), subfolder="somewhere")
    for kind in (Celeba, Faces):
        with pytest.raises(UserError, match="neither img_align_celeba_png nor img_align_celeba"):
            kind(folder, ["A"], 16, 1)
    assert len(Faces(folder, ["A"], 16, 1, mode="all", pictures="somewhere")) == 2


def test_png_folder_is_preferred(tmp_path):
    folder = write_set(tmp_path, random_pictures(1, 20, 20), subfolder="img_align_celeba", ending=".jpg")
    write_set(tmp_path, random_pictures(1, 20, 20))
    for kind in (Celeba, Faces):
        data = kind(folder, ["A"], 16, 1, crop=False)
        assert data.img_paths[0].endswith(os.path.join("img_align_celeba_png", "000001.png"))


@pytest.mark.parametrize(
    "change,message",
    [
        (dict(count=7), "line 1 says 7 pictures, but there are 3 rows"),
        (dict(count="many"), "line 1 must be the number"),
        (dict(rows=[[1, -1], [0, 1], [1, 1]]), r"line 4 \(000002.jpg\): every value must be -1 or 1"),
        (dict(rows=[[1, -1, 1], [1, 1, 1], [1, 1, 1]]), "3 values a row, but the header names 2"),
    ],
)
def test_attribute_files_that_are_none(tmp_path, change, message):
    folder = write_set(tmp_path, random_pictures(3, 20, 20), **change)
    with pytest.raises(UserError, match=message):
        Celeba(folder, ["A"], 16, 1)


def test_rows_of_unequal_length(tmp_path):
    folder = write_set(tmp_path, random_pictures(3, 20, 20))
    with open(os.path.join(folder, "list_attr_celeba.txt"), "a", encoding="utf-8") as stream:
        stream.write("000004.jpg 1 1 1 1 1\n")
    with pytest.raises(UserError, match="unequal length"):
        Celeba(folder, ["A"], 16, 1)


def test_files_named_twice(tmp_path):
    folder = write_set(tmp_path, random_pictures(3, 20, 20))
    path = os.path.join(folder, "list_attr_celeba.txt")
    with open(path, encoding="utf-8") as stream:
        content = stream.read()
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(content.replace("000002", "000001"))
    with pytest.raises(UserError, match="line 4: 000001.jpg is named twice"):
        Celeba(folder, ["A"], 16, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"3\n",
        b"-1\nA B\n",
        "2\nA\nx 1\n".encode("utf-16-le"),
        "1\nA\n\u4e2d.jpg 1\n".encode("gbk"),
        b"99999999999999999999\nA\nx.jpg 1\n",
        b"1\nA\nx.jpg nan\n",
        b"1\nA\nx.jpg 1e308\n",
        b"1\nA\nx.jpg\n",
        b"1\nA A\nx.jpg 1 1\n",
        b'1\nA\n"x.jpg 1\n',
        b"image_id,A,B\nx.jpg,1\n",
        b"1\nA\n../../etc/passwd 0\n",
        bytes(range(256)) * 40,
    ],
)
def test_hostile_attribute_lists_are_one_line(tmp_path, content):
    path = tmp_path / "list_attr_celeba.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="list_attr_celeba.txt") as caught:
        celeba.read_list(str(path))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_name_that_leaves_the_folder_is_no_picture(tmp_path):
    folder = write_set(tmp_path, random_pictures(1, 20, 20), names=("A",))
    with open(os.path.join(folder, "list_attr_celeba.txt"), "w", encoding="utf-8") as stream:
        stream.write("1\nA\n../img_align_celeba_png/000001.png 1\n")
    with pytest.raises(UserError, match="lacks 1 of the 1 pictures"):
        Celeba(folder, ["A"], 16, 1, crop=False)


def test_missing_attribute_file(tmp_path):
    with pytest.raises(UserError, match="list_attr_celeba.txt does not exist"):
        Celeba(str(tmp_path), ["A"], 16, 1)


def test_unknown_or_doubled_attribute(faces):
    with pytest.raises(UserError, match="unknown attribute Glasses; there are: 5_o_Clock_Shadow"):
        Celeba(faces, ["Glasses"], 16, 1)
    with pytest.raises(UserError, match="names one twice"):
        Celeba(faces, ["Bald", "Bald"], 16, 1)


def test_row_without_picture_and_picture_without_row(tmp_path):
    folder = write_set(tmp_path, random_pictures(3, 20, 20))
    pictures = os.path.join(folder, "img_align_celeba_png")
    os.rename(os.path.join(pictures, "000002.png"), os.path.join(pictures, "000009.png"))
    with pytest.raises(UserError, match="lacks 1 of the 3 pictures .* 000002.jpg"):
        Celeba(folder, ["A"], 16, 1)
    shutil.copy(os.path.join(pictures, "000009.png"), os.path.join(pictures, "000002.png"))
    with pytest.raises(UserError, match="1 pictures without a row .* 000009.png"):
        Celeba(folder, ["A"], 16, 1)


def test_too_few_pictures_for_a_batch(faces):
    with pytest.raises(UserError, match="less than one batch of 64"):
        Celeba(faces, ATTS, 16, 64)


# ------------------------------------------------------------------------------------------------ names and zips
def test_capitals_other_endings_and_litter_of_other_systems(faces, tmp_path):
    """000001.JPG, PNG content in .jpg, .jpg content in .png, a folder in a folder, ._x.jpg, a byte order mark."""
    inner = tmp_path / "img_align_celeba" / "img_align_celeba"
    shutil.copytree(os.path.join(faces, "img_align_celeba"), str(inner))
    (inner / "000001.jpg").rename(inner / "000001.JPG")
    (inner / "000002.jpg").rename(inner / "000002.png")
    with Image.open(str(inner / "000003.jpg")) as picture:
        pixels = np.array(picture)
    with open(str(inner / "000003.jpg"), "wb") as stream:
        Image.fromarray(pixels).save(stream, format="PNG")
    (inner / "._000001.jpg").write_bytes(b"litter")
    (tmp_path / "img_align_celeba" / "__MACOSX").mkdir()
    with open(os.path.join(faces, "list_attr_celeba.txt"), encoding="utf-8") as stream:
        (tmp_path / "list_attr_celeba.txt").write_text(stream.read(), encoding="utf-8-sig")
    for kind in (Celeba, Faces):
        right = kind(faces, ATTS, 64, 4, shuffle=False).get_next()
        ours = kind(str(tmp_path), ATTS, 64, 4, shuffle=False).get_next()
        np.testing.assert_array_equal(right[1], ours[1])
        assert np.abs(right[0] - ours[0]).mean() < 0.01  # number 3 went through another JPEG decoder


def test_a_picture_that_its_exif_entry_turns_is_named(faces, tmp_path):
    """TensorFlow would train on a face that lies on its side."""
    shutil.copytree(faces, str(tmp_path / "set"))
    path = str(tmp_path / "set" / "img_align_celeba" / "000002.jpg")
    exif = Image.Exif()
    exif[0x0112] = 3
    with Image.open(path) as picture:
        picture.load()
        picture.save(path, exif=exif)
    for kind in (Celeba, Faces):
        with pytest.raises(UserError, match="000002.jpg cannot be read .its EXIF data turn it"):
            kind(str(tmp_path / "set"), ATTS, 64, 4)


def test_kaggles_list_is_read(faces, tmp_path):
    path = os.path.join(faces, "list_attr_celeba.txt")
    with open(path, encoding="utf-8") as stream:
        _, names, *rows = stream.read().splitlines()
    lines = [",".join(["image_id"] + names.split())] + [",".join(row.split()) for row in rows]
    other = tmp_path / "list.csv"
    other.write_text("\r\n".join(lines), encoding="utf-8")
    ours, theirs = celeba.read_list(str(other)), celeba.read_list(path)
    assert ours[:2] == theirs[:2] and np.array_equal(ours[2], theirs[2])


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_pictures_that_are_none_are_named_before_anything_is_read(faces, tmp_path, ending):
    folder = str(tmp_path / "faces")
    shutil.copytree(faces, folder)
    pictures = os.path.join(folder, "img_align_celeba")
    os.remove(os.path.join(pictures, "000004.jpg"))
    path = os.path.join(pictures, "000004." + ending)
    with open(path, "wb") as stream:
        stream.write(b"no picture")
    for kind in (Celeba, Faces):
        with pytest.raises(UserError, match="000004.%s cannot be read" % ending):
            kind(folder, ATTS, 16, 1)
    with open(path, "wb") as stream:
        Image.new("RGB", (178, 218)).save(stream, format="TIFF")
    with pytest.raises(UserError, match="it is TIFF, not JPEG or PNG"):
        Celeba(folder, ATTS, 16, 1)
    os.remove(path)
    os.mkfifo(path)  # would be waited for without end
    with pytest.raises(UserError, match="000004.%s is not a file" % ending):
        Celeba(folder, ATTS, 16, 1)


def test_a_zip_is_unpacked_once(faces, tmp_path):
    archive = str(tmp_path / "small.zip")
    with zipfile.ZipFile(archive, "w") as stream:
        for name in sorted(os.listdir(os.path.join(faces, "img_align_celeba"))):
            stream.write(os.path.join(faces, "img_align_celeba", name), "pictures/" + name)
    shutil.copy(os.path.join(faces, "list_attr_celeba.txt"), str(tmp_path))
    target = str(tmp_path / "unpacked")
    data = Faces(str(tmp_path), ATTS, 16, 2, mode="test", pictures="small.zip", unpack_dir=target)
    assert data.img_paths[0] == os.path.join(target, "small", "pictures", "000057.jpg")
    before = os.stat(data.img_paths[0]).st_mtime_ns
    assert Faces(str(tmp_path), ATTS, 16, 2, pictures="small.zip", unpack_dir=target).get_next()[0].shape[0] == 2
    assert os.stat(data.img_paths[0]).st_mtime_ns == before


def test_a_page_saved_as_zip_is_named(faces, tmp_path):
    shutil.copy(os.path.join(faces, "list_attr_celeba.txt"), str(tmp_path))
    (tmp_path / "quota.zip").write_text("<html>Quota exceeded</html>", encoding="utf-8")
    with pytest.raises(UserError, match="quota.zip is damaged or incomplete"):
        Faces(str(tmp_path), ATTS, 16, 2, pictures="quota.zip", unpack_dir=str(tmp_path / "out"))
