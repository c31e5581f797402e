"""Motion blur made from sharp pictures (DeblurGAN's paper, section 4.2, after Boracchi and Foi 2012).

A reader without GOPRO can so train on any photos. Kernels are float32 ``[size, size]``, sum 1, with the middle of the
exposure at their centre: the sharp picture is where the camera was then, as in GOPRO and REDS.
"""

import numpy as np
from scipy.signal import fftconvolve

GAMMA = 2.2  # light adds up in the sensor, not in the gamma-coded picture


def random_trajectory(random, length, points=64):
    """A camera's path: a particle with inertia, random pushes, a pull back, and now and then a jerk.

    Args:
      random: a ``numpy.random.RandomState``.
      length: of the whole path in pixels.
      points: number of points, equally far apart in time.

    Returns:
      float64 ``[points, 2]``, (x, y) in pixels; the middle point is at (0, 0).
    """
    shake = 0.2 * random.uniform() ** 2  # between a straight pull and a trembling hand
    jerk_chance = 0.2 * random.uniform() / points
    angle = random.uniform(0, 2 * np.pi)
    velocity = np.array([np.cos(angle), np.sin(angle)])
    path = np.zeros((points, 2))
    for i in range(1, points):
        push = random.normal(0, shake, 2) - 0.7 * shake * path[i - 1] / points
        if random.uniform() < jerk_chance:
            push -= 2 * velocity * random.uniform(0.5, 1.0)
        velocity = velocity + push
        velocity /= np.linalg.norm(velocity) + 1e-12
        path[i] = path[i - 1] + velocity
    path *= length / (points - 1.0)
    return path - path[points // 2]


def linear_trajectory(length, angle, points=64):
    """A straight path of ``length`` pixels at ``angle`` radians: ``[points, 2]``, middle at (0, 0)."""
    along = np.linspace(-length / 2.0, length / 2.0, points)
    return np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)


def kernel_of(path):
    """The blur kernel of a path: each point's light is shared by its four nearest pixels.

    Args:
      path: ``[points, 2]``, (x, y) in pixels.

    Returns:
      float32 ``[size, size]``, size odd and just large enough, sum 1.
    """
    radius = int(np.ceil(np.max(np.abs(path)))) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    # x to the right moves the picture's content, and so its light, along the path
    columns, rows = path[:, 0] + radius, path[:, 1] + radius
    left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
    right_part, lower_part = columns - left, rows - top
    for row, row_part in ((top, 1 - lower_part), (top + 1, lower_part)):
        for column, column_part in ((left, 1 - right_part), (left + 1, right_part)):
            np.add.at(kernel, (row, column), row_part * column_part)
    return np.float32(kernel / kernel.sum())


def blur(pixels, kernel, gamma=GAMMA):
    """A sharp uint8 picture ``[H, W, 3]`` blurred by ``kernel`` in linear light; edges are reflected."""
    radius = kernel.shape[0] // 2
    light = np.power(pixels.astype(np.float64) / 255.0, gamma)
    mode = "reflect" if min(pixels.shape[:2]) > radius else "edge"
    light = np.pad(light, ((radius, radius), (radius, radius), (0, 0)), mode=mode)
    light = np.stack([fftconvolve(light[..., c], kernel, mode="valid") for c in range(light.shape[2])], axis=-1)
    return np.uint8(np.rint(255.0 * np.power(np.clip(light, 0.0, 1.0), 1.0 / gamma)))
