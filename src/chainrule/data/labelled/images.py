"""Arrays of images with their labels, in the layouts and number types that data sets have, as one form."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data.containers import Labelled
from chainrule.data.decoding_errors import decoding_of
from chainrule.data.labelled.groups import Groups
from chainrule.data.labelled.labels import index_labels
from chainrule.errors import DataError

__all__ = ["join_parts", "labelled_images", "names_of", "pixels_of", "plain_labels"]

_NO_GROUPS = Groups()


def labelled_images(
    images: NDArray[Any],
    labels: NDArray[Any],
    name: str,
    classes: tuple[str, ...] | None = None,
    *,
    test: NDArray[np.bool_] | None = None,
    groups: Groups = _NO_GROUPS,
) -> Labelled:
    """Images N x H x W, N x H x W x C or N x C x H x W (C being 1 or 3) with N labels (or N x 1), as `Labelled`.

    Whole numbers from 0 to 255, of any dtype, become uint8, and numbers from 0 to 1 float32.

    Raises:
        DataError: other shapes or dtypes, a different number of labels, values that are not finite.
    """
    images, labels = _pair(images, labels, name)
    index, classes = index_labels(names_of(labels, f"the labels of {name}"), name, classes)
    return Labelled(
        inputs=pixels_of(images, name),
        labels=index,
        classes=classes,
        kind="images",
        name=name,
        test=test,
        groups=groups.names,
        grouped_by=groups.by,
    )


def join_parts(
    parts: Sequence[tuple[NDArray[Any], ...]],
    name: str,
    classes: tuple[str, ...] | None,
    groups: Groups = _NO_GROUPS,
) -> Labelled:
    """Images and labels to train on, and perhaps others to test on, as one set.

    Raises:
        DataError: parts that do not fit together, and as for `labelled_images`.
    """
    pairs = [_pair(images, labels, name) for images, labels in parts]
    train_images, train_labels = pairs[0]
    test_images, test_labels = pairs[-1]
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(f"{name} has training images {train_images.shape[1:]} but test images {test_images.shape[1:]}.")
    if (train_labels.dtype.kind == "U") != (test_labels.dtype.kind == "U"):
        raise DataError(
            f"{name} has training labels of type {train_labels.dtype} but test labels of {test_labels.dtype}."
        )
    count = sum(len(labels) for _, labels in pairs)
    if groups.names and len(groups.names) != count:
        raise DataError(
            f"{name} has {counted(count, 'image')} but {len(groups.names)} groups; expected one for each image."
        )
    if len(pairs) == 1:
        return labelled_images(train_images, train_labels, name, classes, groups=groups)
    return labelled_images(
        images=np.concatenate([train_images, test_images]),
        labels=np.concatenate([train_labels, test_labels]),
        name=name,
        classes=classes,
        test=np.arange(count) >= len(train_labels),
        groups=groups,
    )


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
    labels = plain_labels(labels)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iuUb":
        raise DataError(
            f"{name} has {counted(len(images), 'image')} but labels of shape {labels.shape} and type {labels.dtype}; "
            "expected one whole number or name for each image."
        )
    return images, labels


def pixels_of(images: NDArray[Any], name: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Whole numbers from 0 to 255, of any dtype, as uint8; numbers from 0 to 1 as float32.

    Raises:
        DataError: other numbers, or none.

    >>> pixels_of(np.array([0.0, 1.0]), "it").dtype, pixels_of(np.array([0.0, 255.0]), "it").dtype
    (dtype('float32'), dtype('uint8'))
    """
    if images.dtype.kind not in "iufb":
        raise DataError(f"{name} has images of type {images.dtype}; expected numbers.")
    low = images.min()
    high = images.max()
    are_whole = images.dtype.kind != "f"
    if not are_whole and low >= 0 and 1 < high <= 255:  # up to 1 they may be shares of white, and stay floats
        are_whole = bool((images == np.floor(images)).all())
    if are_whole and low >= 0 and high <= 255:
        return np.ascontiguousarray(images, dtype=np.uint8)
    if not (low >= 0 and high <= 1):  # NaN fails too
        raise DataError(
            f"{name} has pixels from {low:g} to {high:g}; expected whole numbers from 0 to 255, "
            "or numbers from 0 to 1. Scale them."
        )
    return np.ascontiguousarray(images, dtype=np.float32)


def names_of(labels: NDArray[Any], what: str) -> list[str]:
    """Labels as text."""
    with decoding_of(what, "numbers or names"):  # in a broken file, names may hold what are no characters
        return [str(label) for label in labels.tolist()]


def plain_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels in one dimension, and as whole numbers where they are whole."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.floor(labels)).all():
        return labels.astype(np.int64)
    return labels
