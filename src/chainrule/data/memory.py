"""Series from memory: NumPy arrays, pandas Series and DataFrames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.data.calendars import is_rule
from chainrule.data.checks import default_columns
from chainrule.data.series import table_series
from chainrule.data.tables import Table
from chainrule.errors import ColumnError, DataError, ShapeError

if TYPE_CHECKING:
    import pandas as pd

    from chainrule.data.containers import Series
    from chainrule.data.reading import Reading

__all__ = ["is_in_memory", "series_in_memory"]


def is_in_memory(source: object) -> bool:
    """Whether this is an array, or pandas data; pandas is not imported to find out."""
    return isinstance(source, np.ndarray) or type(source).__module__.partition(".")[0] == "pandas"


def series_in_memory(values: NDArray[Any] | pd.Series[Any] | pd.DataFrame, reading: Reading) -> Series:
    """A series of an array (T,) or (T, C), or of pandas data, whose index gives the dates if it holds dates.

    Raises:
        ShapeError: an array of other dimensions.
        DataError: as for a table in a file.
    """
    if isinstance(values, np.ndarray):
        frame = _frame_of_array(values)
        if len(reading.columns) == frame.shape[1] and not set(reading.columns) & set(frame.columns):
            frame.columns = list(reading.columns)  # an array has no names, so that these are its columns', in order
        reading = replace(reading, columns=reading.columns or tuple(frame.columns))
        if not set(reading.columns) <= set(frame.columns):
            raise ShapeError(
                f"the array has {counted(frame.shape[1], 'column')}; expected as many as are named: "
                f"{listed(reading.columns)}, in this order."
            )
    else:
        frame, index = _frame_of_pandas(values)
        if index is not None and reading.date is None:
            freq = index.freqstr if is_rule(index.freqstr) else None
            reading = replace(reading, date=str(frame.columns[0]), freq=reading.freq or freq)
    return table_series(Table(frame, "the data"), reading)


def _frame_of_pandas(values: pd.Series[Any] | pd.DataFrame) -> tuple[pd.DataFrame, pd.DatetimeIndex | None]:
    """The columns, under names that are text, with dates in the index as the first; and that index, if it has any."""
    pandas = require("pandas")
    frame: pd.DataFrame = pandas.DataFrame(values)
    if values.ndim == 1 and values.name is None:
        frame.columns = ["value"]
    frame.columns = [str(column) for column in frame.columns]
    index: Any = frame.index
    if isinstance(index, pandas.PeriodIndex):
        index = index.to_timestamp()
    frame = frame.reset_index(drop=True)
    dated = isinstance(index, pandas.DatetimeIndex)
    if dated:
        frame.insert(0, str(index.name or "date"), index, allow_duplicates=True)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ColumnError(f"the data has two columns called {twice[0]!r} (an index of dates is one). Rename one.")
    return frame, index if dated else None


def _frame_of_array(values: NDArray[Any]) -> pd.DataFrame:
    if values.ndim not in (1, 2):
        raise ShapeError(f"an array of a series must be (steps,) or (steps, columns), got shape {values.shape}.")
    if not values.size:
        raise ShapeError(f"the array is empty, of shape {values.shape}; expected (steps,) or (steps, columns).")
    if values.dtype.kind not in "iufb":
        raise DataError(f"an array of a series must hold numbers, got {values.dtype}.")
    columns = values.reshape(len(values), -1)
    names = default_columns(columns.shape[1])
    frame: pd.DataFrame = require("pandas").DataFrame(columns.astype(np.float64), columns=list(names))
    return frame
