"""What nobody should feed the example with: each is one line, and nothing hangs or is lost."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ch10_deblurgan import code_10_02_train, ext_10_2_1_layout
from ch10_deblurgan.beyond import (
    evaluate,
    evaluate_photos,
    generator,
    pairs,
    recognition,
    restore,
    shake,
    synthesize,
    train,
)
from common import run
from common.errors import UserError
from data import gopro
from tests.ch10_deblurgan.test_pairs import make_pairs, picture, write
from tests.ch10_deblurgan.test_restore import SETTINGS, some_generator


def png_of(width, height, content=b""):
    """A PNG that claims a size and holds ``content`` as its compressed pixels, each chunk with the right checksum."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) & 0xFFFFFFFF)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def bomb(megapixels):
    """A small PNG of many black pixels."""
    packer, rows = zlib.compressobj(9), megapixels * 100
    content = b"".join(packer.compress(b"\0" * (3 * 10000 + 1)) for _ in range(rows)) + packer.flush()
    return png_of(10000, rows, content)


def one_line(caught):
    said = str(caught.value)
    assert len(said.splitlines()) == 1 and len(said) < 600, said
    return said


@pytest.mark.parametrize(
    "content,complaint",
    [
        (b"", "not a readable picture"),
        (b"text", "not a readable picture"),
        (png_of(2**31 - 1, 2**31 - 1, zlib.compress(b"0")), "pixels"),
        (png_of(40, 30, b"no deflate"), "not a readable picture"),  # checksums that are right
        (png_of(40, 30, zlib.compress(b"\0" * 100)), "not a readable picture"),  # rows that are missing
        (png_of(0, 30, zlib.compress(b"")), "not a readable picture"),
    ],
    ids=["empty", "text", "huge", "no deflate", "rows missing", "no width"],
)
def test_pictures_that_are_damaged_are_found_before_a_training(tmp_path, content, complaint):
    make_pairs(tmp_path / "train", size=(30, 40))
    (tmp_path / "train" / "B" / "a.png").write_bytes(content)
    with pytest.raises(UserError, match=complaint) as caught:
        code_10_02_train.main(["--preset", "tiny", "--data-dir", str(tmp_path), "--output-dir", str(tmp_path / "out")])
    assert "a.png" in one_line(caught)
    with pytest.raises(UserError, match=complaint):
        restore.main([str(tmp_path / "train" / "B" / "a.png"), "--output-dir", str(tmp_path / "out")])


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    make_pairs(tmp_path)
    content = bomb(109)
    assert len(content) < 500000
    (tmp_path / "A" / "b.png").write_bytes(content)
    with pytest.raises(UserError, match="10000×10900 pixels"):
        gopro.find_pairs(str(tmp_path))
    with pytest.raises(UserError, match="10000×10900 pixels"):
        restore.main([str(tmp_path / "A" / "b.png"), "--output-dir", str(tmp_path / "out")])


@pytest.mark.parametrize("make,complaint", [(os.mkfifo, "is a pipe or a device"), (os.mkdir, "is a folder")])
def test_what_is_no_file_is_not_waited_for(tmp_path, make, complaint, capsys):
    make_pairs(tmp_path)
    os.remove(str(tmp_path / "B" / "c.png"))
    make(str(tmp_path / "B" / "c.png"))
    for call in (
        lambda: gopro.find_pairs(str(tmp_path)),
        lambda: synthesize.main(
            [str(tmp_path / "B"), "--target", str(tmp_path / "t"), "--output-dir", str(tmp_path / "o")]
        ),
    ):
        with pytest.raises(UserError, match=complaint) as caught:
            call()
        one_line(caught)
    with pytest.raises(UserError, match=r"1 of \d photos were left out: .*c\.png"):  # the others were restored
        restore.main([str(tmp_path / "B"), "--output-dir", str(tmp_path / "out")])
    assert complaint in capsys.readouterr().err and os.path.exists(str(tmp_path / "out" / "restored" / "a.png"))


def test_a_broken_link_is_named(tmp_path):
    make_pairs(tmp_path)
    os.remove(str(tmp_path / "B" / "c.png"))
    os.symlink("nowhere", str(tmp_path / "B" / "c.png"))
    with pytest.raises(UserError, match="c.png is a link to something that is not there"):
        gopro.find_pairs(str(tmp_path))


def test_a_file_of_another_kind_that_ends_in_png(tmp_path):
    """TensorFlow's reader would end in a traceback; beyond the listing Pillow reads it."""
    make_pairs(tmp_path / "train", size=(32, 48))
    Image.fromarray(picture(32, 48)).save(str(tmp_path / "train" / "A" / "a.png"), format="BMP")
    with pytest.raises(UserError, match="a.png is a file of kind BMP: save it as PNG"):
        code_10_02_train.main(["--preset", "tiny", "--data-dir", str(tmp_path), "--output-dir", str(tmp_path / "out")])
    assert len(gopro.find_pairs(str(tmp_path / "train"))) == 3


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 500)])
def test_pictures_too_small_to_train_on_or_to_score(tmp_path, size):
    for split in ("train", "test"):
        make_pairs(tmp_path / split, size=size)
    found = gopro.find_pairs(str(tmp_path / "train"))
    with pytest.raises(UserError, match="smaller than --crop 32"):
        pairs.PairReader(found, None, crop=32, max_rows=360, varied_sizes=True)
    with pytest.raises(UserError, match="too small for SSIM"):
        train.validate(None, None, found)
    generator.save_small(str(tmp_path / "w.npz"), some_generator(), SETTINGS)
    words = ["--data-dir", str(tmp_path), "--weights", str(tmp_path / "w.npz"), "--output-dir", str(tmp_path / "out")]
    with pytest.raises(UserError, match="too small for SSIM"):
        evaluate.main(words)
    restore.main(
        [str(tmp_path / "train" / "A"), "--weights", str(tmp_path / "w.npz"), "--output-dir", str(tmp_path / "out")]
    )
    assert Image.open(str(tmp_path / "out" / "restored" / "a.png")).size == size[::-1]


