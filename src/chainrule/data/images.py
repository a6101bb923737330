"""Labelled images: a folder a class, NumPy's npz, and the idx files of MNIST."""

import gzip
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.data.containers import Labelled
from chainrule.data.labels import index_labels
from chainrule.errors import DataError

__all__ = ["is_idx", "labelled_images", "pixels_of", "read_folder", "read_idx", "read_image", "read_npz"]

_PAIRS = (("x", "y"), ("images", "labels"))
_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def labelled_images(
    images: NDArray[np.generic],
    labels: NDArray[np.generic],
    name: str,
    classes: tuple[str, ...] | None = None,
    test: NDArray[np.bool_] | None = None,
) -> Labelled:
    """Images N x H x W, N x H x W x C or N x C x H x W (C being 1 or 3) with N labels (or N x 1), as `Labelled`.

    Whole numbers from 0 to 255, of any type, become uint8, and numbers from 0 to 1 float32.

    Raises:
        DataError: other shapes or types, as many labels as there are not images, values that are not finite.
    """
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3):
        images = np.moveaxis(images, -1, 1)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise DataError(
            f"{name} has images of shape {images.shape}; expected N x height x width, or that with "
            "1 or 3 channels before or after."
        )
    labels = _plain_labels(labels)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iuUb":
        raise DataError(
            f"{name} has {counted(len(images), 'image')} but labels of shape {labels.shape} and type {labels.dtype}; "
            "expected one whole number or name an image."
        )
    index, classes = index_labels([str(label) for label in labels.tolist()], name, classes)
    return Labelled(pixels_of(images, name), index, classes, "images", name, test=test)


