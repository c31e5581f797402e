"""The hybrid: the recurrence in both directions against IndyLSTMCell, padding, the linear start; documents of sentences."""

import types

import numpy as np
import pytest
import tensorflow as tf

from ch09_capsule_rnn import ext_9_6_7_documents as documents
from ch09_capsule_rnn.beyond import ablation, aggregation, fast_rnn, fast_routing, hybrid, word_vectors
from common import datasets, files, options
from common.errors import UserError
from data import reuters


def values_of(rows, **changes):
    return types.SimpleNamespace(**dict({row.name: row.value for row in rows}, **changes))


def settings(**changes):
    small = dict(num_words=50, embedding_size=6, rnn_units=[5], folds=3, out_caps_dim=4)
    return values_of(hybrid.VALUES, **dict(small, **changes))


def batch(seed=0, texts=6, words=9, num_words=50):
    random = np.random.RandomState(seed)
    lengths = random.randint(1, words + 1, size=texts).astype(np.int32)
    lengths[0] = words
    x = random.randint(1, num_words, size=[texts, words]).astype(np.int32)
    x *= np.arange(words)[np.newaxis] < lengths[:, np.newaxis]
    return x, lengths, random.randint(0, 46, size=texts).astype(np.int32)


@pytest.mark.parametrize("both", [False, True])
def test_scan_equals_the_cell_in_values_and_gradients(both):
    x, lengths, _ = batch(1)
    vectors = np.random.RandomState(3).normal(size=[50, 6]).astype(np.float32)
    table, ids, x_len = tf.constant(vectors), tf.constant(x), tf.constant(lengths)
    fast = fast_rnn.encoder(table, ids, x_len, [4], 1.0, bidirectional=both)
    inputs = tf.gather(table, ids)
    cell = tf.contrib.rnn.IndyLSTMCell(4)
    names = {variable.op.name: variable for variable in tf.trainable_variables()}

    def run_cell(inputs, scope):
        kernel_w, kernel_u, bias = [
            names["%s/indy_lstm_cell/%s" % (scope, n)] for n in ("kernel_w", "kernel_u", "bias")
        ]
        cell._kernel_w, cell._kernel_u, cell._bias = kernel_w, kernel_u, bias
        state, outputs = cell.zero_state(len(x), tf.float32), []
        for step in range(x.shape[1]):
            output, state = cell.call(inputs[:, step], state)
            outputs.append(output)
        return tf.stack(outputs, 1)

    slow = run_cell(inputs, "rnn/multi_rnn_cell/cell_0")
    if both:
        backward = run_cell(tf.reverse_sequence(inputs, x_len, 1, 0), "rnn/backward/cell_0")
        slow = tf.concat([slow, tf.reverse_sequence(backward, x_len, 1, 0)], 2)
    weights = np.random.RandomState(4).normal(size=[6, 9, 8 if both else 4])
    mask = (np.arange(9)[np.newaxis] < lengths[:, np.newaxis])[..., np.newaxis]
    variables = sorted(names.values(), key=lambda variable: variable.name)
    grads = [tf.gradients(tf.reduce_sum(result * weights * mask), variables) for result in (fast, slow)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        a, b = session.run([fast, slow])
        np.testing.assert_allclose(a * mask, b * mask, atol=1e-6)
        for one, two in zip(*session.run(grads)):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", ["hybrid", "ablation"])
def test_words_behind_the_end_and_wider_batches_change_nothing(make):
    if make == "hybrid":
        model = hybrid.build(settings())
    else:
        opts = values_of(ablation.VALUES, num_words=50, embedding_size=6, rnn_units=[5])
        model = ablation.build(opts, aggregation.attention)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        x, lengths, _ = batch(2)
        wide = np.pad(x, [[0, 0], [0, 7]], "constant")
        one = session.run(model.probabilities, {model.x: x, model.x_len: lengths})
        two = session.run(model.probabilities, {model.x: wide, model.x_len: lengths})
    np.testing.assert_allclose(one, two, atol=1e-6)
    np.testing.assert_allclose(one.sum(axis=1), 1.0, rtol=1e-5)
    assert np.abs(one[0] - one[1]).max() > 1e-5


def test_the_ablation_leaves_out_what_an_earlier_call_trained_with_other_values(tmp_path, capsys):
    """The table showed them side by side: a mean after one epoch, routing after five."""
    opts = values_of(ablation.VALUES, output_dir=str(tmp_path))
    for seed, changes in enumerate((dict(ways=["mean"]), dict(epochs=1, keep_prob=0.5))):
        folder = tmp_path / ("mean-%d" % seed)
        values = dict({row.name: row.value for row in ablation.VALUES}, **changes)
        options.save_settings(str(folder), values)
        files.write_json(str(folder / "result.json"), dict(accuracy=0.5))
    assert [ablation.result_of(opts, "mean", seed) for seed in range(3)] == [dict(accuracy=0.5), None, None]
    assert capsys.readouterr().out == "mean, seed 1: left out, it was trained with another epochs, keep_prob\n"


# ------------------------------------------------------------------------------------------- word vectors
def test_tfidf_sum_equals_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    random = np.random.RandomState(0)
    texts = [random.randint(1, 12, size=size).tolist() for size in (3, 9, 20, 1, 14)]
    weigh = TfidfVectorizer(analyzer=lambda text: text, sublinear_tf=True)
    table = weigh.fit_transform(texts).toarray()
    expected = np.zeros([5, 12])
    expected[:, sorted(weigh.vocabulary_)] = table
    idf = word_vectors.inverse_document_frequency(texts, 12)
    np.testing.assert_allclose(word_vectors.log_tfidf(texts, idf).toarray(), expected, atol=1e-6)
    x, lengths = reuters.pad(texts, 0)
    unit_vectors = tf.gather(tf.eye(12), x)  # with unit vectors the sum is the weighting itself
    sums = word_vectors.tfidf_sum([unit_vectors], tf.constant(x), tf.constant(lengths), tf.constant(idf))
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(sums[0]), expected, atol=1e-5)


