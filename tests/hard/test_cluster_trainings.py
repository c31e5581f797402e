"""The trainings of `beyond` on two workers of one machine (docs/cluster.md)."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from common import cluster, run
from tests.hard import figures, inputs, trainings
from tests.helpers import REPOSITORY

pytestmark = [pytest.mark.hard, pytest.mark.script, pytest.mark.slow]


def start(script, words, *more):
    command = [sys.executable, "-W", "ignore", os.path.join(REPOSITORY, script), "--threads=1"]
    command += [str(word) for word in list(words) + list(more)]
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    return subprocess.Popen(command, env=trainings.environment(TF_CPP_MIN_LOG_LEVEL="2"), **streams)


def two(script, words):
    """Both workers' (output, errors) once they ended well; the chief's first."""
    listed = ",".join("127.0.0.1:%d" % port for port in cluster.free_ports(2))
    both = [start(script, words, "--cluster", listed, "--cluster-wait", 200, "--task", task) for task in range(2)]
    ended = [process.communicate(timeout=1200) for process in both]
    for process, (output, errors) in zip(both, ended):
        assert process.returncode == 0, output[-1000:] + errors[-3000:]
    return ended


def one(script, words):
    process = start(script, words)
    output, errors = process.communicate(timeout=1200)
    assert process.returncode == 0, output[-1000:] + errors[-3000:]
    return output, errors


def state(folder):
    reader = tf.train.NewCheckpointReader(run.checkpoints(str(folder))[0])
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def test_deblurgan_on_two_workers_is_one_with_twice_the_batch(tmp_path, request):
    """Without normalization over a batch and without dropout, ten steps are the same up to rounding."""
    for split, count in (("train", 5), ("test", 1)):
        for number in range(count):
            for part in "AB":
                path = tmp_path / "data" / split / part / ("%d.png" % number)
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(inputs.pixels(40, 40, seed=number + 10 * (part == "B"))).save(str(path))
    words = ["--preset", "tiny", "--data-dir", tmp_path / "data", "--epoch-num", 1, "--crops-per-pair", 8]
    words += ["--perceptual-weight", 0, "--adversarial-weight", 0, "--pixel-weight", 1, "--ssim-weight", 0]
    words += ["--synthesize", 0, "--dropout", 0, "--norm", "none", "--fast", "false", "--report-every", 1]
    script = "ch10_deblurgan/beyond/train.py"
    both = two(script, words + ["--batch-size", 2, "--output-dir", tmp_path / "two"])
    alone = one(script, words + ["--batch-size", 4, "--output-dir", tmp_path / "one"])

    def losses(ended):  # running means over the steps
        found = re.findall(r"epoch 0 batch \d+ +pixel [\d.]+ +total ([\d.]+)", "".join(ended))
        return np.float64(found)

    assert len(losses(alone)) == 10
    np.testing.assert_allclose((losses(both[0]) + losses(both[1])) / 2, losses(alone), atol=2e-5)
    states = [state(tmp_path / name / "checkpoints") for name in ("two", "one")]
    assert states[0]["step"] == states[1]["step"] == 10
    for name, value in states[1].items():
        if "adam" not in name and value.dtype == np.float32:  # a step of Adam moves a weight by 0.001
            np.testing.assert_allclose(states[0][name], value, atol=1e-3, err_msg=name)
    assert sorted(os.listdir(str(tmp_path))) == ["data", "one", "two"]
    figures.add(request.node.name, "cluster", training="deblurgan", workers=2)


def test_attgan_on_two_workers_ends_and_goes_on(tmp_path, request):
    """Batch norm takes each worker's own batch, and each shuffles its own half of the pictures: no equality to be had."""
    words = ["--preset", "tiny", "--output-dir", tmp_path / "run"]
    (chief, _), (other, _) = two("ch10_attgan/beyond/train.py", words + ["--max-it", 4])
    assert "iteration 4 of 4" in chief and "iteration 4 of 4" in other
    (chief, _), _ = two("ch10_attgan/beyond/train.py", words + ["--max-it", 6])
    assert "this is iteration 4" in chief and "iteration 6 of 6" in chief
    assert os.listdir(str(tmp_path)) == ["run"]
    figures.add(request.node.name, "cluster", training="attgan", workers=2)


def test_tacotron_on_two_workers_ends_and_goes_on(tmp_path, request):
    """As with AttGAN: batch norm and dropout are each worker's own."""
    folder = tmp_path / "run"
    one("ch09_tacotron/beyond/prepare.py", ["--preset", "tiny", "--output-dir", folder])
    words = ["--preset", "tiny", "--output-dir", folder, "--log-interval", 1]
    (chief, _), (other, _) = two("ch09_tacotron/beyond/train.py", words + ["--frame-steps", 2, "--own-steps", 1])
    assert "step 3: mel" in chief and "step 3: mel" in other
    (chief, _), _ = two("ch09_tacotron/beyond/train.py", words + ["--frame-steps", 2, "--own-steps", 2])
    assert "resuming from" in chief and "step 4: mel" in chief and "step 3: mel" not in chief
    figures.add(request.node.name, "cluster", training="tacotron", workers=2)
