"""Tables of text."""

from collections.abc import Iterable, Sequence

from docutils import nodes

__all__ = ["table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> nodes.table:
    """A table with one line of headings; the columns numbered in ``numeric`` are aligned at the right."""
    right = set(numeric)
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row(head, right))
    group += nodes.tbody("", *(_row(cells, right) for cells in rows))
    return nodes.table("", group)


def _row(cells: Sequence[str], right: set[int]) -> nodes.row:
    return nodes.row("", *(_entry(cell, number in right) for number, cell in enumerate(cells)))


def _entry(text: str, is_right: bool) -> nodes.entry:
    return nodes.entry("", nodes.paragraph(text, text), classes=["text-right"] if is_right else [])
