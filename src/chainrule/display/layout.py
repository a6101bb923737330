"""Rows of text laid out in a terminal: columns that fit its width, with numbers that are never broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chainrule.display.terminal import padded, width_of, wrapped

__all__ = ["HARD", "Line", "fits", "lines_of"]

HARD = "\N{NO-BREAK SPACE}"
_GAP = 2  # blanks between columns
_NARROWEST = 12  # to which a column of words is wrapped before others move below

_Row = Sequence[str]


@dataclass(frozen=True)
class Line:
    """A line of a table, and whether it is emphasised."""

    text: str
    strong: bool = False


def fits(header: _Row, rows: Sequence[_Row], width: int) -> bool:
    """Whether the columns fit side by side without wrapping."""
    return _total([max(map(width_of, column)) for column in zip(header, *rows, strict=True)]) <= width


def lines_of(
    header: _Row, rows: Sequence[_Row], left: Sequence[bool], strong: Sequence[bool], width: int
) -> Iterator[Line]:
    """Header, rule and rows. Words wrap in columns that are too wide; columns for which there is no room follow below.

    ``left`` says which columns hold words, ``strong`` which rows are emphasised.
    """
    widths = _widths(header, rows, left, width)
    for at in _blocks(widths, width):
        own = [widths[k] for k in at]
        head = list(_folded([header[k] for k in at], own, [left[k] for k in at]))
        body = [list(_folded([row[k] for k in at], own, [left[k] for k in at])) for row in rows]
        if any(header):
            yield from map(Line, head)
        yield Line("─" * max(width_of(line) for lines in (head, *body) for line in lines))
        for stands_out, lines in zip(strong, body, strict=True):
            yield from (Line(line, stands_out) for line in lines)


def _widths(header: _Row, rows: Sequence[_Row], left: Sequence[bool], width: int) -> list[int]:
    """The natural widths; if they do not fit, the widest column that can wrap shrinks, but no column of numbers.

    Of the first column, which names the rows, no word is broken that leaves room for another column beside it.
    """
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    widths = []
    least = []
    for name, cells, words in zip(header, columns, left, strict=True):
        body = max(map(width_of, cells), default=0)
        heading = min(max(map(width_of, name.split(" "))), _NARROWEST)
        narrowest = min(body, _NARROWEST) if words else body
        least.append(max(heading, narrowest))
        widths.append(max(min(max(body, width_of(name)), width), least[-1]))
    if left[0]:
        room = width - _GAP - max(least[1:], default=0)
        least[0] = max(least[0], min(_longest_word(columns[0]), room))
    while _total(widths) > width:
        foldable = [k for k in range(len(widths)) if widths[k] > least[k]]
        if not foldable:
            break
        widths[max(foldable, key=lambda k: widths[k])] -= 1
    return widths


def _longest_word(cells: _Row) -> int:
    return max((width_of(word) for cell in cells for word in cell.split(" ")), default=0)


def _blocks(widths: Sequence[int], width: int) -> Iterator[list[int]]:
    """The columns side by side: all, or as many as there is room for, with the first repeated before each group."""
    block: list[int] = []
    for k in range(len(widths)):
        if len(block) > 1 and _total([widths[j] for j in (*block, k)]) > width:
            yield block
            block = [0]
        block.append(k)
    yield block


def _folded(cells: _Row, widths: Sequence[int], left: Sequence[bool]) -> Iterator[str]:
    """One row as lines."""
    folded = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for n in range(max(map(len, folded))):
        parts = ["".join(lines[n : n + 1]) for lines in folded]
        yield (" " * _GAP).join(map(padded, parts, widths, left)).rstrip().replace(HARD, " ")


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)
