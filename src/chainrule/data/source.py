"""One reader for every source: finds what a path or a name is, and hands it to the kind's own reader."""

from __future__ import annotations

import os
import shlex
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from chainrule._choices import listed, near
from chainrule.data.builtin.sets import Builtin, builtins
from chainrule.data.containers import Labelled, Series, Symbols
from chainrule.data.labelled.images import is_idx, read_folder, read_idx, read_npz
from chainrule.data.reading import KINDS, Reading
from chainrule.data.sound import read_labelled_sound, read_sound
from chainrule.data.table.formats.load import TABLE_SUFFIXES, is_table, load_table
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.in_memory import is_in_memory, series_in_memory
from chainrule.data.table.to_series import table_series
from chainrule.data.text.alphabet import Alphabet
from chainrule.data.text.reader import text_symbols
from chainrule.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read"]

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_SUFFIXES = {
    "text": (".txt", ".md", ".rst", ".tex", ".log", ".html", ".xml", ".json", ".py", ".c", ".cpp"),
    "table": TABLE_SUFFIXES,
    "sound": (".wav", ".flac"),
    "images": (".npz", *_PICTURES),
}
_MOST_FILES = 100_000
_PREFIX = "builtin:"
_AS_FOUND = Reading()


def read(
    source: str | Path | NDArray[Any] | pd.Series[Any] | pd.DataFrame,
    reading: Reading = _AS_FOUND,
    *,
    alphabet: Alphabet | None = None,
    classes: tuple[str, ...] | None = None,
) -> Symbols | Series | Labelled:
    """Read a file, a folder, a built-in data set, or values in memory.

    A path that exists wins over the name of a built-in set, with a warning; "builtin:NAME" is always the set.

    Args:
        source: text (.txt and the like, or a folder of them), a table (.csv and .tsv, also packed as .csv.gz and the
            like, .parquet, .feather, .xlsx), sound (.wav, .flac, or a folder of them), images (.npz, idx, or a folder
            a class), a built-in name, or the values of a series as a NumPy array, a pandas Series or a DataFrame. A
            folder's hidden files, and links that lead out of it, are left out.
        reading: how to read it.
        alphabet: of a model, that new text or sound is to be read with.
        classes: of a model, that new labelled data is to be read with.

    Returns:
        `Symbols` for text and sound, `Series` for tables, `Labelled` for images and for sound with labels.

    Raises:
        ArgumentError: no such source, or an option that this kind of data does not have.
        DataError: what was read cannot be used as it is.

    >>> series = read("sunspots")
    >>> series.values.shape, series.columns, series.season
    ((309, 1), ('SUNACTIVITY',), 11)
    """
    if not isinstance(source, str | Path):
        if not is_in_memory(source):
            raise ArgumentError(
                f"cannot read data from a {type(source).__name__}; expected a path, the name of a built-in set, "
                "a NumPy array, or a pandas Series or DataFrame."
            )
        _check_fits("table", "the data", reading, alphabet, classes)
        return series_in_memory(source, reading)
    if not str(source).strip():
        raise ArgumentError("the source is empty; expected a path or the name of a built-in set ('.' is this folder).")
    path = Path(source)
    builtin = _builtin(source)
    kind = builtin.kind if builtin else reading.kind or _find_kind(path)
    name = builtin.name if builtin else path.name
    _check_fits(kind, name, reading, alphabet, classes)
    if builtin:
        return _read_builtin(builtin, reading, alphabet, classes)
    if kind == "table":
        if path.is_dir():
            raise _tables_in(path, [file for file in _visible(path) if is_table(file)])
        return table_series(load_table(path, _options(reading)), reading)
    paths = _files(path, kind)
    if kind == "text":
        return text_symbols({str(file): file for file in paths}, reading, name, alphabet)
    if kind == "images":
        return _read_images(path, paths, classes, reading.group)
    if reading.labels:
        return read_labelled_sound(path, paths, reading.rate, classes, reading.group)
    return read_sound(paths, name, reading.rate, alphabet)


def _builtin(source: str | Path) -> Builtin | None:
    """The built-in set that is meant; None for a path, which wins over a name, and is said to."""
    name = str(source)
    if name.startswith(_PREFIX):
        return _find_builtin(name.removeprefix(_PREFIX))
    if not Path(source).exists():
        return _find_builtin(name)
    if isinstance(source, str) and name in (entry.name for entry in builtins()):
        what = "folder" if Path(source).is_dir() else "file"
        warnings.warn(
            f"there is a {what} {name} here, and a built-in set of this name: the {what} is read. For the set give "
            f"{_PREFIX}{name}; give ./{name} for the {what} to leave no doubt.",
            UserWarning,
            stacklevel=4,
        )
    return None


def _find_builtin(name: str) -> Builtin:
    entries = {entry.name: entry for entry in builtins()}
    if name not in entries:
        raise ArgumentError(
            f"there is no file, folder or built-in data {name!r}; built in are {listed(entries)}." + near(name, entries)
        )
    return entries[name]


