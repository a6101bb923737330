"""Arrays read from streams into memory, never more than their headers promise and their files can hold."""

from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._settings import option
from chainrule.errors import DataError

__all__ = ["check_unpacked_size", "fill"]

_ALWAYS_ALLOWED = 256 * 10**6  # bytes that a packed file of any size may unpack to
_LARGEST_RATIO = 32  # of unpacked bytes to the file's own, above that


def fill(array: NDArray[Any], file: IO[bytes]) -> None:
    """Read the bytes of an array that lies in memory without gaps.

    Raises:
        EOFError: the file ends before the array is full.
    """
    view = memoryview(cast(bytearray, array.reshape(-1).view(np.uint8)))
    while len(view) and (read := file.readinto(view)):  # type: ignore[attr-defined]
        view = view[read:]
    if len(view):
        raise EOFError(f"it ends {counted(len(view), 'byte')} early")


def check_unpacked_size(path: Path, promised: int, most: int | None = None) -> None:
    """Refuse a file that promises to unpack to more than ``most`` bytes; without it, to far more than its own size."""
    size = path.stat().st_size
    if most is None:
        most = max(_ALWAYS_ALLOWED, _LARGEST_RATIO * size)
    if promised > most:
        raise DataError(
            f"{path} has {counted(size, 'byte')} and promises {promised:,} when unpacked; expected at most {most:,}. "
            "It is broken, or was made to fill memory; if it is neither, allow it: "
            f"{option('max_unpacked', str(promised))}."
        )
