"""All terms of the double sum of backpropagation through time, of one sequence: term(t, i) for every t and i."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ArgumentError
from chainrule.lens.autograd_agreement import Agreement, compare
from chainrule.lens.bptt.network_passes import ScanPasses
from chainrule.lens.conversion import Floats, to_numpy
from chainrule.lens.recurrences.autograd_check import check_scan
from chainrule.lens.recurrences.passes import BackwardPass
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["all_terms", "struck_out"]

_STEPS = 64  # each with each is a term
_NUMBERS = 20_000_000  # of all terms


def all_terms(passes: ScanPasses, symbol: str) -> tuple[Floats, Agreement]:
    """What the gradient that enters at step t adds to dL/dW at step i, (T, T, \\*shape of W), of the one row.

    The gradients of all steps t are carried back beside each other, in one reverse scan.

    Raises:
        ArgumentError: they are too many.
        DisagreementError: they do not add up to the gradient, or differ from what autograd finds.
    """
    scan = passes.scan
    T = len(scan.kept.X)
    expected = scan.gradients(passes.back)[symbol]
    _check_room(T, expected.numel())
    back = scan.backward(*_apart(passes.back, T, scan.ends[0]))
    agreement = check_scan(scan, back, weights=False)
    terms = torch.zeros(T, T, *expected.shape, dtype=expected.dtype)
    for t in range(T):
        own = back.rows(slice(t, t + 1))
        for i in range(t, T) if scan.reverse else range(t + 1):
            terms[t, i] = scan.gradients(own, i)[symbol]
    agreement &= compare("the sum of all terms", terms.sum((0, 1)), expected)
    return to_numpy(terms), agreement


def _apart(back: BackwardPass, T: int, end: int) -> tuple[Tensor, State]:
    """What enters at each step in a row of its own: dY (T, T, ·), and dlast (T, ·) in that of the last step."""
    steps = range(T)
    entering = back.dY.new_zeros(T, T, back.dY.shape[-1])
    entering[steps, steps] = back.dY[:, 0]
    ends = tuple(d.new_zeros(T, d.shape[-1]) for d in back.dlast)
    for whole, d in zip(ends, back.dlast, strict=True):
        whole[end] = d[0]
    return entering, ends


def struck_out(T: int, k1: int, k2: int) -> NDArray[np.bool_]:
    """Which terms (t, i) truncation drops, bool (T, T): those before the k2 steps that end with the chunk of t.

    >>> struck_out(4, 2, 2).astype(int).tolist()
    [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    """
    t, i = np.indices((T, T))
    dropped: NDArray[np.bool_] = i < t // k1 * k1 + k1 - k2
    return dropped


def _check_room(T: int, numbers: int) -> None:
    if T <= _STEPS and T * T * numbers <= _NUMBERS:
        return
    fitting = min(_STEPS, int((_NUMBERS / numbers) ** 0.5))
    remedy = f"Give {counted(fitting, 'step')} or fewer." if fitting > 1 else "Take a smaller layer."
    raise ArgumentError(
        f"a table of all terms of {counted(T, 'step')} has {counted(T * T, 'term')} of {counted(numbers, 'number')}, "
        f"which is too many. {remedy}"
    )