def toy_texts():
    random = np.random.RandomState(0)
    labels = np.arange(120) % 4
    return [random.choice(np.arange(1, 11) + 10 * label, size=8).tolist() + [49, 48] for label in labels], labels


def test_the_linear_start_is_a_linear_classifier_that_has_not_seen_the_text():
    from sklearn.svm import LinearSVC

    texts, labels = toy_texts()
    labels = labels.copy()
    labels[::10] = (labels[::10] + 1) % 4  # some wrong labels, which only a machine that saw them can know
    options = settings(caps_keep_prob=1.0)
    fold = word_vectors.deal_out(np.arange(120), 3)
    values = word_vectors.fit(texts, labels, fold, options, 46)
    table = word_vectors.log_tfidf(texts, values["idf"])
    linear = values["linear"].reshape([4, 50, 46])
    for number in range(4):
        rows = np.flatnonzero(fold != number)
        expected = LinearSVC(C=0.5, random_state=0).fit(table[rows], labels[rows]).decision_function(table)
        np.testing.assert_allclose(
            table.dot(linear[number])[:, :4] + values["linear_bias"][number, :4], expected, atol=1e-4
        )

    # In the graph a text of fold k meets machine k, a new text machine 0.
    model = hybrid.build(options)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for variable in tf.global_variables():
            if variable.op.name in values:
                variable.load(values[variable.op.name], session)
            if variable.op.name.startswith("topics/"):
                variable.load(np.zeros(variable.shape.as_list(), np.float32), session)
        x, lengths = reuters.pad([texts[0], [word + 50 * fold[0] for word in texts[0]]], 0)
        logits = session.run(model.logits, {model.x: x, model.x_len: lengths})
    for row, number in enumerate((0, fold[0])):
        expected = 4.0 * (table[0].dot(linear[number])[0] + values["linear_bias"][number])
        np.testing.assert_allclose(logits[row], expected, atol=1e-3)


