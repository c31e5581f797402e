"""Beyond listing 10-5: how a layer ends - in the paper's order (E81), with another decay of batch norm's running means."""

from functools import partial

import tensorflow as tf
import tensorflow.contrib.slim as slim

from ch10_attgan import code_10_06_train as trainattgan
from common.options import Value

ROWS = [
    Value("norm_first", False, "the paper's order of a layer: batch norm before the activation", more=True),
    Value("bn_decay", 0.99, "decay of batch norm's running means", tiny=0.9, low=0, high=0.9999, more=True),
]


def _norm(z, decay, is_training):
    return slim.batch_norm(z, decay=decay, scale=True, updates_collections=None, is_training=is_training)


def printed_order(z, activation, is_training, decay=0.999):
    """The listing's order, with a choice of ``decay``."""
    return _norm(activation(z), decay, is_training)


def paper_order(z, activation, is_training, decay=0.999):
    """Batch norm, then activation, as in the paper and its authors' code."""
    return activation(_norm(z, decay, is_training))


def networks(settings, layers=slim):
    """(Genc, Gdec, D) of ``settings``, as listing 10-6 binds them, with the order and decay of ``ROWS``."""
    order = paper_order if settings.norm_first else printed_order
    return trainattgan.networks(settings, partial(order, decay=settings.bn_decay), layers)


def variables(scopes):
    """All variables (running means too, no optimizer's) of the networks named, e.g. ``("Genc", "Gdec")``."""
    found = [v for v in tf.global_variables() if v.op.name.split("/")[0] in scopes]
    return [v for v in found if not v.op.name.endswith(("/Adam", "/Adam_1"))]
