"""The arrays of a convolution as its sums and its page read them: padded, spread by the stride, the kernel on x."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.display import View, exact
from chainrule.lens.conversion import Floats, if_given
from chainrule.lens.convolutions.indexing import take
from chainrule.lens.notation import written_step
from chainrule.ops.convolution.call import Geometry

__all__ = ["Factors", "Operands", "explorable", "view_of"]

_Ints = NDArray[np.int64]
_PRODUCTS = 200_000  # of a forward pass, which the page computes when it opens, and after each change
_CELLS = 12_000  # of all its pictures
_DIMENSIONS = 3


@dataclass(frozen=True)
class Factors:
    """One factor of each product of a sum: of which array it is, its values, where they stand, and if in padding."""

    array: str
    shape: tuple[int, ...]
    values: Floats
    index: _Ints
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class Operands:
    """x (B, C_in, \\*size), weight (C_out, C_in / groups, \\*kernel) and dy (B, C_out, \\*output).

    ``batched`` is false where the user's x has no rows: indices are shown without one then.
    """

    x: Floats
    weight: Floats
    dy: Floats
    geometry: Geometry
    flip: bool
    batched: bool

    @cached_property
    def kernel(self) -> Floats:
        """The weight as it lies on x: reversed, for the convolution of mathematics."""
        if not self.flip:
            return self.weight
        return np.flip(self.weight, tuple(range(2, self.weight.ndim)))

    @cached_property
    def padded(self) -> Floats:
        """x with its zeros, (B, C_in, ...)."""
        around = zip(self.geometry.before, self.geometry.after, strict=True)
        return np.pad(self.x, [(0, 0), (0, 0), *around])

    @cached_property
    def spread(self) -> Floats:
        """dy with the stride's zeros between and the kernel's reach around it; dx is its convolution."""
        taps = self.weight.shape[2:]
        reach = [d * (k - 1) for d, k in zip(self.geometry.dilation, taps, strict=True)]
        size = [n + r for n, r in zip(self.padded.shape[2:], reach, strict=True)]
        spread = np.zeros((*self.dy.shape[:2], *size))
        places = [
            slice(r, r + s * (n - 1) + 1, s)
            for r, s, n in zip(reach, self.geometry.stride, self.dy.shape[2:], strict=True)
        ]
        spread[(slice(None), slice(None), *places)] = self.dy
        return spread

    @property
    def outputs_a_group(self) -> int:
        """How many output channels a group has."""
        return len(self.weight) // self.geometry.groups

    def inputs_of(self, output_channel: int) -> slice:
        """The input channels that this output channel reads."""
        count = self.weight.shape[1]
        group = output_channel // self.outputs_a_group
        return slice(group * count, (group + 1) * count)

    def outputs_of(self, input_channel: int) -> slice:
        """The output channels that read this input channel."""
        group = input_channel // self.weight.shape[1]
        return slice(group * self.outputs_a_group, (group + 1) * self.outputs_a_group)

    def with_row(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """An index of x or y, with the row that it lacks where x has none."""
        return index if self.batched else (0, *index)

    def as_weight(self, index: _Ints) -> _Ints:
        """Indices of ``kernel`` as those of ``weight``, and the reverse; flipping is its own inverse."""
        if not self.flip:
            return index
        last = np.array(self.weight.shape[2:]) - 1
        return np.column_stack([index[:, :2], last - index[:, 2:]])

    def of_kernel(self, index: _Ints) -> Factors:
        """The factors at these indices of ``kernel``."""
        own = self.as_weight(index)
        values, inside = take(self.weight, own)
        return Factors("w", self.weight.shape, values, own, inside)

    def of_x(self, index: _Ints) -> Factors:
        """The factors at these indices of x, some of which may lie in the padding."""
        return self._of_rows("x", self.x, index)

    def of_dy(self, index: _Ints) -> Factors:
        """The factors at these indices of dy."""
        return self._of_rows("dy", self.dy, index)

    def _of_rows(self, name: str, array: Floats, index: _Ints) -> Factors:
        values, inside = take(array, index)
        if self.batched:
            return Factors(name, array.shape, values, index, inside)
        return Factors(name, array.shape[1:], values, index[:, 1:], inside)


def explorable(operands: Operands) -> bool:
    """Whether there are few enough products and numbers for a page."""
    rows = len(operands.x)
    cells = 2 * (operands.weight.size + (operands.x.size + operands.dy.size) // rows)
    return operands.dy.size * operands.weight[0].size <= _PRODUCTS and cells <= _CELLS


def view_of(operands: Operands, bias: Floats | None, results: Mapping[bool, Mapping[str, Floats]]) -> View:
    """What display/interactive/convolution.js shows; ``results`` are y, dx and dw, for ``flip`` and without."""
    geometry = operands.geometry
    lacking = _DIMENSIONS - len(geometry.stride)
    own = {"x": operands.x, "w": operands.weight, "dy": operands.dy}
    alike = own | {"y": operands.dy, "dx": operands.x, "dw": operands.weight}

    def planes(name: str, array: Floats) -> dict[str, Any]:
        """With rows and three dimensions, of which those that it lacks have the size 1."""
        first, second, *sizes = alike[name].shape
        return exact(array.reshape(first, second, *(1,) * lacking, *sizes))

    return View(
        "convolution",
        {
            "first": written_step(0),
            "dimensions": len(geometry.stride),
            "batched": operands.batched,
            "flip": operands.flip,
            "stride": [*(1,) * lacking, *geometry.stride],
            "dilation": [*(1,) * lacking, *geometry.dilation],
            "before": [*(0,) * lacking, *geometry.before],
            "after": [*(0,) * lacking, *geometry.after],
            "groups": geometry.groups,
            "bias": if_given(exact, bias),
            **{name: planes(name, array) for name, array in own.items()},
            "conventions": [
                {"flip": flip} | {name: planes(name, array) for name, array in found.items()}
                for flip, found in results.items()
            ],
        },
    )
