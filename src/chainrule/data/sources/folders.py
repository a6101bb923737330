"""The files of a folder, and the kind of data that they are."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from chainrule._choices import listed
from chainrule._settings import option
from chainrule.data.sources.formats import FORMATS, kind_of_file
from chainrule.errors import DataError

__all__ = ["files_of_kind", "find_kind", "visible_files"]

_MOST_FILES = 100_000


def find_kind(path: Path) -> str:
    """The kind of data that a file or a folder holds, told by the names of its files.

    Raises:
        DataError: a file of an unknown suffix; a folder of tables, of several kinds of data, or of none.
    """
    if path.is_dir():
        return _kind_of_folder(path)
    kind = kind_of_file(path)
    if kind is None:
        has = f"the unknown suffix {path.suffix!r}" if path.suffix else "no suffix"
        known = "; ".join(f"{kind}: {_suffixes(kind)}" for kind in FORMATS)
        raise DataError(f"{path} has {has}; known are {known}. Say how to read it with `kind`: {', '.join(FORMATS)}.")
    return kind


def files_of_kind(path: Path, kind: str) -> list[Path]:
    """The file, or the folder's files of this kind in the order of their names.

    Raises:
        DataError: a folder that has none, or a folder as a table.
    """
    if path.is_file():
        return [path]
    files = [file for file in visible_files(path) if kind_of_file(file) == kind]
    if kind == "table":
        raise _tables_in(path, files)
    if not files:
        raise DataError(f"{path} holds no {kind}; expected files ending in {_suffixes(kind)}.")
    return files


def _kind_of_folder(path: Path) -> str:
    kinds: dict[str, list[Path]] = {}
    for file in visible_files(path):
        if kind := kind_of_file(file):
            kinds.setdefault(kind, []).append(file)
    if "table" in kinds:
        raise _tables_in(path, kinds.pop("table"), sorted(kinds))
    if len(kinds) == 1:
        return next(iter(kinds))
    if not kinds:
        raise DataError(
            f"the folder {path} holds no text, tables, sound or images. Expected files of one kind, told by their "
            f"suffixes: {'; '.join(f'{kind}: {_suffixes(kind)}' for kind in FORMATS)}."
        )
    choices = " or ".join(option("kind", kind) for kind in sorted(kinds))
    raise DataError(f"the folder {path} holds {' and '.join(sorted(kinds))}. Say which of them to read: {choices}.")


def _tables_in(folder: Path, tables: list[Path], others: Sequence[str] = ()) -> DataError:
    """The error that refuses a folder as a table, and names the tables in it; ``others`` are the kinds beside them."""
    if not tables:
        return DataError(f"{folder} is a folder without tables; a table is one file, such as .csv or .parquet.")
    names = listed(table.relative_to(folder) for table in tables)
    beside = [f" To read the {kind} beside them give {option('kind', kind)}." for kind in others]
    return DataError(
        f"the folder {folder} holds tables: {names}. A table is read from one file: name it, for example "
        f"{shlex.quote(str(tables[0]))}.{''.join(beside)}"
    )


def _suffixes(kind: str) -> str:
    return " ".join(suffix for each in FORMATS[kind] for suffix in each.suffixes)


def visible_files(folder: Path) -> list[Path]:
    """The folder's files in the order of their names, without hidden ones and links that lead out."""
    found: list[Path] = []
    seen = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        seen += len(names)
        if seen > _MOST_FILES:
            raise DataError(
                f"the folder {folder} holds more than {_MOST_FILES:,} files; expected a folder of data alone. "
                "Name a folder further inside, or have fewer files (texts can be joined into one)."
            )
        files = [Path(place, name) for name in names if not name.startswith(".")]
        found += [file for file in files if os.path.isfile(file) and not _leads_out(file, folder)]
    return sorted(found)


def _leads_out(file: Path, folder: Path) -> bool:
    return file.is_symlink() and not file.resolve().is_relative_to(folder.resolve())
