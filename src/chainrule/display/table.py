"""Tables: plain data, written for a terminal of 80 columns, for rich, and for a page."""

import html
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule._optional import require

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Cell", "Table", "number"]

Cell = str | int | float | None

_WIDTH = 80
_ROWS, _ROWS_OF_A_PAGE = 40, 200


def number(value: Cell, digits: int = 4) -> str:
    """A cell as text: four digits, an exact zero as 0, what is merely tiny with its exponent.

    >>> [number(value) for value in (0.0, 3e-41, 0.123456, -12.0, 1234567.0, float("inf"), 7, None)]
    ['0', '3.000e-41', '0.1235', '-12', '1.235e+06', 'inf', '7', '']
    """
    if value is None:
        return ""
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    return f"{value:.{digits}g}" if 1e-3 <= abs(value) < 10 ** (digits + 1) else f"{value:.{digits - 1}e}"


@dataclass(frozen=True)
class Table:
    """A title, columns, rows and remarks. ``str()`` writes it at 80 columns, with the middle of many rows left out.

    Numbers have four digits, or as many as 80 columns have room for, but two at least.

    >>> print(Table("two", ("name", "x"), (("a", 1.5), ("b", 0.0)), ("b is nothing",)))
    two
    name    x
    ─────────
    a     1.5
    b       0
    b is nothing
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        cells = [self.columns, *self._cells(_ROWS)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        left = self._left()

        def line(row: Sequence[str]) -> str:
            parts = (f"{c:<{w}}" if to_left else f"{c:>{w}}" for c, w, to_left in zip(row, widths, left, strict=True))
            return "  ".join(parts).rstrip()

        body = [line(row) for row in cells]
        rule = "─" * max(map(len, body))
        return "\n".join([*_wrapped(self.title), body[0], rule, *body[1:], *_wrapped(*self.notes)])

    def __rich__(self) -> "RenderableType":
        rich, text, group = require("rich.table"), require("rich.text"), require("rich.console")
        table = rich.Table(box=require("rich.box").SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for column, to_left in zip(self.columns, self._left(), strict=True):
            # A name folds at the edge of a narrow terminal; a number never does.
            how = {"overflow": "fold"} if to_left else {"justify": "right", "no_wrap": True}
            table.add_column(text.Text(column), **how)
        for row in self._cells(_ROWS):
            table.add_row(*map(text.Text, row))
        notes = [text.Text(note) for note in self.notes]
        renderable: RenderableType = group.Group(text.Text(self.title, style="bold"), table, *notes)
        return renderable

    def to_html(self) -> str:
        """The table as an element, of at most 200 rows."""
        align = [' class="text"' if to_left else "" for to_left in self._left()]

        def row(cells: Sequence[str], tag: str) -> str:
            inner = (f"<{tag}{how}>{html.escape(cell)}</{tag}>" for cell, how in zip(cells, align, strict=True))
            return f"<tr>{''.join(inner)}</tr>"

        body = "\n".join(row(cells, "td") for cells in self._cells(_ROWS_OF_A_PAGE))
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table><thead>{row(self.columns, 'th')}</thead><tbody>\n{body}\n</tbody></table>\n{notes}"

    def _left(self) -> list[bool]:
        """Which columns hold words."""
        return [any(isinstance(row[k], str) for row in self.rows) for k in range(len(self.columns))]

    def _cells(self, most: int) -> list[tuple[str, ...]]:
        """Rows as text, at most so many and a row that counts those left out, in digits that fit the width."""
        rows, half = list(self.rows), most // 2
        ends = [rows] if len(rows) <= 1.2 * most else [rows[:half], rows[-half:]]
        gap = (f"… {len(rows) - 2 * half:,}", *("" for _ in self.columns[1:]))
        for digits in (4, 3, 2):
            first, *last = ([tuple(number(cell, digits) for cell in row) for row in part] for part in ends)
            cells = first + ([gap, *last[0]] if last else [])
            widths = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
            if sum(widths) + 2 * (len(widths) - 1) <= _WIDTH:
                break
        return cells


def _wrapped(*paragraphs: str) -> list[str]:
    return [line for paragraph in paragraphs for line in textwrap.wrap(paragraph, _WIDTH)]
