"""Listing 10-4 (sections 10.3.3, 10.3.4; printed as ``mydataset``): CelebA as batches of faces with their attributes.

Reads: ``list_attr_celeba.txt`` and ``img_align_celeba_png/*.png`` or ``img_align_celeba/*.jpg`` in the data folder.
Writes: ``batch.png`` (the first batch) and a record in the run folder. Time: seconds.
Differs from the print: E75, E76, E77, E78, E79, E122, E123, E125.
Beyond it: ``beyond/faces.py`` (pictures of other sizes and in zips, mirrored, kept in memory, paths shuffled).
Next: ``python ch10_attgan/code_10_05_models.py --preset tiny``.
"""

import os

import numpy as np
import tensorflow as tf
import tensorflow.contrib.eager as tfe

from common import datasets, images, options, records, run
from common.errors import UserError
from common.options import Value
from data import celeba

num_threads = 16  # pictures read at the same time
buffer_size = 4096  # decoded pictures from which the next one is drawn
prefetch_batch = 2
Iterator = getattr(tfe, "Iterator", iter)  # printed tfe.Iterator, which TensorFlow 1.15 no longer has

img_size = 128
batch_size = 32
VALUES = [
    Value("img_size", img_size, "side of the pictures", tiny=32, low=1, high=4096),
    Value("batch_size", batch_size, "pictures in the batch that is shown", tiny=8, low=1),
]


class Dataset(object):  # noqa: UP004 - as printed
    """A ``tf.data`` pipeline that is used the same way in graph and in eager mode (10.3.3)."""

    def __init__(self):
        self._dataset = None
        self._iterator = None
        self._batch_op = None
        self._sess = None
        self._own_sess = False
        self._is_eager = tf.executing_eagerly()
        self._eager_iterator = None

    def __del__(self):
        # Erratum E76: the print closes whatever session it was given, also while another data set uses it.
        if self._own_sess:
            self._sess.close()

    def __iter__(self):
        return self

    def __next__(self):
        try:
            b = self.get_next()
        except tf.errors.OutOfRangeError:  # Erratum E75: the print takes every error for the end of the data.
            raise StopIteration
        return b

    next = __next__

    def get_next(self):
        """The next batch: arrays in graph mode, tensors in eager mode; OutOfRangeError at the end."""
        if self._is_eager:
            return self._eager_iterator.get_next()
        return self._sess.run(self._batch_op)

    def reset(self, feed_dict={}):  # noqa: B006 - as printed, never changed
        """Begins again with the first batch."""
        if self._is_eager:
            self._eager_iterator = Iterator(self._dataset)
        else:
            self._sess.run(self._iterator.initializer, feed_dict=feed_dict)

    def _bulid(self, dataset, sess=None):  # the print's spelling
        """Makes the iterator of ``dataset``, with an own session where none is given."""
        self._dataset = dataset
        if self._is_eager:
            self._eager_iterator = Iterator(dataset)
        else:
            self._iterator = dataset.make_initializable_iterator()
            self._batch_op = self._iterator.get_next()
            self._own_sess = sess is None
            self._sess = tf.Session() if sess is None else sess
        self.reset()  # Erratum E122: the print passes over any error here.

    @property
    def dataset(self):
        """The ``tf.data.Dataset``."""
        return self._dataset

    @property
    def iterator(self):
        """The iterator of graph mode."""
        return self._iterator

    @property
    def batch_op(self):
        """Tensors of the next batch (graph mode; None in eager mode)."""
        return self._batch_op


