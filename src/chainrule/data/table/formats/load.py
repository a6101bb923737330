"""Tables in files: the reader for each kind of file, and files that are packed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from chainrule._choices import counted
from chainrule.data.table.formats.arrow import load_feather, load_parquet
from chainrule.data.table.formats.delimited import load_delimited
from chainrule.data.table.formats.sheet import load_sheet
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import DataError

__all__ = ["TABLE_SUFFIXES", "is_table", "load_table"]

_LOADERS: dict[str, Callable[[Path, TableOptions], LoadedTable]] = {
    ".parquet": load_parquet,
    ".feather": load_feather,
    ".arrow": load_feather,
    ".xlsx": load_sheet,
    ".xlsm": load_sheet,
}
_TEXT = (".csv", ".tsv")
_PACKED = (".gz", ".bz2", ".xz", ".zip")
_MOST_UNPACKED = 256 << 20
TABLE_SUFFIXES = (*_TEXT, *_LOADERS)


def is_table(path: Path) -> bool:
    """Whether the name is that of a table: the suffix of one, after which a .csv may have one of a packer.

    >>> [is_table(Path(name)) for name in ("a.csv", "a.csv.gz", "a.parquet", "a.gz")]
    [True, True, True, False]
    """
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in _PACKED:
        return suffixes[0] in _TEXT
    return bool(suffixes) and suffixes[-1] in TABLE_SUFFIXES


def load_table(path: Path, options: TableOptions) -> LoadedTable:
    """Load a table; a file of an unknown suffix is read as CSV.

    Raises:
        DataError: a file that cannot be read, is packed too tightly, or has no header that can be told.
        ColumnError: a sheet that is not there or is to be chosen, too many columns.
        ArgumentError: an option that this kind of file does not have.
        TooShortError: an empty file.
    """
    load = _LOADERS.get(path.suffix.lower())
    if load is not None:
        return load(path, options)
    return load_delimited(_bytes(path), path.name, options)


def _bytes(path: Path) -> bytes:
    """The file's bytes, unpacked: at most so many, for a small file may hold without end."""
    suffix = path.suffix.lower()
    if suffix not in _PACKED:
        return path.read_bytes()
    try:
        with _open(path, suffix) as file:
            raw = file.read(_MOST_UNPACKED + 1)
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from error
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is not a sound zip archive: {error}") from error
    if len(raw) > _MOST_UNPACKED:
        raise DataError(
            f"{path} unpacks to more than {_MOST_UNPACKED >> 20} MB. Unpack it yourself, and name the file inside it."
        )
    return raw


def _open(path: Path, suffix: str) -> IO[bytes]:
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    if suffix == ".bz2":
        return bz2.open(path)
    if suffix == ".xz":
        return lzma.open(path)
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        raise DataError(
            f"{path} holds {counted(len(names), 'file')}; expected one. Unpack it, and name the table inside it."
        )
    return archive.open(names[0])
