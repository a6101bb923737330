"""Files that are packed by gzip, bzip2, xz or zip."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from chainrule._choices import counted
from chainrule.data.unpacking import too_large
from chainrule.errors import DataError

__all__ = ["PACKED", "unpacked"]

_MOST_UNPACKED = 256 * 10**6


def unpacked(path: Path, most: int | None = None) -> bytes:
    """The bytes of a file, unpacked if its suffix says so: at most so many, else a bound for what is packed.

    Raises:
        DataError: a file that cannot be unpacked, or that unpacks to too much.
    """
    suffix = path.suffix.lower()
    opened = _OPEN.get(suffix)
    if opened is None and most is None:
        return path.read_bytes()
    most = _MOST_UNPACKED if most is None else most
    try:
        with path.open("rb") if opened is None else opened(path) as file:
            raw = file.read(most + 1)
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from error
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is not a sound zip archive: {error}") from error
    if len(raw) > most:
        raise too_large(path, most, "Unpack it yourself and name the file inside it")
    return raw


def _open_gzip(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path))


def _open_zip(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        raise DataError(
            f"{path} holds {counted(len(names), 'file')}; expected one. Unpack it, and name the table inside it."
        )
    return archive.open(names[0])


_OPEN: dict[str, Callable[[Path], IO[bytes]]] = {
    ".gz": _open_gzip,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zip": _open_zip,
}
PACKED = tuple(_OPEN)
