"""Tables as they are in files: CSV and Parquet."""

from __future__ import annotations

import csv
import io
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.data.decoding import decode
from chainrule.errors import ColumnError, DataError, TooShortError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "load_table"]

_VALUE = re.compile(r"[-+\d][-+\d.:/eTZ ]*")  # a number or a date, which no header is made of alone
_LINE_END = re.compile(r"\r\n?")
_BLANK_LINE = re.compile(r"^[ \t]+$", re.MULTILINE)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+(,\d+)?([eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True, eq=False)
class Table:
    """A table as loaded; messages count its rows from ``first`` and call each a ``row``.

    The frame's index holds the numbers that rows had in the source, from 0.
    """

    frame: pd.DataFrame
    name: str
    row: str = "row"
    first: int = 1

    def at(self, bad: NDArray[np.bool_]) -> str:
        """Which rows are bad, in words, as "line 7" or "rows 2, 3, 9"; of bad cells, the rows they are in."""
        rows = self.frame.index.to_numpy()[np.unique(np.nonzero(bad)[0])] + self.first
        return f"{self.row}{'s' if len(rows) > 1 else ''} {listed(rows, shown=5)}"

    def where(self, kept: NDArray[np.bool_]) -> Table:
        """The table of the rows kept, which messages still call by their numbers in the source."""
        return replace(self, frame=self.frame[kept])


def load_table(path: Path, encoding: str = "utf-8") -> Table:
    """Load a Parquet file, or a CSV file with a header and commas, semicolons or tabs between columns.

    Where the columns are not parted by commas, numbers may have decimal commas.

    Raises:
        DataError: a file that cannot be parsed, or a CSV file without a header.
        ColumnError: commas that may part decimals or thousands.
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
    frame = frame.reset_index(drop=isinstance(frame.index, pd.RangeIndex))
    return Table(frame.rename(columns=str), path.name)


def _load_csv(path: Path, encoding: str) -> Table:
    pd = require("pandas")
    text = _LINE_END.sub("\n", decode(path.read_bytes(), encoding, str(path)))
    text = _BLANK_LINE.sub("", text).rstrip("\n")
    if not text.strip():
        raise TooShortError(f"{path} is empty; expected a header line and a line for each step.")
    header = text.partition("\n")[0]
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
        raise DataError(f"{path} {_what_is_ragged(text, delimiter)}") from error
    if delimiter != ",":
        frame = frame.apply(_with_decimal_commas, table=path.name)
    return Table(frame, path.name, row="line", first=2)


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter))


def _what_is_ragged(text: str, delimiter: str) -> str:
    """Which line has more cells than the header, in words."""
    lines = csv.reader(io.StringIO(text), delimiter=delimiter)
    expected = len(next(lines))
    for cells in lines:
        if len(cells) > expected:
            return (
                f"has {counted(len(cells), 'cell')} in line {lines.line_num}; expected {expected}, as its header has, "
                f"with {delimiter!r} between them. Correct the line (a cell that holds {delimiter!r} needs quotes "
                "around it), or read the file as text with --kind text."
            )
    return "cannot be parsed: a quotation mark is opened and not closed. Correct it, or read it with --kind text."


def _with_decimal_commas(column: pd.Series, table: str) -> pd.Series:
    """The column as numbers if its cells are numbers with decimal commas, else as it is."""
    if require("pandas").api.types.is_numeric_dtype(column):
        return column
    text = column.dropna().astype("str").str.strip()
    with_comma = text[text.str.contains(",", regex=False)]
    if not len(with_comma) or not text.str.fullmatch(_DECIMAL_COMMA).all():
        return column
    if with_comma.str.fullmatch(_THOUSANDS).all():
        raise ColumnError(
            f"column {column.name!r} of {table} has commas that may part decimals or thousands, for example "
            f"{with_comma.iloc[0]!r}. Write decimals with a point, and thousands without a mark."
        )
    numbers: pd.Series[float] = text.str.replace(",", ".", regex=False).astype(np.float64).reindex(column.index)
    return numbers