def test_a_long_name_is_cut(tmp_path):
    generator.save_small(str(tmp_path / "w.npz"), some_generator(), SETTINGS)
    name = 83 * "照" + ".png"  # 253 bytes
    write(tmp_path / name, picture())
    words = ["--weights", str(tmp_path / "w.npz"), "--output-dir", str(tmp_path / "out"), "--baselines", "true"]
    restore.main([str(tmp_path / name)] + words)
    made = os.listdir(str(tmp_path / "out" / "restored"))
    assert 66 * "照" + "-unsharp-mask.png" in made and 66 * "照" + ".png" in made


def test_start_from_takes_nothing_but_a_generator(tmp_path):
    g = some_generator()
    other = str(tmp_path / "other.npz")
    generator.save_small(other, some_generator(n_blocks=2), dict(SETTINGS, n_blocks=2))
    (tmp_path / "text.h5").write_text("no", encoding="utf-8")
    os.mkfifo(str(tmp_path / "pipe.h5"))
    np.savez(str(tmp_path / "objects.npz"), settings=np.array([{}], dtype=object))
    for path in (other, str(tmp_path), *(str(tmp_path / n) for n in ("text.h5", "pipe.h5", "none.h5", "objects.npz"))):
        before = g.get_weights()
        with pytest.raises(UserError) as caught:
            generator.load_into(g, path)
        one_line(caught)
        assert all(np.array_equal(a, b) for a, b in zip(before, g.get_weights())), path
    generator.save_small(str(tmp_path / "same.npz"), some_generator(seed=5), SETTINGS)
    generator.load_into(g, str(tmp_path / "same.npz"))
    np.testing.assert_allclose(g.get_weights()[0], some_generator(seed=5).get_weights()[0], atol=1e-3)


@pytest.mark.parametrize(
    "main,words",
    [
        (train.main, ["--crops-per-pair", "1000000000000"]),
        (train.main, ["--max-blur", "inf"]),
        (train.main, ["--ngf", "-1"]),
        (train.main, ["--crop", "-32"]),
        (restore.main, ["x.png", "--tile", "0"]),
        (restore.main, ["x.png", "--tile", "-512"]),
        (restore.main, ["x.png", "--overlap", "0"]),
        (restore.main, ["x.png", "--strength", "-0.1"]),
        (restore.main, ["x.png", "--strength", "nan"]),
        (synthesize.main, ["x", "--max-blur", "1e300"]),
        (synthesize.main, ["x", "--long-side", "-1"]),
        (ext_10_2_1_layout.main, ["--train-pairs", "-1"]),
        (evaluate.main, ["--split", "../../etc"]),
    ],
)
def test_impossible_options(capsys, main, words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.startswith("error: ") and len(error.splitlines()) == 1


def test_tiles_that_do_not_go_together(tmp_path):
    write(tmp_path / "a.png", picture())
    for words in (["--tile", "30"], ["--tile", "32", "--overlap", "20"], ["--overlap", "5"]):
        with pytest.raises(UserError, match="multiples of 4"):
            restore.main([str(tmp_path / "a.png"), "--output-dir", str(tmp_path)] + words)


def test_scores_in_tiles_that_do_not_go_together():
    with pytest.raises(UserError, match="multiples of 16"):
        evaluate_photos.main(["--tile", "64", "--overlap", "64"])


@pytest.mark.parametrize("edges", [["5"], ["8", "5"], ["5", "5"]])
def test_ranges_of_blur_need_rising_edges(edges):
    with pytest.raises(UserError, match="two numbers or more"):
        recognition.main(["--lengths"] + edges)


def test_one_photo_that_cannot_be_read_does_not_keep_the_shake_of_the_others_back(tmp_path):
    write(tmp_path / "photos" / "a.png", picture())
    write(tmp_path / "photos" / "line.png", picture()[:1])
    (tmp_path / "photos" / "b.png").write_bytes(b"no picture")
    words = [str(tmp_path / "photos"), "--preset", "tiny", "--output-dir", str(tmp_path / "out")]
    with pytest.raises(UserError, match=r"1 of 3 photos were left out: .*b\.png"):
        shake.main(words)
    assert sorted(os.listdir(str(tmp_path / "out" / "kernels"))) == ["a.png", "line.png"]


def test_settings_of_a_run_that_are_damaged(tmp_path):
    """Of wrong types, another script's, no settings at all: refused with the reason, and left as they are."""
    words = ["--preset", "tiny", "--perceptual-weight", "0", "--output-dir", str(tmp_path)]
    for content, complaint in (
        ("[]", "holds a list"),
        ("{", "is damaged"),
        ('{"crop": [1], "ngf": null}', "holds the run of another script or version"),
    ):
        (tmp_path / "settings.json").write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match=complaint) as caught:
            train.main(words)
        assert len(str(caught.value).splitlines()) == 1
        assert (tmp_path / "settings.json").read_text(encoding="utf-8") == content
    assert not run.checkpoints(str(tmp_path / "checkpoints"))