@pytest.mark.parametrize("count_ratio", [False, True])
def test_a_linear_machine_tells_two_topics_apart_and_one_needs_none(count_ratio):
    """Of two topics scikit-learn gives the weights of one, which both got: the machine knew nothing of either."""
    texts, labels = [[1, 4, 6]] * 4 + [[1, 5, 6]] * 4, np.array([3] * 4 + [7] * 4)
    table = word_vectors.log_tfidf(texts, word_vectors.inverse_document_frequency(texts, 9))
    topics, columns, biases = word_vectors.linear_machine(table, labels, count_ratio)
    assert topics.tolist() == [3, 7] and columns.shape == (9, 2) and len(biases) == 2
    np.testing.assert_array_equal(topics[(table.dot(columns) + biases).argmax(axis=1)], labels)
    topics, columns, biases = word_vectors.linear_machine(
        table[:4], labels[:4], count_ratio
    )  # a fold had all of the others
    assert topics.tolist() == [3] and not columns.any() and biases.tolist() == [1]


def test_count_ratios_weigh_words_by_what_they_tell_of_a_topic():
    texts, labels = [[1, 1, 2], [1, 3], [2, 3], [3]], np.array([0, 0, 1, 1])
    present = word_vectors.count_table(texts, 4) > 0
    ratios = word_vectors.count_ratios(present.astype(np.float32), labels == 0)
    inside, outside = np.array([1, 3, 2, 2]), np.array([1, 1, 2, 3])  # texts with words 0 to 3, and one more
    np.testing.assert_allclose(ratios, np.abs(np.log(inside / 8 / (outside / 7))) ** 0.7, rtol=1e-5)


def test_linear_machine_with_count_ratios_is_a_machine_on_scaled_words():
    from sklearn.svm import LinearSVC

    texts, labels = toy_texts()
    table = word_vectors.log_tfidf(texts, word_vectors.inverse_document_frequency(texts, 50))
    topics, weights, biases = word_vectors.linear_machine(table, labels + 7, True)
    assert topics.tolist() == [7, 8, 9, 10] and weights.shape == (50, 4)
    scaled = table.toarray() * word_vectors.count_ratios(table > 0, labels == 2)
    expected = LinearSVC(C=0.15, random_state=0, tol=1e-3).fit(scaled, labels == 2).decision_function(scaled)
    np.testing.assert_allclose(table.dot(weights)[:, 2] + biases[2], expected, atol=1e-3)
    assert np.mean((table.dot(weights) + biases).argmax(axis=1) == labels) == 1.0


def test_word_vectors_of_other_texts_are_not_taken_up(tmp_path, capsys):
    """A run with a validation part leaves vectors in the folder that a run without one must not use."""
    texts, labels = toy_texts()
    found = []
    for count in (120, 100, 100):
        fold = word_vectors.deal_out(np.arange(count), 2)
        arguments = (texts[:count], labels[:count], fold, settings(folds=2), 46)
        found.append(word_vectors.fit_or_read(str(tmp_path), *arguments))
        assert ("fitting" in capsys.readouterr().out) == (len(found) < 3)
    np.testing.assert_array_equal(found[1]["linear"], found[2]["linear"])
    assert np.abs(found[0]["linear"] - found[1]["linear"]).max() > 1e-3 and sorted(found[1]) == sorted(found[2])


def test_windows_of_one_newswire_are_in_one_fold():
    owners = np.array([0, 1, 2, 3, 0, 0, 3, 2])
    fold = word_vectors.deal_out(owners, 2)
    assert set(fold) == {1, 2}
    assert all(len(set(fold[owners == owner])) == 1 for owner in range(4))


def test_windows_cover_a_text_from_its_end():
    texts, labels, owners = word_vectors.add_windows([list(range(25)), [7] * 10], np.array([3, 5]), 10)
    assert [len(text) for text in texts] == [25, 10, 10, 10, 5]
    assert texts[2][-1] == 24 and texts[3][-1] == 14 and texts[4] == [0, 1, 2, 3, 4]
    assert labels.tolist() == [3, 5, 3, 3, 3] and owners.tolist() == [0, 1, 0, 0, 0]
    assert word_vectors.add_windows([[1] * 9], np.array([3]), 0)[0] == [[1] * 9]


