"""Tables and series from memory: NumPy arrays, and Series and DataFrames of pandas and polars."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.data.container_checks import default_columns
from chainrule.data.dates.calendars import is_rule
from chainrule.data.reading import Reading
from chainrule.data.table.column_types import plain
from chainrule.data.table.loaded import LoadedTable, named
from chainrule.data.table.to_series import table_series
from chainrule.errors import DataError, ShapeError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from chainrule.data.containers import Series

    InMemory = NDArray[Any] | pd.Series[Any] | pd.DataFrame | pl.Series | pl.DataFrame

__all__ = ["is_in_memory", "series_in_memory", "table_in_memory"]

_FRAMES = ("pandas", "polars")


def is_in_memory(source: object) -> bool:
    """Whether this is an array, or data of pandas or polars; neither is imported to find out."""
    return isinstance(source, np.ndarray) or type(source).__module__.partition(".")[0] in _FRAMES


def series_in_memory(values: InMemory, reading: Reading, least: int = 2) -> Series:
    """A series of an array (T,) or (T, C), or of a frame, whose index gives the dates if it holds dates.

    It is to have at ``least`` so many steps.

    Raises:
        ShapeError: an array of other dimensions.
        DataError: as for a table in a file.
    """
    table, reading = table_in_memory(values, reading)
    if isinstance(values, np.ndarray) and not reading.columns:
        reading = replace(reading, columns=tuple(table.frame.columns))
    return table_series(table, reading, least)


def table_in_memory(values: InMemory, reading: Reading) -> tuple[LoadedTable, Reading]:
    """The table of an array or a frame, and the reading with the frequency that its index has.

    As many names as an array has columns become theirs, in order.

    Raises:
        ShapeError: an array of other dimensions, or with other columns than are named.
        DataError: an array or a frame that holds no numbers.
    """
    if isinstance(values, np.ndarray):
        return _table_of_array(values, reading), reading
    table, freq = _table_of_pandas(_as_pandas(values))
    if reading.date is None:
        reading = replace(reading, freq=reading.freq or freq)
    return table, reading


def _as_pandas(values: Any) -> Any:
    """A frame or a series of pandas; those of others turned into one."""
    if type(values).__module__.partition(".")[0] == "pandas":
        return values
    narwhals = require("narwhals", "polars")
    try:
        return narwhals.from_native(values, eager_only=True, allow_series=True).to_pandas()
    except TypeError as error:
        raise DataError(
            f"the data are a {type(values).__name__}, which holds no values yet; expected a DataFrame or a Series. "
            "Compute it first, as polars' collect() does."
        ) from error


def _table_of_array(values: NDArray[Any], reading: Reading) -> LoadedTable:
    frame = _frame_of_array(values)
    if len(reading.columns) == frame.shape[1] and not set(reading.columns) & set(frame.columns):
        frame.columns = list(reading.columns)
    if not set(reading.columns) <= set(frame.columns):
        raise ShapeError(
            f"the array has {counted(frame.shape[1], 'column')}; expected as many as are named: "
            f"{listed(reading.columns)}, in this order."
        )
    return LoadedTable(frame, "the data")


def _table_of_pandas(values: pd.Series[Any] | pd.DataFrame) -> tuple[LoadedTable, str | None]:
    """The index as columns, unless it only counts rows, then the columns; and the alias of the index's frequency."""
    pandas = require("pandas")
    frame: pd.DataFrame = pandas.DataFrame(values)
    if values.ndim == 1 and values.name is None:
        frame.columns = ["value"]
    levels = [_as_dates(frame.index.get_level_values(i)) for i in range(frame.index.nlevels)]
    freq = next((level.freqstr for level in levels if isinstance(level, pandas.DatetimeIndex)), None)
    levels = [level for level in levels if not _counts_rows(level)]
    unnamed = "date" if len(levels) == 1 else "index"
    columns = [level.to_series().reset_index(drop=True) for level in levels]
    columns += [frame.iloc[:, i].reset_index(drop=True) for i in range(frame.shape[1])]
    together: pd.DataFrame = pandas.DataFrame({i: plain(column) for i, column in enumerate(columns)})
    index_names = [unnamed if level.name is None else level.name for level in levels]
    together.columns = named([*index_names, *map(_column_name, frame.columns)])
    table = LoadedTable(together, "the data", index=tuple(together.columns[: len(levels)]))
    if len(levels) == 1 and is_rule(freq):
        return table, freq
    return table, None


def _as_dates(level: pd.Index[Any]) -> Any:
    """A level of an index; one of periods, such as months, as the dates that they begin at."""
    if isinstance(level, require("pandas").PeriodIndex):
        return level.to_timestamp()
    return level


def _counts_rows(level: Any) -> bool:
    return level.name is None and bool(require("pandas").api.types.is_numeric_dtype(level))


def _column_name(name: object) -> object:
    """The name of a column; of one with several levels, their names with blanks between them."""
    return " ".join(map(str, name)) if isinstance(name, tuple) else name


def _frame_of_array(values: NDArray[Any]) -> pd.DataFrame:
    if values.ndim not in (1, 2):
        raise ShapeError(f"the array has shape {values.shape}; expected (steps,) or (steps, columns).")
    if not values.size:
        raise ShapeError(f"the array is empty: its shape is {values.shape}; expected (steps,) or (steps, columns).")
    if values.dtype.kind not in "iufb":
        raise DataError(f"the array has dtype {values.dtype}; expected numbers.")
    columns = values.reshape(len(values), -1)
    names = default_columns(columns.shape[1])
    frame: pd.DataFrame = require("pandas").DataFrame(columns.astype(np.float64), columns=list(names))
    return frame
