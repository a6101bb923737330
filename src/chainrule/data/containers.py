"""What reading gives: discrete sequences, series of real values, or labelled examples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.data.alphabet import Alphabet

__all__ = ["Labelled", "Series", "Symbols"]


@dataclass(frozen=True, eq=False)
class Symbols:
    """Sequences of symbols from one alphabet: text, or quantised sound.

    Attributes:
        documents: one array of indices into the alphabet a document.
        alphabet: what the indices stand for.
        name: of the source, for messages and titles.
        rate: samples per second of sound, else None.
        end: what every document ends with, one or two symbols; empty where nothing marks it.
    """

    documents: list[NDArray[np.int64]]
    alphabet: Alphabet
    name: str
    rate: int | None = None
    end: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        """Symbols in all documents together."""
        return sum(len(document) for document in self.documents)


@dataclass(frozen=True, eq=False)
class Series:
    """Real values in time order, in the data's own units, none missing, all finite.

    Attributes:
        values: float64, steps x columns.
        columns: the names.
        dates: of the steps, strictly increasing; None if the table has none.
        name: of the source.
        season: steps in a season, 1 where none is known.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    dates: NDArray[np.datetime64] | None
    name: str
    season: int


@dataclass(frozen=True, eq=False)
class Labelled:
    """Examples with a label each.

    Attributes:
        inputs: waveforms of their own lengths (sound), or one array N x channels x height x width (images):
            uint8 from 0 to 255, or float32 from 0 to 1.
        labels: int64, N, indices into ``classes``.
        classes: the names.
        kind: "sound" or "images".
        name: of the source.
        rate: samples per second of sound, else None.
        test: bool, N, True for the examples that the source itself keeps for testing; None if it keeps none.
    """

    inputs: list[NDArray[np.float32]] | NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    kind: str
    name: str
    rate: int | None = None
    test: NDArray[np.bool_] | None = None
