"""Tables in Excel files, a sheet read as the CSV file that it would be saved as."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from chainrule._choices import listed, near
from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.table.formats.delimited import load_text
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.loaded import LoadedTable, check_columns
from chainrule.data.unpacking import too_large
from chainrule.errors import ChainruleError, ColumnError, DataError, TooShortError

__all__ = ["load_sheet"]

_MOST_UNPACKED = 64 * 10**6  # openpyxl takes ten seconds for about as much
_MOST_CELLS = 3_000_000


def load_sheet(path: Path, options: TableOptions) -> LoadedTable:
    """Load a sheet of an .xlsx file: the only one that holds anything, or the one asked for."""
    openpyxl = require("openpyxl")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's, of parts that it does without
            most = _MOST_UNPACKED if options.most_unpacked is None else options.most_unpacked
            if sum(part.file_size for part in archive.infolist()) > most:
                raise too_large(path, most, "Save the sheet as CSV")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            text = _as_csv(_choose(book.worksheets, path.name, options.sheet), path.name, options.most_columns)
            book.close()
    except ChainruleError:
        raise
    except Exception as error:  # of a broken file openpyxl may raise nearly anything
        raise DataError(f"{path} cannot be read as Excel: {type(error).__name__}: {str(error)[:300]}") from error
    return load_text(text, path.name, options, row="row", delimiter=",")


def _choose(sheets: list[Any], name: str, asked: str | None) -> Any:
    by_title = {sheet.title: sheet for sheet in sheets}
    if asked is not None:
        if asked not in by_title:
            raise ColumnError(f"{name} has no sheet {asked!r}; it has {listed(by_title)}.{near(asked, by_title)}")
        return by_title[asked]
    filled = [sheet for sheet in sheets if any(cell is not None for row in _rows(sheet) for cell in row)]
    if not filled:
        raise TooShortError(f"{name} is empty; expected a header row and a row for each step.")
    if len(filled) > 1:
        titles = [sheet.title for sheet in filled]
        raise ColumnError(
            f"{name} has {len(filled)} sheets that hold something: {listed(titles)}. "
            f"Choose one with `sheet`, for example {option('sheet', titles[0])}."
        )
    return filled[0]


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    """The sheet's rows, counted: one far cell can ask for millions of empty ones before it."""
    cells = 0
    for row in sheet.iter_rows(values_only=True):
        cells += max(1, len(row))
        if cells > _MOST_CELLS:
            raise DataError(f"the sheet {sheet.title!r} has more than {_MOST_CELLS:,} cells. Save it as CSV.")
        yield row


def _as_csv(sheet: Any, name: str, most_columns: int) -> str:
    """The sheet as text, with as many cells in every row."""
    rows = [[_as_text(cell) for cell in row] for row in _rows(sheet)]
    width = max((i + 1 for row in rows for i, cell in enumerate(row) if cell), default=0)
    check_columns(width, name, most_columns)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((row + [""] * width)[:width] for row in rows)
    return text.getvalue()


def _as_text(cell: Any) -> str:
    """A cell on one line, so that rows keep their numbers."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return " ".join(str(cell).split())
