"""Section 10.1.6: the normalization family on one page.

Draws which values of a feature map ``[N, H, W, C]`` share a mean in Batch, ReNorm, Layer, Instance, Group and Switchable
norm, and what each does to one and the same map, with TensorFlow's own implementations where they exist (``tf.layers`` for
Batch and ReNorm, ``tf.contrib.layers`` for Layer, Instance and Group; Switchable norm is ``common.normalization``).
Erratum E113: of the two recurrent cells with layer norm that 10.1.6 names, TensorFlow 1.13 exports one.

Reads: nothing. Writes: ``axes.png``, ``effect.png`` and a record with a table of means and deviations. Ten seconds on two cores.
Next: ``code_10_01_models.py``, where Switchable norm is used.
"""

import os
import textwrap

import numpy as np
import tensorflow as tf

from common import options, run
from common.errors import UserError
from common.normalization import SwitchNormalization
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record

VALUES = [
    Value("samples", 4, "N, samples of the feature map", low=1, high=100),
    Value("channels", 6, "C, its channels", low=1, high=100),
    Value("side", 16, "H and W, its sides", tiny=8, low=2, high=1000),
    Value("groups", 2, "groups of Group norm", low=1, high=100),
]

# which of (sample, channel) share their statistics with sample n, channel c; H and W always do
FAMILY = {
    "Batch": "N, H, W",
    "ReNorm": "N, H, W, drawn to the moving averages",
    "Layer": "H, W, C",
    "Instance": "H, W",
    "Group": "H, W and the channels of a group",
    "Switchable": "a learned mix of Instance, Layer and Batch",
}


