"""The characters of new text that a model does not know: which, how often, where, and what was done about them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from chainrule._choices import counted, listed
from chainrule._settings import option

__all__ = ["UNKNOWN", "Unknown"]

UNKNOWN = ("skip", "replace")


@dataclass(frozen=True)
class Unknown:
    """The characters of a text that an alphabet does not have.

    Attributes:
        name: the name of the text.
        symbols: how many characters the alphabet has.
        length: how many characters the text has.
        counts: how often each unknown character occurs, the most common first.
        place: where the first one is, in words.
        done: what was done about them, in words; empty if nothing was.

    >>> print(Unknown.among([("a.txt", ["caf", "é\\ncafé"])], "\\nacf", "a.txt"))
    2 of the 9 characters of a.txt are not among the 4 that the model knows: 'é' (2); the first is at line 1, column 4.
    """

    REMEDY: ClassVar[str] = (
        f"Remove or replace them, or fit a model to text that has them (or to bytes, with {option('unit', 'bytes')})."
    )

    name: str
    symbols: int
    length: int
    counts: dict[str, int]
    place: str
    done: str = ""

    @classmethod
    def among(cls, files: Iterable[tuple[str, Iterable[str]]], known: str, name: str) -> Self:
        """Count and place what is not among the ``known`` characters in the blocks of text of each file."""
        alphabet = set(known)
        counts = Counter[str]()
        length = 0
        place = ""
        for file, blocks in files:
            for block, line, column in _placed(blocks):
                length += len(block)
                if alphabet.issuperset(block):
                    continue
                found = {symbol: count for symbol, count in Counter(block).items() if symbol not in alphabet}
                if not counts:
                    place = _place(block, min(map(block.index, found)), line=line, column=column)
                    if file != name:
                        place += f" of {file}"
                counts.update(found)
        return cls(name=name, symbols=len(known), length=length, counts=dict(counts.most_common()), place=place)

    @property
    def count(self) -> int:
        """How many unknown characters there are in all."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        shown = listed((f"{symbol!r} ({count:,})" for symbol, count in self.counts.items()), shown=5)
        text = (
            f"{self.count:,} of the {counted(self.length, 'character')} of {self.name} are not among the "
            f"{self.symbols:,} that the model knows: {shown}; the first is at {self.place}."
        )
        return f"{text} {self.done}".rstrip()


def _placed(blocks: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Each block with the line and the column that it begins at, from 0."""
    line = 0
    column = 0
    for block in blocks:
        yield block, line, column
        line, column = _after(block, line, column)


def _after(text: str, line: int, column: int) -> tuple[int, int]:
    """The line and the column after some text that begins at these."""
    newlines = text.count("\n")
    if not newlines:
        return line, column + len(text)
    return line + newlines, len(text) - text.rfind("\n") - 1


def _place(block: str, at: int, *, line: int, column: int) -> str:
    """The place of a character in words, counted from 1, for a block that begins at this line and column."""
    line, column = _after(block[:at], line, column)
    return f"line {line + 1}, column {column + 1}"
