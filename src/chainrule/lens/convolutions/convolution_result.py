"""What :func:`chainrule.lens.convolution` returns: every number of a convolution, and each as a sum of products."""

from collections.abc import Sequence
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import Shown, Table, View, draw_strips, listed, signed, title
from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens import formulas
from chainrule.lens.conversion import Floats, checked_index, if_given, to_numpy
from chainrule.lens.convolutions.convolution_sizes import ConvolutionSizes
from chainrule.lens.convolutions.expansion import input_gradient_sum, kernel_gradient_sum, output_sum
from chainrule.lens.convolutions.formula_and_torch import run
from chainrule.lens.convolutions.operands import Operands, explorable, view_of
from chainrule.lens.convolutions.sum import Sum
from chainrule.lens.notation import entry
from chainrule.ops.convolution.checks import geometry_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Convolution"]

_MOST = 1_000_000_000  # products of a forward pass
_LISTED = 12  # outputs in the table


class Convolution(Shown):
    """What :func:`~chainrule.lens.convolution` returns. All arrays are float64; without a batch x, dy, y, dx have no B.

    Attributes:
        x, weight, bias, dy: what went in; bias is None where there is none.
        y, dx, dweight, dbias: the output, and the gradients of x, weight and bias.
        sizes: output size, receptive field and parameters, with their arithmetic.
        agreement: how far these and torch's differ.

    >>> from chainrule.lens import convolution
    >>> found = convolution([1.0, 2.0], x=[1.0, 3.0, 5.0], dy=[1.0, 10.0])
    >>> found.y.tolist(), found.dx.tolist(), found.dweight.tolist()
    ([[7.0, 13.0]], [[1.0, 12.0, 20.0]], [[[31.0, 53.0]]])
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, x: Tensor, dy: Tensor | None, options: dict[str, Any], flip: bool
    ) -> None:
        geometry = geometry_of(x, weight, bias, **options)
        dimensions = weight.ndim - 2
        self.sizes = ConvolutionSizes(tuple(x.shape[-dimensions:]), tuple(weight.shape), geometry, bias is not None)
        self.flip = flip
        self._options = options
        batched = x.ndim == weight.ndim
        rows = len(x) if batched else 1
        _check_work(x, rows, self.sizes.products)
        shape = (*x.shape[: -dimensions - 1], len(weight), *self.sizes.output)
        if dy is None:
            dy = x.new_ones(shape)
        if tuple(dy.shape) != shape:
            raise ShapeError(f"dy has shape {tuple(dy.shape)}; with this x and weight it must be {shape}.")
        passes = run(x, weight, bias, dy, geometry=geometry, options=options, flip=flip)
        self.agreement = passes.agreement
        self.x = to_numpy(x)
        self.weight = to_numpy(weight)
        self.bias = if_given(to_numpy, bias)
        self.dy = to_numpy(dy)
        self.y = to_numpy(passes.y)
        self.dx = to_numpy(passes.dx)
        self.dweight = to_numpy(passes.dweight)
        self.dbias = if_given(to_numpy, passes.dbias)
        self._operands = Operands(
            x=self.x.reshape(rows, *x.shape[-dimensions - 1 :]),
            weight=self.weight,
            dy=self.dy.reshape(rows, *shape[-dimensions - 1 :]),
            geometry=geometry,
            flip=flip,
            batched=batched,
        )

    def output(self, *index: int) -> Sum:
        """The sum that is y[index]. Leading dimensions of size 1 may be left out of an index.

        >>> from chainrule.lens import convolution
        >>> convolution([1.0, 2.0], x=[1.0, 3.0, 5.0]).output(1).products.tolist()
        [3.0, 10.0]
        """
        return output_sum(self._operands, checked_index("y", self.y.shape, index), self.y, self.bias)

    def input_gradient(self, *index: int) -> Sum:
        """The sum that is dx[index]: which output gradients reach that input, through which weights.

        >>> from chainrule.lens import convolution
        >>> found = convolution([1.0, 2.0, 3.0], x=[0.0] * 5, dy=[1.0, 10.0, 100.0])
        >>> found.input_gradient(2).products.tolist()  # d_3 w_1 + d_2 w_2 + d_1 w_3
        [100.0, 20.0, 3.0]
        """
        return input_gradient_sum(self._operands, checked_index("x", self.x.shape, index), self.dx)

    def kernel_gradient(self, *index: int) -> Sum:
        """The sum that is dw[index]: dw_i = sum_j dy_j x_{i+j-1}, over the rows of the batch too.

        >>> from chainrule.lens import convolution
        >>> found = convolution([1.0, 2.0], x=[1.0, 3.0, 5.0], dy=[1.0, 10.0])
        >>> found.kernel_gradient(0).products.tolist()
        [1.0, 30.0]
        """
        return kernel_gradient_sum(self._operands, checked_index("w", self.weight.shape, index), self.dweight)

    def flipped(self) -> "Convolution":
        """The same under the other convention: true convolution for cross-correlation, and the reverse."""
        x, weight, dy = (torch.from_numpy(array) for array in (self.x, self.weight, self.dy))
        bias = if_given(torch.from_numpy, self.bias)
        return Convolution(weight, bias, x, dy, self._options, not self.flip)

    def formulas(self) -> Sequence[str]:
        return tuple(formulas.of_convolution(array, flip=self.flip) for array in ("y", "dx", "dw"))

    def summary(self) -> str:
        return self.sizes.summary()

    def table(self) -> Table:
        """Sizes, and the first outputs beside those of the other convention."""
        other = self.flipped()
        conventions = ("cross-correlation", "true convolution")
        if self.flip:
            conventions = ("true convolution", "cross-correlation")
        lead = (0,) * (self.y.ndim - len(self.sizes.output))
        places = [(*lead, *place) for place in islice(product(*map(range, self.sizes.output)), _LISTED)]
        rows = [(entry("y", at, self.y.shape), float(self.y[at]), float(other.y[at])) for at in places]
        sizes = self.sizes.table()
        notes = [f"{label}: {arithmetic}" for label, arithmetic in sizes.rows]
        return Table(sizes.title, ("", *conventions), rows, (*notes, f"Every output and gradient {self.agreement}."))

    def to_frame(self) -> "pd.DataFrame":
        """Every output and its gradient, at the indices of ``y``."""
        places = np.indices(self.y.shape).reshape(self.y.ndim, -1)
        index = {f"index {k}": at for k, at in enumerate(places)}
        frame: pd.DataFrame = require("pandas").DataFrame(index | {"y": self.y.ravel(), "dy": self.dy.ravel()})
        return frame

    def to_dict(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name) for name in ("x", "weight", "bias", "dy", "y", "dx", "dweight", "dbias")}
        lists = {name: if_given(listed, array) for name, array in arrays.items()}
        about = {"sizes": self.sizes.to_dict(), "flip": self.flip, "difference_to_autograd": self.agreement.error}
        return about | lists

    @property
    def figure_height(self) -> float:
        return 4.0 if len(self.sizes.output) == 1 else 6.0

    def draw_on(self, ax: "Axes") -> None:
        """The first channels: in one dimension x, the kernel and y together, in two y, in three its middle plane."""
        title(ax, self.sizes.table().title)
        y = self._first(self.y)
        if y.ndim == 1:
            draw_strips(ax, {"x": self._first(self.x), "w": self._first(self.weight), "y": y})
            return
        plane = y[len(y) // 2] if y.ndim == 3 else y
        signed(ax, plane, "y, first channel", aspect="equal")
        ax.set_xlabel("output position")

    def _first(self, array: Floats) -> Floats:
        """Its first row and channel."""
        first: Floats = array[(0,) * (array.ndim - len(self.sizes.output))]
        return first

    def view(self) -> View | None:
        """Every sum, forward and backward, in both conventions; None where they are too many for a page."""
        if not explorable(self._operands):
            return None
        both = (self, self.flipped())
        return view_of(
            self._operands, self.bias, {each.flip: {"y": each.y, "dx": each.dx, "dw": each.dweight} for each in both}
        )

    def parts(self) -> Sequence[Shown]:
        """This, its sizes, and the sums in the middle of y, dx and dw."""
        return (
            self,
            self.sizes,
            self.output(*self._middle(self.y)),
            self.input_gradient(*self._middle(self.x)),
            self.kernel_gradient(*self._middle(self.weight)),
        )

    def _middle(self, array: Floats) -> tuple[int, ...]:
        """The index in the middle of the first row and channel."""
        spatial = len(self.sizes.output)
        leading = array.ndim - spatial
        return (*[0] * leading, *(size // 2 for size in array.shape[leading:]))


def _check_work(x: Tensor, rows: int, products: int) -> None:
    """Refuse an empty batch, and more products than can be computed in both ways while one waits."""
    if rows == 0:
        raise ShapeError(f"x has shape {tuple(x.shape)}; expected a batch of at least one row.")
    if rows * products <= _MOST:
        return
    if products > _MOST:
        remedy = f"Crop x to 1/{-(-products // _MOST)} of its size."
    else:
        remedy = f"Give {counted(_MOST // products, 'row')}."
    raise ArgumentError(
        f"x has {counted(rows, 'row')} of {counted(products, 'product')} each; expected {_MOST:,} products in all "
        f"at most. {remedy}"
    )
