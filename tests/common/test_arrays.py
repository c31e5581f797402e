"""common/arrays.py and common/weights.py: what comes from outside is looked at before it is believed."""

import io
import json
import os
import struct
import zipfile

import numpy as np
import pytest

from common import arrays, weights
from common.errors import UserError


def said(function, *arguments, **keywords):
    with pytest.raises(UserError) as raised:
        function(*arguments, **keywords)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def npy(array, **keywords):
    stream = io.BytesIO()
    np.save(stream, array, **keywords)
    return stream.getvalue()


def header(description, version=1):
    text = description.encode("latin1")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text


@pytest.fixture
def zipped(tmp_path):
    def make(**members):
        path = str(tmp_path / "x.npz")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name.replace("__", ".").replace("_s_", "/"), content)
        return path

    return make


def test_arrays_come_back_as_they_were(tmp_path):
    values = dict(
        a=np.arange(6.0).reshape(2, 3), b=np.float16([1, 2]), c=np.array("text"), d=np.asfortranarray(np.eye(3))
    )
    np.savez_compressed(str(tmp_path / "x.npz"), **values)
    read = arrays.read_npz(str(tmp_path / "x.npz"), names=["a", "d"])
    assert sorted(read) == sorted(values)
    for name in values:
        np.testing.assert_array_equal(read[name], values[name])
    np.save(str(tmp_path / "x.npy"), values["a"])
    np.testing.assert_array_equal(arrays.read_npy(str(tmp_path / "x.npy"), shape=(None, 3)), values["a"])


class Payload:
    """What unpickling it would run leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_is_never_run(tmp_path, zipped):
    mark = str(tmp_path / "executed")
    content = npy(np.array([Payload(mark)], dtype=object), allow_pickle=True)
    assert "could run code" in said(arrays.read_npz, zipped(a__npy=content))
    (tmp_path / "x.npy").write_bytes(content)
    assert "could run code" in said(arrays.read_npy, str(tmp_path / "x.npy"))
    (tmp_path / "y.npy").write_bytes(content[content.index(b"\n") + 1 :])  # a bare pickle, which NumPy would take
    assert "is damaged" in said(arrays.read_npy, str(tmp_path / "y.npy"))
    assert not os.path.exists(mark)


@pytest.mark.parametrize(
    "description",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000, 4000000000)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}",
        "{'descr': '<f8', 'fortran_order': 3, 'shape': (1,)}",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f8')], 'shape': (1,)}",
        "__import__('os').system('true')",
        "{" * 500,
    ],
)
def test_a_header_that_claims_too_much_or_makes_no_sense_is_a_line(tmp_path, zipped, description):
    content = header(description) + b"\0" * 8
    assert "x.npz" in said(arrays.read_npz, zipped(a__npy=content))
    (tmp_path / "x.npy").write_bytes(content)
    assert "x.npy" in said(arrays.read_npy, str(tmp_path / "x.npy"))


def test_bombs_are_refused_by_what_they_hold(zipped):
    bomb = zipped(a__npy=npy(np.zeros(300000)))
    assert os.path.getsize(bomb) < 10000
    assert "unpacks to more than 1000000 bytes" in said(arrays.read_npz, bomb, limit=10**6)


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_flipped_and_cut_files_are_a_line_or_whole(tmp_path, place):
    path = str(tmp_path / "x.npz")
    np.savez_compressed(path, a=np.arange(20.0))
    with open(path, "rb") as stream:
        whole = bytearray(stream.read())
    flipped = bytearray(whole)
    flipped[place % len(whole)] ^= 0x41
    for content in (flipped, whole[: place % len(whole)]):
        with open(path, "wb") as stream:
            stream.write(bytes(content))
        try:
            read = arrays.read_npz(path)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            for value in read.values():
                np.testing.assert_array_equal(value, np.arange(20.0))


def test_encrypted_and_foreign_members(tmp_path, zipped):
    path = zipped(a__npy=npy(np.eye(2)))
    with open(path, "r+b") as stream:
        content = bytearray(stream.read())
        for mark in (b"PK\x03\x04", b"PK\x01\x02"):
            place = content.index(mark) + (6 if mark[2] == 3 else 8)
            content[place] |= 1
        stream.seek(0)
        stream.write(content)
    assert "encrypted" in said(arrays.read_npz, path)
    assert "no array" in said(arrays.read_npz, zipped(readme="x"))
    assert "has no array b" in said(arrays.read_npz, zipped(a__npy=npy(np.eye(2))), names=["b"])


@pytest.mark.parametrize(
    "array,shape", [(np.zeros((2, 4)), (None, 3)), (np.zeros(3), (None, 3)), (np.array(["a"]), (1,))]
)
def test_another_shape_or_kind_is_named(tmp_path, array, shape):
    np.save(str(tmp_path / "x.npy"), array)
    assert "shape" in said(arrays.read_npy, str(tmp_path / "x.npy"), shape=shape)


# ------------------------------------------------------------------------------------------------------------- weights
def test_weights_come_back_with_their_settings(tmp_path):
    path = str(tmp_path / "w.npz")
    values = {"Genc/Conv/weights": np.float32([[0.1, 2.0]]), "bias": np.float32([0.1])}
    weights.save(path, values, dict(size=64, name="脸"))
    loaded, settings = weights.load(path, shapes={name: value.shape for name, value in values.items()})
    assert settings == dict(size=64, name="脸")
    np.testing.assert_allclose(loaded["Genc/Conv/weights"], values["Genc/Conv/weights"], rtol=1e-3)
    np.testing.assert_array_equal(loaded["bias"], values["bias"])  # vectors keep their 32 bits
    assert all(value.dtype == np.float32 for value in loaded.values())


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_what_does_not_fit_16_bits_is_not_written(tmp_path, value):
    assert "not finite" in said(weights.save, str(tmp_path / "w.npz"), {"a": np.float32([[value]])}, {})
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize(
    "members,fragment",
    [
        (dict(a=np.eye(2)), "has no array settings"),
        (dict(settings=np.array("{"), a=np.eye(2)), "settings are damaged"),
        (dict(settings=np.array("[1]"), a=np.eye(2)), "settings are damaged"),
        (dict(settings=np.array("{}"), b=np.eye(2)), "has no a: it is of another model"),
        (dict(settings=np.array("{}"), a=np.eye(3)), "not (2, 2): it is of another model"),
        (dict(settings=np.array("{}"), a=np.array([["x", "y"], ["z", "w"]])), "of another model"),
        (dict(settings=np.array("{}"), a=np.full((2, 2), np.nan)), "a is not finite"),
    ],
)
def test_weights_of_another_model_are_a_line(tmp_path, members, fragment):
    np.savez(str(tmp_path / "w.npz"), **members)
    assert fragment in said(weights.load, str(tmp_path / "w.npz"), shapes={"a": (2, 2)})


def test_weights_that_ship_can_be_read_by_the_one_reader():
    for path in ("ch10_attgan/weights/faces_generator.npz", "ch10_deblurgan/weights/generator.npz"):
        full = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), path)
        values, settings = weights.load(full)
        assert len(values) > 10 and json.dumps(settings)
