"""Arrays in files: npz archives and idx files, read only when what their headers promise is what they hold."""

import gzip
import math
import zipfile
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data.decoding_errors import decoding_of
from chainrule.errors import DataError

__all__ = ["idx_array", "npz_arrays"]

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_UNPACKED = 1 << 28  # bytes that any packed file may unpack to; more if they are
_TIMES = 32  # its own size at most


def npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The plain arrays of an npz archive, by name; what is beside them is left out.

    Raises:
        DataError: no such archive, a broken one, or one of pickled objects; one that unpacks to far more than its size.
    """
    arrays = {}
    with decoding_of(path, "an npz archive of plain arrays"), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        _check_unpacked(path, sum(member.file_size for member in members))
        for member in members:
            with archive.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = _array(file, member.file_size)
    return arrays


def _array(file: IO[bytes], size: int) -> NDArray[Any]:
    """An array in NumPy's own format, of ``size`` bytes in all."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array has the format {version[0]}.{version[1]}; expected 1.0 or 2.0")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("an array holds pickled objects")
    promised = math.prod(shape) * dtype.itemsize
    held = size - file.tell()
    if promised != held or min(shape, default=0) < 0:
        raise ValueError(f"an array of {shape} {dtype} takes {counted(promised, 'byte')}, and the file holds {held}")
    array = np.empty(shape, dtype, order="F" if in_columns else "C")
    _fill(array.T if in_columns else array, file)
    return array


def idx_array(path: Path) -> NDArray[Any]:
    """The idx format: two zeros, a type, the number of dimensions, each as a big-endian int32, the values.

    Raises:
        DataError: a file of another format, or one that does not hold what its header promises.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    with decoding_of(path, "an idx file"), opened(path, "rb") as stream:
        file = cast(IO[bytes], stream)
        start = file.read(4)
        dimensions = np.frombuffer(file.read(4 * start[3]), ">u4").tolist() if len(start) == 4 else []
        if start[:2] != b"\0\0" or start[2:3] == b"" or start[2] not in _IDX_TYPES or len(dimensions) != start[3]:
            raise DataError(f"{path} is not an idx file: it begins with {start.hex(' ') or 'nothing'}.")
        dtype = np.dtype(_IDX_TYPES[start[2]])
        promised = math.prod(dimensions) * dtype.itemsize
        if not dimensions or not promised:
            raise DataError(f"{path} holds nothing: its dimensions are {tuple(dimensions)}.")
        if path.suffix == ".gz":
            _check_unpacked(path, promised)
        elif promised != (held := path.stat().st_size - file.tell()):
            raise DataError(
                f"{path} is broken: behind its header it has {counted(held, 'byte')}, the header promises {promised}."
            )
        array = np.empty(dimensions, dtype)
        _fill(array, file)
        if file.read(1):
            raise DataError(
                f"{path} is broken: its header promises {counted(promised, 'byte')} of values, and it holds more."
            )
    return array


def _fill(array: NDArray[Any], file: IO[bytes]) -> None:
    """Read the bytes of an array that lies in memory without gaps, and the file's check at its end."""
    view = memoryview(cast(bytearray, array.reshape(-1).view(np.uint8)))
    while len(view) and (read := file.readinto(view)):  # type: ignore[attr-defined]
        view = view[read:]
    if len(view):
        raise EOFError(f"it ends {counted(len(view), 'byte')} early")


def _check_unpacked(path: Path, promised: int) -> None:
    most = max(_UNPACKED, _TIMES * path.stat().st_size)
    if promised > most:
        raise DataError(
            f"{path} of {counted(path.stat().st_size, 'byte')} promises {promised:,} when unpacked; expected "
            f"at most {most:,}. It is broken, or was made to fill memory; unpack it first if it is neither."
        )