def read_image(path: Path) -> NDArray[np.uint8]:
    """One file's pixels, channels x height x width: one channel of grey, or three of colour.

    What is transparent is shown on white.

    Raises:
        DataError: a file that is not an image.
    """
    pillow = require("PIL.Image")
    try:
        with pillow.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{path} has more than 8 bits a pixel (mode {image.mode}). Convert it to 8 bits first.")
            grey = image.mode in ("1", "L", "LA")
            if image.has_transparency_data:
                white = pillow.new("RGBA", image.size, "white")
                pixels = np.asarray(
                    pillow.alpha_composite(white, image.convert("RGBA")).convert("L" if grey else "RGB")
                )
            else:
                pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except (OSError, pillow.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error
    return np.array(pixels[None] if grey else np.moveaxis(pixels, -1, 0))


def read_folder(root: Path, paths: list[Path], classes: tuple[str, ...] | None = None) -> Labelled:
    """Read a folder of folders of images; the label is the sub-folder's name.

    Raises:
        DataError: images beside the sub-folders, or of different sizes or channels.
    """
    for path in paths:
        if path.parent == root:
            raise DataError(f"{path} is in no class: expected a sub-folder of {root} for each class.")
    images = [read_image(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"images must have one size: {paths[0]} is {_size(images[0])}, {path} is {_size(image)}. "
                "Resize or convert them first."
            )
    labels = np.array([path.relative_to(root).parts[0] for path in paths])
    return labelled_images(np.stack(images), labels, root.name, classes)


def read_npz(path: Path, classes: tuple[str, ...] | None = None) -> Labelled:
    """Read an npz archive with x and y, images and labels, or these with _train and _test after them.

    Raises:
        DataError: a broken archive, one with other names in it, or one that holds pickled objects.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as an npz archive of plain arrays: {error}") from error
    for x, y in _PAIRS:
        if {f"{x}_train", f"{y}_train"} <= arrays.keys():
            train = arrays[f"{x}_train"], arrays[f"{y}_train"]
            if {f"{x}_test", f"{y}_test"} <= arrays.keys():
                return _with_test(train, (arrays[f"{x}_test"], arrays[f"{y}_test"]), path.name, classes)
            return labelled_images(*train, path.name, classes)
        if {x, y} <= arrays.keys():
            return labelled_images(arrays[x], arrays[y], path.name, classes)
    raise DataError(
        f"{path} holds the arrays {listed(arrays) or 'none'}; expected x and y, or images and labels, "
        "or these with _train and _test after them."
    )


def is_idx(path: Path) -> bool:
    """Whether the name is one of MNIST's: ...-idx3-ubyte, perhaps with .gz.

    >>> is_idx(Path("train-images-idx3-ubyte.gz"))
    True
    """
    return path.name.removesuffix(".gz").endswith("ubyte")


def read_idx(path: Path, paths: list[Path], classes: tuple[str, ...] | None = None) -> Labelled:
    """Read an idx file of images with the labels beside it, or a folder's train- and t10k- pairs.

    Raises:
        DataError: labels that are not there, or a broken file.
    """
    images = [p for p in paths if "images" in p.name]
    pairs = {p.name.partition("-")[0]: (_idx_array(p), _idx_array(_labels_beside(p))) for p in images}
    if len(pairs) == 1:
        return labelled_images(*next(iter(pairs.values())), path.name, classes)
    if pairs.keys() == {"train", "t10k"}:
        return _with_test(pairs["train"], pairs["t10k"], path.name, classes)
    raise DataError(
        f"{path} holds the idx files {listed(p.name for p in paths)}; expected one file of images, "
        "or train-images and t10k-images, each with its labels beside it."
    )


def _labels_beside(images: Path) -> Path:
    labels = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))
    if not labels.exists():
        raise DataError(f"{images} has no labels: expected {labels.name} beside it.")
    return labels


def _idx_array(path: Path) -> NDArray[np.generic]:
    """The idx format: two zeros, a type, the number of dimensions, each as a big-endian int32, the values."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES or len(raw) < 4 + 4 * raw[3]:
        raise DataError(f"{path} is not an idx file: it begins with {raw[:4].hex(' ') or 'nothing'}.")
    dtype, start = np.dtype(_IDX_TYPES[raw[2]]), 4 + 4 * raw[3]
    shape = tuple(np.frombuffer(raw[4:start], dtype=">i4").tolist())
    expected = start + dtype.itemsize * int(np.prod(shape))
    if len(raw) != expected:
        raise DataError(f"{path} is broken: it has {counted(len(raw), 'byte')}, its header promises {expected}.")
    return np.frombuffer(raw, dtype=dtype, offset=start).reshape(shape).copy()


def _with_test(
    train: tuple[NDArray[np.generic], NDArray[np.generic]],
    test: tuple[NDArray[np.generic], NDArray[np.generic]],
    name: str,
    classes: tuple[str, ...] | None,
) -> Labelled:
    if train[0].shape[1:] != test[0].shape[1:]:
        raise DataError(f"{name} has training images {train[0].shape[1:]} but test images {test[0].shape[1:]}.")
    member = np.repeat([False, True], [len(train[0]), len(test[0])])
    images, labels = (np.concatenate(both) for both in zip(train, test, strict=True))
    return labelled_images(images, labels, name, classes, member)


def pixels_of(images: NDArray[np.generic], name: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Whole numbers from 0 to 255, of any type, as uint8; numbers from 0 to 1 as float32.

    Raises:
        DataError: other numbers, or none.
    """
    if images.dtype.kind not in "iufb":
        raise DataError(f"{name} has images of type {images.dtype}; expected numbers.")
    if images.dtype.kind != "f" and images.min() >= 0 and images.max() <= 255:
        return np.ascontiguousarray(images, dtype=np.uint8)
    low, high = images.min(), images.max()
    if low >= 0 and 1 < high <= 255 and (images == np.floor(images)).all():
        return np.ascontiguousarray(images, dtype=np.uint8)
    if not (low >= 0 and high <= 1):  # NaN fails too
        raise DataError(
            f"{name} has pixels from {low:g} to {high:g}; expected whole numbers from 0 to 255, "
            "or numbers from 0 to 1. Scale them."
        )
    return np.ascontiguousarray(images, dtype=np.float32)


def _plain_labels(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Labels in one dimension, and as whole numbers where they are whole."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.floor(labels)).all():
        return labels.astype(np.int64)
    return labels


def _size(image: NDArray[np.uint8]) -> str:
    channels, height, width = image.shape
    return f"{width} x {height} {'grey' if channels == 1 else 'RGB'}"
