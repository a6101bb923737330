"""Text: files and folders of them, as documents of characters or bytes.

A file is read twice, a block at a time: once for its characters and their number, once for their indices. So reading
takes little more memory than the indices, a byte each where there are up to 256 characters.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from chainrule.data.containers import Symbols
from chainrule.data.formats import TEXTS, format_of
from chainrule.data.messages import setting
from chainrule.data.reading import Reading
from chainrule.data.text import decoding
from chainrule.data.text.alphabet import Alphabet, code_points
from chainrule.data.text.decoding import decoded, with_line_feeds
from chainrule.data.text.documents import Documents, lines, paragraphs
from chainrule.data.text.unknown import Unknown
from chainrule.errors import DataError, TooShortError, UnseenSymbolError

__all__ = ["text_symbols"]

_ENDS = {"one": "", "line": "\n", "blank-line": "\n\n"}
_WHITE = " \t\v\f\r"
_SURROGATES = slice(0xD800, 0xE000)
_POINTS = 0x110000


def text_symbols(
    files: Mapping[str, Path | bytes],
    reading: Reading,
    name: str,
    alphabet: Alphabet | None = None,
) -> Symbols:
    r"""Documents of symbols from files, or from the bytes of files, by name.

    Characters are the text with "\r\n" read as "\n"; bytes are as in the file. A document of
    ``documents="line"`` ends in "\n", one of "blank-line" in "\n\n": a model can so tell where one ends. Lines of
    nothing but white space part the documents of "blank-line". Empty documents are left out.

    Characters that a given alphabet does not have are refused, or with ``unknown="skip"`` of the reading left
    out, or with "replace" read as a blank, or where the alphabet has none as the commonest known character of the text.

    Raises:
        DataError: text that is not in the encoding.
        UnseenSymbolError: characters that a given alphabet does not have.
        TooShortError: no symbol at all.
    """
    texts = [_Text(file, source, reading) for file, source in files.items()]
    counts = np.zeros(_POINTS, np.int64)
    lengths = [text.count(counts) for text in texts]
    if not any(lengths):
        raise TooShortError(f"{name} is empty; expected at least one document of text.")
    _check_characters(counts, name, reading.encoding)
    end = _ENDS[reading.documents]
    if alphabet is None:
        alphabet = Alphabet("bytes") if reading.unit == "bytes" else _alphabet(counts, end)
    found = _unknown(texts, counts, alphabet, name, reading.unknown)
    dtype = alphabet.dtype if found is None else np.min_scalar_type(len(alphabet))  # which an unknown one's fits too
    room = np.zeros(sum(lengths) + len(end) * len(texts), dtype)
    documents = _documents(texts, alphabet, reading, room)
    if not len(documents):
        raise TooShortError(f"{name} is empty; expected at least one document of text that is not blank.")
    ends = tuple(alphabet.encode(end).tolist())
    if found is None:
        return Symbols(documents, alphabet, name, end=ends)
    if reading.unknown == "skip":
        return Symbols(documents, alphabet, name, end=ends, unknown=replace(found, done="They are left out."))
    unscored = documents.positions(len(alphabet))
    stand_in = _stand_in(counts, alphabet)
    room[room == len(alphabet)] = alphabet.index(code_points(stand_in))
    found = replace(found, done=f"They are read as {stand_in!r}, and not scored.")
    return Symbols(documents, alphabet, name, end=ends, unknown=found, unscored=unscored)


@dataclass(frozen=True)
class _Text:
    """A file of text, read anew by every pass."""

    name: str
    source: Path | bytes
    reading: Reading

    def _open(self) -> BinaryIO:
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        return format_of(self.source, TEXTS).load(self.source)

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

    def count(self, counts: NDArray[np.int64]) -> int:
        """Add how often each code point occurs; how many there are in all."""
        length = 0
        for block in self.blocks():
            found = np.bincount(code_points(block))
            counts[: len(found)] += found
            length += len(block)
        return length

    def indices(self, alphabet: Alphabet, room: NDArray[Any]) -> int:
        """Put the index of every character into ``room``, of an unknown one len(alphabet) or none; how many."""
        at = 0
        for block in self.blocks():
            index = alphabet.index(code_points(block))
            index = index[index < len(alphabet)] if self.reading.unknown == "skip" else index
            if at + len(index) > len(room):
                raise DataError(f"{self.name} has grown while it was read. Read it when nothing writes to it.")
            room[at : at + len(index)] = index
            at += len(index)
        return at


def _documents(texts: Sequence[_Text], alphabet: Alphabet, reading: Reading, room: NDArray[Any]) -> Documents:
    """The documents of all texts, in ``room``, which has as much more as each text may lack of its last end."""
    end = alphabet.encode(_ENDS[reading.documents])
    white = [index for index in alphabet.index(code_points(_WHITE)).tolist() if index < len(alphabet)]
    starts = []
    stops = []
    at = 0
    for text in texts:
        length = text.indices(alphabet, room[at:])
        indices = room[at : at + length]
        if reading.documents == "one":
            first = np.zeros(min(1, length), np.int64)
            last = np.full(min(1, length), length)
        elif reading.documents == "line":
            first, last = lines(indices, end[0])
            kept = indices[first] != end[0]
            first = first[kept]
            last = last[kept]
        else:
            first, last = paragraphs(indices, end[0], white)
        # What is behind a last line is the end of the text, or of "blank-line" a blank one: there is room for the ends.
        last = last + len(end) - (room[at + last - 1] == end[:1]) if len(end) else last
        for back in range(len(end)):
            room[at + last - 1 - back] = end[0]
        starts.append(first + at)
        stops.append(last + at)
        at += length + len(end)
    return Documents(room, np.concatenate(starts), np.concatenate(stops))


def _check_characters(counts: NDArray[np.int64], name: str, encoding: str) -> None:
    if counts[_SURROGATES].any():
        raise DataError(
            f"{name} has halves of surrogate pairs (U+D800 to U+DFFF) when read as {encoding}, and they are no "
            f"characters. Name its encoding, for example {setting('encoding', 'utf-8')}."
        )


def _alphabet(counts: NDArray[np.int64], end: str) -> Alphabet:
    """The characters that occur, and those that documents end with."""
    occurs = counts > 0
    occurs[code_points(end)] = True
    return Alphabet("characters", "".join(map(chr, np.flatnonzero(occurs))))


def _unknown(
    texts: Sequence[_Text], counts: NDArray[np.int64], alphabet: Alphabet, name: str, unknown: str | None
) -> Unknown | None:
    """What the alphabet does not have of the texts; None if nothing."""
    if (alphabet.index(np.flatnonzero(counts)) < len(alphabet)).all():
        return None
    found = Unknown.among([(text.name, text.blocks()) for text in texts], alphabet.symbols, name)
    if unknown is None:
        raise UnseenSymbolError(f"{found} {found.REMEDY}")
    return found


def _stand_in(counts: NDArray[np.int64], alphabet: Alphabet) -> str:
    """What unknown characters are read as: a blank, or where it is unknown too, the commonest known one of a line."""
    if " " in alphabet.symbols:
        return " "
    return max(alphabet.symbols.replace("\n", "") or "\n", key=lambda symbol: counts[ord(symbol)])
