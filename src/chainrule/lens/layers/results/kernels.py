"""The weights of a layer as pictures, and the gradients of the target with respect to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._choices import counted
from chainrule.display import Cell, Shown, Table, listed, mosaic, mosaic_height, paint, title, whole_ticks
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.conversion import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Kernels"]

_INPUTS = 16  # channels of a picture, and as many outputs; the first are drawn
_OUTPUTS = 16


@dataclass(frozen=True, repr=False)
class Kernels(Shown):
    """The weight (C_out, C_in, \\*kernel) of a layer, or (out, in) of a matrix, and the target's gradient to it.

    Attributes:
        of: the layer, and the weight's name.
        weight, gradient: of one shape.
        target: what was differentiated.
        drawn: which of them the figure shows, "weight" or "gradient".
        agreement: of the gradient with autograd; None where it is autograd's alone.

    >>> import torch
    >>> from chainrule.lens import through_layers
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    >>> found = through_layers(network, torch.ones(1, 1, 4, 4), label=1)
    >>> kernels = found.kernels(0)
    >>> kernels.weight.shape, kernels.gradient.shape
    ((2, 1, 3, 3), (2, 1, 3, 3))
    """

    of: str
    weight: Floats
    gradient: Floats
    target: str
    drawn: str
    agreement: Agreement | None

    @property
    def values(self) -> Floats:
        """What the figure shows."""
        return self.weight if self.drawn == "weight" else self.gradient

    def summary(self) -> str:
        return f"of {self.of}: {self.drawn} {'x'.join(map(str, self.weight.shape))}"

    def table(self) -> Table:
        """Of each output: the norms of its weights and of their gradient, and the ends of what is drawn."""
        rows: list[tuple[Cell, ...]] = []
        for k, (w, g) in enumerate(zip(self.weight, self.gradient, strict=True)):
            drawn = self.values[k]
            norms = float(np.linalg.norm(w)), float(np.linalg.norm(g))
            rows.append((k, *norms, float(drawn.mean()), float(drawn.min()), float(drawn.max())))
        checked = "by autograd" if self.agreement is None else f"which {self.agreement}"
        notes = [f"Mean, least and most of the {self.drawn}s. The gradient is that of {self.target}, {checked}."]
        columns = ("output", "|weight|", "|gradient|", "mean", "least", "most")
        return Table(self._title(), columns, rows, tuple(notes))

    def to_dict(self) -> dict[str, Any]:
        numbers = {"weight": listed(self.weight), "gradient": listed(self.gradient)}
        error = None if self.agreement is None else self.agreement.error
        return {"of": self.of, "target": self.target, "difference_to_autograd": error} | numbers

    def draw_on(self, ax: "Axes") -> None:
        """A picture for each kernel, a row an output and a column an input; matrices in one picture, or one a tap."""
        pictures, names, across = self._pictures()
        ax.set_xlabel(self._arrangement(across), loc="left")
        if len(pictures) > 1:
            texts = np.array([f"{value:.2g}" for value in pictures.flat], dtype=object).reshape(pictures.shape)
            mosaic(ax, pictures, self.drawn, names, across=across, texts=texts)
        else:
            paint(ax, pictures[0], self.drawn, square=_is_squarish(pictures[0]))
            whole_ticks(ax.xaxis, ax.yaxis)
            ax.set_ylabel("output")
        title(ax, self._title())

    @property
    def figure_height(self) -> float:
        pictures, names, across = self._pictures()
        if len(pictures) == 1:
            return 4.0
        return 0.3 + mosaic_height(*pictures.shape, across=across, named=bool(names))

    def _title(self) -> str:
        what = "Weights" if self.drawn == "weight" else "Gradients of the weights"
        return f"{what}: {self.of}"

    def _pictures(self) -> tuple[Floats, Sequence[str], int | None]:
        """(n, height, width), their names, and how many stand in a row."""
        values = self.values
        if values.ndim == 2:
            return values[None], (), None
        if values.ndim == 3 and values.shape[1] == 1:
            return values[None, :, 0], (), None
        if values.ndim == 3:
            taps = values.transpose(2, 0, 1)
            return taps, [f"tap {k}" for k in range(len(taps))], None
        if values.ndim == 5:
            values = values[:, :, values.shape[2] // 2]
        inputs = min(values.shape[1], _INPUTS)
        outputs = len(values) if inputs == 1 else min(len(values), _OUTPUTS)
        shown = values[:outputs, :inputs]
        if inputs == 1:
            return shown[:, 0], [str(output) for output in range(outputs)], None
        return shown.reshape(-1, *values.shape[2:]), (), inputs

    def _arrangement(self, across: int | None) -> str:
        """What stands where in the figure, and what it has no room for."""
        if self.weight.ndim < 4:
            one_picture = self.weight.ndim == 2 or self.weight.shape[1] > 1
            return "input" if one_picture else "tap of the kernel"
        if across is None:
            return "a kernel for each output"
        parts = ["a row for each output, a column for each input"]
        for count, most, noun in zip(self.weight.shape, (_OUTPUTS, _INPUTS), ("output", "input"), strict=False):
            if count > most:
                parts.append(f"the first {most} of {counted(count, noun)}")
        return "; ".join(parts)


def _is_squarish(picture: Floats) -> bool:
    """Whether a picture with square pixels would not be a thin line."""
    height, width = picture.shape
    return bool(max(height, width) <= 4 * min(height, width))
