"""Characters of new text that a model does not know: which, how often, where, and what was done about them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from chainrule._choices import counted, listed

__all__ = ["UNKNOWN", "Unknown"]

UNKNOWN = ("skip", "replace")


@dataclass(frozen=True)
class Unknown:
    """The characters of a text that an alphabet does not have.

    Attributes:
        name: of the text.
        symbols: how many characters the alphabet has.
        length: characters of the text.
        counts: how often each unknown one occurs, the commonest first.
        place: of the first one, in words.
        done: what was done about them, in words; empty where nothing was.

    >>> print(Unknown.among([("a.txt", ["caf", "é\\ncafé"])], "\\nacf", "a.txt"))
    2 of the 9 characters of a.txt are not among the 4 that the model knows: 'é' (2); the first is at line 1, column 4.
    """

    REMEDY: ClassVar[str] = (
        "Remove or replace them, or fit a model on text that has them (or on bytes, with --unit bytes)."
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
                found = {symbol: n for symbol, n in Counter(block).items() if symbol not in alphabet}
                if not counts:
                    place = _place(block, min(map(block.index, found)), line, column)
                    place += f" of {file}" if file != name else ""
                counts.update(found)
        return cls(name, len(known), length, dict(counts.most_common()), place)

    @property
    def count(self) -> int:
        """How many there are in all."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        shown = listed((f"{symbol!r} ({n:,})" for symbol, n in self.counts.items()), shown=5)
        text = (
            f"{self.count:,} of the {counted(self.length, 'character')} of {self.name} are not among the "
            f"{self.symbols:,} that the model knows: {shown}; the first is at {self.place}."
        )
        return f"{text} {self.done}" if self.done else text


def _placed(blocks: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Each block with the line and the column that it begins at, from 0."""
    line = column = 0
    for block in blocks:
        yield block, line, column
        line += block.count("\n")
        last = block.rfind("\n")
        column = column + len(block) if last < 0 else len(block) - last - 1


def _place(block: str, at: int, line: int, column: int) -> str:
    start = block.rfind("\n", 0, at)
    column = column + at if start < 0 else at - start - 1
    return f"line {line + block.count(chr(10), 0, at) + 1}, column {column + 1}"