def disk_image_batch_dataset(
    img_paths, batch_size, labels=None, filter=None, drop_remainder=True, map_func=None, shuffle=True, repeat=-1
):
    """Batches of pictures read from disk (10.3.4).

    Args:
      img_paths: list of paths of PNG or JPEG files.
      labels: array whose first axis runs over the pictures, or a tuple of such arrays.
      filter: function of (path, *labels): which pictures to take.
      map_func: function of (uint8 picture ``[H, W, 3]``, *labels) → what a batch is made of.
      repeat: passes over the pictures; −1: for ever.
    """
    if labels is None:
        dataset = tf.data.Dataset.from_tensor_slices(img_paths)
    elif isinstance(labels, tuple):
        dataset = tf.data.Dataset.from_tensor_slices((img_paths,) + tuple(labels))
    else:
        dataset = tf.data.Dataset.from_tensor_slices((img_paths, labels))

    if filter:
        dataset = dataset.filter(filter)

    def parse_func(path, *label):
        img = tf.read_file(path)
        img = tf.image.decode_png(img, 3)  # decodes JPEG files too: it looks at the content
        return (img,) + label

    if map_func:

        def map_func_(*args):
            return map_func(*parse_func(*args))
    else:
        map_func_ = parse_func
    dataset = dataset.map(map_func_, num_parallel_calls=num_threads)

    if shuffle:
        dataset = dataset.shuffle(buffer_size)
    dataset = dataset.batch(batch_size, drop_remainder=drop_remainder)
    dataset = dataset.repeat(repeat).prefetch(prefetch_batch)
    return dataset


