"""Arrow's tables, which Parquet and Feather files hold, as tables of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.data.table.column_types import from_arrow
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.loaded import LoadedTable, check_cells, named
from chainrule.data.unpacking import too_large
from chainrule.errors import ChainruleError, DataError

__all__ = ["load_arrow", "most_bytes", "together", "too_large_table"]

_MOST_BYTES = 10**9
_UNNAMED_INDEX = "__index_level_"  # what pandas calls an index without a name


def most_bytes(options: TableOptions) -> int:
    """The bytes that a table may unpack to."""
    return _MOST_BYTES if options.most_unpacked is None else options.most_unpacked


def too_large_table(name: str, options: TableOptions) -> DataError:
    """The error of a table that unpacks to more."""
    return too_large(name, most_bytes(options), "Write only the columns to model to a file of their own")


def together(parts: Iterator[Any], schema: Any, name: str, options: TableOptions) -> Any:
    """The parts of a table as one, which is given up as soon as it grows too large."""
    taken = [schema.empty_table()]
    rows = 0
    size = 0
    for part in parts:
        taken.append(part)
        rows += part.num_rows
        check_cells(rows, part.num_columns, name, options.most_columns)
        part.validate(full=True)  # before anything follows its offsets, which a broken file has lead anywhere
        size += part.nbytes
        if size > most_bytes(options):
            raise too_large_table(name, options)
    return require("pyarrow").concat_tables(taken)


def load_arrow(path: Path, kind: str, read: Callable[[], Any]) -> LoadedTable:
    """The table that ``read`` gives; the index of a DataFrame that was written comes back as columns.

    Raises:
        DataError: a broken file.
    """
    try:
        table = read()
        frame = require("pandas").DataFrame({i: from_arrow(column) for i, column in enumerate(table.columns)})
        names = list(table.column_names)
        index = _index_columns(table.schema.metadata)
        for name, numbers in _ranges(table.schema.metadata, len(frame)):
            frame[len(frame.columns)] = numbers
            names.append(name)
            index.append(name)
    except ChainruleError:
        raise
    except Exception as error:  # of a broken file pyarrow may raise nearly anything
        raise DataError(f"{path} cannot be read as {kind}: {type(error).__name__}: {str(error)[:300]}") from error
    of_index = [name in index for name in names]
    frame.columns = named("index" if name.startswith(_UNNAMED_INDEX) else name for name in names)
    return LoadedTable(frame, path.name, index=tuple(frame.columns[of_index]))


def _noted(metadata: dict[bytes, bytes] | None) -> list[Any]:
    """What pandas notes of a DataFrame's index. The rest that it notes is not needed, and all may be broken."""
    try:
        found = json.loads((metadata or {})[b"pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _index_columns(metadata: dict[bytes, bytes] | None) -> list[str]:
    """The columns that were the index."""
    return [name for name in _noted(metadata) if isinstance(name, str)]


def _ranges(metadata: dict[bytes, bytes] | None, rows: int) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Indices of a name whose numbers are evenly spaced, as seconds may be: pandas writes no column for them."""
    for note in _noted(metadata):
        if isinstance(note, dict) and isinstance(note.get("name"), str):
            start = note.get("start")
            step = note.get("step")
            if isinstance(start, int) and isinstance(step, int) and abs(start) + abs(step) * rows < 2**63:
                yield note["name"], start + step * np.arange(rows, dtype=np.int64)
