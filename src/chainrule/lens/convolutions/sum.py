"""One number as the sum that it is: its products and their running sum."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.display import Cell, Shown, Table, listed, title
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.conversion import Floats
from chainrule.lens.convolutions.overlay import Overlay
from chainrule.lens.notation import entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Sum"]

_Ints = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Sum(Shown):
    """``name`` = ``offset`` + the sum of ``left[k] * right[k]``; the offset is the bias of an output, and else 0.

    It is the entry ``at`` of ``array``. ``left_index`` and ``right_index`` (n, ·) say where the factors stand in the
    arrays that ``of`` names; ``shapes`` are those of ``array`` and of these two. Where ``inside`` (n,) is false, the
    right factor lies in the padding and is 0.

    >>> from chainrule.lens import convolution
    >>> found = convolution([1.0, 2.0], x=[1.0, 3.0, 5.0]).output(1)
    >>> found.left.tolist(), found.right.tolist(), found.value
    ([1.0, 2.0], [3.0, 5.0], 13.0)
    """

    array: str
    at: tuple[int, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    formula: str
    of: tuple[str, str]
    left: Floats
    right: Floats
    left_index: _Ints
    right_index: _Ints
    inside: NDArray[np.bool_]
    offset: float
    agreement: Agreement
    overlay: Overlay

    @property
    def name(self) -> str:
        """What it is: dx[0,2]."""
        return entry(self.array, self.at, self.shapes[0])

    @property
    def products(self) -> Floats:
        """``left * right``, (n,)."""
        return self.left * self.right

    @property
    def running(self) -> Floats:
        """The sum up to and including each product, (n,)."""
        return self.offset + np.cumsum(self.products)

    @property
    def value(self) -> float:
        """The whole sum."""
        return float(self.running[-1]) if len(self.left) else self.offset

    def summary(self) -> str:
        return f"{self.name} = {self.value:.6g}: {counted(len(self.left), 'product')}"

    def table(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        if self.offset:
            rows.append(("bias", "", self.offset, self.offset))
        products = self.products
        running = self.running
        for k in range(len(products)):
            numbers = f"{self.left[k]:.4g} * {self.right[k]:.4g}"
            rows.append((self._factors(k), numbers, float(products[k]), float(running[k])))
        if not rows:
            rows.append(("no product contributes", "", 0.0, 0.0))
        return Table(
            f"{self.name} = {self.value:.6g}",
            ("product", "", "value", "running sum"),
            rows,
            notes=(self.formula, f"The sum {self.agreement}."),
        )

    def to_dict(self) -> dict[str, Any]:
        arrays = ("left", "right", "left_index", "right_index", "inside", "products", "running")
        lists = {name: listed(getattr(self, name)) for name in arrays}
        about = {"name": self.name, "formula": self.formula, "of": list(self.of), "value": self.value}
        return about | {"offset": self.offset, "difference_to_autograd": self.agreement.error} | lists

    @property
    def figure_height(self) -> float:
        return 4.0 if len(self.overlay.source) == 1 else 6.0

    def draw_on(self, ax: "Axes") -> None:
        """The source in colours, outlined where the kernel lies on it, with the products that enter the sum.

        A large kernel, as dy is for the gradient of a weight, is outlined as a whole. Of several channels, and planes
        in three dimensions, the one whose products add up to most is shown.
        """
        self.overlay.draw_on(ax)
        title(ax, f"{self.name} = {self.value:.4g}")

    def _factors(self, k: int) -> str:
        """The two factors of a product by name: w[0,0,1] * x[0,2]."""
        left, right = self.of
        _, of_left, of_right = self.shapes
        first = entry(left, self.left_index[k].tolist(), of_left)
        if not self.inside[k]:
            return f"{first} * padding"
        return f"{first} * {entry(right, self.right_index[k].tolist(), of_right)}"