def shared(name, samples, channels, groups, sample=0, channel=0):
    """Which planes share a mean with plane (sample, channel): float ``[N, C]``, 1 where they do (a share for Switchable)."""
    mask = np.zeros((samples, channels))
    size = channels // groups
    group = slice(channel // size * size, channel // size * size + size)
    if name in ("Batch", "ReNorm"):
        mask[:, channel] = 1
    elif name == "Layer":
        mask[sample, :] = 1
    elif name == "Instance":
        mask[sample, channel] = 1
    elif name == "Group":
        mask[sample, group] = 1
    else:
        parts = [shared(part, samples, channels, groups, sample, channel) for part in ("Instance", "Layer", "Batch")]
        mask = sum(part / 3.0 for part in parts)
    return mask


def feature_map(samples, side, channels, seed=0):
    """A made map ``[N, H, W, C]``: samples of different brightness and contrast, channels of different scale and pattern."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[0:side, 0:side] / float(side)
    planes = []
    for _ in range(channels):
        angle, waves = random.uniform(0, np.pi), random.uniform(1, 3)
        planes.append(np.sin(2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle))))
    pattern = np.stack(planes, axis=-1)[np.newaxis] + random.normal(0, 0.1, (samples, side, side, channels))
    contrast = np.linspace(0.4, 2.0, samples)[:, np.newaxis, np.newaxis, np.newaxis]
    brightness = np.linspace(-2.0, 2.0, samples)[:, np.newaxis, np.newaxis, np.newaxis]
    scale = np.linspace(0.5, 2.0, channels)
    return np.float32((pattern * contrast + brightness) * scale)


def normalize(x, groups):
    """Each norm in training mode on ``x``, ``[N, H, W, C]``: {name: float32 of the same shape}.

    ReNorm has first seen another batch, brighter by one, so that its moving averages have something to say.
    """
    from tensorflow.contrib import layers as contrib  # slow to load: at its first use

    place = tf.placeholder(tf.float32, x.shape)
    # Erratum E67: the formula's σ is the deviation: it divides by sqrt(variance + epsilon); 10.1.4 calls σ the variance
    outputs = {
        "Batch": tf.layers.batch_normalization(place, training=True, name="batch"),
        "ReNorm": tf.layers.batch_normalization(place, training=True, renorm=True, renorm_momentum=0.5, name="renorm"),
        "Layer": contrib.layer_norm(place, scope="layer"),
        "Instance": contrib.instance_norm(place, scope="instance"),
        "Group": contrib.group_norm(place, groups=groups, scope="group"),
        "Switchable": SwitchNormalization(name="switchable")(place, training=True),
    }
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.Session(config=run.session_config(1)) as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run([outputs, updates], {place: x + 1.0})
        return session.run(outputs, {place: x})


def draw_axes(path, samples, channels, groups):
    """Each norm as a grid of planes; those that share a mean with the marked plane are filled."""
    figure, axes = plt.subplots(1, len(FAMILY), figsize=(15, 3.4))
    sample, channel = min(1, samples - 1), min(1, channels - 1)  # the plane that is marked
    for axis, (name, over) in zip(axes, FAMILY.items()):
        mask = shared(name, samples, channels, groups, sample, channel)
        axis.imshow(mask, cmap="Blues", vmin=0, vmax=1.4)
        axis.set_xticks(np.arange(-0.5, channels), minor=True)
        axis.set_yticks(np.arange(-0.5, samples), minor=True)
        axis.grid(which="minor", color="0.6")
        axis.plot(channel, sample, "r*", markersize=12)
        axis.set_title("%s\n%s" % (name, textwrap.fill(over, 22)), fontsize=9)
        axis.set_xlabel("channel C (each cell: H x W values)", fontsize=7)
        axis.set_ylabel("sample N", fontsize=8)
        axis.tick_params(which="both", length=0, labelsize=7)
    figure.suptitle("Which planes share mean and variance with the plane marked *", y=1.02)
    return save_figure(figure, path)


def draw_effect(path, x, results):
    """The first and the last sample of the map before and after each norm, all on one colour scale a column."""
    columns = [("Input", x)] + list(results.items())
    rows = [(0, 0), (0, x.shape[-1] - 1), (x.shape[0] - 1, 0), (x.shape[0] - 1, x.shape[-1] - 1)]
    figure, axes = plt.subplots(len(rows), len(columns), figsize=(2 * len(columns), 2 * len(rows)))
    for column, (name, values) in enumerate(columns):
        limit = 6.0 if name == "Input" else 2.5
        for row, (sample, channel) in enumerate(rows):
            axis = axes[row][column]
            axis.imshow(values[sample, :, :, channel], cmap="RdBu", vmin=-limit, vmax=limit)
            axis.set_xticks([])
            axis.set_yticks([])
            if column == 0:
                axis.set_ylabel("sample %d\nchannel %d" % (sample, channel), fontsize=9)
            if row == 0:
                axis.set_title("%s\n(colour: -%g to %g)" % (name, limit, limit), fontsize=9)
    figure.suptitle("One feature map before and after each norm (training mode)")
    return save_figure(figure, path)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    if opts.channels % opts.groups:
        raise UserError("--groups %d does not divide --channels %d" % (opts.groups, opts.channels))
    os.makedirs(opts.output_dir, exist_ok=True)
    x = feature_map(opts.samples, opts.side, opts.channels, opts.seed)
    results = normalize(x, opts.groups)
    record = Record(opts, opts.script, "section 10.1.6", "a made feature map")
    rows = []
    for name, values in [("Input", x)] + list(results.items()):
        means = np.mean(values, axis=(1, 2))
        rows.append(
            [name, FAMILY.get(name, "")]
            + [round(float(value), 3) for value in (means.mean(1).std(), means.mean(0).std(), values.std())]
        )
    columns = [
        "norm",
        "mean and variance over",
        "spread of samples' means",
        "spread of channels' means",
        "deviation of all values",
    ]
    record.table("What is left of the differences between samples and between channels", columns, rows)
    for row in [columns] + rows:
        print("%-12s %-44s %26s %26s %24s" % tuple(row))
    axes = draw_axes(os.path.join(opts.output_dir, "axes.png"), opts.samples, opts.channels, opts.groups)
    effect = draw_effect(os.path.join(opts.output_dir, "effect.png"), x, results)
    record.file(axes, "picture", "Which values share a mean in each norm", "各种归一化分别在哪些维度上求均值")
    record.file(effect, "picture", "One feature map before and after each norm", "同一特征图经各种归一化前后")
    record.save()


if __name__ == "__main__":
    options.run(main)
