"""Labelled images: a folder a class, NumPy's npz, and the idx files of MNIST."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.data.containers import Labelled
from chainrule.data.decoding_errors import decoding_of
from chainrule.data.labelled.archives import idx_array, npz_arrays
from chainrule.data.labelled.groups import groups_of_files
from chainrule.data.labelled.labels import index_labels
from chainrule.errors import ColumnError, DataError

__all__ = ["is_idx", "labelled_images", "pixels_of", "read_folder", "read_idx", "read_image", "read_npz"]

_PAIRS = (("x", "y"), ("images", "labels"))
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_MOST_PIXELS = 1 << 25  # of one picture


def labelled_images(
    images: NDArray[Any],
    labels: NDArray[Any],
    name: str,
    classes: tuple[str, ...] | None = None,
    test: NDArray[np.bool_] | None = None,
    groups: tuple[str, ...] = (),
    grouped_by: str = "group",
) -> Labelled:
    """Images N x H x W, N x H x W x C or N x C x H x W (C being 1 or 3) with N labels (or N x 1), as `Labelled`.

    Whole numbers from 0 to 255, of any type, become uint8, and numbers from 0 to 1 float32.

    Raises:
        DataError: other shapes or types, as many labels as there are not images, values that are not finite.
    """
    images, labels = _pair(images, labels, name)
    names = _names(labels, f"the labels of {name}")
    index, classes = index_labels(names, name, classes)
    pixels = pixels_of(images, name)
    return Labelled(pixels, index, classes, "images", name, test=test, groups=groups, grouped_by=grouped_by)


def read_image(path: Path) -> NDArray[np.uint8]:
    """One file's pixels, channels x height x width: one channel of grey, or three of colour.

    What is transparent is shown on white.

    Raises:
        DataError: a file that is not one image of 8 bits, or one of more pixels than there is memory for.
    """
    pillow = require("PIL.Image")
    with decoding_of(path, "an image"), pillow.open(path, formats=_FORMATS) as image:
        _check_image(image, path)
        grey = image.mode in ("1", "L", "LA")
        if image.has_transparency_data:
            white = pillow.new("RGBA", image.size, "white")
            image = pillow.alpha_composite(white, image.convert("RGBA"))
        pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return np.array(pixels[None] if grey else np.moveaxis(pixels, -1, 0))


def _check_image(image: Any, path: Path) -> None:
    """Refuse, before its pixels are decoded, what would be cut off or take too much memory."""
    width, height = image.size
    if not 0 < width * height <= _MOST_PIXELS:
        raise DataError(
            f"{path} is of {width} x {height} pixels; expected at least one, and at most {_MOST_PIXELS:,}. Resize it."
        )
    if image.mode.startswith(("I", "F")) or any(";16" in str(tile) for tile in image.tile):
        raise DataError(f"{path} has more than 8 bits a pixel (mode {image.mode}). Convert it to 8 bits first.")
    if getattr(image, "is_animated", False) and image.format != "MPO":  # a photograph with others beside it
        raise DataError(f"{path} holds {image.n_frames} pictures; expected one. Save the one to read by itself.")


def read_folder(
    root: Path, paths: list[Path], classes: tuple[str, ...] | None = None, group: str | None = None
) -> Labelled:
    """Read a folder of folders of images; the label is the sub-folder's name.

    ``group`` tells which files belong together, as of `Reading`.

    Raises:
        DataError: images beside the sub-folders, or of different sizes or channels.
    """
    for path in paths:
        if path.parent == root:
            raise DataError(f"{path} is in no class: expected a sub-folder of {root} for each class.")
    by, groups = groups_of_files(paths, root, group) if group else ("group", ())
    images: list[NDArray[np.uint8]] = []
    for path in paths:
        images.append(read_image(path))
        if images[-1].shape != images[0].shape:
            raise DataError(
                f"images must have one size: {paths[0]} is {_size(images[0])}, {path} is {_size(images[-1])}. "
                "Resize or convert them first."
            )
    labels = np.array([path.relative_to(root).parts[0] for path in paths])
    return labelled_images(np.stack(images), labels, root.name, classes, groups=groups, grouped_by=by)


def read_npz(path: Path, classes: tuple[str, ...] | None = None, group: str | None = None) -> Labelled:
    """Read an npz archive with x and y, images and labels, or these with _train and _test after them.

    ``group`` is the name of an array of as many numbers or names, with _train and _test after it too.

    Raises:
        DataError: a broken archive, one with other names in it, or one that holds pickled objects.
    """
    arrays = npz_arrays(path)
    for pair in _PAIRS:
        for ends in (("_train", "_test"), ("_train",), ("",)):
            if all(f"{name}{end}" in arrays for name in pair for end in ends):
                parts = [tuple(arrays[f"{name}{end}"] for name in pair) for end in ends]
                groups = tuple(name for end in ends for name in _groups(arrays, group, end, path))
                return _together(parts, path.name, classes, groups, group or "group")
    raise DataError(
        f"{path} holds the arrays {listed(arrays) or 'none'}; expected x and y, or images and labels, "
        "or these with _train and _test after them."
    )


def _groups(arrays: Mapping[str, NDArray[Any]], group: str | None, end: str, path: Path) -> list[str]:
    if group is None:
        return []
    if f"{group}{end}" not in arrays:
        raise ColumnError(
            f"group is {group!r}, and {path} has no array {group}{end}; it holds {listed(arrays)}. Expected one with a "
            "number or name for each image."
        )
    return _names(_plain_labels(arrays[f"{group}{end}"]), f"the array {group}{end} of {path}")


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
    pairs = {p.name.partition("-")[0]: (idx_array(p), idx_array(_labels_beside(p))) for p in images}
    if len(pairs) == 1:
        return _together(list(pairs.values()), path.name, classes)
    if pairs.keys() == {"train", "t10k"}:
        return _together([pairs["train"], pairs["t10k"]], path.name, classes)
    raise DataError(
        f"{path} holds the idx files {listed(p.name for p in paths)}; expected one file of images, "
        "or train-images and t10k-images, each with its labels beside it."
    )


def _labels_beside(images: Path) -> Path:
    labels = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))
    if not labels.exists():
        raise DataError(f"{images} has no labels: expected {labels.name} beside it.")
    return labels


def _together(
    parts: Sequence[tuple[NDArray[Any], ...]],
    name: str,
    classes: tuple[str, ...] | None,
    groups: tuple[str, ...] = (),
    grouped_by: str = "group",
) -> Labelled:
    """Images and labels to train on, and perhaps others to test on, as one set."""
    pairs = [_pair(images, labels, name) for images, labels in parts]
    first = pairs[0]
    last = pairs[-1]
    if first[0].shape[1:] != last[0].shape[1:]:
        raise DataError(f"{name} has training images {first[0].shape[1:]} but test images {last[0].shape[1:]}.")
    if (first[1].dtype.kind == "U") != (last[1].dtype.kind == "U"):
        raise DataError(f"{name} has training labels of type {first[1].dtype} but test labels of {last[1].dtype}.")
    images, labels = (np.concatenate(both) if len(pairs) > 1 else both[0] for both in zip(*pairs, strict=True))
    sizes = [len(pair[1]) for pair in pairs]
    if groups and len(groups) != sum(sizes):
        raise DataError(f"{name} has {counted(sum(sizes), 'image')} but {len(groups)} groups; expected one an image.")
    test = np.repeat([False, True], sizes) if len(pairs) > 1 else None
    return labelled_images(images, labels, name, classes, test, groups, grouped_by)


def _pair(images: NDArray[Any], labels: NDArray[Any], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images N x C x H x W and N labels, numbers or names."""
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
    return images, labels


