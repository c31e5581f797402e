"""Beyond listing 10-4: faces of other sizes, in a zip or under other names, mirrored, kept in memory, fully shuffled.

The print shuffles 4,096 *decoded* pictures (0.8 GB at 128 pixels, all read before the first batch) and decodes whole pictures.
Here the paths are shuffled, only the box of a JPEG is decoded, and the printed boxes scale with the picture.
"""

import os

import numpy as np
import tensorflow as tf

from ch10_attgan.code_10_04_dataset import Celeba, Dataset, num_threads, prefetch_batch, split_points
from common import datasets, same_data
from common.errors import UserError
from data import archives, celeba

LARGEST_SET = 4 << 30  # bytes unpacked; CelebA's aligned pictures are 1.8 GB


def crop_box(img_resize):
    """The printed box (row, column, side) in 178×218 pictures; the tighter one also below 64 pixels."""
    return (40, 15, 148) if img_resize <= 64 else (26, 3, 170)


def picture_folder(data_dir, pictures=None, unpack_dir=None):
    """The folder of the aligned pictures: ``pictures`` (a folder or a zip) or the official names below ``data_dir``."""
    if not pictures:
        for name in celeba.PICTURE_FOLDERS:
            if os.path.isdir(os.path.join(data_dir, name)):
                return os.path.join(data_dir, name)
        raise UserError(
            "%s holds neither %s: unpack the pictures there, or name their folder or zip with --pictures; %s"
            % (data_dir, " nor ".join(celeba.PICTURE_FOLDERS), datasets.how_to_get("celeba"))
        )
    path = os.path.join(data_dir, pictures)
    if os.path.isdir(path):
        return path
    if not os.path.isfile(path):
        raise UserError("%s does not exist: --pictures names a folder or a zip of pictures" % path)
    folder = unpack_dir or os.path.join(data_dir, "unpacked")
    target = os.path.join(folder, os.path.splitext(os.path.basename(path))[0])
    if not os.path.isdir(target):
        archives.unpack(path, target, LARGEST_SET)
    return target


def read_face(path, box, img_resize):
    """Reads one picture, cuts out ``box`` (scaled to the picture's size; None: all of it), resizes; float 0…255."""
    content = tf.read_file(path)
    if box is None:
        picture = tf.image.decode_png(content, 3)
    else:
        row, column, side = box

        def place(shape):
            scale_y = tf.to_float(shape[0]) / celeba.FULL_SIZE[0]
            scale_x = tf.to_float(shape[1]) / celeba.FULL_SIZE[1]
            return [tf.to_int32(tf.round(v)) for v in (row * scale_y, column * scale_x, side * scale_y, side * scale_x)]

        def jpeg():
            return tf.image.decode_and_crop_jpeg(
                content, tf.stack(place(tf.image.extract_jpeg_shape(content))), channels=3
            )

        def png():
            whole = tf.image.decode_png(content, 3)
            return tf.image.crop_to_bounding_box(whole, *place(tf.shape(whole)))

        picture = tf.cond(tf.image.is_jpeg(content), jpeg, png)  # by the content: endings lie
        picture.set_shape([None, None, 3])
    resized = tf.image.resize(picture, [img_resize, img_resize], tf.image.ResizeMethod.BICUBIC)
    return tf.clip_by_value(resized, 0.0, 255.0)


class Faces(Celeba):
    """As ``Celeba``, of which only the pipeline is another, and besides:

    Args:
      mode: 'train', 'val', 'test' or 'all'.
      pictures, attribute_file, unpack_dir: other names than the official ones; a zip is unpacked (once).
      flips: whether half of the training pictures are mirrored.
      cache: whether the resized pictures are kept in memory (as uint8).
      part: (first, last) of the mode's pictures to use.
      threads: pictures read at the same time.
    """

    def __init__(
        self,
        data_dir,
        attrs,
        img_resize,
        batch_size,
        shuffle=True,
        repeat=-1,
        sess=None,
        mode="train",
        crop=True,
        pictures=None,
        attribute_file=celeba.ATTRIBUTE_FILE,
        unpack_dir=None,
        flips=False,
        cache=False,
        part=(None, None),
        threads=num_threads,
    ):
        Dataset.__init__(self)  # not Celeba's, which would build the printed pipeline
        names, files, labels = celeba.read_list(os.path.join(data_dir, attribute_file))
        columns = celeba.columns(names, attrs)
        paths = celeba.match(picture_folder(data_dir, pictures, unpack_dir), files)
        self._listed = files, labels
        train_end, val_end = split_points(len(paths))
        chosen = slice(*dict(train=(0, train_end), val=(train_end, val_end), test=(val_end, None), all=(0, None))[mode])
        self.img_paths = paths[chosen][slice(*part)]
        celeba.check_headers(self.img_paths, (16, 16))
        self.labels = (labels[chosen][slice(*part)][:, columns].astype(np.int64) + 1) // 2
        drop_remainder = mode in ("train", "val")
        self._img_num = len(self.img_paths)
        if len(self) < (batch_size if drop_remainder else 1):
            raise UserError(
                "%s has %d pictures for '%s', less than one batch of %d: a smaller --batch-size, or more pictures"
                % (data_dir, len(self), mode, batch_size)
            )

        def one(path, label):
            picture = read_face(path, crop_box(img_resize) if crop else None, img_resize)
            return (tf.cast(tf.round(picture), tf.uint8) if cache else picture), label

        def whole_batch(batch, label):
            batch = tf.to_float(batch)
            if flips and mode == "train":
                mirrored = tf.random_uniform([tf.shape(batch)[0], 1, 1, 1]) < 0.5
                batch = tf.where(tf.broadcast_to(mirrored, tf.shape(batch)), tf.reverse(batch, [2]), batch)
            return batch / 127.5 - 1.0, label

        dataset = tf.data.Dataset.from_tensor_slices((self.img_paths, self.labels))
        if cache:
            dataset = dataset.map(one, num_parallel_calls=threads).cache()
        if shuffle and mode in ("train", "val"):
            dataset = dataset.shuffle(len(self))
        if not cache:
            dataset = dataset.map(one, num_parallel_calls=threads)
        dataset = dataset.batch(batch_size, drop_remainder=drop_remainder).map(whole_batch)
        dataset = dataset.repeat(repeat if drop_remainder else 1)
        self._bulid(dataset.prefetch(prefetch_batch), sess)

    def fingerprint(self):
        """Of the whole list, names and labels, in its order, which says what is of the training part: for ``same_data.check``."""
        rows = enumerate(zip(*self._listed))
        return same_data.fingerprint("%d %s %s" % (i, name, (row > 0).tobytes().hex()) for i, (name, row) in rows)


def add_data_options(parser):
    """Adds the options that say how the data folder differs from the official layout."""
    group = parser.add_argument_group("data that is laid out in another way")
    group.add_argument("--pictures", help="folder or zip of the pictures below the data folder")
    group.add_argument(
        "--attribute-file", default=celeba.ATTRIBUTE_FILE, help="attribute list [%s]" % celeba.ATTRIBUTE_FILE
    )
    group.add_argument("--unpack-dir", help="where such a zip is unpacked [beside the run folder]")


def data_arguments(opts):
    """Those options as arguments of ``Faces``."""
    unpack_dir = opts.unpack_dir or os.path.join(os.path.dirname(opts.output_dir), "unpacked")
    return dict(pictures=opts.pictures, attribute_file=opts.attribute_file, unpack_dir=unpack_dir)
