"""What a run keeps of its data: enough to build and use a model without it, and to know it again."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from chainrule._choices import choose, whole
from chainrule.data import Alphabet, Labelled, Panel, Series, Symbols, Transform
from chainrule.errors import ArgumentError
from chainrule.models import PanelInputs

__all__ = ["Data", "DataConfig", "digest_of"]

_LARGEST = 10**7  # of a picture's sides, and samples a second
_KINDS = ("symbols", "series", "panel", "images", "sound")
Data = Symbols | Series | Panel | Labelled


def digest_of(data: Data) -> str:
    """A fingerprint of data, by which it is known to have changed.

    >>> digest_of(Symbols([np.arange(3)], Alphabet("bytes"), "x"))
    'f85a16cb15ea56a8'
    """
    digest = hashlib.sha256()
    for array in data.arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    if data.groups:
        digest.update("\0".join(data.groups).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class DataConfig:
    """What a model has to know of its data to be built and used without it.

    ``kind`` is "symbols", "series", "panel", "images" or "sound" (labelled); ``digest`` tells whether a source has
    changed since. The fields that a kind has no use for stay empty.
    """

    kind: str
    name: str
    unit: str
    digest: str
    alphabet: Alphabet | None = None
    transform: Transform | None = None
    columns: tuple[str, ...] = ()
    season: int = 1
    classes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    rate: int | None = None
    end: tuple[int, ...] = ()
    freq: str | None = None
    inputs: PanelInputs | None = None

    def __post_init__(self) -> None:
        choose("the kind of data", self.kind, _KINDS)
        complete = {
            "symbols": bool(self.alphabet),
            "series": self.transform is not None and len(self.transform.mean) == len(self.columns) > 0,
            "panel": self.inputs is not None and len(self.columns) == 1,
        }
        if not complete.get(self.kind, bool(self.shape and self.classes)):
            raise ArgumentError(f"what a model of {self.kind} has to know of its data is incomplete.")
        whole("season", self.season)
        for name, sizes in (("shape", self.shape), ("rate", () if self.rate is None else (self.rate,))):
            for size in sizes:
                whole(name, size, most=_LARGEST)
        if self.kind == "images" and len(self.shape) != 3:
            raise ArgumentError(f"shape is {self.shape}; expected the channels, height and width of images.")
        symbols = 0 if self.alphabet is None else len(self.alphabet)
        if any(not 0 <= symbol < symbols for symbol in self.end):
            raise ArgumentError(f"end is {self.end}; expected symbols of the alphabet, 0 to {symbols - 1}.")

    def to_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "alphabet": self.alphabet and self.alphabet.to_dict(),
            "transform": self.transform and self.transform.to_dict(),
        }
