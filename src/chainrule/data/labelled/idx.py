"""Labelled images in idx files, the format of MNIST."""

import gzip
import math
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data.containers import Labelled
from chainrule.data.decoding_errors import decoding_of
from chainrule.data.labelled.images import join_parts
from chainrule.data.labelled.labelled_options import LabelledOptions
from chainrule.data.labelled.packed_arrays import check_unpacked_size, fill
from chainrule.errors import DataError

__all__ = ["read_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path, paths: list[Path], options: LabelledOptions) -> Labelled:
    """Read an idx file of images with the labels beside it, or a folder's train- and t10k- pairs.

    Raises:
        DataError: labels that are not there, or a broken file.
    """
    images = [file for file in paths if "images" in file.name]
    most = options.most_unpacked
    pairs = {file.name.partition("-")[0]: (_load(file, most), _load(_labels_beside(file), most)) for file in images}
    if len(pairs) == 1:
        return join_parts(list(pairs.values()), path.name, options.classes)
    if pairs.keys() == {"train", "t10k"}:
        return join_parts([pairs["train"], pairs["t10k"]], path.name, options.classes)
    raise DataError(
        f"{path} holds the idx files {listed(file.name for file in paths)}; expected one file of images, "
        "or train-images and t10k-images, each with its labels beside it."
    )


def _labels_beside(images: Path) -> Path:
    labels = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))
    if not labels.exists():
        raise DataError(f"{images} has no labels: expected {labels.name} beside it.")
    return labels


def _load(path: Path, most: int | None) -> NDArray[Any]:
    """The array of a file: two zeros, a type, the number of dimensions, each as a big-endian int32, the values.

    Raises:
        DataError: a file of another format, or one that does not hold what its header promises.
    """
    packed = path.suffix == ".gz"
    opened = gzip.open if packed else open
    with decoding_of(path, "an idx file"), opened(path, "rb") as stream:
        file = cast(IO[bytes], stream)
        dtype, dimensions = _header(file, path)
        promised = math.prod(dimensions) * dtype.itemsize
        if not dimensions or not promised:
            raise DataError(f"{path} holds nothing: its dimensions are {tuple(dimensions)}.")
        if not packed and promised != (held := path.stat().st_size - file.tell()):
            raise DataError(
                f"{path} is broken: after its header it has {counted(held, 'byte')}, the header promises {promised}."
            )
        check_unpacked_size(path, promised, most)
        array = np.empty(dimensions, dtype)
        fill(array, file)
        if file.read(1):  # which also has gzip compare its checksum
            raise DataError(
                f"{path} is broken: its header promises {counted(promised, 'byte')} of values, and it holds more."
            )
    return array


def _header(file: IO[bytes], path: Path) -> tuple[np.dtype[Any], list[int]]:
    start = file.read(4)
    if len(start) == 4:
        rank = start[3]
        dimensions = np.frombuffer(file.read(4 * rank), ">u4").tolist()
        if start[:2] == b"\0\0" and start[2] in _TYPES and len(dimensions) == rank:
            return np.dtype(_TYPES[start[2]]), dimensions
    raise DataError(f"{path} is not an idx file: it begins with {start.hex(' ') or 'nothing'}.")
