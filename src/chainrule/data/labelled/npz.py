"""Labelled images in NumPy's npz archives."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._settings import option
from chainrule.data.containers import Labelled
from chainrule.data.decoding_errors import decoding_of
from chainrule.data.labelled.groups import Groups
from chainrule.data.labelled.images import join_parts, names_of, plain_labels
from chainrule.data.labelled.labelled_options import LabelledOptions
from chainrule.data.labelled.packed_arrays import check_unpacked_size, fill
from chainrule.errors import ColumnError, DataError

__all__ = ["npz_arrays", "read_npz"]

_PAIRS = (("x", "y"), ("images", "labels"))
_PARTS = (("_train", "_test"), ("_train",), ("",))


def read_npz(path: Path, _: list[Path], options: LabelledOptions) -> Labelled:
    """Read an npz archive with x and y, images and labels, or these with _train and _test after them.

    The group is the name of an array of as many numbers or names, with _train and _test after it too.

    Raises:
        DataError: a broken archive, one with other names in it, or one that holds pickled objects.
    """
    arrays = npz_arrays(path, options.most_unpacked)
    for pair in _PAIRS:
        for ends in _PARTS:
            if all(f"{name}{end}" in arrays for name in pair for end in ends):
                parts = [tuple(arrays[f"{name}{end}"] for name in pair) for end in ends]
                return join_parts(parts, path.name, options.classes, _groups(arrays, options.group, ends, path))
    raise DataError(
        f"{path} holds the arrays {listed(arrays) or 'none'}; expected x and y, or images and labels, "
        "or these with _train and _test after them."
    )


def _groups(arrays: Mapping[str, NDArray[Any]], group: str | None, ends: tuple[str, ...], path: Path) -> Groups:
    if group is None:
        return Groups()
    names: list[str] = []
    for end in ends:
        array = f"{group}{end}"
        if array not in arrays:
            raise ColumnError(
                f"{option('group', group)} names no array of {path}: there is no {array}, but {listed(arrays)}. "
                "Expected an array with a number or a name for each image."
            )
        names += names_of(plain_labels(arrays[array]), f"the array {array} of {path}")
    return Groups(group, tuple(names))


def npz_arrays(path: Path, most: int | None = None) -> dict[str, NDArray[Any]]:
    """The plain arrays of an archive, by name; what is beside them is left out.

    Raises:
        DataError: no such archive, a broken one, or one of pickled objects; one that unpacks to more than ``most``
            bytes, or, without it, to far more than its size.
    """
    arrays = {}
    with decoding_of(path, "an npz archive of plain arrays"), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        check_unpacked_size(path, sum(member.file_size for member in members), most)
        for member in members:
            with archive.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = _array(file, member.file_size)
    return arrays


_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _array(file: IO[bytes], size: int) -> NDArray[Any]:
    """An array in NumPy's own format, of ``size`` bytes in all."""
    version = np.lib.format.read_magic(file)
    if version not in _READ_HEADER:
        raise ValueError(f"an array has the format {version[0]}.{version[1]}; expected 1.0 or 2.0")
    shape, by_columns, dtype = _READ_HEADER[version](file)
    if dtype.hasobject:
        raise ValueError("an array holds pickled objects")
    promised = math.prod(shape) * dtype.itemsize
    held = size - file.tell()
    if promised != held or min(shape, default=0) < 0:
        raise ValueError(f"an array of {shape} {dtype} takes {counted(promised, 'byte')}, and the file holds {held}")
    if by_columns:
        array = np.empty(shape, dtype, order="F")
        fill(array.T, file)
    else:
        array = np.empty(shape, dtype)
        fill(array, file)
    return array
