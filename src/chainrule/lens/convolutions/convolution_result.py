"""What a look into a convolution finds: its numbers, and each of them as a sum of products."""

from collections.abc import Callable, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import Shown, Table, signed, title
from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens.agreement import compare
from chainrule.lens.arrays import Floats, checked_index, listed, to_numpy
from chainrule.lens.convolutions import products as gathering
from chainrule.lens.convolutions.sizes import ConvolutionSizes
from chainrule.lens.convolutions.sums import Sum, Window
from chainrule.ops import convolution as op
from chainrule.ops.convolution.checks import geometry_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Convolution"]

_MOST = 1_000_000_000  # products of a forward pass
_TORCH: dict[int, Callable[..., Tensor]] = {
    1: torch.nn.functional.conv1d,
    2: torch.nn.functional.conv2d,
    3: torch.nn.functional.conv3d,
}


class Convolution(Shown):
    """What :func:`~chainrule.lens.convolution` gives. Arrays are float64; without a batch x, dy, y and dx have no B.

    Attributes:
        x, weight, bias, dy: what went in; bias is None where there is none.
        y, dx, dweight, dbias: the output, and the gradients of x, weight and bias.
        sizes: output size, receptive field and parameters, with their arithmetic.
        agreement: how far these and torch's differ.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, x: Tensor, dy: Tensor | None, options: dict[str, Any], flip: bool
    ) -> None:
        geometry = geometry_of(x, weight, bias, **options)
        dims = weight.ndim - 2
        self.sizes = ConvolutionSizes(tuple(x.shape[-dims:]), tuple(weight.shape), geometry, bias is not None)
        self.flip = flip
        self._options = options
        self._geometry = geometry
        rows = len(x) if x.ndim == weight.ndim else 1
        if rows == 0:
            raise ShapeError(f"x has shape {tuple(x.shape)}: a batch without a row has nothing to look at.")
        if rows * self.sizes.products > _MOST:
            works = (
                f"{counted(_MOST // self.sizes.products, 'row')} would do"
                if rows > 1 and self.sizes.products <= _MOST
                else (f"a crop of x to 1/{-(-self.sizes.products // _MOST)} of its size would do")
            )
            raise ArgumentError(
                f"{counted(rows, 'row')} of {counted(self.sizes.products, 'product')}: more than the {_MOST:,} that "
                f"can be looked into; {works}."
            )
        shape = (*x.shape[: -dims - 1], len(weight), *self.sizes.output)
        dy = x.new_ones(shape) if dy is None else dy
        if tuple(dy.shape) != shape:
            raise ShapeError(f"dy has shape {tuple(dy.shape)}; with this x and weight it must be {shape}.")
        ours = _gradients(
            lambda x, w, b: op.convolution(x, w, b, flip=flip, backend="formula", **options), x, weight, bias, dy
        )
        theirs = _gradients(lambda x, w, b: self._torch(x, w, b), x, weight, bias, dy)
        checks = (compare(name, a, b) for name, a, b in zip(("y", "dx", "dw", "dbias"), ours, theirs, strict=False))
        self.agreement = max(checks, key=lambda found: found.error)
        self.x = to_numpy(x)
        self.weight = to_numpy(weight)
        self.dy = to_numpy(dy)
        self.bias = None if bias is None else to_numpy(bias)
        self.y, self.dx, self.dweight, *dbias = map(to_numpy, theirs)
        self.dbias = dbias[0] if dbias else None

    def _torch(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The same by torch's own op, which no code of chainrule's has a part in."""
        g = self._geometry
        dims = list(range(2, weight.ndim))
        kernel = weight.flip(dims) if self.flip else weight
        return _TORCH[len(dims)](pad(x, g.pads), kernel, bias, stride=g.stride, dilation=g.dilation, groups=g.groups)

    def output(self, *index: int) -> Sum:
        """The sum that is y[index]. Leading dimensions of size 1 may be left out of an index.

        >>> from chainrule.lens import convolution
        >>> convolution([1.0, 2.0], x=[1.0, 3.0, 5.0]).output(1).products.tolist()
        [3.0, 10.0]
        """
        at = checked_index("y", self.y.shape, index)
        b, o, *j = self._batched(at)
        w, x = gathering.of_output((b, o, *j), self.weight.shape, self._geometry)
        offset = 0.0 if self.bias is None else float(self.bias[o])
        start = [s * p for s, p in zip(self._geometry.stride, j, strict=True)]
        kernels = self._kernel()[o]
        sources = self._padded()[b][self._group(o)]
        window = Window.largest(sources, kernels, start, self._geometry.dilation, ("x, padded", "w"))
        formula = "y[o,j] = bias[o] + sum over c, i of w[o,c,i] x[c, s j + d i - before]"
        return self._sum("y", at, self.y, formula, ("w", self._shown(w)), ("x", x), offset, window)

    def input_gradient(self, *index: int) -> Sum:
        """The sum that is dx[index]: which output gradients reach that input, through which weights.

        >>> from chainrule.lens import convolution
        >>> look = convolution([1.0, 2.0, 3.0], x=[0.0] * 5, dy=[1.0, 10.0, 100.0])
        >>> look.input_gradient(2).products.tolist()  # d_3 w_1 + d_2 w_2 + d_1 w_3
        [100.0, 20.0, 3.0]
        """
        at = checked_index("x", self.x.shape, index)
        b, c, *h = self._batched(at)
        w, dy = gathering.of_input_gradient((b, c, *h), self.weight.shape, self.sizes.output, self._geometry)
        outs = len(self.weight) // self._geometry.groups
        group = c // self.weight.shape[1]
        own = slice(group * outs, (group + 1) * outs)
        kernels = np.flip(self._kernel()[own, c % self.weight.shape[1]], tuple(range(1, self.weight.ndim - 1)))
        start = [p + z for p, z in zip(h, self._geometry.before, strict=True)]
        window = Window.largest(
            self._spread()[b, own], kernels, start, self._geometry.dilation, ("dy, spread", "flipped w")
        )
        formula = (
            "dx[c,h] = sum over o, i, j, where s j + d i - before = h, of w[o,c,i] dy[o,j]: "
            "dy, spread by the stride, correlated with the flipped kernel"
        )
        return self._sum("dx", at, self.dx, formula, ("w", self._shown(w)), ("dy", dy), 0.0, window)

    def kernel_gradient(self, *index: int) -> Sum:
        """The sum that is dw[index]: dw_i = sum_j dy_j x_{i+j-1}, over the rows of the batch too.

        >>> from chainrule.lens import convolution
        >>> look = convolution([1.0, 2.0], x=[1.0, 3.0, 5.0], dy=[1.0, 10.0])
        >>> look.kernel_gradient(0).products.tolist()
        [1.0, 30.0]
        """
        at = checked_index("w", self.weight.shape, index)
        o, c, *i = (int(n) for n in self._shown(np.array([at]))[0])
        rows = len(self._padded())
        dy, x = gathering.of_kernel_gradient((o, c, *i), self.weight.shape, rows, self.sizes.output, self._geometry)
        start = [d * p for d, p in zip(self._geometry.dilation, i, strict=True)]
        sources = self._padded()[:, self._group(o)][:, c]
        kernels = self.dy.reshape(rows, *self.dy.shape[-len(i) - 1 :])[:, o]
        window = Window.largest(sources, kernels, start, self._geometry.stride, ("x, padded", "dy"))
        formula = "dw[o,c,i] = sum over rows and j of dy[o,j] x[c, s j + d i - before]: x correlated with dy"
        return self._sum("dw", at, self.dweight, formula, ("dy", dy), ("x", x), 0.0, window)

    def flipped(self) -> "Convolution":
        """The same under the other convention: true convolution for cross-correlation, and the reverse."""
        x, weight, dy = (torch.from_numpy(array) for array in (self.x, self.weight, self.dy))
        bias = None if self.bias is None else torch.from_numpy(self.bias)
        return Convolution(weight, bias, x, dy, self._options, not self.flip)

    def summary(self) -> str:
        return self.sizes.summary()

    def table(self) -> Table:
        """Sizes, and the first outputs beside those of the other convention."""
        other = self.flipped()
        own = self.sizes.table()
        here, there = ("true convolution", "cross-correlation")[:: 1 if self.flip else -1]
        lead = (0,) * (self.y.ndim - len(self.sizes.output))
        places = ((*lead, *place) for place in islice(product(*map(range, self.sizes.output)), 12))
        rows = [(f"y{_brackets(at)}", float(self.y[at]), float(other.y[at])) for at in places]
        notes = [f"{label}: {how}" for label, how in own.rows]
        return Table(own.title, ("", here, there), rows, (*notes, f"Every output and gradient {self.agreement}."))

    def to_frame(self) -> "pd.DataFrame":
        """Every output and its gradient, at the indices of ``y``."""
        places = np.indices(self.y.shape).reshape(self.y.ndim, -1)
        index = {f"index {k}": at for k, at in enumerate(places)}
        frame: pd.DataFrame = require("pandas").DataFrame(index | {"y": self.y.ravel(), "dy": self.dy.ravel()})
        return frame

    def to_dict(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name) for name in ("x", "weight", "bias", "dy", "y", "dx", "dweight", "dbias")}
        lists = {name: None if array is None else listed(array) for name, array in arrays.items()}
        about = {"sizes": self.sizes.to_dict(), "flip": self.flip, "difference_to_autograd": self.agreement.error}
        return about | lists

    def draw_on(self, ax: "Axes") -> None:
        """The first channel of the output: in one dimension a strip, in two a map, in three its middle plane."""
        y = self.y[(0,) * (self.y.ndim - len(self.sizes.output))]
        plane = y[len(y) // 2] if y.ndim == 3 else np.atleast_2d(y)
        signed(ax, plane, "y, first channel")
        if y.ndim == 1:
            ax.set_yticks([])
        ax.set_xlabel("output position")
        title(ax, self.sizes.table().title)

    def parts(self) -> Sequence[Shown]:
        """This, its sizes, and the sums in the middle of y, dx and dw."""

        def middle(array: Floats) -> tuple[int, ...]:
            spatial = len(self.sizes.output)
            return (*(0 for _ in array.shape[:-spatial]), *(n // 2 for n in array.shape[-spatial:]))

        gradients = self.input_gradient(*middle(self.x)), self.kernel_gradient(*middle(self.weight))
        return (self, self.sizes, self.output(*middle(self.y)), *gradients)

    def _sum(
        self,
        name: str,
        at: tuple[int, ...],
        found: Floats,
        formula: str,
        left: tuple[str, NDArray[np.int64]],
        right: tuple[str, NDArray[np.int64]],
        offset: float,
        window: Window,
    ) -> Sum:
        """The sum with its numbers, held against autograd's."""
        arrays = {"w": self.weight, "x": self.x, "dy": self.dy}
        batchless = self.x.ndim < self.weight.ndim
        first, second = (index[:, 1:] if batchless and of != "w" else index for of, index in (left, right))
        a, _ = gathering.take(arrays[left[0]], first)
        b, inside = gathering.take(arrays[right[0]], second)
        total = torch.tensor([offset + float((a * b).sum())], dtype=torch.float64)
        scale = abs(offset) + float(np.abs(a * b).sum())
        agreement = compare(f"{name}{_brackets(at)}", total, torch.tensor([found[at]], dtype=torch.float64), scale)
        return Sum(
            f"{name}{_brackets(at)}",
            formula,
            (left[0], right[0]),
            a,
            b,
            first,
            second,
            inside,
            offset,
            agreement,
            window,
        )

    def _batched(self, at: tuple[int, ...]) -> tuple[int, ...]:
        return at if self.x.ndim == self.weight.ndim else (0, *at)

    def _shown(self, w: NDArray[np.int64]) -> NDArray[np.int64]:
        """Indices of the kernel that is laid on x, as those of the weight; flipping is its own inverse."""
        if not self.flip:
            return w
        return np.column_stack([w[:, :2], np.array(self.weight.shape[2:]) - 1 - w[:, 2:]])

    def _kernel(self) -> Floats:
        return np.flip(self.weight, tuple(range(2, self.weight.ndim))) if self.flip else self.weight

    def _group(self, o: int) -> slice:
        """The input channels that output channel o sees."""
        C = self.weight.shape[1]
        group = o // (len(self.weight) // self._geometry.groups)
        return slice(group * C, (group + 1) * C)

    def _padded(self) -> Floats:
        """x with its zeros, (B, C_in, ...)."""
        around = [(0, 0), (0, 0), *zip(self._geometry.before, self._geometry.after, strict=True)]
        return np.pad(self.x if self.x.ndim == self.weight.ndim else self.x[None], around)

    def _spread(self) -> Floats:
        """dy with the stride's zeros between and the kernel's reach around, of which dx is the second convolution."""
        g = self._geometry
        reach = [n - 1 for n in self.sizes.receptive_field]
        dy = self.dy if self.x.ndim == self.weight.ndim else self.dy[None]
        padded = self._padded().shape[2:]
        spread = np.zeros((*dy.shape[:2], *(n + r for n, r in zip(padded, reach, strict=True))))
        places = (slice(r, r + s * (n - 1) + 1, s) for r, s, n in zip(reach, g.stride, dy.shape[2:], strict=True))
        spread[(slice(None), slice(None), *places)] = dy
        return spread


def _gradients(
    call: Callable[[Tensor, Tensor, Tensor | None], Tensor], x: Tensor, weight: Tensor, bias: Tensor | None, dy: Tensor
) -> list[Tensor]:
    """The output, and the gradients of x, weight and bias."""
    for name, values in (("x", x), ("the kernel", weight), ("bias", bias), ("dy", dy)):
        if values is not None and not values.isfinite().all():
            raise ArgumentError(f"{name} has NaN or infinity in it; expected finite numbers.")
    leaves = [each.detach().requires_grad_() for each in (x, weight, bias) if each is not None]
    y = call(leaves[0], leaves[1], leaves[2] if len(leaves) == 3 else None)
    return [y.detach(), *torch.autograd.grad(y, leaves, dy)]


def _brackets(at: Sequence[int]) -> str:
    return f"[{','.join(map(str, at))}]"
