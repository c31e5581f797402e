"""beyond/matching: the critic that knows what was asked for."""

import numpy as np
import tensorflow as tf

from ch10_attgan.beyond import matching, train

WORDS = [
    "--put-back",
    "--regions",
    "--hair",
    "--weight-match",
    "2",
    "--single-edits",
    "0.5",
    "--img-size",
    "16",
    "--threads",
    "1",
]
WORDS += [
    "--enc-layers",
    "1",
    "--dec-layers",
    "1",
    "--dis-layers",
    "1",
    "--n-sample",
    "2",
    "--batch-size",
    "4",
    "--n-d",
    "1",
]


def test_normalized_filters_have_the_largest_singular_value_1():
    weights = np.random.RandomState(0).normal(size=[4, 4, 3, 5]).astype("f")
    result = matching.normalized(tf.constant(weights), "singular")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(60):
            found = session.run(result)
    np.testing.assert_allclose(np.linalg.svd(found.reshape(-1, 5), compute_uv=False)[0], 1.0, rtol=1e-4)
    np.testing.assert_allclose(
        found / weights, np.full_like(weights, 1 / np.linalg.norm(weights.reshape(-1, 5), 2)), 1e-3
    )


def test_what_is_edited_is_pulled_towards_real_pictures_of_the_wanted_labels():
    """Real pictures with the second attribute are bright, those without dark; edits are grey whatever was asked for."""
    random = np.random.RandomState(0)
    a, b = tf.placeholder(tf.int64, [8, 2]), tf.placeholder(tf.int64, [8, 2])
    xa, edited = (tf.placeholder(tf.float32, [8, 32, 32, 3]) for _ in range(2))
    tf.set_random_seed(0)
    match = matching.Matching(a, b, 2.0)
    pull = tf.gradients(match.edit_loss(xa, edited), edited)[0]
    step, terms = match.step(xa, 0.001)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(60):
            labels, wanted = random.randint(0, 2, (2, 8, 2))
            noise = 0.1 * random.normal(size=[2, 8, 32, 32, 3])
            real = noise[0] + np.where(labels[:, 1] == 1, 0.5, -0.5)[:, None, None, None]
            feed = {a: labels, b: wanted, xa: real, edited: noise[1]}
            session.run(step, feed)
        labels = np.zeros([8, 2], int)
        wanted = np.array([[0, 1], [0, 1], [1, 1], [1, 1], [1, 0], [1, 0], [0, 0], [0, 0]])
        direction, means = session.run([pull, terms], {a: labels, b: wanted, xa: real * 0 - 0.5, edited: noise[1]})
    assert means["m_real"] > 0.5 and means["m_edited"] < -0.5
    direction = -direction.sum(axis=(1, 2, 3))  # downhill
    assert (direction[:4] > 0).all() and (direction[4:6] < 0).all()
    assert not direction[6:].any()  # nothing was asked for, nothing is pulled


def test_a_training_with_places_and_a_matching_critic_runs_and_goes_on(tmp_path, faces):
    arguments = ["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path / "run")] + WORDS
    train.main(arguments + ["--max-it", "2"])
    train.main(arguments + ["--max-it", "3"])
    with open(str(tmp_path / "run" / "log.csv"), encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    assert "m_edited" in lines[0].split(",") and [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3"]