def _names(labels: NDArray[Any], what: str) -> list[str]:
    with decoding_of(what, "numbers or names"):  # of a broken file, names may be of no characters
        return [str(label) for label in labels.tolist()]


def pixels_of(images: NDArray[Any], name: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Whole numbers from 0 to 255, of any type, as uint8; numbers from 0 to 1 as float32.

    Raises:
        DataError: other numbers, or none.
    """
    if images.dtype.kind not in "iufb":
        raise DataError(f"{name} has images of type {images.dtype}; expected numbers.")
    if images.dtype.kind != "f" and images.min() >= 0 and images.max() <= 255:
        return np.ascontiguousarray(images, dtype=np.uint8)
    low = images.min()
    high = images.max()
    if low >= 0 and 1 < high <= 255 and (images == np.floor(images)).all():
        return np.ascontiguousarray(images, dtype=np.uint8)
    if not (low >= 0 and high <= 1):  # NaN fails too
        raise DataError(
            f"{name} has pixels from {low:g} to {high:g}; expected whole numbers from 0 to 255, "
            "or numbers from 0 to 1. Scale them."
        )
    return np.ascontiguousarray(images, dtype=np.float32)


def _plain_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels in one dimension, and as whole numbers where they are whole."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.floor(labels)).all():
        return labels.astype(np.int64)
    return labels


def _size(image: NDArray[np.uint8]) -> str:
    channels, height, width = image.shape
    return f"{width} x {height} {'grey' if channels == 1 else 'RGB'}"
