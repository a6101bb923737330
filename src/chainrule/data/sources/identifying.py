"""What a source is: a built-in set, data in memory, or files of a kind and a format."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule._choices import listed, near
from chainrule.data.builtin.sets import Builtin, builtins
from chainrule.data.sources.folders import files_of_kind, find_kind, visible_files
from chainrule.data.sources.formats import FORMATS, IMAGES, Format, format_of
from chainrule.data.table.in_memory import is_in_memory
from chainrule.errors import ArgumentError, DataError

__all__ = ["Identified", "identify", "passed_by"]

_PREFIX = "builtin:"
_ABOUT_FILES = ("encoding", "header", "sheet", "max_unpacked")  # settings that say how a file is written
_OF_NUMBERS = (*_ABOUT_FILES, "thousands", "decimal")  # which have no marks in them
_OF_MANY = ("layout", "known", "past", "static", "calendar")  # settings of many series
_WITHOUT = {
    "text": ("encoding",),
    "table": (*_OF_NUMBERS, *_OF_MANY),
    "sound": ("labels", "group"),
    "images": ("group", "max_unpacked"),
}
"""The settings of each kind that do not apply to its built-in sets, which are decoded already and have no groups."""


@dataclass(frozen=True)
class Identified:
    """A source, identified.

    Attributes:
        name: for messages and titles.
        kind: as `Reading.kind` has it.
        description: what it is, for messages.
        without: the settings of its kind that do not apply to it.
        builtin: the set, of a built-in one.
        files: to read, of a file or a folder.
        format: of these files.
        is_array: whether it is a NumPy array.
    """

    name: str
    kind: str
    description: str
    without: tuple[str, ...] = ()
    builtin: Builtin | None = None
    files: tuple[Path, ...] = ()
    format: Format[Any] | None = None
    is_array: bool = False


def identify(source: object, kind: str | None) -> Identified:
    """What a source is; ``kind``, if it is named, says how to read files.

    Raises:
        ArgumentError: no such source.
        DataError: files whose kind their names do not tell, or none of the kind that was named.
    """
    if not isinstance(source, str | Path):
        return _identify_in_memory(source)
    if not str(source).strip():
        raise ArgumentError("the source is empty; expected a path or the name of a built-in set ('.' is this folder).")
    builtin = _builtin(source)
    if builtin is not None:
        description = f"the built-in set {builtin.name}"
        return Identified(builtin.name, builtin.kind, description, _WITHOUT[builtin.kind], builtin)
    return _identify_files(Path(source), kind)


def passed_by(folder: Path, kind: str | None) -> list[str]:
    """The folder's files, by their names in it, that are not read with it, since they are of another kind."""
    read = set(_identify_files(folder, kind).files)
    return [str(file.relative_to(folder)) for file in visible_files(folder) if file not in read]


def _identify_in_memory(source: object) -> Identified:
    if not is_in_memory(source):
        raise ArgumentError(
            f"cannot read data from a {type(source).__name__}; expected a path, the name of a built-in set, "
            "a NumPy array, or a Series or DataFrame of pandas or polars."
        )
    if isinstance(source, np.ndarray):
        return Identified("the data", "table", "an array", _OF_NUMBERS, is_array=True)
    return Identified("the data", "table", "data in memory", _ABOUT_FILES)


def _identify_files(path: Path, kind: str | None) -> Identified:
    kind = kind or find_kind(path)
    files = files_of_kind(path, kind)
    if path.is_file():
        file_format = format_of(path, FORMATS[kind])
    elif kind == "images":
        file_format = _image_format(path, files)
        files = [file for file in files if file_format.has(file)]
    else:
        file_format = format_of(files[0], FORMATS[kind])
    for file in (path.resolve(), *files):
        _check_name(file)
    return Identified(
        name=path.name,
        kind=kind,
        description=f"{path.name}, {file_format.description}",
        without=file_format.without,
        files=tuple(files),
        format=file_format,
    )


def _check_name(path: Path) -> None:
    """Refuse a name that is no text, which no run could keep."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise DataError(f"the name {str(path)!a} is not UTF-8; rename it, or the folder that it is in.") from None


def _image_format(folder: Path, files: list[Path]) -> Format[Any]:
    """The format of a folder's images: idx files, or else pictures, whatever lies beside them."""
    for each in IMAGES:
        if each.in_folders and any(each.has(file) for file in files):
            return each
    names = listed(file.name for file in files)
    raise DataError(f"{folder} holds no pictures but {names}; name one of these files.")


def _builtin(source: str | Path) -> Builtin | None:
    """The built-in set that is meant; None for a path. A path wins over the name of a set, with a warning."""
    name = str(source)
    if name.startswith(_PREFIX):
        return _find_builtin(name.removeprefix(_PREFIX))
    if not Path(source).exists():
        return _find_builtin(name)
    if isinstance(source, str) and name in (entry.name for entry in builtins()):
        what = "folder" if Path(source).is_dir() else "file"
        warnings.warn(
            f"there is a {what} {name} here, and a built-in set of this name: the {what} is read. Give "
            f"{_PREFIX}{name} for the set, or ./{name} for the {what} to leave no doubt.",
            UserWarning,
            stacklevel=5,
        )
    return None


def _find_builtin(name: str) -> Builtin:
    entries = {entry.name: entry for entry in builtins()}
    if name not in entries:
        raise ArgumentError(
            f"there is no file, folder or built-in data {name!r}; built in are {listed(entries)}.{near(name, entries)}"
        )
    return entries[name]