def split_points(count):
    """Where validation and test begin among ``count`` pictures."""
    if count > 182637:
        return 182000, 182637  # as printed
    # Erratum E79: the printed points leave validation and test empty for fewer pictures. Here 90 % train, a third of
    # the rest (637 at most) is for validation.
    train_end = int(round(0.9 * count))
    return train_end, train_end + min(637, max(1, (count - train_end) // 3))


class Celeba(Dataset):
    """CelebA's faces with a choice of attributes (10.3.4).

    A batch is (pictures float32 ``[N, img_resize, img_resize, 3]`` in −1…1, labels int64 ``[N, len(attrs)]`` of 0 and 1).

    Args:
      data_dir: folder of the attribute list and the pictures, aligned, 178 wide and 218 high.
      attrs: names of attributes.
      repeat: passes over the pictures; −1: for ever. Mode 'test' makes one pass, in order, with the remainder.
      sess: session to use (it stays open); None: an own one.
      mode: 'train', 'val' or 'test'.
      crop: whether the printed box is cut out.

    Raises:
      UserError: for whatever is wrong with the files.
    """

    att_dict = {
        name: column
        for column, name in enumerate(
            "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair "
            "Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup "
            "High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose "
            "Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat "
            "Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young".split()
        )
    }

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
    ):
        super(Celeba, self).__init__()  # noqa: UP008 - as printed
        list_file = os.path.join(data_dir, "list_attr_celeba.txt")
        img_dir_jpg = os.path.join(data_dir, "img_align_celeba")
        img_dir_png = os.path.join(data_dir, "img_align_celeba_png")

        # Erratum E77: the print reads the list twice with np.loadtxt, 15 s for the two data sets of listing 10-6.
        att_names, names, labels = celeba.read_list(list_file)
        if os.path.exists(img_dir_png):
            img_paths = celeba.match(img_dir_png, names)
        elif os.path.exists(img_dir_jpg):
            img_paths = celeba.match(img_dir_jpg, names)
        else:  # Erratum E78: the print runs into a NameError here.
            raise UserError(
                "%s holds neither img_align_celeba_png nor img_align_celeba: unpack the pictures there; %s"
                % (data_dir, datasets.how_to_get("celeba"))
            )
        print(img_dir_jpg, img_dir_png)
        celeba.check_headers(img_paths, celeba.FULL_SIZE if crop else (1, 1))
        att_id = celeba.columns(att_names, attrs)
        labels = labels[:, att_id].astype(np.int64)

        if img_resize == 64:
            offset_h, offset_w, img_size = 40, 15, 148
        else:
            offset_h, offset_w, img_size = 26, 3, 170

        def _map_func(img, label):
            if crop:  # Erratum E123: the print never reads this argument.
                img = tf.image.crop_to_bounding_box(img, offset_h, offset_w, img_size, img_size)
            img = tf.to_float(img)  # Erratum E125: a picture that has the wanted size already stays uint8 in the print.
            img = tf.image.resize(img, [img_resize, img_resize], tf.image.ResizeMethod.BICUBIC)
            img = tf.clip_by_value(img, 0, 255) / 127.5 - 1
            label = (label + 1) // 2
            return img, label

        train_end, val_end = split_points(len(img_paths))
        drop_remainder = mode != "test"
        if mode == "test":
            shuffle, repeat = False, 1
            img_paths, labels = img_paths[val_end:], labels[val_end:]
        elif mode == "val":
            img_paths, labels = img_paths[train_end:val_end], labels[train_end:val_end]
        else:
            img_paths, labels = img_paths[:train_end], labels[:train_end]
        if len(img_paths) < (batch_size if drop_remainder else 1):
            raise UserError(
                "%s has %d pictures for '%s', less than one batch of %d: a smaller batch, or more pictures"
                % (data_dir, len(img_paths), mode, batch_size)
            )

        dataset = disk_image_batch_dataset(
            img_paths=img_paths,
            labels=labels,
            batch_size=batch_size,
            map_func=_map_func,
            drop_remainder=drop_remainder,
            shuffle=shuffle,
            repeat=repeat,
        )
        self.img_paths = img_paths
        self._bulid(dataset, sess)
        self._img_num = len(img_paths)

    def __len__(self):
        return self._img_num

    def get_next(self):
        """As ``Dataset.get_next``; a picture that cannot be decoded is named."""
        with celeba.naming_broken_pictures(self.img_paths):
            return super().get_next()

    @staticmethod
    def check_attribute_conflict(att_batch, att_name, att_names):
        """Clears what contradicts ``att_name`` in the rows where it is on.

        Args:
          att_batch: array ``[N, len(att_names)]`` of 0 and 1; changed in place.
          att_name: the attribute that was set.
          att_names: list of the columns' names.

        Returns:
          ``att_batch``.
        """

        def _set(att, value, att_name):
            if att_name in att_names:
                att[att_names.index(att_name)] = value

        att_id = att_names.index(att_name)
        hair_colours = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"]
        for att in att_batch:
            if att_name in ["Bald", "Receding_Hairline"] and att[att_id] == 1:
                _set(att, 0, "Bangs")
            elif att_name == "Bangs" and att[att_id] == 1:
                _set(att, 0, "Bald")
                _set(att, 0, "Receding_Hairline")
            elif att_name in hair_colours and att[att_id] == 1:
                for n in hair_colours:
                    if n != att_name:
                        _set(att, 0, n)
            elif att_name in ["Straight_Hair", "Wavy_Hair"] and att[att_id] == 1:
                for n in ["Straight_Hair", "Wavy_Hair"]:
                    if n != att_name:
                        _set(att, 0, n)
            elif att_name in ["Mustache", "No_Beard"] and att[att_id] == 1:
                for n in ["Mustache", "No_Beard"]:
                    if n != att_name:
                        _set(att, 0, n)
        return att_batch


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv)
    run.start(opts.seed)
    folder = datasets.locate("celeba", opts, required=[celeba.ATTRIBUTE_FILE])
    attrs = ["Bald", "Bangs", "Eyeglasses", "Male", "Mouth_Slightly_Open", "Mustache", "No_Beard", "Young"]
    data = Celeba(folder, attrs, opts.img_size, opts.batch_size, shuffle=False)
    pictures, labels = data.get_next()
    print("%d training pictures, a batch: %s %s, labels %s" % (len(data), pictures.shape, pictures.dtype, labels.shape))
    for path, row in zip(data.img_paths, labels):
        print(os.path.basename(path), " ".join(name for name, value in zip(attrs, row) if value))
    path = os.path.join(opts.output_dir, "batch.png")
    images.write_png(path, np.concatenate([images.to_uint8(item) for item in pictures], axis=1))
    record = records.Record(opts, opts.script, "listing 10-4", celeba.describe(folder, len(data)))
    record.metric("training pictures", len(data))
    record.file(path, "picture", "The first batch as the network sees it", "网络看到的第一个批次")
    record.save()


if __name__ == "__main__":
    options.run(main)
