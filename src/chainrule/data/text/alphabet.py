"""Symbols as indices: characters, bytes, and sound quantised to 256 levels by the mu-law.

The mu-law (ITU-T Recommendation G.711, with mu = 255) spaces levels evenly in

    F(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu),        x in [-1, 1],

so that quiet sound, where the ear is sensitive and most samples lie, gets the finest levels. Its inverse is
sign(y) ((1 + mu)^|y| - 1) / mu. G.711 itself approximates F by line segments; this is F itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import choose
from chainrule._schema import check_fields
from chainrule.data.blockwise import blocks
from chainrule.data.text.unknown import Unknown
from chainrule.errors import ArgumentError, DataError, ShapeError, UnseenSymbolError

__all__ = ["Alphabet", "code_points"]

_KINDS = ("characters", "bytes", "mu-law")
_LEVELS = 256
_MU = _LEVELS - 1


@dataclass(frozen=True)
class Alphabet:
    """The symbols a model knows, and their indices.

    Args:
        kind: "characters", "bytes" or "mu-law".
        symbols: of "characters" the distinct characters, sorted; index i is the i-th. Empty for other kinds.

    >>> alphabet = Alphabet.of(["banana"])
    >>> alphabet.symbols, alphabet.encode("nab").tolist(), alphabet.decode([1, 0, 2])
    ('abn', [2, 0, 1], 'ban')
    >>> len(Alphabet("bytes"))
    256
    """

    kind: str
    symbols: str = ""

    def __post_init__(self) -> None:
        check_fields(self)
        choose("an alphabet's kind", self.kind, _KINDS)
        in_order = "".join(sorted(set(self.symbols)))
        if self.kind == "characters" and (not self.symbols or self.symbols != in_order):
            raise ArgumentError("an alphabet of characters needs at least one, all distinct and sorted.")
        if any("\ud800" <= symbol <= "\udfff" for symbol in self.symbols):
            raise ArgumentError("an alphabet cannot have halves of surrogate pairs (U+D800 to U+DFFF) as characters.")
        if self.kind != "characters" and self.symbols:
            raise ArgumentError(f"an alphabet of {self.kind} takes no symbols: it always has all {_LEVELS}.")

    def __len__(self) -> int:
        return len(self.symbols) if self.kind == "characters" else _LEVELS

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Alphabet":
        """The characters that occur in the texts."""
        return cls("characters", "".join(sorted(set().union(*texts))))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of indices: the smallest that holds them all.

        >>> Alphabet("bytes").dtype
        dtype('uint8')
        """
        return np.min_scalar_type(len(self) - 1)

    def encode(self, document: str | bytes | NDArray[Any], name: str = "the text") -> NDArray[Any]:
        """The indices (T,), of ``dtype``, of characters, of bytes (text becomes UTF-8), or of a waveform's levels.

        Raises:
            UnseenSymbolError: characters that the alphabet does not have; messages call the text ``name``.
            DataError: a waveform with samples outside [-1, 1].
            ShapeError: a waveform that is not one row of real numbers.
            ArgumentError: a document of another type than the alphabet encodes.
        """
        if self.kind == "characters" and isinstance(document, str):
            return self._encode_characters(document, name)
        if self.kind == "bytes" and isinstance(document, str):
            document = _utf_8(document, name)
        if self.kind == "bytes" and isinstance(document, bytes):
            return np.frombuffer(document, np.uint8).copy()
        if self.kind == "mu-law" and isinstance(document, np.ndarray):
            return _compress(document, name)
        takes = {"characters": "text (str)", "bytes": "bytes or text (str)", "mu-law": "a waveform (NumPy array)"}
        raise ArgumentError(f"{name} is of type {type(document).__name__}; expected {takes[self.kind]}.")

    def decode(self, indices: ArrayLike) -> str | bytes | NDArray[np.float32]:
        """The text, the bytes, or the float32 waveform (the middle of each level) that indices (T,) stand for.

        Raises:
            ArgumentError: indices that the alphabet does not have.
        """
        index = np.asarray(indices, dtype=np.int64)
        if index.size and not (index.min() >= 0 and index.max() < len(self)):
            raise ArgumentError(
                f"the indices range from {index.min()} to {index.max()}; this alphabet has 0 to {len(self) - 1}."
            )
        if self.kind == "characters":
            return code_points(self.symbols)[index].astype("<u4").tobytes().decode("utf-32-le")
        if self.kind == "bytes":
            return index.astype(np.uint8).tobytes()
        return _expand(index)

    def to_dict(self) -> dict[str, str]:
        """The alphabet as JSON-able values."""
        return {"kind": self.kind, "symbols": self.symbols}

    def index(self, points: NDArray[Any]) -> NDArray[Any]:
        """The index of each code point, or of each byte; len(self) for what is not a symbol of this alphabet.

        >>> Alphabet.of(["abc"]).index(np.array([99, 120])).tolist()
        [2, 3]
        """
        return self._table.take(points, mode="clip")

    @cached_property
    def _table(self) -> NDArray[Any]:
        """The index of every code point up to the highest known one, and one entry for all above it."""
        if self.kind != "characters":
            return np.arange(_LEVELS + 1, dtype=np.uint16)
        known = code_points(self.symbols)
        table = np.full(int(known[-1]) + 2, len(self), np.min_scalar_type(len(self)))
        table[known] = np.arange(len(self))
        return table

    def _encode_characters(self, text: str, name: str) -> NDArray[Any]:
        index = self.index(code_points(text))
        if (index == len(self)).any():
            unknown = Unknown.among([(name, [text])], self.symbols, name)
            raise UnseenSymbolError(f"{unknown} {unknown.REMEDY}")
        return index.astype(self.dtype)


def code_points(text: str) -> NDArray[np.unsignedinteger[Any]]:
    """The code point of each character, in a type that holds them."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), "<u4")


def _utf_8(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name} has {text[error.start]!r} at character {error.start + 1}, half of a surrogate pair, which UTF-8 "
            "cannot encode. Remove it, or give bytes."
        ) from error


def _compress(waveform: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if waveform.ndim != 1 or waveform.dtype.kind not in "iuf":
        raise ShapeError(f"{name} has shape {waveform.shape} of {waveform.dtype}; expected one row of samples.")
    levels = np.empty(len(waveform), np.uint8)
    first = 0
    for block in blocks([waveform]):
        x = np.asarray(block, dtype=np.float64)
        if not (np.abs(x) <= 1).all():  # NaN fails too
            raise DataError(
                f"{name} has samples up to {np.abs(x).max():g}; expected finite ones from -1 to 1. Scale it down."
            )
        y = np.sign(x) * np.log1p(_MU * np.abs(x)) / np.log1p(_MU)
        levels[first : first + len(x)] = np.minimum((y + 1) / 2 * _LEVELS, _MU)
        first += len(x)
    return levels


def _expand(index: NDArray[np.int64]) -> NDArray[np.float32]:
    y = (index + 0.5) / _LEVELS * 2 - 1
    return np.asarray(np.sign(y) * np.expm1(np.abs(y) * np.log1p(_MU)) / _MU, dtype=np.float32)
