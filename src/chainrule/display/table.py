"""Tables: plain data, written to a terminal of any width, to rich, to a page and to pandas."""

import html
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chainrule._optional import require
from chainrule.display.layout import HARD, Line, fits, lines_of
from chainrule.display.numbers import Cell, written
from chainrule.display.terminal import printable, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, ConsoleOptions, RenderResult

__all__ = ["WIDTH", "Table"]

WIDTH = 80
_ROWS = 40
_ROWS_OF_A_PAGE = 200


@dataclass(frozen=True)
class Table:
    """A title, columns, rows and notes. ``str()`` writes it 80 characters wide; of many rows it leaves out the middle.

    Numbers have four digits, or three or two if only then they fit the width. In a narrow terminal words wrap, and
    columns follow one another below; a number is never broken.

    Attributes:
        title, notes: the text above and below.
        columns, rows: the names, and a cell for each in every row; a column with a str in it is aligned left.
        formats: by the name of a column: "fixed", for the same decimals in every row, or a format such as ".1%".
        strong: the numbers of the rows to emphasise.

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
    formats: Mapping[str, str] = field(default_factory=dict)
    strong: Collection[int] = ()

    def __str__(self) -> str:
        return "\n".join(line.text for line in self.lines(WIDTH, _ROWS))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """As ``str()``, but as wide as the console, and into a pipe or file every row."""
        text = require("rich.text").Text
        styles = {False: "", True: "bold"}
        most = _ROWS if console.is_terminal else len(self.rows)
        for line in self.lines(options.max_width, most):
            yield text(line.text, style=styles[line.strong], no_wrap=True, overflow="ignore")
        if -1 in self._kept(most):
            yield text("The output has all rows if it is written to a file or a pipe.")

    def lines(self, width: int, most: int) -> Iterator[Line]:
        """Title, heading, rows and notes as lines of ``width``; of more than ``most`` rows, both ends."""
        if self.title:
            yield from (Line(line, strong=True) for line in _paragraphs([self.title], width))
        left = self._left()
        kept = self._kept(most)
        names = [printable(name).replace(" %", f"{HARD}%") for name in self.columns]
        for digits in (4, 3, 2):
            rows = self._cells(kept, digits)
            if fits(names, rows, width):
                break
        else:
            rows = self._cells(kept)
        yield from lines_of(names, rows, left, [k in self.strong for k in kept], width)
        yield from map(Line, _paragraphs(self.notes, width))

    def to_html(self) -> str:
        """The table as an element, of at most 200 rows."""
        left = self._left()
        kept = self._kept(_ROWS_OF_A_PAGE)

        def row(cells: Sequence[str], tags: Sequence[str], strong: bool = False) -> str:
            opening = "<tr class=strong>" if strong else "<tr>"
            return f"{opening}{''.join(map(_element, cells, tags, left))}</tr>"

        plain = ["td"] * len(self.columns)
        lines = (row(cells, plain, k in self.strong) for k, cells in zip(kept, self._cells(kept), strict=True))
        notes = "".join(f"<p>{html.escape(printable(note))}</p>" for note in self.notes)
        # a column without a name has no heading, which screen readers would announce as an empty one
        head = row([printable(name) for name in self.columns], ["th" if name else "td" for name in self.columns])
        body = "\n".join(lines)
        return f"<table><thead>{head}</thead><tbody>\n{body}\n</tbody></table>\n{notes}"

    def to_frame(self) -> "pd.DataFrame":
        """All rows, unrounded."""
        frame: pd.DataFrame = require("pandas").DataFrame(list(self.rows), columns=list(self.columns))
        return frame

    def _left(self) -> list[bool]:
        """Which columns hold words."""
        return [any(isinstance(row[k], str) for row in self.rows) for k in range(len(self.columns))]

    def _kept(self, most: int) -> list[int]:
        """The numbers of the rows that are shown, with -1 for those left out between both ends."""
        count = len(self.rows)
        half = most // 2
        if count <= 1.2 * most:
            return list(range(count))
        return [*range(half), -1, *range(count - half, count)]

    def _cells(self, kept: Sequence[int], digits: int = 4) -> list[tuple[str, ...]]:
        """Rows as text."""
        shown = [self.rows[k] for k in kept if k >= 0]
        columns = [
            written([row[k] for row in shown], self.formats.get(name), digits) for k, name in enumerate(self.columns)
        ]
        cells = [tuple(map(printable, row)) for row in zip(*columns, strict=True)]
        if -1 in kept:
            gap = f"… {len(self.rows) - len(shown):,}"
            cells.insert(kept.index(-1), (gap, *("" for _ in self.columns[1:])))
        return cells


def _element(text: str, tag: str, left: bool) -> str:
    opening = f'<{tag} class="text">' if left else f"<{tag}>"
    return f"{opening}{html.escape(text)}</{tag}>"


def _paragraphs(texts: Sequence[str], width: int) -> list[str]:
    return [line for text in texts for line in wrapped(printable(text), width)]
