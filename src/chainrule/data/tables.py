"""Tables as they are in files: CSV and Parquet."""

from __future__ import annotations

import csv
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed
from chainrule._optional import require
from chainrule.data.text import decode
from chainrule.errors import DataError, TooShortError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "load_table"]

_VALUE = re.compile(r"[-+\d][-+\d.:/eTZ ]*")  # a number or a date, which no header is made of alone


@dataclass(frozen=True, eq=False)
class Table:
    """A table as loaded; messages count its rows from ``first`` and call each a ``row``."""

    frame: pd.DataFrame
    name: str
    row: str = "row"
    first: int = 1

    def at(self, bad: NDArray[np.bool_]) -> str:
        """Which rows are bad, in words, as "line 7" or "rows 2, 3, 9"; of bad cells, the rows they are in."""
        rows = np.unique(np.nonzero(bad)[0]) + self.first
        return f"{self.row}{'s' if len(rows) > 1 else ''} {listed(rows, shown=5)}"


def load_table(path: Path, encoding: str = "utf-8") -> Table:
    """Load a Parquet file, or a CSV file with a header and commas, semicolons or tabs between columns.

    Raises:
        DataError: a file that cannot be parsed, or a CSV file without a header.
        TooShortError: an empty file.
    """
    return _load_parquet(path) if path.suffix.lower() == ".parquet" else _load_csv(path, encoding)


def _load_parquet(path: Path) -> Table:
    pd = require("pandas")
    require("pyarrow")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    return Table(frame.rename(columns=str), path.name)


def _load_csv(path: Path, encoding: str) -> Table:
    pd = require("pandas")
    text = decode(path.read_bytes(), encoding, str(path)).rstrip("\r\n")
    if not text.strip():
        raise TooShortError(f"{path} is empty; expected a header line and a line for each step.")
    header = text.partition("\n")[0].rstrip("\r")
    delimiter = max(",;\t", key=lambda mark: len(_cells(header, mark)))
    if all(_VALUE.fullmatch(cell.strip()) for cell in _cells(header, delimiter)):
        raise DataError(
            f"{path} has no header: its first line is {header!r}. Name the columns in a line before it, "
            "for example 'date,value'."
        )
    try:
        with warnings.catch_warnings():  # pandas only warns of cells that it cuts off
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(text), sep=delimiter, skip_blank_lines=False, index_col=False, low_memory=False
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(
            f"{path} has lines with more cells than its header, {header!r}, with {delimiter!r} between cells: "
            f"{' '.join(str(error).split())} Correct the lines, or read it as text with --kind text."
        ) from error
    return Table(frame, path.name, row="line", first=2)


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter))
