"""One term of the double sum of backpropagation through time, factor by factor.

With D_t for what enters the layer at step t, and J_j = ds_j/ds_{j-1} for the Jacobian of the state s, h or (h, c):

    dL/dW_hh = sum_t sum_{i <= t} term(t, i),  where term(t, i) carries D_t J_t J_{t-1} ... J_{i+1} into step i's W_hh.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule.display import BLACK, BLUE, VERMILLION, Shown, Table, listed, title, whole_ticks
from chainrule.errors import ArgumentError
from chainrule.lens import formulas
from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.bptt.network_passes import ScanPasses
from chainrule.lens.conversion import Floats, to_numpy
from chainrule.lens.notation import written_step
from chainrule.lens.recurrences.autograd_check import check_scan, jacobians
from chainrule.lens.recurrences.passes import Scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Term", "term_of"]

_NUMBERS = 8_000_000  # of all Jacobians of a term,
_EIGENVALUES = 6e9  # and their count times their width cubed


@dataclass(frozen=True, repr=False)
class Term(Shown):
    """The path of the gradient that enters at step t back to step i, in one sequence, layer and direction.

    There are ``n = |t - i|`` factors. S is the width of the state, the LSTM's h and c together.

    Attributes:
        steps: t, ..., i: the steps on the path, (n + 1,).
        factors: the Jacobian that leads from each step to the next of ``steps``, (n, S, S).
        norms, radii: the largest singular value, and the spectral radius, of each factor, (n,).
        products: the largest singular value of the product up to and including each factor, (n,).
        product: that product, (S, S).
        carried: the gradient of the state at each of ``steps``, (n + 1, S); it starts as what enters at t.
        contributions: what the term adds to the gradient of each weight at step i, by the layer's names.
        adds: the norm of what each of ``steps`` adds to dL/dW_hh, (n + 1,).

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> found = through_time(torch.nn.GRU(2, 3), torch.ones(6, 1, 2))
    >>> term = found.term(4, 1)
    >>> term.steps, term.factors.shape, sorted(term.contributions)
    ((4, 3, 2, 1), (3, 3, 3), ['bias_hh_l0', 'bias_ih_l0', 'weight_hh_l0', 'weight_ih_l0'])
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

    def formulas(self) -> Sequence[str]:
        return (formulas.JACOBIAN, formulas.PATH)

    def summary(self) -> str:
        return f"of {self.of}: {counted(len(self.steps), 'step')}"

    def table(self) -> Table:
        rows: list[tuple[int | float | None, ...]] = []
        gradients = np.linalg.norm(self.carried, axis=1)
        for k, step in enumerate(self.steps):
            factor: tuple[float | None, ...] = (None, None, None)  # no Jacobian leads to the step t itself
            if k > 0:
                factor = tuple(float(values[k - 1]) for values in (self.norms, self.radii, self.products))
            rows.append((written_step(step), *factor, float(gradients[k]), float(self.adds[k])))
        columns = ("step", "|J|", "rho(J)", "|product|", "|gradient|", "adds to |dW_hh|")
        notes = (
            "J: the Jacobian from the step above to this one. |J|: its largest singular value; rho(J): its spectral "
            "radius; |product|: the largest singular value of the product so far.",
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
        """The norm of the gradient at each step, with that of the product and the spectral radii of the factors."""
        lags = np.arange(len(self.steps))
        ax.plot(lags, np.linalg.norm(self.carried, axis=1), color=BLUE, linewidth=2, label="gradient")
        ax.plot(lags[1:], self.products, color=BLACK, linewidth=1.2, label="product of Jacobians")
        ax.plot(lags[1:], self.radii, color=VERMILLION, linewidth=0, marker=".", label="spectral radii")
        ax.set_yscale("log")
        whole_ticks(ax.xaxis)
        ax.set_xlabel(f"steps back from t = {written_step(self.steps[0])}")
        ax.set_ylabel("norm (an exact zero is left out)")
        ax.legend(frameon=False)
        title(ax, self.of)


def term_of(passes: ScanPasses, t: int, i: int | None) -> Term:
    """The term (t, i) of the one row of these passes."""
    scan = passes.scan
    i = _checked(scan, t, i)
    low = min(t, i)
    steps = slice(low, max(t, i) + 1)
    order = range(t, i + 1) if scan.reverse else range(t, i - 1, -1)
    at = [step - low for step in order]
    part = scan.part(steps)
    entering = torch.zeros_like(passes.back.dY[steps])
    entering[t - low] = passes.back.dY[t]
    ends = passes.back.dlast if t == scan.ends[0] else None
    back = part.backward(entering, ends)
    found, agreement = jacobians(part)
    factors = found[at[:-1]]
    products = list(accumulate(factors, torch.matmul))
    whole = products[-1] if products else torch.eye(factors.shape[-1], dtype=factors.dtype)
    names = passes.names()
    adds = [part.gradients(back, step)[scan.cell.recurrent_weight] for step in at]
    return Term(
        of=f"{passes.of}: from step {written_step(t)} back to {written_step(i)}",
        steps=tuple(order),
        factors=to_numpy(factors),
        norms=_largest(factors),
        radii=to_numpy(torch.linalg.eigvals(factors).abs().amax(-1)),
        products=_largest(products),
        product=to_numpy(whole),
        carried=to_numpy(torch.cat(back.dstates, dim=-1)[at, 0]),
        contributions={names[symbol]: to_numpy(g) for symbol, g in part.gradients(back, i - low).items()},
        adds=np.array([float(torch.linalg.vector_norm(gradient)) for gradient in adds]),
        agreement=agreement & check_scan(part, back),
    )


def _checked(scan: Scan, t: int, i: int | None) -> int:
    """i, or the furthest step that Jacobians of this size allow."""
    width = sum(scan.widths)
    most = int(min(_NUMBERS // width**2, _EIGENVALUES // width**3))
    if i is None:
        i = min(t + most, len(scan.kept.X) - 1) if scan.reverse else max(t - most, 0)
    if i != t and (i > t) != scan.reverse:
        side = "t or later, as this is the reverse direction" if scan.reverse else "t or earlier"
        raise ArgumentError(f"t is {t} and i is {i}; i must be {side}.")
    live = scan.live.all(1)
    if not live[max(t, i)]:
        raise ArgumentError(f"step {max(t, i)} lies beyond the row's length, which is {int(live.sum())}.")
    if abs(t - i) > most:
        raise ArgumentError(
            f"t and i are {counted(abs(t - i), 'step')} apart, with a Jacobian of {width} x {width} at each; expected "
            f"{counted(most, 'step')} at most for a state of this size."
        )
    return i


def _largest(matrices: Iterable[Tensor]) -> Floats:
    """The largest singular value of each; infinite where a number is not finite."""
    return np.array(list(map(_largest_of, matrices)), dtype=np.float64)


def _largest_of(matrix: Tensor) -> float:
    if not bool(matrix.isfinite().all()):
        return np.inf
    return float(torch.linalg.matrix_norm(matrix, 2))