def test_windows_are_for_the_linear_machine_and_the_network_trains_on_the_texts(tmp_path, monkeypatch):
    train = reuters.Newswires([list(range(1, 26)), [7] * 10, [8] * 5], np.array([3, 5, 4]))
    monkeypatch.setattr(hybrid.reuters, "load_data", lambda *unused: (train, train))
    fitted = []
    monkeypatch.setattr(word_vectors, "fit_or_read", lambda folder, texts, *unused: fitted.append(texts) or {})
    options = settings(windows=10, folds=2, maxlen=12, truncating="pre", output_dir=str(tmp_path))
    (table, lengths, labels), _, test = hybrid.load_parts("unused", options)[0]
    assert [len(text) for text in fitted[0]] == [25, 10, 5, 10, 10, 5]
    assert lengths.tolist() == [12, 10, 5] and labels.tolist() == [3, 5, 4]
    np.testing.assert_array_equal(table % 50, test[0])  # the book's cut: the last words
    assert set((table // 50)[table > 0]) == {1, 2} and test[0][0, 0] == 14


# ------------------------------------------------------------------------------------------- documents
@pytest.mark.parametrize("changes", [dict(validation=0.9, batch_size=40), dict(validation=0.01, shortest=80)])
def test_documents_that_are_too_few_once_the_validation_part_is_gone(changes):
    """No batch was left to train on: a loss of NaN, and the accuracies of random weights in the record."""
    tiny = {row.name: row.presets.get("tiny", row.value) for row in documents.VALUES}
    folder = datasets.sample("reuters")
    assert len(documents.read_parts(folder, types.SimpleNamespace(**tiny))) == 3
    with pytest.raises(UserError, match="too few newswires of .*--validation"):
        documents.read_parts(folder, types.SimpleNamespace(**dict(tiny, **changes)))


def test_sentences_of_documents():
    x = np.array([[1, 2, 3, 4, 5], [6, 7, 0, 0, 0], [0, 0, 0, 0, 0]], np.int32)
    with tf.Session() as session:
        words, lengths, count = session.run(documents.into_sentences(tf.constant(x), tf.constant([5, 2, 0]), 2))
    assert words.tolist() == [[1, 2], [3, 4], [5, 0], [6, 7], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]
    assert lengths.tolist() == [2, 2, 1, 2, 0, 0, 0, 0, 0]
    assert count.tolist() == [3, 1, 1]


def test_two_level_model_ignores_padding_trains_both_levels_and_is_the_same_by_compiled_loops():
    opts = values_of(documents.VALUES, num_words=50, nb_features=6, hidden=[5], sentence_words=4)
    x, lengths, y = batch()
    wide = np.pad(x, [[0, 0], [0, 8]], "constant")
    histories, start = [], None
    for parts in ({}, dict(rnn=fast_rnn.indy_lstm_rnn, route=fast_routing.routing_iter)):
        with tf.Graph().as_default(), tf.Session() as session:
            model = documents.build("two_level", opts, **parts)
            variables = {v.op.name: v for v in tf.trainable_variables()}
            session.run(tf.global_variables_initializer())
            start = start or session.run(variables)
            assert sorted(start) == sorted(variables)
            for name, value in start.items():
                variables[name].load(value, session)
            feed = {model.x: x, model.x_len: lengths, model.y: y}
            logits, padded = session.run(model.pred, feed), session.run(model.pred, {**feed, model.x: wide})
            np.testing.assert_allclose(logits, padded, atol=1e-6)
            histories.append([session.run([model.cost, model.optimizer], feed)[0] for _ in range(5)])
            for name, value in session.run(variables).items():
                assert np.any(value != start[name]), name
    np.testing.assert_allclose(histories[0], histories[1], atol=1e-5)
    assert np.std(histories[0]) > 1e-3


def test_scores_of_documents_against_the_definition():
    random = np.random.RandomState(0)
    labels, given = random.randint(0, 4, size=250), random.randint(0, 6, size=250)
    labels[:20] = given[:20]

    class Session:
        def run(self, pred, feed):
            return np.eye(6)[feed["x"][:, 0]]

    model = types.SimpleNamespace(x="x", x_len="x_len", pred=None)
    accuracy, macro_f1 = documents.scores(Session(), model, (given[:, np.newaxis], np.ones([250], np.int32), labels))
    assert accuracy == pytest.approx(np.mean(labels == given))
    f1 = []
    for topic in np.unique(labels):
        hits = np.sum((given == topic) & (labels == topic))
        f1.append(2.0 * hits / (np.sum(given == topic) + np.sum(labels == topic)))
    assert macro_f1 == pytest.approx(np.mean(f1))
