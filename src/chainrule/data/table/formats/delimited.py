"""Tables of text: commas, semicolons, tabs or bars between columns."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule._choices import counted
from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.table.formats.dots import dotted_columns
from chainrule.data.table.formats.header import Layout, find_layout
from chainrule.data.table.formats.packed import unpacked
from chainrule.data.table.formats.sample import is_comment
from chainrule.data.table.formats.table_options import TableOptions
from chainrule.data.table.loaded import LoadedTable, check_cells
from chainrule.data.text.decoding import decode
from chainrule.errors import DataError, TooShortError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_csv", "load_text"]

_LINE_END = re.compile(r"\r\n?")
_BLANK_LINE = re.compile(r"^[ \t]+$", re.MULTILINE)
_MOST_COMMENTS = 1_000_000
_COMMENT_LINE = re.compile(r"^[ \t]*#", re.MULTILINE)


def load_csv(path: Path, options: TableOptions) -> LoadedTable:
    """Load a CSV file, which may be packed.

    Raises:
        DataError: a broken packed file, text in another encoding, no header, rows of more cells than the header has.
        TooShortError: nothing in it.
    """
    name = path.name
    text = decode(unpacked(path, options.most_unpacked), options.encoding, name)
    if "\0" in text:
        raise DataError(
            f"{name} holds zero bytes, the first at character {text.index(chr(0)):,}: it is broken, is not a table of "
            f"text, or has another encoding, for example {option('encoding', 'utf-16-le')}."
        )
    text = _BLANK_LINE.sub("", _LINE_END.sub("\n", text)).rstrip("\n")
    return load_text(text, name, options, row="line")


def load_text(text: str, name: str, options: TableOptions, row: str, delimiter: str | None = None) -> LoadedTable:
    """A table from its text, where lines end in newlines."""
    if not text.strip():
        raise TooShortError(f"{name} is empty; expected a header line and a line for each step.")
    layout = find_layout(text, name, options.header, delimiter, most_columns=options.most_columns)
    check_cells(text.count("\n") + 1, len(layout.names), name, options.most_columns)
    body = _from_line(text, layout.start)
    comments = _comments(body, layout, name)
    errors = require("pandas").errors
    try:
        frame = _parsed(body, layout, comments, _kept_as_text(options, layout))
    except (errors.ParserError, errors.ParserWarning) as error:
        raise DataError(f"{name} {_what_is_ragged(body, layout)}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} holds half characters (lone surrogates) in {options.encoding}. Write it as utf-8."
        ) from error
    except errors.EmptyDataError:
        frame = require("pandas").DataFrame(columns=layout.names)
    if comments and len(frame) + len(comments) == body.count("\n") + 1:
        frame.index = np.setdiff1d(np.arange(len(frame) + len(comments)), comments)
    dotted = {}
    if delimiter is None and not options.marked and not options.points:
        dotted = dotted_columns(frame, layout.delimiter, _text_of(body, layout, comments))
    return LoadedTable(frame, name, row=row, first=layout.start + 1, dotted=dotted)


def _text_of(body: str, layout: Layout, comments: list[int]) -> Callable[[list[str]], pd.DataFrame]:
    return lambda columns: _parsed(body, layout, comments, dict.fromkeys(columns, "str"))


def _parsed(body: str, layout: Layout, comments: list[int], dtype: str | dict[str, str]) -> pd.DataFrame:
    pandas = require("pandas")
    with warnings.catch_warnings():  # pandas only warns of cells that it cuts off
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            frame: pd.DataFrame = pandas.read_csv(
                io.BytesIO(body.encode(errors="surrogatepass")),
                sep=layout.delimiter,
                header=None,
                names=layout.names,
                skiprows=comments,
                skip_blank_lines=False,
                skipinitialspace=True,
                index_col=False,
                low_memory=False,
                dtype=dtype,
            )
        except OverflowError:  # of pandas 3.0, at whole numbers beyond float64, which are refused once they are text
            return _parsed(body, layout, comments, "str")
    return frame


def _kept_as_text(options: TableOptions, layout: Layout) -> str | dict[str, str]:
    """The columns that pandas may not read as numbers, as its dtypes."""
    if options.marked:
        return "str"
    return dict.fromkeys(set(options.text) & set(layout.names), "str")


def _from_line(text: str, start: int) -> str:
    """The text without its first lines."""
    place = 0
    for _ in range(start):
        place = text.find("\n", place) + 1
        if place == 0:
            return ""
    return text[place:]


def _comments(body: str, layout: Layout, name: str) -> list[int]:
    """The lines that are comments; one with as many cells as a row stays, rather than lose a row."""
    found = []
    line = 0
    place = 0
    for mark in _COMMENT_LINE.finditer(body):
        line += body.count("\n", place, mark.start())
        place = mark.start()
        end = body.find("\n", place)
        text = body[place:] if end < 0 else body[place:end]
        cells = text.count(layout.delimiter) + 1
        if is_comment(text) and (cells != len(layout.names) or cells == 1):
            found.append(line)
            if len(found) > _MOST_COMMENTS:
                raise DataError(f"{name} has more than {_MOST_COMMENTS:,} comment lines. Leave them out.")
    return found


def _what_is_ragged(body: str, layout: Layout) -> str:
    """Which line has more cells than the header, in words."""
    lines = csv.reader(io.StringIO(body), delimiter=layout.delimiter, skipinitialspace=True)
    expected = len(layout.names)
    with suppress(csv.Error):  # a cell that is too long: said below
        for cells in lines:
            if len(cells) > expected:
                return (
                    f"has {counted(len(cells), 'cell')} in line {layout.start + lines.line_num}; expected {expected}, "
                    f"as many as its header has, with {layout.delimiter!r} between them. Correct the line (a cell that "
                    f"holds {layout.delimiter!r} needs quotes around it), or read the file as text with "
                    f"{option('kind', 'text')}."
                )
    return (
        "cannot be parsed: a quotation mark is opened and not closed. Correct it, or read the file as text with "
        f"{option('kind', 'text')}."
    )
