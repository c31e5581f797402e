"""Listing 10-4 (sections 10.3.3, 10.3.4): CelebA as batches of faces with their attributes.

Reads: ``img_align_celeba_png/*.png`` or ``img_align_celeba/*.jpg`` and ``list_attr_celeba.txt`` below the data folder.
Writes: ``batch.png`` (one batch with its labels beside it) and a record in the run folder.
Time on two cores: seconds.
Next: ``python ch10_attgan/code_10_06_train.py --preset tiny``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import shutil
import tempfile
import zipfile

import numpy as np
import pandas as pd
import tensorflow as tf
from PIL import Image

from common import datasets, images, options, training
from common.errors import UserError
from common.records import Record

ATTRIBUTE_FILE = "list_attr_celeba.txt"
PICTURE_FOLDERS = ("img_align_celeba_png", "img_align_celeba")  # the first that exists
FULL_SIZE = (218, 178)  # height and width that the printed crop boxes speak of
CROP_64 = (40, 15, 148)  # row, column and side of the box for 64-pixel pictures
CROP = (26, 3, 170)  # … and for all other sizes
TRAIN_END, VAL_END = 182000, 182637  # the printed split of the 202,599 pictures

PRESETS = {
    "book": dict(img_size=128, batch_size=32),
    "cpu": dict(img_size=64, batch_size=16),
    "tiny": dict(img_size=32, batch_size=8),
}


class Dataset:
    """A ``tf.data`` pipeline that is used the same way in graph and in eager mode (section 10.3.3).

    Graph mode: ``batch_op`` are the tensors of the next batch; ``get_next()`` runs them. Eager mode: ``get_next()`` gives
    tensors with values. Both: ``for batch in dataset``, and ``reset()`` to begin again.
    """

    def __init__(self):
        self._dataset = None
        self._iterator = None
        self._batch_op = None
        self._sess = None
        self._owns_session = False
        self._is_eager = tf.executing_eagerly()
        self._eager_iterator = None

    def close(self):
        """Closes the session if this data set opened it itself."""
        # Erratum E76: the print's __del__ closes whatever session it was given, also when another data set still uses it.
        if self._owns_session and self._sess is not None:
            self._sess.close()
        self._sess = None
        self._owns_session = False

    def __del__(self):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        # Erratum E75: the print takes any error for the end of the data; only OutOfRangeError is.
        try:
            return self.get_next()
        except tf.errors.OutOfRangeError:
            raise StopIteration

    next = __next__

    def get_next(self):
        """The next batch: arrays in graph mode, tensors in eager mode; OutOfRangeError/StopIteration at the end."""
        try:
            if self._is_eager:
                return next(self._eager_iterator)
            if self._sess is None:
                raise UserError("this data set has no session: give one (sess=...), or do not use it after close()")
            return self._sess.run(self._batch_op)
        except tf.errors.InvalidArgumentError as error:
            raise self.explain(error)

    def explain(self, error):
        """The error to raise for ``error``; subclasses know more about their files."""
        return error

    def reset(self, feed_dict=None):
        """Begins again with the first batch."""
        if self._is_eager:
            self._eager_iterator = iter(self._dataset)
        else:
            self._sess.run(self._iterator.initializer, feed_dict=feed_dict or {})

    def _bulid(self, dataset, sess=None):  # the print's spelling
        """Makes the iterator of ``dataset`` and sets it to the first batch."""
        self._dataset = dataset
        if not self._is_eager:
            self._iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
            self._batch_op = self._iterator.get_next()
            self._owns_session = sess is None
            self._sess = sess or tf.Session(config=training.session_config())
        self.reset()

    @property
    def dataset(self):
        """The ``tf.data.Dataset``."""
        return self._dataset

    @property
    def iterator(self):
        """The iterator of the mode in use."""
        return self._eager_iterator if self._is_eager else self._iterator

    @property
    def batch_op(self):
        """Tensors of the next batch (graph mode; None in eager mode)."""
        return self._batch_op


def read_face(path, crop_box=None, jpeg=True):
    """Reads one RGB picture and cuts out a box.

    Args:
      path: string scalar tensor, a JPEG or PNG file.
      crop_box: (row, column, side) in CelebA's 178×218, scaled to this picture's own size; None: the whole picture.
      jpeg: whether the file is a JPEG, of which only the box is decoded then.

    Returns:
      uint8 ``[height, width, 3]``.
    """
    content = tf.read_file(path)
    if crop_box is None:
        # The print decodes JPEG files with decode_png, which works only because both operations look at the content.
        return tf.image.decode_jpeg(content, channels=3) if jpeg else tf.image.decode_png(content, channels=3)
    picture = None if jpeg else tf.image.decode_png(content, channels=3)
    shape = tf.image.extract_jpeg_shape(content) if jpeg else tf.shape(picture)
    # Extra: the printed boxes scale with the picture, so that half-size faces can be used.
    row, column, side = crop_box
    scale_y, scale_x = tf.to_float(shape[0]) / FULL_SIZE[0], tf.to_float(shape[1]) / FULL_SIZE[1]
    box = [tf.to_int32(tf.round(v)) for v in (row * scale_y, column * scale_x, side * scale_y, side * scale_x)]
    if jpeg:
        return tf.image.decode_and_crop_jpeg(content, tf.stack(box), channels=3)
    return tf.image.crop_to_bounding_box(picture, *box)


def resize_face(picture, img_resize):
    """Bicubic resize to ``[img_resize, img_resize, 3]``, clipped to 0…255 (float32)."""
    resized = tf.image.resize_images(picture, [img_resize, img_resize], tf.image.ResizeMethod.BICUBIC)
    return tf.reshape(tf.clip_by_value(resized, 0.0, 255.0), [img_resize, img_resize, 3])


def crop_box_of(img_resize):
    """The printed box: tighter for 64 pixels (and, Extra, below) than for larger pictures."""
    return CROP_64 if img_resize <= 64 else CROP


def disk_image_batch_dataset(
    img_paths,
    batch_size,
    labels=None,
    filter=None,
    drop_remainder=True,
    map_func=None,
    shuffle=True,
    repeat=-1,
    cache=False,
    batch_func=None,
    threads=16,
):
    """A ``tf.data.Dataset`` of batches of pictures (section 10.3.3).

    Args:
      img_paths: list of paths.
      batch_size: pictures a batch.
      labels: array whose first axis runs over the pictures, or a tuple of such arrays, or None.
      filter: function of (path, *labels) that tells which pictures to take.
      drop_remainder: whether a last, smaller batch is left out.
      map_func: function of (path, *labels) that reads and prepares one picture.
      shuffle, repeat: as in ``tf.data``; −1 repeats for ever.
      cache: Extra: keep what ``map_func`` returns in memory.
      batch_func: Extra: function applied to each batch.
      threads: pictures read at the same time (16 in the print).
    """
    img_paths = list(img_paths)
    labels = () if labels is None else labels if isinstance(labels, tuple) else (labels,)
    dataset = tf.data.Dataset.from_tensor_slices((img_paths,) + labels)
    if filter is not None:
        dataset = dataset.filter(filter)
    if cache and map_func is not None:
        dataset = dataset.map(map_func, num_parallel_calls=threads).cache()
    if shuffle:
        # The print shuffles decoded pictures: 4096 of them are read (and kept) before the first batch. Shuffling the
        # paths of all pictures mixes better, starts at once and needs no memory.
        dataset = dataset.shuffle(max(len(img_paths), 1))
    if not cache and map_func is not None:
        dataset = dataset.map(map_func, num_parallel_calls=threads)
    dataset = dataset.batch(batch_size, drop_remainder=drop_remainder)
    if batch_func is not None:
        dataset = dataset.map(batch_func)
    return dataset.repeat(repeat).prefetch(2)


def split_points(count):
    """Where validation and test begin among ``count`` pictures: the printed split, or its like for fewer pictures."""
    if count > VAL_END:
        return TRAIN_END, VAL_END
    # Erratum E79: the printed points leave validation and test empty for fewer pictures. 90 % train, a third of the rest
    # (637 at most) validation.
    train_end = int(round(0.9 * count))
    return train_end, train_end + min(637, max(1, (count - train_end) // 3))


def read_attributes(path):
    """The attribute file (10.3.1).

    Returns:
      (names, files, labels): the attribute names, the picture names, and int8 ``[pictures, names]`` of −1 and 1.

    Raises:
      UserError: not CelebA's layout; says which line.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            count, names = stream.readline().strip(), stream.readline().split()
    except FileNotFoundError:
        raise UserError("%s does not exist; %s" % (path, datasets.how_to_get("celeba")))
    except UnicodeDecodeError:
        raise UserError("%s is not a text file: CelebA's attribute file is wanted" % path)
    if not count.isdigit() or not names:
        raise UserError("%s: line 1 must be the number of pictures and line 2 the attribute names" % path)
    try:
        # Erratum E77: the print reads the file twice with np.loadtxt, 15 s for 202,599 rows; pandas takes under a second.
        table = pd.read_csv(path, sep=r"\s+", skiprows=2, header=None, dtype={0: str}, engine="c")
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError("%s: rows of unequal length or none (%s)" % (path, str(error).strip().split("\n")[0]))
    if table.shape[1] != len(names) + 1:
        raise UserError("%s: %d values a row, but line 2 names %d" % (path, table.shape[1] - 1, len(names)))
    if len(table) != int(count):
        raise UserError("%s: line 1 says %s pictures, but there are %d rows" % (path, count, len(table)))
    labels = table.iloc[:, 1:].apply(pd.to_numeric, errors="coerce").values
    wrong = np.nonzero(~np.isin(labels, (-1, 1)).all(axis=1))[0]
    if len(wrong):
        raise UserError("%s, line %d (%s): every value must be -1 or 1" % (path, wrong[0] + 3, table.iloc[wrong[0], 0]))
    return names, table[0].tolist(), labels.astype(np.int8)


