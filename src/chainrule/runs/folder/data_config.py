"""What a run keeps of its data: enough to build and use a model without it, and to know it again."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chainrule._choices import choose, listed, whole
from chainrule.data import Alphabet, Labelled, Series, Symbols, Transform
from chainrule.data.dates.calendars import parse_rule
from chainrule.errors import ArgumentError, RunFormatError
from chainrule.models import (
    ModelConfig,
    build_image_classifier,
    build_sequence_classifier,
    build_series_model,
    build_symbol_model,
)
from chainrule.training import check_weights, load_weights

__all__ = ["Data", "DataConfig", "digest_of"]

_LARGEST = 10**7  # of a picture's sides, and samples a second
_LAYERS = 3  # of which the weights are counted
_KINDS = ("symbols", "series", "images", "sound")
Data = Symbols | Series | Labelled


def digest_of(data: Data) -> str:
    """A fingerprint of data, by which it is known to have changed.

    >>> digest_of(Symbols([np.arange(3)], Alphabet("bytes"), "x"))
    'f85a16cb15ea56a8'
    """
    arrays: Sequence[NDArray[Any]]
    if isinstance(data, Symbols):
        arrays = data.documents
    else:
        arrays = [data.values] if isinstance(data, Series) else [*data.inputs, data.labels]
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    if isinstance(data, Labelled) and data.groups:
        digest.update("\0".join(data.groups).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class DataConfig:
    """What a model has to know of its data to be built and used without it.

    ``kind`` is "symbols", "series", "images" or "sound" (labelled); ``digest`` tells whether a source has changed
    since. The fields that a kind has no use for stay empty.
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

    def __post_init__(self) -> None:
        choose("the kind of data", self.kind, _KINDS)
        complete = {
            "symbols": bool(self.alphabet),
            "series": self.transform is not None and len(self.transform.mean) == len(self.columns) > 0,
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

    def difference(self, data: Data) -> str | None:
        """What keeps ``data`` from being used with a model of this data, in words; None if nothing does."""
        if isinstance(data, Series):
            if len(data.columns) != len(self.columns):
                return f"has the columns {listed(data.columns)}; the model {self._takes()}"
            if self.freq and data.frequency and not data.frequency.has_steps_of(self.freq):
                was = f"was fitted to {parse_rule(self.freq)} ({self.freq})"
                return f"has dates of another frequency, {data.frequency.words}; the model {was}"
            return None
        if isinstance(data, Symbols):
            if data.alphabet != self.alphabet:
                return f"has another alphabet of {data.alphabet.kind}; the model {self._takes()}"
        elif data.kind != self.kind or data.classes != self.classes:
            return f"has {data.kind} of the classes {listed(data.classes)}; the model {self._takes()}"
        elif data.kind == "images" and np.shape(data.inputs)[1:] != self.shape:
            return f"has images of shape {np.shape(data.inputs)[1:]}; the model was fitted to {self.shape}"
        if data.rate != self.rate:
            return f"has {data.rate} samples a second; the model was fitted to {self.rate}"
        return None

    def _takes(self) -> str:
        """What the model was fitted to, in words."""
        if self.alphabet is not None:
            return f"was fitted to {len(self.alphabet)} {self.alphabet.kind}"
        if self.kind == "series":
            return f"was fitted to the columns {listed(self.columns)}"
        return f"was fitted to {self.kind} of the classes {listed(self.classes)}"

    def build(self, model: ModelConfig) -> nn.Module:
        """A new model for this data."""
        if self.alphabet is not None:
            return build_symbol_model(model, len(self.alphabet), self.end)
        if self.transform is not None:
            return build_series_model(model, self.transform)
        if self.kind == "images":
            channels, height, width = self.shape
            return build_image_classifier(model, channels, (height, width), len(self.classes))
        return build_sequence_classifier(model, self.shape[0], len(self.classes))

    def build_with(self, model: ModelConfig, weights: dict[str, Tensor]) -> nn.Module:
        """A model with these weights; one of other sizes is refused before any memory is taken for it.

        Raises:
            RunFormatError: the weights are not those of such a model.
        """
        if (model.layers or 1) > len(weights):  # each has some, and to build them takes time even without memory
            raise RunFormatError(f"{model.layers} are more layers than the weights that there are: {len(weights)}.")
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they come again below
            check_weights(self.build(model), weights)
        built = self.build(model)
        load_weights(built, weights)
        return built

    def weights_in(self, model: ModelConfig) -> int:
        """The bytes of the weights that ``build`` would make, found without making them."""
        if (layers := model.layers or 0) > _LAYERS:  # each after the first has as many as the next
            few, more = (self.weights_in(replace(model, layers=n)) for n in (_LAYERS - 1, _LAYERS))
            return few + (layers - _LAYERS + 1) * (more - few)
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they come again when it is built
            try:
                built = self.build(model)
            except RuntimeError as error:
                if "overflow" not in str(error):
                    raise
                return 2**63
        return sum(t.numel() * t.element_size() for t in [*built.parameters(), *built.buffers()])
