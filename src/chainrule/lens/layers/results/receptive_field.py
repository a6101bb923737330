"""What a cell of a layer can see of the input: its receptive field, layer by layer, and what it does see."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._optional import require
from chainrule.display import BLACK, Cell, Shown, Table, listed, mosaic_height, paint, title, whole_ticks
from chainrule.errors import DisagreementError
from chainrule.lens import formulas
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.conversion import Floats
from chainrule.lens.layers.passes.spans import Spans
from chainrule.lens.layers.results.inputs import draw_sequence

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["ReceptiveField"]

_UNKNOWN = (
    "What one of the layers reads is not known. It is taken to read everything, so that this is the most that the cell "
    "can see."
)


@dataclass(frozen=True, repr=False)
class ReceptiveField(Shown):
    """The positions of the input that cell ``name`` depends on.

    Attributes:
        of: the layer.
        steps: what each layer reads for it, by the layer's title, from its own layer back to the first: the first and
            the last position in every dimension; of none, 0 and -1, as where a cell lies wholly in the padding.
        gradient: of the cell with respect to the input, (channels, \\*positions): what it sees of this one.
        agreement: of the gradient with autograd.
        is_known: whether it is known what each layer reads; a layer of which it is not is taken to read everything.

    >>> import torch
    >>> from chainrule.lens import through_layers
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    >>> found = through_layers(network, torch.ones(1, 1, 4, 4), label=1)
    >>> seen = found.receptive_field(0, 1, 1, 1)
    >>> seen.size, seen.gradient.shape
    ((3, 3), (1, 4, 4))
    """

    of: str
    name: str
    steps: tuple[tuple[str, Spans], ...]
    gradient: Floats
    agreement: Agreement
    is_known: bool = True

    @classmethod
    def checked(
        cls,
        *,
        of: str,
        name: str,
        steps: tuple[tuple[str, Spans], ...],
        gradient: Floats,
        agreement: Agreement,
        is_known: bool = True,
    ) -> "ReceptiveField":
        """The field, unless the gradient has seen something outside of it.

        Raises:
            DisagreementError: it has.
        """
        outside = np.abs(gradient)
        outside[(slice(None), *(slice(first, last + 1) for first, last in steps[-1][1]))] = 0
        if outside.any():
            raise DisagreementError(
                f"the receptive field of {name} in {of} as derived and the gradient that autograd finds differ: it is "
                "not zero outside. This is a bug in chainrule, unless a layer reads more than its class says: please "
                "report it with the network's layers."
            )
        return cls(of, name, steps, gradient, agreement, is_known)

    @property
    def spans(self) -> Spans:
        """The first and the last position of the input, in every dimension."""
        return self.steps[-1][1]

    @property
    def size(self) -> tuple[int, ...]:
        """How many positions it spans in every dimension, within the input."""
        return tuple(last - first + 1 for first, last in self.spans)

    @property
    def share(self) -> float:
        """The share of the receptive field in which the gradient is not zero."""
        seen = np.abs(self.gradient).sum(0) > 0
        return float(seen.sum() / max(1, prod(self.size)))

    def formulas(self) -> Sequence[str]:
        return (formulas.RECEPTIVE_FIELD,)

    def summary(self) -> str:
        return f"of {self.name} in {self.of}: {self._words}"

    @property
    def _words(self) -> str:
        """Its size, or that it is this at most."""
        return f"{'at most ' * (not self.is_known)}{_by(self.spans)}"

    def table(self) -> Table:
        """The positions that each layer reads for the cell, from its own layer back to the input."""
        rows: list[tuple[Cell, ...]] = []
        for layer, spans in self.steps:
            rows.append((layer, _by(spans), " x ".join(map(_ends, spans))))
        notes = (
            *(() if self.is_known else (_UNKNOWN,)),
            "Positions beyond the edges, which are padding, are left out. For this input, the gradient of the cell is "
            f"other than zero at {self.share:.0%} of the positions in its receptive field, and at none outside.",
            f"The gradient {self.agreement}.",
        )
        return Table(f"Receptive field: {self.name}, {self.of}", ("read by", "positions", "which"), rows, notes)

    def to_frame(self) -> "pd.DataFrame":
        """A row for each layer and dimension: the first and the last position that it reads."""
        rows = [
            (layer, dimension, first, last)
            for layer, spans in self.steps
            for dimension, (first, last) in enumerate(spans)
        ]
        frame: pd.DataFrame = require("pandas").DataFrame(rows, columns=["layer", "dimension", "first", "last"])
        return frame

    def to_dict(self) -> dict[str, Any]:
        steps = [{"layer": layer, "spans": [list(span) for span in spans]} for layer, spans in self.steps]
        spans = [list(span) for span in self.spans]
        return {
            "of": self.of,
            "name": self.name,
            "spans": spans,
            "is_known": self.is_known,
            "layers": steps,
            "gradient": listed(self.gradient),
        }

    def draw_on(self, ax: "Axes") -> None:
        """The gradient of the cell, summed over the channels of the input, with a frame around its receptive field."""
        if self.gradient.ndim == 3:
            paint(ax, self.gradient.sum(0), "gradient of the cell")
            whole_ticks(ax.xaxis, ax.yaxis)
            ax.set_xlabel("column")
            ax.set_ylabel("row")
            (top, bottom), (left, right) = self.spans
        else:
            draw_sequence(ax, self.gradient, "gradient of the cell")
            (left, right), *_ = self.spans
            top = 0
            bottom = len(self.gradient) - 1
        size = (right - left + 1, bottom - top + 1)
        frame = require("matplotlib.patches").Rectangle((left - 0.5, top - 0.5), *size)
        frame.set(fill=False, edgecolor=BLACK, linewidth=1.5, clip_on=False)
        ax.add_patch(frame)
        title(ax, f"Receptive field, {self._words}: {self.name}, {self.of}")

    @property
    def figure_height(self) -> float:
        if self.gradient.ndim != 3:
            return 4.0
        return 0.3 + mosaic_height(1, *self.gradient.shape[1:], named=False)


def _by(spans: Spans) -> str:
    return "x".join(str(last - first + 1) for first, last in spans)


def _ends(span: tuple[int, int]) -> str:
    first, last = span
    return "none" if last < first else f"{first} to {last}"
