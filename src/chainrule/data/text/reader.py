"""Text: files and folders of them, as documents of characters or bytes.

A file is read twice, a block at a time: once to count its characters, once for their indices. So reading takes little
more memory than the indices, one byte each for alphabets of up to 256 characters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._settings import option
from chainrule.data.containers import Symbols
from chainrule.data.reading import Reading
from chainrule.data.text.alphabet import Alphabet, code_points
from chainrule.data.text.documents import Documents, lines, paragraphs
from chainrule.data.text.text_file import TextFile
from chainrule.data.text.unknown import Unknown
from chainrule.errors import DataError, TooShortError, UnseenSymbolError

__all__ = ["text_symbols"]

_ENDS = {"one": "", "line": "\n", "blank-line": "\n\n"}
_WHITE = " \t\v\f\r"
_SURROGATES = slice(0xD800, 0xE000)
_CODE_POINTS = 0x110000


def text_symbols(
    files: Mapping[str, Path | bytes],
    reading: Reading,
    name: str,
    alphabet: Alphabet | None = None,
) -> Symbols:
    r"""Documents of symbols from files, or from the bytes of files, by name.

    Characters are the text with "\r\n" read as "\n"; bytes are as in the file. With ``documents="line"`` each document
    ends in "\n", with "blank-line" in "\n\n", so that a model can tell where one ends. With "blank-line" documents are
    separated by lines of nothing but white space. Empty documents are left out.

    Characters that a given alphabet does not have are refused, or left out if the reading has ``unknown="skip"``. With
    "replace" they are read as a blank, or if the alphabet has none as the most common known character of the text.

    Raises:
        DataError: text that is not in the encoding.
        UnseenSymbolError: characters that a given alphabet does not have.
        TooShortError: no symbol at all.
    """
    texts = [TextFile(file, source, reading) for file, source in files.items()]
    counts = np.zeros(_CODE_POINTS, np.int64)
    lengths = [text.add_counts(counts) for text in texts]
    if not any(lengths):
        raise TooShortError(f"{name} is empty; expected at least one document of text.")
    _check_characters(counts, name, reading.encoding)
    end = _ENDS[reading.documents]
    if alphabet is None:
        alphabet = Alphabet("bytes") if reading.unit == "bytes" else _alphabet(counts, end)
    found = _unknown(texts, counts, alphabet, name, reading.unknown)
    dtype = alphabet.dtype
    if found is not None:
        dtype = np.min_scalar_type(len(alphabet))  # len(alphabet) stands for unknown characters
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


def _documents(texts: Sequence[TextFile], alphabet: Alphabet, reading: Reading, room: NDArray[Any]) -> Documents:
    """The documents of all texts, in ``room``, which has space for each text and, if it lacks it, its last end."""
    end = alphabet.encode(_ENDS[reading.documents])
    starts = []
    stops = []
    used = 0
    for text in texts:
        length = text.fill(room[used:], alphabet)
        start, stop = _places(room[used : used + length], alphabet, reading.documents)
        start += used
        stop += used
        if len(end):
            # A document stops after its newline, or without one at the end of the text. One end more is always to be
            # written: it falls on the blank line after the document, or on the space that the room has after a text.
            stop += len(end) - (room[stop - 1] == end[0])
            for back in range(len(end)):
                room[stop - 1 - back] = end[0]
        starts.append(start)
        stops.append(stop)
        used += length + len(end)
    return Documents(room, np.concatenate(starts), np.concatenate(stops))


def _places(indices: NDArray[Any], alphabet: Alphabet, documents: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the documents of one text start and stop; lines and paragraphs stop after their last newline."""
    if documents == "one":
        count = min(1, len(indices))
        return np.zeros(count, np.int64), np.full(count, len(indices))
    newline = alphabet.encode("\n")[0]
    if documents == "line":
        starts, stops = lines(indices, newline)
        has_text = indices[starts] != newline
        return starts[has_text], stops[has_text]
    white = [index for index in alphabet.index(code_points(_WHITE)).tolist() if index < len(alphabet)]
    return paragraphs(indices, newline, white)


def _check_characters(counts: NDArray[np.int64], name: str, encoding: str) -> None:
    if counts[_SURROGATES].any():
        raise DataError(
            f"{name} has halves of surrogate pairs (U+D800 to U+DFFF) when read as {encoding}, and they are not "
            f"characters. Name its encoding, for example {option('encoding', 'utf-8')}."
        )


def _alphabet(counts: NDArray[np.int64], end: str) -> Alphabet:
    """The characters that occur, and those that documents end with."""
    occurs = counts > 0
    occurs[code_points(end)] = True
    return Alphabet("characters", "".join(map(chr, np.flatnonzero(occurs))))


def _unknown(
    texts: Sequence[TextFile], counts: NDArray[np.int64], alphabet: Alphabet, name: str, unknown: str | None
) -> Unknown | None:
    """The characters of the texts that the alphabet does not have; None if it has all."""
    if (alphabet.index(np.flatnonzero(counts)) < len(alphabet)).all():
        return None
    found = Unknown.among([(text.name, text.blocks()) for text in texts], alphabet.symbols, name)
    if unknown is None:
        raise UnseenSymbolError(f"{found} {found.REMEDY}")
    return found


def _stand_in(counts: NDArray[np.int64], alphabet: Alphabet) -> str:
    """What unknown characters are read as: a blank, or if that is unknown too, the most common known character."""
    if " " in alphabet.symbols:
        return " "
    return max(alphabet.symbols.replace("\n", "") or "\n", key=lambda symbol: counts[ord(symbol)])
