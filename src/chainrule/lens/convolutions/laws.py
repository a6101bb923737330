"""The laws of convolution on one's own numbers, both sides of each computed and compared.

With g convolved with f, zeros outside of both, in every dimension (f * g)[n] = sum_m f[m] g[n - m]:

    f * g = g * f                  either may slide over the other
    (f * g)' = f * g'              a difference along a dimension may be taken before or after
    (S f) * g = S (f * g)          translation equivariance: what shifts f shifts the result alike
    H - K + 1                      positions at which g lies wholly on f
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from chainrule._choices import counted, whole
from chainrule.display import Cell, Shown, Table, draw_strips, listed, signed, title
from chainrule.errors import ArgumentError, ShapeError
from chainrule.functional import convolution
from chainrule.lens import formulas
from chainrule.lens.conversion import Floats, as_float64, to_numpy
from chainrule.lens.notation import written_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ConvolutionLaws", "convolution_laws"]

_COLUMNS = ("law", "both sides", "positions", "difference")
_MOST = 100_000_000  # products of one side


@dataclass(frozen=True)
class _Law:
    """Two ways to the same numbers, by what they are written as."""

    name: str
    written: tuple[str, str]
    sides: tuple[Floats, Floats]

    @property
    def difference(self) -> float:
        """The largest, relative to the largest number of the right side."""
        left, right = self.sides
        if left.shape != right.shape:
            return np.inf
        return float(np.abs(left - right).max(initial=0) / (np.abs(right).max(initial=0) or 1.0))


@dataclass(frozen=True, repr=False)
class ConvolutionLaws(Shown):
    """What :func:`convolution_laws` returns.

    Attributes:
        f, g: what is convolved.
        full: f * g at every position where both overlap, (H + K - 1) in each dimension.
        valid: that at the positions where g lies wholly on f, (H - K + 1); empty where g is larger.
        laws: of each law its name, how both sides are written, and both sides.

    >>> found = convolution_laws([1.0, 2.0], [1.0, 3.0, 5.0])
    >>> [law.name for law in found.laws]
    ['commutative', 'derivative', 'equivariant']
    """

    f: Floats
    g: Floats
    full: Floats
    valid: Floats
    laws: tuple[_Law, ...]

    def formulas(self) -> Sequence[str]:
        return formulas.LAWS

    def summary(self) -> str:
        return f"of {_by(self.f)} and {_by(self.g)}: {', '.join(law.name for law in self.laws)}"

    def table(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for law in self.laws:
            left, right = law.written
            rows.append((law.name, f"{left} = {right}", _by(law.sides[1]), law.difference))
        sizes = " by ".join(
            f"{h} - {k} + 1 = {h - k + 1}" for h, k in zip(self.f.shape, self.g.shape, strict=True) if h >= k
        )
        notes = (
            f"g lies wholly on f at {sizes or 'no'} positions; they overlap at {_by(self.full)}.",
            "Differences are relative to the largest number; rounding is about 1e-16.",
        )
        return Table(f"Laws of convolution: {_by(self.f)} * {_by(self.g)}", _COLUMNS, rows, notes)

    def tables(self) -> Sequence[Table]:
        return (self.table(), self._sides())

    def _sides(self) -> Table:
        """Both sides of every law, position by position."""
        columns: dict[str, Floats] = {}
        for law in self.laws:
            columns |= dict(zip(law.written, law.sides, strict=True))
        largest = tuple(map(max, zip(*(side.shape for side in columns.values()), strict=True)))
        rows: list[tuple[Cell, ...]] = [
            (",".join(str(written_step(i)) for i in at), *(_at(side, at) for side in columns.values()))
            for at in np.ndindex(largest)
        ]
        return Table("Both sides", ("n", *columns), rows)

    def to_dict(self) -> dict[str, Any]:
        laws = []
        for law in self.laws:
            sides = dict(zip(law.written, map(listed, law.sides), strict=True))
            laws.append({"law": law.name, "difference": law.difference, **sides})
        arrays = {name: listed(getattr(self, name)) for name in ("f", "g", "full", "valid")}
        return arrays | {"laws": laws}

    @property
    def figure_height(self) -> float:
        return 5.5 if self.f.ndim == 1 else 4.0

    def draw_on(self, ax: "Axes") -> None:
        """In one dimension f, g and both sides of every law; in two f * g, in three its middle plane."""
        title(ax, self.table().title)
        if self.f.ndim == 1:
            rows = {"f": self.f, "g": self.g}
            for law in self.laws:
                rows |= dict(zip(law.written, law.sides, strict=True))
            draw_strips(ax, rows)
            return
        plane = self.full[len(self.full) // 2] if self.full.ndim == 3 else self.full
        signed(ax, plane, "f * g", aspect="equal")


def convolution_laws(f: Tensor | ArrayLike, g: Tensor | ArrayLike, *, shift: int = 1) -> ConvolutionLaws:
    """Show the laws of the convolution of f and g, in float64: both sides of each, and how far they differ.

    Args:
        f, g: arrays of one to three dimensions, as many in both; of a layer, one input channel of x and one kernel.
        shift: by how many positions f is translated, in every dimension.

    Raises:
        ShapeError: they have other numbers of dimensions, or one is empty.
        ArgumentError: they are too large, or not finite.

    Source: V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285, for the
    sizes.

    >>> found = convolution_laws([1.0, 0.0, -1.0, 2.0], [1.0, 2.0])
    >>> found.full.tolist(), found.valid.tolist()
    ([1.0, 2.0, -1.0, 0.0, 4.0], [2.0, -1.0, 0.0])
    >>> [(law.name, law.difference) for law in found.laws]
    [('commutative', 0.0), ('derivative', 0.0), ('equivariant', 0.0)]
    """
    signal = _checked("f", f)
    kernel = _checked("g", g)
    by = whole("shift", shift)
    if signal.ndim != kernel.ndim:
        raise ShapeError(f"f has {counted(signal.ndim, 'dimension')} and g {kernel.ndim}; expected as many in both.")
    if (signal.numel() + kernel.numel()) * max(signal.numel(), kernel.numel()) > _MOST:
        raise ArgumentError(
            f"f has {counted(signal.numel(), 'number')} and g {kernel.numel():,}, which is too many. Crop them."
        )
    full = _full(signal, kernel)
    laws = [_Law("commutative", ("f*g", "g*f"), (full, _full(kernel, signal)))]
    for dimension in range(signal.ndim):
        prime = "'" if signal.ndim == 1 else f"_{'xyz'[dimension]}"
        before = _full(signal, _difference(kernel, dimension))
        after = to_numpy(_difference(torch.from_numpy(full), dimension))
        laws.append(_Law("derivative", (f"(f*g){prime}", f"f*g{prime}"), (after, before)))
    shifted = _full(_shifted(signal, by), kernel)
    laws.append(_Law("equivariant", ("Sf*g", "S(f*g)"), (shifted, to_numpy(_shifted(torch.from_numpy(full), by)))))
    inside = tuple(slice(k - 1, h) for h, k in zip(signal.shape, kernel.shape, strict=True))
    return ConvolutionLaws(to_numpy(signal), to_numpy(kernel), full, full[inside], tuple(laws))


def _checked(name: str, values: Tensor | ArrayLike) -> Tensor:
    found = as_float64(name, values)
    if not 1 <= found.ndim <= 3 or not found.numel():
        raise ShapeError(f"{name} has shape {tuple(found.shape)}; expected one to three dimensions, none empty.")
    if not found.isfinite().all():
        raise ArgumentError(f"{name} contains NaN or infinity; expected finite numbers.")
    return found


def _full(f: Tensor, g: Tensor) -> Floats:
    """f * g at every position where they overlap."""
    reach = [size - 1 for size in g.shape]
    return to_numpy(convolution(f[None], g[None, None], padding=reach, flip=True)[0])


def _difference(values: Tensor, dimension: int) -> Tensor:
    """Each number less the one before it, with a zero at either end: the derivative of a sequence."""
    return torch.diff(_padded(values, dimension, 1, 1), dim=dimension)


def _shifted(values: Tensor, by: int) -> Tensor:
    """The same further on by so many positions, with zeros before them."""
    for dimension in range(values.ndim):
        values = _padded(values, dimension, by, 0)
    return values


def _padded(values: Tensor, dimension: int, before: int, after: int) -> Tensor:
    def zeros(count: int) -> Tensor:
        shape = list(values.shape)
        shape[dimension] = count
        return values.new_zeros(shape)

    return torch.cat([zeros(before), values, zeros(after)], dimension)


def _at(side: Floats, at: tuple[int, ...]) -> float | None:
    """The number at a position; None beyond the array."""
    inside = all(i < size for i, size in zip(at, side.shape, strict=True))
    return float(side[at]) if inside else None


def _by(array: Floats) -> str:
    return "x".join(map(str, array.shape))
