"""Symbols as indices: characters, bytes, and sound quantised to 256 levels by the mu-law.

The mu-law (ITU-T Recommendation G.711, with mu = 255) spaces levels evenly in

    F(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu),        x in [-1, 1],

so that quiet sound, where the ear and most samples are, gets the fine ones. Its inverse is
sign(y) ((1 + mu)^|y| - 1) / mu. G.711 itself approximates F by line segments; this is F.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import choose, counted, listed
from chainrule.errors import ArgumentError, DataError, ShapeError, UnseenSymbolError

__all__ = ["Alphabet"]

_KINDS = ("characters", "bytes", "mu-law")
_LEVELS = 256
_MU = _LEVELS - 1


@dataclass(frozen=True)
class Alphabet:
    """The symbols a model knows, and their indices.

    Args:
        kind: "characters", "bytes" or "mu-law".
        symbols: for characters: the distinct characters, sorted; index i is the i-th. Else empty.

    >>> alphabet = Alphabet.of(["banana"])
    >>> alphabet.symbols, alphabet.encode("nab").tolist(), alphabet.decode([1, 0, 2])
    ('abn', [2, 0, 1], 'ban')
    >>> len(Alphabet("bytes"))
    256
    """

    kind: str
    symbols: str = ""

    def __post_init__(self) -> None:
        choose("an alphabet's kind", self.kind, _KINDS)
        in_order = "".join(sorted(set(self.symbols)))
        if self.kind == "characters" and (not self.symbols or self.symbols != in_order):
            raise ArgumentError("an alphabet of characters needs them distinct, sorted, and at least one.")
        if self.kind != "characters" and self.symbols:
            raise ArgumentError(f"an alphabet of {self.kind} names no symbols; it has all {_LEVELS}.")

    def __len__(self) -> int:
        return len(self.symbols) if self.kind == "characters" else _LEVELS

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Alphabet":
        """The characters that occur in the texts."""
        return cls("characters", "".join(sorted(set().union(*texts))))

    def encode(self, document: str | bytes | NDArray[Any], name: str = "the text") -> NDArray[np.int64]:
        """The indices of a text's characters, of bytes (text becomes UTF-8), or of a waveform's levels.

        Raises:
            UnseenSymbolError: characters that the alphabet does not have; ``name`` says of what.
            DataError: a waveform that leaves [-1, 1].
        """
        if self.kind == "characters" and isinstance(document, str):
            return self._encode_characters(document, name)
        if self.kind == "bytes" and isinstance(document, str | bytes):
            raw = document.encode() if isinstance(document, str) else document
            return np.frombuffer(raw, dtype=np.uint8).astype(np.int64)
        if self.kind == "mu-law" and isinstance(document, np.ndarray):
            return _compress(document, name)
        takes = {"characters": "text (str)", "bytes": "bytes or text (str)", "mu-law": "a waveform (NumPy array)"}
        raise ArgumentError(f"{name} is of type {type(document).__name__}; expected {takes[self.kind]}.")

    def decode(self, indices: ArrayLike) -> str | bytes | NDArray[np.float32]:
        """The text, the bytes, or the float32 waveform (the middle of each level) that indices stand for."""
        index = np.asarray(indices, dtype=np.int64)
        if index.size and not (index.min() >= 0 and index.max() < len(self)):
            raise ArgumentError(
                f"indices go from {index.min()} to {index.max()}; this alphabet has 0 to {len(self) - 1}."
            )
        if self.kind == "characters":
            return "".join(self.symbols[i] for i in index)
        if self.kind == "bytes":
            return index.astype(np.uint8).tobytes()
        return _expand(index)

    def to_dict(self) -> dict[str, str]:
        """The alphabet as JSON-able values."""
        return {"kind": self.kind, "symbols": self.symbols}

    @classmethod
    def from_dict(cls, values: Mapping[str, str]) -> "Alphabet":
        """The alphabet that `to_dict` wrote.

        >>> Alphabet.from_dict(Alphabet("mu-law").to_dict())
        Alphabet(kind='mu-law', symbols='')
        """
        return cls(**values)

    def _encode_characters(self, text: str, name: str) -> NDArray[np.int64]:
        known, points = _code_points(self.symbols), _code_points(text)
        index = np.minimum(np.searchsorted(known, points), len(known) - 1)
        unseen = known[index] != points
        if unseen.any():
            positions = np.flatnonzero(unseen)
            first = int(positions[0])
            line_start = text.rfind("\n", 0, first) + 1
            symbols = sorted({text[i] for i in positions})
            raise UnseenSymbolError(
                f"{len(positions)} of the {counted(len(text), 'character')} of {name} are not among the {len(self)} "
                f"that the model knows: {listed(map(repr, symbols), shown=5)}; the first is at line "
                f"{text.count(chr(10), 0, first) + 1}, column {first - line_start + 1}. "
                "Remove or replace them, or fit a model on text that has them (or on bytes, with --unit bytes)."
            )
        return index.astype(np.int64)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")


def _compress(waveform: NDArray[Any], name: str) -> NDArray[np.int64]:
    if waveform.ndim != 1 or waveform.dtype.kind not in "iuf":
        raise ShapeError(f"{name} has shape {waveform.shape} of {waveform.dtype}; expected one row of samples.")
    x = waveform.astype(np.float64)
    if not np.isfinite(x).all() or (np.abs(x) > 1).any():
        peak = np.abs(x).max()
        raise DataError(f"{name} peaks at {peak:g}; expected finite samples from -1 to 1. Scale it down.")
    y = np.sign(x) * np.log1p(_MU * np.abs(x)) / np.log1p(_MU)
    return np.asarray(np.minimum((y + 1) / 2 * _LEVELS, _MU), dtype=np.int64)


def _expand(index: NDArray[np.int64]) -> NDArray[np.float32]:
    y = (index + 0.5) / _LEVELS * 2 - 1
    return np.asarray(np.sign(y) * np.expm1(np.abs(y) * np.log1p(_MU)) / _MU, dtype=np.float32)
