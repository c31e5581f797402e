"""common/records.py: what a run leaves for the gallery and RESULTS.md."""

import argparse
import json
import os
import platform
import sys

import numpy as np
import pytest
import tensorflow as tf

from common import options, records
from common.errors import UserError


@pytest.fixture
def opts(tmp_path):
    return argparse.Namespace(
        output_dir=str(tmp_path / "run"),
        data_dir="/home/reader/data",
        example="demo",
        preset="tiny",
        seed=3,
        batch_size=8,
        widths=(1, 2),
        explicit={"batch_size"},
    )


def script(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [os.path.join(options.REPOSITORY, "ch09_x", "code_y.py")] + list(arguments))


def test_round_trip(opts, monkeypatch):
    script(monkeypatch, "--preset", "tiny")
    record = records.Record(opts, "code_y", "listing 9-9", "generated sample")
    record.metric("loss", np.float32(0.5), unit="nats", printed="0.4", note="one run")
    record.metric("steps", np.int64(7))
    record.table("runs", ["run", "loss"], [[np.int64(1), np.float64(0.25)], ["two", None]], note="n")
    picture = os.path.join(opts.output_dir, "pictures", "a.png")
    record.file(picture, "comparison", "A curve", "曲线", before=os.path.join(opts.output_dir, "b.png"))
    path = record.save()
    assert path == os.path.join(opts.output_dir, "record-code_y.json")

    found = records.read_all(os.path.dirname(opts.output_dir))
    assert list(found) == [path]
    content = found[path]
    assert content["metrics"] == {
        "loss": dict(value=0.5, unit="nats", printed="0.4", note="one run"),
        "steps": dict(value=7, unit="", printed=None, note=""),
    }
    rows = [[1, 0.25], ["two", None]]
    assert content["tables"] == [dict(title="runs", columns=["run", "loss"], rows=rows, note="n")]
    assert content["files"] == [
        dict(
            path=os.path.join("pictures", "a.png"),
            kind="comparison",
            caption="A curve",
            caption_zh="曲线",
            before="b.png",
        )
    ]
    assert content["settings"] == dict(example="demo", preset="tiny", seed=3, batch_size=8, widths=[1, 2])
    assert (content["script"], content["listing"], content["data"]) == ("code_y", "listing 9-9", "generated sample")
    assert content["tensorflow"] == tf.__version__ and content["python"] == platform.python_version()
    assert content["seconds"] >= 0 and "cores" in content["machine"]


def test_no_path_of_the_machine_is_recorded(opts, monkeypatch):
    script(
        monkeypatch, "--preset", "cpu", "--output-dir", "/home/reader/out", "--data-dir", "/home/reader/data/births",
        "--model=/home/reader/model/", "--output-dir=/home/reader/out", "--input", "photo.png",
    )  # fmt: skip
    path = records.Record(opts, "code_y", "", "").save()
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    assert "/home/reader" not in text
    command = os.path.join("ch09_x", "code_y.py")
    expected = "python %s --preset cpu --data-dir births --model=model --input photo.png" % command
    assert json.loads(text)["command"] == expected


def test_read_all_is_sorted_and_takes_records_only(tmp_path):
    for name in ("b/record-x.json", "a/record-y.json", "a/settings.json", "record-z.txt"):
        options.write_json(str(tmp_path / name), {"name": name})
    found = records.read_all(str(tmp_path))
    assert [content["name"] for content in found.values()] == ["a/record-y.json", "b/record-x.json"]


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "record-x.json").write_text("{")
    with pytest.raises(UserError, match="record-x.json is damaged"):
        records.read_all(str(tmp_path))
