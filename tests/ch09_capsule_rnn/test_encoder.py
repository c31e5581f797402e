"""The fast recurrence against IndyLSTMCell and dynamic_rnn; the model's size; the linear start."""

import types

import numpy as np
import pytest
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn import ext_9_6_7_documents as documents
from ch09_capsule_rnn import fast_rnn, word_vectors
from common.errors import UserError


def settings(**changes):
    small = dict(num_words=50, embedding_size=6, rnn_units=[5, 4, 3], learning_rate=0.01)
    return types.SimpleNamespace(**dict(dict(listing.PRESETS["book"], seed=0, threads=1), **dict(small, **changes)))


def batch(seed=0, texts=6, words=9, num_words=50):
    random = np.random.RandomState(seed)
    lengths = random.randint(1, words + 1, size=texts).astype(np.int32)
    lengths[0] = words
    x = random.randint(1, num_words, size=[texts, words]).astype(np.int32)
    x *= np.arange(words)[np.newaxis] < lengths[:, np.newaxis]
    return x, lengths, random.randint(0, 46, size=texts).astype(np.int32)


def test_the_book_s_model_has_2650236_weights_and_150_capsule_numbers():
    listing.build(types.SimpleNamespace(**listing.PRESETS["book"]))
    shapes = {variable.op.name: variable.shape.as_list() for variable in tf.trainable_variables()}
    assert sum(np.prod(shape) for shape in shapes.values()) == 2650236
    assert shapes["topics/kernel"] == [150, 46] and shapes["embedding"] == [20000, 128]


def test_both_recurrences_give_the_same_losses_over_20_steps():
    """Issue: equal losses to 1e-4 over the first 20 steps with dropout off; the variables have the same names."""
    histories, start = [], None
    for recurrence in ("printed", "fast"):
        with tf.Graph().as_default(), tf.Session() as session:
            model = listing.build(settings(recurrence=recurrence, keep_prob=1.0, logits="linear"))
            update = tf.train.AdamOptimizer(0.01).minimize(model.loss)
            session.run(tf.global_variables_initializer())
            variables = {variable.op.name: variable for variable in tf.trainable_variables()}
            if start is None:
                start = session.run(variables)
            assert sorted(start) == sorted(variables)
            for name, value in start.items():
                variables[name].load(value, session)
            losses = []
            for step in range(20):
                x, lengths, y = batch(step)
                feed = {model.x: x, model.x_len: lengths, model.y: y, model.is_train: True}
                losses.append(session.run([model.loss, update], feed)[0])
            histories.append(losses)
    np.testing.assert_allclose(histories[0], histories[1], atol=1e-4)
    assert np.std(histories[0]) > 1e-3


@pytest.mark.parametrize("both", [False, True])
def test_scan_equals_the_cell_in_values_and_gradients(both):
    x, lengths, _ = batch(1)
    vectors = np.random.RandomState(3).normal(size=[50, 6]).astype(np.float32)
    table, ids, x_len = tf.constant(vectors), tf.constant(x), tf.constant(lengths)
    fast = fast_rnn.fast_encoder(table, ids, x_len, [4], 1.0, bidirectional=both)
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


def test_words_behind_the_end_and_wider_batches_change_nothing():
    for changes in (dict(), dict(bidirectional=True), dict(start="linear", logits="linear")):
        with tf.Graph().as_default(), tf.Session() as session:
            model = listing.build(settings(**changes))
            session.run(tf.global_variables_initializer())
            x, lengths, _ = batch(2)
            wide = np.pad(x, [[0, 0], [0, 7]], "constant")
            one = session.run(model.probabilities, {model.x: x, model.x_len: lengths})
            two = session.run(model.probabilities, {model.x: wide, model.x_len: lengths})
            np.testing.assert_allclose(one, two, atol=1e-6)
            np.testing.assert_allclose(one.sum(axis=1), 1.0, rtol=1e-5)


def test_e01_dropout_is_off_when_the_model_is_used():
    """Printed: keep probability 0.8 whatever is done, so two evaluations of one text differ."""
    x, lengths, _ = batch()
    model = listing.build(settings())
    outputs = tf.get_collection("uhat")[0]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        table = [variable for variable in tf.trainable_variables() if variable.op.name == "embedding"][0]
        table.load(np.random.RandomState(0).normal(size=[50, 6]), session)
        feed = {model.x: x, model.x_len: lengths}
        printed = [session.run(outputs, {**feed, model.is_train: True}) for _ in range(2)]
        ours = [session.run(outputs, feed) for _ in range(2)]
    assert np.abs(printed[0] - printed[1]).max() > 1e-3
    np.testing.assert_array_equal(ours[0], ours[1])


@pytest.mark.parametrize("logits", ["relu", "linear"])
def test_e03_relu_gives_a_negative_logit_no_gradient(logits):
    with tf.Session() as session:
        model = listing.build(settings(logits=logits))
        bias = [variable for variable in tf.trainable_variables() if variable.op.name == "topics/bias"][0]
        gradient = tf.gradients(model.loss, bias)[0]
        session.run(tf.global_variables_initializer())
        bias.load(np.full([46], -10.0, np.float32), session)
        x, lengths, y = batch()
        found = session.run(gradient, {model.x: x, model.x_len: lengths, model.y: y})
    assert np.all(found == 0) if logits == "relu" else np.all(found != 0)


