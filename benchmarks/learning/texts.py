"""A text, and its cut: the first nine tenths to learn from, the last tenth to be scored on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule
from chainrule.data import Symbols, split_steps
from chainrule.errors import ArgumentError

__all__ = ["Text", "read_text"]


@dataclass(frozen=True, eq=False)
class Text:
    """A text as indices of its characters, in time order.

    Attributes:
        source: what `chainrule.fit` takes: a path, or the name of a built-in text.
        name: for tables and titles.
        symbols: all of it, (T,) int64.
        alphabet: how many different characters it has.
        scored: how many characters at its end are scored, and are not learned from.
    """

    source: str
    name: str
    symbols: NDArray[np.int64]
    alphabet: int
    scored: int

    @property
    def learned(self) -> NDArray[np.int64]:
        """What peers are given to learn from."""
        return self.symbols[: -self.scored]

    def about(self) -> dict[str, Any]:
        """What a report says of it."""
        return {"characters": len(self.symbols), "alphabet": self.alphabet, "scored": self.scored}


def read_text(source: str) -> Text:
    """Read a text with chainrule's reader, and cut it where ``chainrule.fit`` cuts it.

    Raises:
        DataError: it cannot be read.
        ArgumentError: it is no text.
    """
    data = chainrule.data.read(source)
    if not isinstance(data, Symbols) or data.rate is not None:
        raise ArgumentError(f"{source} is not a text. Give text files, or the names of built-in texts such as english.")
    symbols = np.concatenate(list(data.documents)).astype(np.int64)
    return Text(source, Path(data.name).stem, symbols, len(data.alphabet), split_steps(len(symbols))[2])
