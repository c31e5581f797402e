"""Training crops (and made blur) of pairs of blurred and sharp pictures."""

import numpy as np

from ch10_deblurgan.beyond import motion
from common import images
from common.errors import UserError


class PairReader:
    """Reads training pairs as float32 ``[h, w, 3]``, −1…1.

    Without ``crop`` whole pictures, resized to ``reshape``. With it random crops, flipped at random, of pictures that
    are read once and kept in memory.

    Args:
      pairs: list of (blurred path, sharp path).
      reshape: (height, width) of whole pictures.
      crop: side of square crops, 0 for whole pictures.
      synthesize: share of crops whose blur is made anew from the sharp picture.
      max_blur: longest path of such a blur in pixels.
      max_rows: pictures of more rows are halved until they have no more, and smaller copies down to 180 rows are cropped
        from too (a crop of a 720p frame holds little detail, and its blur may be longer than the crop). 0: as they are.
      seed: of all random choices. What is drawn for a crop follows from seed, epoch and the crop's number alone, so that an epoch
        can be taken up anywhere.
      varied_sizes: crops come from copies at 3/4, 2/3 and 1/2 of the size too (down to 120 rows), whose blur is shorter:
        few clips have few kinds of blur.
    """

    def __init__(self, pairs, reshape, crop=0, synthesize=0.0, max_blur=16.0, max_rows=0, seed=0, varied_sizes=False):
        self.reshape, self.crop, self.synthesize, self.max_blur = reshape, crop, synthesize, max_blur
        self.pairs, self.seed = pairs, seed
        self._levels = [self._load(*pair, max_rows, varied_sizes) for pair in pairs] if crop else None

    def order(self, epoch, crops_per_pair):
        """Indices of the pairs in an epoch: each pair ``crops_per_pair`` times, shuffled pass by pass."""
        random = np.random.RandomState([self.seed, epoch])
        return np.concatenate([random.permutation(len(self.pairs)) for _ in range(crops_per_pair)])

    def batch(self, epoch, order, number, batch_size):
        """Batch ``number`` of an epoch: (blurred, sharp), ``[n, h, w, 3]`` each; the last one may be smaller."""
        places = range(number * batch_size, min((number + 1) * batch_size, len(order)))
        pictures = [self.read(order[place], np.random.RandomState([self.seed, epoch, place])) for place in places]
        return tuple(np.stack(column) for column in zip(*pictures))

    def _load(self, blurred, sharp, max_rows, varied_sizes):
        levels = [(images.read_rgb(blurred), images.read_rgb(sharp))]
        while max_rows and levels[-1][0].shape[0] >= 2 * 180:
            levels.append(tuple(images.resize(p, p.shape[0] // 2, p.shape[1] // 2) for p in levels[-1]))
        if max_rows:
            levels = [level for level in levels if level[0].shape[0] <= max_rows] or levels[-1:]
        if varied_sizes:
            height, width = levels[0][0].shape[:2]
            wanted = [(int(height * share), int(width * share)) for share in (0.75, 2 / 3.0, 0.5)]
            levels = levels[:1] + [
                tuple(images.resize(p, *size) for p in levels[0]) for size in wanted if size[0] >= 120
            ]
        height, width = levels[0][0].shape[:2]
        if min(height, width) < self.crop:
            raise UserError("%s is %d×%d, smaller than --crop %d" % (blurred, width, height, self.crop))
        return [level for level in levels if min(level[0].shape[:2]) >= self.crop]

    def read(self, index, random):
        """(blurred, sharp) of pair ``index``."""
        if not self.crop:
            pictures = (images.resize(images.read_rgb(path), *self.reshape) for path in self.pairs[index])
            return tuple(images.from_uint8(picture) for picture in pictures)
        levels = self._levels[index]
        blurred, sharp = levels[random.randint(len(levels))]
        top = random.randint(blurred.shape[0] - self.crop + 1)
        left = random.randint(blurred.shape[1] - self.crop + 1)
        window = np.s_[top : top + self.crop, left : left + self.crop]
        if random.uniform() < self.synthesize:
            blurred, sharp = self._synthesize(sharp, top, left, random), sharp[window]
        else:
            blurred, sharp = blurred[window], sharp[window]
        if random.randint(2):
            blurred, sharp = blurred[:, ::-1], sharp[:, ::-1]
        if random.randint(2):
            blurred, sharp = blurred[::-1], sharp[::-1]
        if random.randint(2):
            blurred, sharp = blurred.transpose(1, 0, 2), sharp.transpose(1, 0, 2)
        return images.from_uint8(blurred), images.from_uint8(sharp)

    def _synthesize(self, sharp, top, left, random):
        """The crop at (top, left) of ``sharp`` under a random motion blur."""
        kernel = motion.kernel_of(motion.random_trajectory(random, random.uniform(1.0, self.max_blur)))
        margin = kernel.shape[0] // 2  # light comes in from outside the crop, where there is an outside
        above, before = min(margin, top), min(margin, left)
        region = sharp[top - above : top + self.crop + margin, left - before : left + self.crop + margin]
        return motion.blur(region, kernel)[above : above + self.crop, before : before + self.crop]