def test_e05_printed_recurrence_stops_at_the_longest_text():
    """Without sequence_length, outputs behind a text's end are computed from padding; with it they are zero."""
    x, lengths, _ = batch()
    inputs = tf.one_hot(x, 50)
    with tf.variable_scope("a"):
        printed = listing.printed_encoder(inputs, None, [4], 1.0)
    with tf.variable_scope("b"):
        ours = listing.printed_encoder(inputs, tf.constant(lengths), [4], 1.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        printed, ours = session.run([printed, ours])
    behind = np.arange(9)[np.newaxis] >= lengths[:, np.newaxis]
    assert np.all(np.abs(printed[behind]).sum(axis=1) > 0) and np.all(ours[behind] == 0)


def test_e06_word_ids_are_whole_numbers():
    """Printed: a float placeholder, which takes 3.7 for the word 3 without a word."""
    model = listing.build(settings())
    assert model.x.dtype == tf.int32
    printed = tf.keras.layers.Embedding(50, 4)(tf.constant([[3.7]]))
    assert printed.shape.as_list() == [1, 1, 4]
    with tf.Session() as session, pytest.raises((TypeError, ValueError)):
        session.run(model.x, {model.x: "three"})


@pytest.mark.parametrize(
    "changes", [dict(recurrence="magic"), dict(logits="cubic"), dict(aggregation="sum"), dict(start="x")]
)
def test_wrong_choices_are_named(changes):
    with pytest.raises(UserError, match="--%s" % list(changes)[0]):
        listing.build(settings(**changes))


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
    x, lengths = listing.reuters.pad(texts, 0)
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
    options = settings(start="linear", folds=3)
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
    model = listing.build(dict_to_settings(options, logits="linear", aggregation="mean"))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for variable in tf.global_variables():
            if variable.op.name in values:
                variable.load(values[variable.op.name], session)
            if variable.op.name.startswith("topics/"):
                variable.load(np.zeros(variable.shape.as_list(), np.float32), session)
        x, lengths = listing.reuters.pad([texts[0], [word + 50 * fold[0] for word in texts[0]]], 0)
        logits = session.run(model.logits, {model.x: x, model.x_len: lengths})
    for row, number in enumerate((0, fold[0])):
        expected = 4.0 * (table[0].dot(linear[number])[0] + values["linear_bias"][number])
        np.testing.assert_allclose(logits[row], expected, atol=1e-3)


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


def dict_to_settings(options, **changes):
    return types.SimpleNamespace(**dict(vars(options), **changes))


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
    train = listing.reuters.Newswires([list(range(1, 26)), [7] * 10, [8] * 5], np.array([3, 5, 4]))
    monkeypatch.setattr(listing.reuters, "load_data", lambda *unused: (train, train))
    fitted = []
    monkeypatch.setattr(word_vectors, "fit_or_read", lambda folder, texts, *unused: fitted.append(texts) or {})
    options = settings(start="linear", windows=10, folds=2, maxlen=12, output_dir=str(tmp_path))
    (table, lengths, labels), _, test = listing.load_parts("unused", options)[0]
    assert [len(text) for text in fitted[0]] == [25, 10, 5, 10, 10, 5]
    assert lengths.tolist() == [12, 10, 5] and labels.tolist() == [3, 5, 4]
    np.testing.assert_array_equal(table % 50, test[0])  # the book's cut: the last words
    assert set((table // 50)[table > 0]) == {1, 2} and test[0][0, 0] == 14


# ------------------------------------------------------------------------------------------- documents
def test_sentences_of_documents():
    x = np.array([[1, 2, 3, 4, 5], [6, 7, 0, 0, 0], [0, 0, 0, 0, 0]], np.int32)
    with tf.Session() as session:
        words, lengths, count = session.run(documents.into_sentences(tf.constant(x), tf.constant([5, 2, 0]), 2))
    assert words.tolist() == [[1, 2], [3, 4], [5, 0], [6, 7], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]
    assert lengths.tolist() == [2, 2, 1, 2, 0, 0, 0, 0, 0]
    assert count.tolist() == [3, 1, 1]


def test_two_level_model_ignores_padding_and_trains_both_levels():
    values = dict(documents.PRESETS["book"], **documents.PRESETS["tiny"])
    options = types.SimpleNamespace(**dict(values, num_words=50, sentence_words=4))
    model = documents.build("two_level", options)
    x, lengths, y = batch()
    gradients = [tf.convert_to_tensor(g) for g in tf.gradients(model.loss, tf.trainable_variables())]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        feed = {model.x: x, model.x_len: lengths, model.y: y}
        wide = np.pad(x, [[0, 0], [0, 8]], "constant")
        one, two = session.run(model.logits, feed), session.run(model.logits, {model.x: wide, model.x_len: lengths})
        np.testing.assert_allclose(one, two, atol=1e-6)
        for variable, gradient in zip(tf.trainable_variables(), session.run(gradients, feed)):
            assert np.abs(gradient).max() > 0, variable.name