def _find_kind(path: Path) -> str:
    if path.is_dir():
        files = _visible(path)
        if tables := [file for file in files if is_table(file)]:
            raise _tables_in(path, tables)
        kinds = {kind for file in files if (kind := _kind_of_file(file))}
        if len(kinds) == 1:
            return kinds.pop()
        found = " and ".join(sorted(kinds)) or "no text, tables, sound or images"
        raise DataError(
            f"the folder {path} holds {found}; expected one of these kinds. "
            "If it has several, name the one to read, for example --kind sound."
        )
    if path.suffix.lower() in _PICTURES:
        raise DataError(f"{path} is one image; expected a folder of images with a sub-folder for each class.")
    kind = _kind_of_file(path)
    if kind is None:
        known = "; ".join(f"{kind}: {' '.join(suffixes)}" for kind, suffixes in _SUFFIXES.items())
        raise DataError(
            f"{path} has {f'the unknown suffix {path.suffix!r}' if path.suffix else 'no suffix'}; known are "
            f"{known}, and idx files (-ubyte, -ubyte.gz). Say how to read it with --kind: {', '.join(KINDS)}."
        )
    return kind


def _tables_in(folder: Path, tables: list[Path]) -> DataError:
    """The words that refuse a folder as a table, and name the tables in it."""
    if not tables:
        return DataError(f"{folder} is a folder without tables; a table is one file, such as .csv or .parquet.")
    names = listed(table.relative_to(folder) for table in tables)
    return DataError(
        f"the folder {folder} holds tables: {names}. A table is read from one file: name it, for example "
        f"{shlex.quote(str(tables[0]))}. Text, sound or images beside them are read with --kind, as in --kind text."
    )


def _options(reading: Reading) -> TableOptions:
    return TableOptions(
        encoding=reading.encoding,
        header=reading.header,
        sheet=reading.sheet,
        text=reading.date_columns if reading.date_format else (),
        marked=reading.thousands is not None or reading.decimal is not None,
    )


def _kind_of_file(path: Path) -> str | None:
    if is_idx(path):
        return "images"
    if is_table(path):
        return "table"
    return next((kind for kind, suffixes in _SUFFIXES.items() if path.suffix.lower() in suffixes), None)


def _files(path: Path, kind: str) -> list[Path]:
    """The file, or the folder's files of this kind in the order of their names."""
    if path.is_file():
        return [path]
    files = [file for file in _visible(path) if _kind_of_file(file) == kind]
    if not files:
        raise DataError(f"{path} holds no {kind}; expected files ending in {' '.join(_SUFFIXES[kind])}.")
    return files


def _visible(folder: Path) -> list[Path]:
    """The folder's files in the order of their names, without hidden ones and links that lead out."""
    found: list[Path] = []
    seen = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        seen += len(names)
        if seen > _MOST_FILES:
            raise DataError(
                f"the folder {folder} holds more than {_MOST_FILES:,} files; expected a folder of data alone. "
                "Name one further inside, or fewer files (text can be joined in one)."
            )
        files = [Path(place, name) for name in names if not name.startswith(".")]
        found += [file for file in files if os.path.isfile(file) and not _leads_out(file, folder)]
    return sorted(found)


def _leads_out(file: Path, folder: Path) -> bool:
    return file.is_symlink() and not file.resolve().is_relative_to(folder.resolve())


def _check_fits(
    kind: str, name: str, reading: Reading, alphabet: Alphabet | None, classes: tuple[str, ...] | None
) -> None:
    reading.refuse_foreign(kind, name)
    if reading.unknown is not None and alphabet is None:
        raise ArgumentError(
            f"unknown is {reading.unknown}, but {name} is not read for a model, so that all its characters are known. "
            "Leave it out."
        )
    labelled = kind == "images" or (kind == "sound" and reading.labels)
    unlabelled = {"text": reading.unit, "sound": "mu-law", "table": "real values"}
    gives = f"labelled {kind}" if labelled else unlabelled[kind]
    if reading.group is not None and not labelled:
        raise ArgumentError(
            f"group is {reading.group!r}, but {name} is read without labels. Leave it out, or --labels."
        )
    takes = None if alphabet is None else alphabet.kind
    if takes not in (None, gives) or (classes is not None and not labelled):
        raise DataError(
            f"the model takes {takes or 'labelled examples'}, but {name} is read as {gives}. "
            "Give it data of the kind that it was fitted to."
        )


def _read_images(path: Path, paths: list[Path], classes: tuple[str, ...] | None, group: str | None) -> Labelled:
    idx = [file for file in paths if is_idx(file)]
    pictures = [file for file in paths if file.suffix.lower() in _PICTURES]
    if idx:
        if group is not None:
            raise ArgumentError(f"group is {group!r}, but idx files say nothing of groups. Leave it out.")
        return read_idx(path, idx, classes)
    if path.is_file():
        return read_npz(path, classes, group)
    if not pictures:
        raise DataError(f"{path} holds no pictures but {listed(file.name for file in paths)}; name one of these files.")
    return read_folder(path, pictures, classes, group)


def _read_builtin(
    builtin: Builtin, reading: Reading, alphabet: Alphabet | None, classes: tuple[str, ...] | None
) -> Symbols | Series | Labelled:
    if reading.kind not in (None, builtin.kind):
        raise ArgumentError(f"kind is {reading.kind}, but the built-in {builtin.name} is {builtin.kind}.")
    if reading.group is not None:
        raise ArgumentError(f"group is {reading.group!r}, but the built-in {builtin.name} has no groups. Leave it out.")
    data = builtin.read(reading, alphabet)
    if isinstance(data, Labelled) and classes not in (None, data.classes):
        raise DataError(
            f"{builtin.name} has the classes {listed(data.classes)}; the model has {listed(classes or ())}."
        )
    return data
