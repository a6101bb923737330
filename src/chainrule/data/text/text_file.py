"""A file of text, read a block at a time, as often as a pass over it is needed."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from chainrule.data.reading import Reading
from chainrule.data.sources.formats import TEXTS, format_of
from chainrule.data.text import decoding
from chainrule.data.text.alphabet import Alphabet, code_points
from chainrule.data.text.decoding import decoded, with_line_feeds
from chainrule.errors import DataError

__all__ = ["TextFile"]


@dataclass(frozen=True)
class TextFile:
    """A file of text, or its bytes, which every pass reads anew.

    Attributes:
        name: for messages.
        source: its path or its bytes.
        reading: how it is read.
    """

    name: str
    source: Path | bytes
    reading: Reading

    def blocks(self) -> Iterator[str]:
        """The text, a block at a time; of bytes, each as the character of its number."""
        with self._open() as stream:
            if self.reading.unit == "characters":
                yield from with_line_feeds(decoded(stream, self.reading.encoding, self.name))
                return
            characters = (block.decode("latin-1") for block in iter(lambda: stream.read(decoding.BLOCK), b""))
            if self.reading.documents == "one":
                yield from characters
            else:
                yield from with_line_feeds(characters)

    def _open(self) -> BinaryIO:
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        return format_of(self.source, TEXTS).load(self.source)

    def add_counts(self, counts: NDArray[np.int64]) -> int:
        """Add to ``counts`` how often each code point occurs; returns how many characters there are."""
        length = 0
        for block in self.blocks():
            found = np.bincount(code_points(block))
            counts[: len(found)] += found
            length += len(block)
        return length

    def fill(self, room: NDArray[Any], alphabet: Alphabet) -> int:
        """Put the index of every character into ``room``; returns how many there are.

        The index of an unknown character is len(alphabet); where the reading skips these, it has none.
        """
        filled = 0
        for block in self.blocks():
            index = alphabet.index(code_points(block))
            if self.reading.unknown == "skip":
                index = index[index < len(alphabet)]
            if filled + len(index) > len(room):
                raise DataError(f"{self.name} has grown while it was read. Read it when nothing writes to it.")
            room[filled : filled + len(index)] = index
            filled += len(index)
        return filled