def unpack_pictures(archive, folder):
    """Extra: unpacks a zip of pictures below ``folder`` (once) and returns the folder that holds the pictures."""
    target = os.path.join(folder, os.path.splitext(os.path.basename(archive))[0])
    if not os.path.isdir(target):
        if not zipfile.is_zipfile(archive):
            raise UserError("%s is not a zip file (a saved download page?): download it anew" % archive)
        os.makedirs(folder, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=folder, prefix=".new-")
        try:
            with zipfile.ZipFile(archive) as stream:
                names = [name for name in stream.namelist() if not name.endswith("/")]
                for name in names:
                    if os.path.isabs(name) or ".." in name.split("/"):
                        raise UserError("%s holds an unsafe path: %s" % (archive, name))
                stream.extractall(temporary, names)
            os.chmod(temporary, 0o755)
            os.rename(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    for base, folders, names in os.walk(target):
        folders.sort()
        if any(name.lower().endswith(images.PICTURE_ENDINGS) for name in names):
            return base
    raise UserError("%s holds no pictures" % archive)


def picture_folder(data_dir, pictures=None, unpack_dir=None):
    """The folder of the aligned pictures: ``pictures`` (a folder or a zip) or the official names below ``data_dir``."""
    if pictures:
        path = os.path.join(data_dir, pictures)
        if os.path.isfile(path):
            return unpack_pictures(path, unpack_dir or os.path.join(data_dir, "unpacked"))
        if not os.path.isdir(path):
            raise UserError("%s does not exist: --pictures names a folder or a zip of pictures" % path)
        return path
    for name in PICTURE_FOLDERS:
        path = os.path.join(data_dir, name)
        if os.path.isdir(path):
            return path
    # Erratum E78: the print runs into a NameError here.
    raise UserError(
        "%s holds neither %s: unpack the pictures there, or name their folder or zip with --pictures; %s"
        % (data_dir, " nor ".join(PICTURE_FOLDERS), datasets.how_to_get("celeba"))
    )


class Celeba(Dataset):
    """CelebA's faces with a choice of attributes (section 10.3.4).

    A batch is (pictures float32 ``[N, img_resize, img_resize, 3]`` in −1…1, labels int64 ``[N, len(attrs)]`` of 0 and 1).

    Args:
      data_dir: folder of the attribute file and the pictures.
      attrs: names of attributes.
      img_resize: side of the pictures.
      batch_size: pictures a batch.
      shuffle, repeat: for training and validation; test data come once, in order, with the remainder.
      sess: session to use (stays open when this object goes); None: an own one.
      mode: 'train', 'val', 'test' (or, Extra, 'all').
      crop: whether the printed box is cut out first.
      pictures, attribute_file, unpack_dir: Extra: other names than the official ones; a zip is unpacked.
      flips: Extra: whether half of the pictures are mirrored (training).
      cache: Extra: keep the resized pictures in memory (as uint8).
      part: Extra: (first, last) of the mode's pictures to use.
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
        pictures=None,
        attribute_file=ATTRIBUTE_FILE,
        unpack_dir=None,
        flips=False,
        cache=False,
        part=None,
        threads=16,
    ):
        super().__init__()
        names, files, labels = read_attributes(os.path.join(data_dir, attribute_file))
        self.att_dict = {name: column for column, name in enumerate(names)}
        unknown = [name for name in attrs if name not in self.att_dict]
        if unknown:
            raise UserError("unknown attribute %s; there are: %s" % (", ".join(unknown), " ".join(names)))
        if len(set(attrs)) != len(attrs) or not attrs:
            raise UserError("the list of attributes is empty or names one twice: %s" % " ".join(attrs))
        folder = picture_folder(data_dir, pictures, unpack_dir)
        files = self._match(folder, files, attribute_file)

        train_end, val_end = split_points(len(files))
        ranges = dict(train=(0, train_end), val=(train_end, val_end), test=(val_end, None), all=(0, None))
        if mode not in ranges:
            raise ValueError("mode must be one of %s" % ", ".join(sorted(ranges)))
        chosen = slice(*ranges[mode])
        self.files = files[chosen][slice(*(part or (None,)))]
        # −1 and 1 become 0 and 1.
        self.labels = (labels[chosen][:, [self.att_dict[name] for name in attrs]].astype(np.int64) + 1) // 2
        self.labels = self.labels[slice(*(part or (None,)))]
        self.paths = [os.path.join(folder, name) for name in self.files]
        self._img_num = len(self.paths)
        drop_remainder = mode in ("train", "val")
        if self._img_num < (batch_size if drop_remainder else 1):
            raise UserError(
                "%s has %d pictures for '%s', less than one batch of %d: a smaller --batch-size, or more pictures"
                % (folder, self._img_num, mode, batch_size)
            )
        if mode in ("test", "all"):
            shuffle, repeat = False, 1

        def _map_func(path, label):
            picture = read_face(path, crop_box_of(img_resize) if crop else None, jpeg=not path_is_png)
            picture = resize_face(picture, img_resize)
            return (tf.cast(tf.round(picture), tf.uint8) if cache else picture), label

        def _batch_func(batch, label):
            batch = tf.to_float(batch)
            if flips and mode == "train":
                mirrored = tf.random_uniform([tf.shape(batch)[0], 1, 1, 1]) < 0.5
                batch = tf.where(tf.broadcast_to(mirrored, tf.shape(batch)), tf.reverse(batch, [2]), batch)
            return batch / 127.5 - 1.0, label

        path_is_png = self.paths[0].lower().endswith(".png")
        dataset = disk_image_batch_dataset(
            self.paths,
            batch_size,
            labels=self.labels,
            drop_remainder=drop_remainder,
            map_func=_map_func,
            shuffle=shuffle,
            repeat=repeat,
            cache=cache,
            batch_func=_batch_func,
            threads=threads,
        )
        self._bulid(dataset, sess)

    def __len__(self):
        return self._img_num

    @staticmethod
    def _match(folder, files, attribute_file):
        """File names as they are on disk; UserError for a row without picture or a picture without row."""
        here = {name for name in os.listdir(folder) if name.lower().endswith(images.PICTURE_ENDINGS)}
        if here and not here & set(files):  # the official list says .jpg also for the PNG pictures
            files = [os.path.splitext(name)[0] + ".png" for name in files]
        missing = [name for name in files if name not in here]
        if missing:
            raise UserError(
                "%s lacks %d of the %d pictures that %s lists, the first is %s"
                % (folder, len(missing), len(files), attribute_file, missing[0])
            )
        extra = sorted(here - set(files))
        if extra:
            raise UserError(
                "%s holds %d pictures without a row in %s, the first is %s"
                % (folder, len(extra), attribute_file, extra[0])
            )
        return files

    def explain(self, error):
        """Names the picture that cannot be read, for an error of the pipeline."""
        for path in self.paths:
            try:
                with Image.open(path) as picture:
                    picture.load()
            except (OSError, ValueError, SyntaxError) as reason:
                return UserError("%s cannot be read (%s): replace it" % (path, reason))
        return error

    @staticmethod
    def check_attribute_conflict(att_batch, att_name, att_names):
        """Clears what contradicts attribute ``att_name`` where it is switched on (section 10.3.4).

        Args:
          att_batch: integer array ``[N, len(att_names)]`` of 0 and 1; changed in place.
          att_name: the attribute that was set.
          att_names: the names of the columns.

        Returns:
          ``att_batch``.
        """
        hair_colours = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"]
        contradictions = {
            "Bald": ["Bangs"],
            "Receding_Hairline": ["Bangs"],
            "Bangs": ["Bald", "Receding_Hairline"],
            "Straight_Hair": ["Wavy_Hair"],
            "Wavy_Hair": ["Straight_Hair"],
            "Mustache": ["No_Beard"],
            "No_Beard": ["Mustache"],
        }
        contradictions.update({name: [other for other in hair_colours if other != name] for name in hair_colours})
        switched_on = att_batch[:, att_names.index(att_name)] == 1
        for other in contradictions.get(att_name, []):
            if other in att_names:
                att_batch[switched_on, att_names.index(other)] = 0
        return att_batch


DATA_OPTIONS = {
    "pictures": "folder or zip of the pictures below the data folder, where it is not the official one",
    "attribute-file": "name of the attribute file, where it is not the official one",
    "unpack-dir": "where such a zip is unpacked (default: beside the run folder)",
}


def add_data_options(parser):
    """Adds the options that say how the data folder differs from the official layout."""
    for name, text in DATA_OPTIONS.items():
        parser.add_argument("--" + name, default=ATTRIBUTE_FILE if name == "attribute-file" else None, help=text)


def data_arguments(opts):
    """Those options as arguments of ``Celeba``."""
    return dict(
        pictures=opts.pictures,
        attribute_file=opts.attribute_file,
        unpack_dir=opts.unpack_dir or os.path.join(os.path.dirname(opts.output_dir), "unpacked"),
    )


def describe(folder, count):
    """One line on the data for records."""
    return "%d %s" % (
        count,
        "generated cartoon faces" if datasets.is_sample(folder) else "faces of %s" % os.path.basename(folder),
    )


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="attgan", argv=argv, add=add_data_options)
    training.start(opts.seed)
    folder = datasets.locate("celeba", opts, required=[opts.attribute_file])
    attrs = ["Bald", "Bangs", "Eyeglasses", "Male", "Mouth_Slightly_Open", "Mustache", "No_Beard", "Young"]
    data = Celeba(folder, attrs, opts.img_size, opts.batch_size, shuffle=False, repeat=1, **data_arguments(opts))
    pictures, labels = data.get_next()
    print("%d training pictures, a batch: %s %s, labels %s" % (len(data), pictures.shape, pictures.dtype, labels.shape))
    for name, row in zip(data.files, labels):
        print(name, " ".join(attribute for attribute, value in zip(attrs, row) if value))
    path = images.write_png(
        os.path.join(opts.output_dir, "batch.png"), np.concatenate([images.to_uint8(item) for item in pictures], axis=1)
    )
    print("batch: %s" % path)
    record = Record(opts, "code_10_04_dataset", "listing 10-4", describe(folder, len(data)))
    record.metric("training pictures", len(data))
    record.file(path, "picture", "The first batch as the network sees it", "网络看到的第一个批次")
    record.save()
    data.close()


if __name__ == "__main__":
    options.run(main)
