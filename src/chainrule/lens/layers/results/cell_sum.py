"""One cell of a layer's output as the sum that it is: the products of every input channel, and nothing left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import Cell, Shown, Table, listed, mosaic, mosaic_height, title
from chainrule.lens import formulas
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.conversion import Floats
from chainrule.lens.layers.results.printed import Printed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["CellSum"]

_ROWS = 36  # of products in the table
_DRAWN = 64  # channels with a picture each
_FACTORS = 2  # channels up to which the figure has the factors too

_Row = tuple[str, int | None, list[int | None], int]  # channel, row of the kernel, printed products, their sum


@dataclass(frozen=True, repr=False)
class CellSum(Shown):
    """``name`` = ``bias`` + the sum of ``weights`` * ``inputs``, both (channels, rows, columns) of the kernel.

    Attributes:
        of: the layer.
        channels: the numbers of the input channels, in their order.
        inside: where ``inputs`` are the layer's own; elsewhere they are the zeros around them.
        agreement: how far the sum and what torch computed differ.

    >>> import torch
    >>> from chainrule.lens import through_layers
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    >>> found = through_layers(network, torch.ones(1, 1, 4, 4), label=1)
    >>> cell = found.cell(0, 1, 0, 0)
    >>> cell.weights.shape, cell.inputs.tolist()
    ((1, 3, 3), [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]])
    """

    of: str
    name: str
    bias: float
    weights: Floats
    inputs: Floats
    inside: NDArray[np.bool_]
    channels: tuple[int, ...]
    agreement: Agreement

    @property
    def products(self) -> Floats:
        """``weights * inputs``, (channels, rows, columns)."""
        return self.weights * self.inputs

    @property
    def value(self) -> float:
        """The whole sum."""
        return self.bias + float(self.products.sum())

    def formulas(self) -> Sequence[str]:
        return (formulas.of_convolution("y"),)

    def summary(self) -> str:
        return f"{self.name} = {self.value:.6g} in {self.of}: {counted(self.weights.size, 'product')}"

    def table(self) -> Table:
        """The products, a row for each row of each channel's kernel; what is printed adds up, digit by digit.

        Of many channels, those with the smallest sums are taken together. What rounding takes from the sum of the
        printed numbers is a row of its own.
        """
        printed = self._printed()
        lines = self._lines(printed)
        left = printed(self.value) - sum(line[-1] for line in lines)
        _, height, width = self.weights.shape
        if left:
            lines.append(("rounding", None, [None] * width, left))
        rows: list[tuple[Cell, ...]] = []
        for (channel, row, products, added), running in zip(lines, accumulate(l[-1] for l in lines), strict=True):
            place: list[Cell] = [channel, row] if height > 1 else [channel]
            numbers = [*products, added, running] if width > 1 else [added, running]
            rows.append((*place, *map(printed.number, numbers)))
        places = ("channel", "row") if height > 1 else ("channel",)
        sums = (*(f"column {k}" for k in range(width)), "sum") if width > 1 else ("product",)
        sums = (*sums, "running sum")
        notes = (
            f"Products of weight and input{printed.units}; blank where the input is padding. What is printed "
            f"adds up to the value{', with what rounding took away in the last row' if left else ''}.",
            f"The sum {self.agreement}.",
        )
        formats = dict.fromkeys(sums, printed.format)
        return Table(f"{self.name} = {printed.text(self.value)}, {self.of}", (*places, *sums), rows, notes, formats)

    def to_frame(self) -> "pd.DataFrame":
        """Every product, unrounded; the bias comes first."""
        index = np.indices(self.weights.shape).reshape(3, -1)
        columns = {
            "channel": np.array(self.channels)[index[0]],
            "row": index[1],
            "column": index[2],
            "weight": self.weights.ravel(),
            "input": self.inputs.ravel(),
            "product": self.products.ravel(),
            "running sum": self.bias + np.cumsum(self.products),
        }
        frame: pd.DataFrame = require("pandas").DataFrame(columns)
        return frame

    def to_dict(self) -> dict[str, Any]:
        arrays = {name: listed(getattr(self, name)) for name in ("weights", "inputs", "products", "inside")}
        about = {"of": self.of, "name": self.name, "value": self.value, "bias": self.bias}
        return about | {"channels": list(self.channels), "difference_to_autograd": self.agreement.error} | arrays

    def draw_on(self, ax: "Axes") -> None:
        """A picture of the products for each channel, named by its number and sum: these and the bias are the value."""
        printed = self._printed()
        shown = self._largest(_DRAWN)
        products = np.where(self.inside, self.products, np.nan)[shown]
        factors = len(self.channels) <= _FACTORS
        texts = np.full(products.shape, "", dtype=object)
        for place in np.argwhere(~np.isnan(products)):
            k, i, j = place
            text = printed.text(float(products[k, i, j]))
            if factors:
                at = (shown[k], i, j)
                text = f"{self.inputs[at]:.3g}\n× {self.weights[at]:.3g}\n= {text}"
            texts[k, i, j] = text
        names = [f"{self.channels[k]}: {printed.text(float(self.products[k].sum()))}" for k in shown]
        mosaic(ax, products, f"product{printed.units}", names, texts=texts)
        rest = len(self.channels) - len(shown)
        others = f" + {printed.text(float(self._without(shown).sum()))} of {rest} others" if rest else ""
        inputs = counted(len(shown), "channel")
        parts = f"bias {printed.text(self.bias)} + {inputs}{others}"
        ax.set_xlabel(f"weight times input in {self.of}; above, each input channel and its sum", loc="left")
        title(ax, f"{self.name} = {parts} = {printed.text(self.value)}")

    @property
    def figure_height(self) -> float:
        return 0.3 + mosaic_height(min(len(self.channels), _DRAWN), *self.weights.shape[1:])

    def _printed(self) -> Printed:
        """How numbers are rounded, so that the largest of them has enough digits."""
        return Printed.of(max(float(np.abs(self.products).max(initial=0.0)), abs(self.bias), abs(self.value)))

    def _lines(self, printed: Printed) -> list[_Row]:
        """The bias and the products as they are printed."""
        _, height, width = self.weights.shape
        lines: list[_Row] = [("bias", None, [None] * width, printed(self.bias))]
        shown = self._largest(max(1, _ROWS // height))
        for k in shown:
            for i in range(height):
                pairs = zip(self.products[k, i], self.inside[k, i], strict=True)
                products = [printed(float(product)) if inside else None for product, inside in pairs]
                lines.append((str(self.channels[k]), i, products, sum(p for p in products if p is not None)))
        rest = len(self.channels) - len(shown)
        if rest:
            lines.append((f"{rest} others", None, [None] * width, printed(float(self._without(shown).sum()))))
        return lines

    def _largest(self, most: int) -> list[int]:
        """The places of the channels whose products add up to most, in the channels' order."""
        sums = np.abs(self.products.sum((1, 2)))
        return sorted(np.argsort(-sums, kind="stable")[:most].tolist())

    def _without(self, places: list[int]) -> Floats:
        """The products of the other channels."""
        return np.delete(self.products, places, axis=0)
