"""One number as the sum that it is: its products, their running sum, and where they lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import ON_MAP, Shown, Table, signed, title
from chainrule.lens.agreement import Agreement
from chainrule.lens.arrays import Floats, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Sum", "Window"]

_Ints = NDArray[np.int64]
_AROUND = 3  # positions on each side of the window that are drawn
_WRITTEN = 49  # entries of the kernel up to which numbers are written,
_OUTLINED = 400  # and each has a frame of its own


@dataclass(frozen=True)
class Window:
    """One channel and plane of a correlation: source (n, m), the kernel (k, l), and the rows and columns it lies on."""

    source: Floats
    kernel: Floats
    rows: _Ints
    columns: _Ints
    names: tuple[str, str]

    @classmethod
    def largest(
        cls, sources: Floats, kernels: Floats, start: Sequence[int], dilation: Sequence[int], names: tuple[str, str]
    ) -> "Window":
        """Of the channels (C, ...), and in three dimensions of the planes, the one whose products add up to most."""
        # one and two dimensions are planes of three
        missing = 4 - sources.ndim
        planes: tuple[slice | None, ...] = (slice(None), *[None] * missing)
        sources = sources[planes]
        kernels = kernels[planes]
        spots = [(a, d) for a, d in zip([0] * missing + [*start], [1] * missing + [*dilation], strict=True)]
        places = [a + d * np.arange(k) for (a, d), k in zip(spots, kernels.shape[1:], strict=True)]
        read = sources[:, places[0][:, None, None], places[1][:, None], places[2]]
        sums = np.abs((read * kernels).sum((2, 3)))
        c, plane = np.unravel_index(int(sums.argmax()), sums.shape)
        return cls(sources[c, places[0][plane]], kernels[c, plane], places[1], places[2], names)


@dataclass(frozen=True, repr=False)
class Sum(Shown):
    """``name`` = ``offset`` + the sum of ``left[k] * right[k]``; the offset is the bias of an output, and else 0.

    ``left_index`` and ``right_index`` (n, ·) say where the factors stand in the arrays that ``of`` names. Where
    ``inside`` (n,) is false, the right one lies in the padding and is 0.
    """

    name: str
    formula: str
    of: tuple[str, str]
    left: Floats
    right: Floats
    left_index: _Ints
    right_index: _Ints
    inside: NDArray[np.bool_]
    offset: float
    agreement: Agreement
    window: Window

    @property
    def products(self) -> Floats:
        """(n,)."""
        return self.left * self.right

    @property
    def running(self) -> Floats:
        """What the sum has come to with each product, (n,)."""
        return self.offset + np.cumsum(self.products)

    @property
    def value(self) -> float:
        """What it comes to."""
        return float(self.running[-1]) if len(self.left) else self.offset

    def summary(self) -> str:
        return f"{self.name} = {self.value:.6g}: {counted(len(self.left), 'product')}"

    def table(self) -> Table:
        rows: list[tuple[str | float, ...]] = [("bias", "", self.offset, self.offset)] if self.offset else []
        products = self.products
        running = self.running
        for k, (a, b) in enumerate(zip(self.left, self.right, strict=True)):
            right = _entry(self.of[1], self.right_index[k]) if self.inside[k] else "padding"
            names = f"{_entry(self.of[0], self.left_index[k])} * {right}"
            rows.append((names, f"{a:.4g} * {b:.4g}", float(products[k]), float(running[k])))
        if not rows:
            rows.append(("nothing reaches it", "", 0.0, 0.0))
        heading = f"{self.name} = {self.value:.6g}"
        return Table(
            heading, ("product", "", "value", "running sum"), rows, (self.formula, f"The sum {self.agreement}.")
        )

    def to_dict(self) -> dict[str, Any]:
        arrays = ("left", "right", "left_index", "right_index", "inside", "products", "running")
        lists = {name: listed(getattr(self, name)) for name in arrays}
        about = {"name": self.name, "formula": self.formula, "of": list(self.of), "value": self.value}
        return about | {"offset": self.offset, "difference_to_autograd": self.agreement.error} | lists

    def draw_on(self, ax: "Axes") -> None:
        """The source in colours, outlined where the kernel lies on it, with the products that enter the sum.

        A large kernel, as dy is for the gradient of a weight, is outlined as a whole.

        Of several channels, and planes in three dimensions, the one whose products add up to most.
        """
        w = self.window
        top = max(0, int(w.rows[0]) - _AROUND)
        left = max(0, int(w.columns[0]) - _AROUND)
        shown = w.source[top : int(w.rows[-1]) + _AROUND + 1, left : int(w.columns[-1]) + _AROUND + 1]
        extent = (left - 0.5, left + shown.shape[1] - 0.5, top + shown.shape[0] - 0.5, top - 0.5)
        line = len(w.source) == 1
        signed(ax, shown, w.names[0], extent=extent)
        rectangle = require("matplotlib.patches").Rectangle
        frame = {"fill": False, "edgecolor": ON_MAP, "linewidth": 1.5}
        if w.kernel.size > _OUTLINED:
            (y, x), (below, right) = ((int(p[k]) for p in (w.rows, w.columns)) for k in (0, -1))
            ax.add_patch(rectangle((x - 0.5, y - 0.5), right - x + 1, below - y + 1, **frame))
        for (i, j), weight in np.ndenumerate(w.kernel) if w.kernel.size <= _OUTLINED else ():
            row = int(w.rows[i])
            column = int(w.columns[j])
            ax.add_patch(rectangle((column - 0.5, row - 0.5), 1, 1, **frame))
            if w.kernel.size <= _WRITTEN:
                text = f"{w.source[row, column]:.3g}\n× {weight:.2g}"
                box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}
                ax.text(column, row, text, ha="center", va="center", fontsize=8, color=ON_MAP, bbox=box)
        if line:
            ax.set_yticks([])
        ax.set_xlabel(f"position in {w.names[0]}; outlined: {w.names[1]}")
        title(ax, f"{self.name} = {self.value:.4g}")


def _entry(name: str, index: _Ints) -> str:
    return f"{name}[{','.join(map(str, index))}]"
