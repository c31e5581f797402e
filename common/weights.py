"""Small weights to ship: one .npz with the arrays by name and the settings they were trained with, as JSON."""

import json
from typing import Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from common import arrays as numpy_files
from common import files
from common.errors import UserError

SETTINGS = "settings"  # the entry that is no weight
LARGEST = 256 << 20  # bytes unpacked; the largest network here, listing 10-2's generator at full width, has 46 million


def save(path: str, values: Mapping[str, np.ndarray], settings: dict, half: bool = True) -> str:
    """Writes weights and settings, whole or not at all; returns the path.

    Args:
      values: name → array. Where a file already ships, its names stay.
      half: store arrays of more than one axis as float16. Vectors (biases, means) stay float32: they are few.

    Raises:
      UserError: a value is not finite, or does not fit 16 bits.
    """
    packed = {}
    for name, value in values.items():
        value = np.asarray(value)
        packed[name] = value.astype(np.float16 if half and value.ndim > 1 else np.float32)
        if not np.isfinite(packed[name]).all():
            raise UserError("weight %s is not finite (in 16 bits): the training has gone astray" % name)
    packed[SETTINGS] = np.array(json.dumps(settings, sort_keys=True, ensure_ascii=False))
    with files.atomic(path) as stream:
        np.savez_compressed(stream, **packed)
    return path


def load(
    path: str, what: str = "weights", shapes: Optional[Mapping[str, Sequence[int]]] = None
) -> Tuple[Dict[str, np.ndarray], dict]:
    """Weights as float32 by name, and the settings they were trained with.

    Args:
      shapes: name → shape of every weight that is needed; others in the file are left out.

    Raises:
      UserError: missing, damaged, not finite, or of another model.
    """
    content = numpy_files.read_npz(path, what, LARGEST, names=[SETTINGS])
    saved = content.pop(SETTINGS)
    try:
        settings = json.loads(str(saved))
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise UserError("%s %s: its settings are damaged" % (what, path))
    values = {}
    for name in content if shapes is None else shapes:
        if name not in content:
            raise UserError("%s %s has no %s: it is of another model" % (what, path, name))
        value = content[name]
        if value.dtype.kind != "f" or (shapes is not None and tuple(value.shape) != tuple(shapes[name])):
            wanted = "" if shapes is None else ", not %s" % (tuple(shapes[name]),)
            raise UserError(
                "%s %s: %s is %s %s%s: it is of another model" % (what, path, name, value.dtype, value.shape, wanted)
            )
        if not np.isfinite(value).all():
            raise UserError("%s %s: %s is not finite" % (what, path, name))
        values[name] = np.float32(value)
    return values, settings


def mean(read, paths):
    """The mean of the values of several weights, by name (Wortsman et al. 2022, arXiv 2109.01903).

    Args:
      read: values by name of each; paths: whose they are. Trainings that share a beginning lie close enough for a mean.

    Raises:
      UserError: one alone, or of another network than the first.
    """
    if len(paths) < 2:
        raise UserError("two weights at least: the mean of one is itself")
    shapes = [{name: np.shape(value) for name, value in values.items()} for values in read]
    for path, found in zip(paths, shapes):
        if found != shapes[0]:
            raise UserError("weights %s are of another network than %s" % (path, paths[0]))
    return {name: np.mean([np.float32(values[name]) for values in read], axis=0) for name in read[0]}


def assign(session, values) -> None:
    """Gives variables their values, a list of (variable, array), in one call.

    ``variable.load`` for each of 250 variables makes 250 plans of the graph, which takes longer than the loading.
    """
    session.run(
        [variable.initializer for variable, _ in values],
        {variable.initializer.inputs[1]: value for variable, value in values},
    )
