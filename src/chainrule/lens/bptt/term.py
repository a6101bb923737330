"""One term of the double sum of backpropagation through time, factor by factor.

With D_t for what enters the layer at step t, and J_j = ds_j/ds_{j-1} for the Jacobian of the state s, h or (h, c):

    dL/dW_hh = sum_t sum_{i <= t} term(t, i),  where term(t, i) carries D_t J_t J_{t-1} ... J_{i+1} into step i's W_hh.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule.display import BLACK, BLUE, VERMILLION, Shown, Table, title
from chainrule.errors import ArgumentError
from chainrule.lens.agreement import Agreement
from chainrule.lens.arrays import Floats, listed, to_numpy
from chainrule.lens.recurrences.scan import Back, Scan
from chainrule.ops.recurrence.backends.reference import WEIGHTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Term", "term_of"]

_NUMBERS = 8_000_000  # of all Jacobians of a term,
_EIGENVALUES = 6e9  # and their count times their width cubed


@dataclass(frozen=True, repr=False)
class Term(Shown):
    """What the gradient that enters at step t does on its way back to step i, of one sequence, layer and direction.

    n = |t - i| factors lie between. S is the width of the state, the LSTM's h and c together.

    Attributes:
        steps: t, ..., i: the steps that the way passes, (n + 1,).
        factors: the Jacobian that leads from each step to the next of ``steps``, (n, S, S).
        norms, radii: the largest singular value, and the spectral radius, of each factor, (n,).
        products: the largest singular value of the product up to and including each factor, (n,).
        product: that product, (S, S).
        carried: the gradient of the state at each of ``steps``, (n + 1, S); it starts as what enters at t.
        contributions: what the term adds to the gradient of each weight at step i, by the layer's names.
        adds: the norm of what each of ``steps`` adds to dL/dW_hh, (n + 1,).
    """

    of: str
    steps: tuple[int, ...]
    factors: Floats
    norms: Floats
    radii: Floats
    products: Floats
    product: Floats
    carried: Floats
    contributions: dict[str, Floats]
    adds: Floats
    agreement: Agreement

    def summary(self) -> str:
        return f"of {self.of}: {counted(len(self.steps), 'step')}"

    def table(self) -> Table:
        rows: list[tuple[int | float | None, ...]] = []
        for k, step in enumerate(self.steps):
            factor = (self.norms, self.radii, self.products)
            own = (None, None, None) if k == 0 else tuple(float(a[k - 1]) for a in factor)
            rows.append((step, *own, float(np.linalg.norm(self.carried[k])), float(self.adds[k])))
        columns = ("step", "|J|", "rho(J)", "|product|", "|gradient|", "adds to |dW_hh|")
        notes = (
            "J: the Jacobian that leads back to the step from the one above it; its largest singular value, spectral "
            "radius, and the largest singular value of the product so far.",
            f"Every factor and gradient {self.agreement}.",
        )
        return Table(self.of, columns, rows, notes)

    def to_dict(self) -> dict[str, Any]:
        names = ("factors", "norms", "radii", "products", "product", "carried", "adds")
        lists = {name: listed(getattr(self, name)) for name in names}
        weights = {name: listed(array) for name, array in self.contributions.items()}
        about = {"of": self.of, "steps": list(self.steps), "difference_to_autograd": self.agreement.error}
        return about | lists | {"contributions": weights}

    def draw_on(self, ax: "Axes") -> None:
        """The gradient's norm on its way back, beside the norm of the product and the factors' spectral radii."""
        lags = np.arange(len(self.steps))
        ax.plot(lags, np.linalg.norm(self.carried, axis=1), color=BLUE, linewidth=2, label="gradient")
        ax.plot(lags[1:], self.products, color=BLACK, linewidth=1.2, label="product of Jacobians")
        ax.plot(lags[1:], self.radii, color=VERMILLION, linewidth=0, marker=".", label="spectral radius of each")
        ax.set_yscale("log")
        ax.set_xlabel(f"steps back from t = {self.steps[0]}")
        ax.set_ylabel("norm (an exact zero is left out)")
        ax.legend(frameon=False)
        title(ax, self.of)


def term_of(of: str, scan: Scan, back: Back, t: int, i: int | None, suffix: str) -> Term:
    """The term (t, i) of one row's scan and its backward pass; ``suffix`` ends the names of its weights."""
    i = _checked(scan, t, i)
    low = min(t, i)
    order = range(t, i - 1, -1) if t >= i else range(t, i + 1)
    steps = slice(low, max(t, i) + 1)
    at = [s - low for s in order]
    part = scan.part(steps)
    entering = torch.zeros_like(back.dY[steps])
    entering[t - low] = back.dY[t]
    way = part.backward(entering, back.dlast if t == scan.ends[0] else None)
    jacobians, agreement = part.factors()
    factors = jacobians[at[:-1]]
    product = torch.eye(factors.shape[-1], dtype=factors.dtype)
    products = []
    for factor in factors:
        product = product @ factor
        products.append(_largest(product))
    adds = (torch.linalg.vector_norm(part.gradients(way, s)["W_hh"]) for s in at)
    return Term(
        f"{of}: from step {t} back to {i}",
        tuple(order),
        to_numpy(factors),
        np.array([_largest(factor) for factor in factors]),
        to_numpy(torch.linalg.eigvals(factors).abs().amax(-1)) if len(factors) else np.zeros(0),
        np.array(products),
        to_numpy(product),
        to_numpy(torch.cat(way.dstates, dim=-1)[at, 0]),
        {WEIGHTS[symbol] + suffix: to_numpy(gradient) for symbol, gradient in part.gradients(way, i - low).items()},
        np.array([float(norm) for norm in adds]),
        agreement & part.by_autograd(way),
    )


def _checked(scan: Scan, t: int, i: int | None) -> int:
    """i, or the furthest that may be asked for."""
    S = sum(scan.widths)
    most = int(min(_NUMBERS // S**2, _EIGENVALUES // S**3))
    if i is None:
        i = min(t + most, len(scan.kept.X) - 1) if scan.reverse else max(t - most, 0)
    elif i != t and (i > t) != scan.reverse:
        side = "later: the reverse direction" if scan.reverse else "earlier: the layer"
        raise ArgumentError(f"t is {t} and i is {i}; i must be t or {side} carries gradients that way alone.")
    padding = scan.schedule.padding
    if padding is not None and bool(padding[max(t, i)].any()):
        raise ArgumentError(f"step {max(t, i)} lies beyond the row's length, which is {int((~padding).sum())}.")
    if abs(t - i) > most:
        raise ArgumentError(
            f"{abs(t - i)} Jacobians of {S} x {S} are too many to decompose. For a state of this size, t and i may be "
            f"{counted(most, 'step')} apart."
        )
    return i


def _largest(matrix: Tensor) -> float:
    """The largest singular value."""
    return float(torch.linalg.matrix_norm(matrix, 2)) if bool(matrix.isfinite().all()) else float("inf")
