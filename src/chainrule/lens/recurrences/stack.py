"""The layers of a recurrent network over one another, and their backward pass for any gradients of its outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.lens.autograd_agreement import Agreement
from chainrule.lens.conversion import if_given
from chainrule.lens.recurrences.autograd_check import check_scan
from chainrule.lens.recurrences.passes import ALL, BackwardPass, Scan
from chainrule.nn.recurrence_options import cell_of, state_widths, zoneout_rates
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells.spec import State, parameter_name

__all__ = ["BackwardPasses", "Stack", "stack_of", "suffixes", "summed"]

BackwardPasses = list[list[BackwardPass]]
"""Backward passes by layer and direction."""


@dataclass(frozen=True)
class Stack:
    """Forward passes by layer and direction, the second direction being the reverse one; as in evaluation."""

    scans: tuple[tuple[Scan, ...], ...]

    def part(self, steps: slice = ALL, rows: slice = ALL) -> "Stack":
        return Stack(tuple(tuple(scan.part(steps, rows) for scan in layer) for layer in self.scans))

    @property
    def steps(self) -> int:
        return len(self.scans[0][0].kept.X)

    @property
    def rows(self) -> int:
        return self.scans[0][0].kept.X.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        return self.scans[0][0].kept.X.dtype

    @property
    def output(self) -> Tensor:
        """The last layer's outputs, (T, B, ·)."""
        return torch.cat([scan.output for scan in self.scans[-1]], dim=-1)

    @torch.no_grad()
    def backward(self, dY: Tensor, dlast: Sequence[State] | None = None) -> BackwardPasses:
        """Carry gradients of the last layer's outputs (T, N, ·) back through all layers, N over the B rows or over one.

        dlast has the gradient of each scan's last state, layer by layer and direction by direction.
        """
        passes: BackwardPasses = []
        ends: list[State | None] = [None] * sum(map(len, self.scans))
        if dlast is not None:
            ends = list(dlast)
        for layer in reversed(self.scans):
            own = [ends.pop() for _ in layer][::-1]
            split = dY.split([scan.widths[0] for scan in layer], dim=-1)
            found = [scan.backward(dy, end) for scan, dy, end in zip(layer, split, own, strict=True)]
            passes.insert(0, found)
            if layer is not self.scans[0]:
                below = [scan.input_gradient(back) for scan, back in zip(layer, found, strict=True)]
                dY = torch.stack(below).sum(0)
        return passes

    def check(self, passes: BackwardPasses, weights: bool = True) -> Agreement:
        """Hold all of a backward pass against autograd; see :func:`check_scan`."""
        agreement = Agreement(0.0)
        for layer, found in zip(self.scans, passes, strict=True):
            for scan, back in zip(layer, found, strict=True):
                agreement &= check_scan(scan, back, weights)
        return agreement


def stack_of(
    layer: nn.RNNBase, x: Tensor, hx: State | None, resets: Tensor | None, lengths: Tensor | None, rows: slice = ALL
) -> Stack:
    """Run a layer's recurrences over x (B, T, I) from hx, each (layers * directions, B, ·), in the layer's dtype.

    Nothing is dropped between the layers, and zoneout is its expectation.
    """
    directions = 2 if layer.bidirectional else 1
    widths = state_widths(layer)
    zoneout = tuple(rate or None for rate in zoneout_rates(layer))
    x = _taken(x, rows).to(layer.get_parameter(layer._all_weights[0][0]).dtype)  # under autocast x has another
    resets = if_given(lambda mask: _taken(mask, rows), resets)
    lengths = if_given(lambda each: _taken(each, rows), lengths)
    if hx is None:
        count = directions * layer.num_layers
        hx = tuple(x.new_zeros(count, len(x), width) for width in widths)
    else:
        hx = tuple(part.detach()[:, rows].to(x.dtype) for part in hx)
    first = list(zip(*hx, strict=True))  # of each scan
    weights = [_weights(layer, suffix) for suffix in suffixes(layer)]
    scans = []
    for n in range(layer.num_layers):
        below = x
        found = []
        for k in range(n * directions, (n + 1) * directions):
            reverse = k % directions == 1
            call = RecurrenceCall(
                cell_of(layer),
                below,
                first[k],
                weights[k],
                zoneout=zoneout,
                resets=resets,
                lengths=lengths,
                reverse=reverse,
            )
            found.append(Scan.run(call))
        scans.append(tuple(found))
        x = torch.cat([scan.output for scan in found], dim=-1).transpose(0, 1)
    return Stack(tuple(scans))


def summed(layer: nn.RNNBase, stack: Stack, passes: BackwardPasses) -> dict[str, Tensor]:
    """The gradients of all of the layer's parameters by their names, summed over the steps."""
    found: dict[str, Tensor] = {}
    scans = chain.from_iterable(stack.scans)
    backs = chain.from_iterable(passes)
    for suffix, scan, back in zip(suffixes(layer), scans, backs, strict=True):
        found |= {parameter_name(symbol) + suffix: gradient for symbol, gradient in scan.gradients(back).items()}
    return found


def suffixes(layer: nn.RNNBase) -> list[str]:
    """What the names of each scan's weights end in: _l0, _l0_reverse, _l1, ..."""
    return [names[0].removeprefix("weight_ih") for names in layer._all_weights]


def _weights(layer: nn.RNNBase, suffix: str) -> Any:
    cell = cell_of(layer)
    names = {symbol: parameter_name(symbol) + suffix for symbol in cell.every_weight}
    held = {symbol: getattr(layer, name).detach() for symbol, name in names.items() if hasattr(layer, name)}
    return cell.container(**held)


def _taken(t: Tensor, rows: slice) -> Tensor:
    return t.detach()[rows]
