"""Tables in Arrow's files: Parquet and Feather."""

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
from chainrule.errors import ChainruleError, DataError

__all__ = ["load_feather", "load_parquet"]

_MOST_BYTES = 1 << 30
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}  # bytes of Parquet's types
_FEW = 64  # rows
_UNNAMED_INDEX = "__index_level_"  # what pandas calls an index without a name


def load_parquet(path: Path, options: TableOptions) -> LoadedTable:
    """Load a Parquet file; the index of a DataFrame that was written comes back as columns."""
    parquet = require("pyarrow.parquet")

    def read() -> Any:
        with parquet.ParquetFile(path) as file:
            check_cells(file.metadata.num_rows, file.metadata.num_columns, path.name, options.most_columns)
            _check_promised(file, path.name)
            columns = [file.schema.column(i) for i in range(len(file.schema))]
            text = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
        plain = [name for name in text if "." not in name]
        with parquet.ParquetFile(path, read_dictionary=plain) as file:  # long text that repeats is kept but once,
            groups = (file.read_row_group(i) for i in range(file.num_row_groups))
            if len(plain) < len(text):  # but within lists and structures, which are read a few rows at a time
                pa = require("pyarrow")
                groups = (pa.Table.from_batches([batch]) for batch in file.iter_batches(_FEW))
            return _together(groups, file.schema_arrow, path.name, options.most_columns)

    return _load(path, "Parquet", read)


def load_feather(path: Path, options: TableOptions) -> LoadedTable:
    """Load a Feather file, which is Arrow's file format."""
    pa = require("pyarrow")

    def read() -> Any:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
            batches = (pa.Table.from_batches([file.get_batch(i)]) for i in range(file.num_record_batches))
            return _together(batches, file.schema, path.name, options.most_columns)

    return _load(path, "Feather", read)


def _check_promised(file: Any, name: str) -> None:
    """Refuse what unpacks to too much, as a Parquet file tells before any of it is unpacked; of text, but its size."""
    columns = [file.schema.column(i) for i in range(len(file.schema))]
    widths = [_WIDTHS.get(column.physical_type, column.length or 0) for column in columns]
    size = 0
    for i in range(file.num_row_groups):
        group = file.metadata.row_group(i)
        for width, column in zip(widths, map(group.column, range(group.num_columns)), strict=True):
            size += max(column.total_uncompressed_size, column.num_values * width)
    if size > _MOST_BYTES:
        raise _too_large(name)


def _too_large(name: str) -> DataError:
    return DataError(
        f"{name} unpacks to more than {_MOST_BYTES >> 20} MB. Write only the columns to model to a file of their own."
    )


def _together(parts: Iterator[Any], schema: Any, name: str, most_columns: int) -> Any:
    """The parts of a table as one, which is given up as soon as it grows too large."""
    taken = [schema.empty_table()]
    rows = 0
    size = 0
    for part in parts:
        taken.append(part)
        rows += part.num_rows
        check_cells(rows, part.num_columns, name, most_columns)
        part.validate(full=True)  # before anything follows its offsets, which a broken file has lead anywhere
        size += part.nbytes
        if size > _MOST_BYTES:
            raise _too_large(name)
    return require("pyarrow").concat_tables(taken)


def _load(path: Path, kind: str, read: Callable[[], Any]) -> LoadedTable:
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
