"""The layers of a recurrent network over one another, and their backward pass for any gradients of its outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from chainrule.lens.agreement import Agreement
from chainrule.lens.recurrences.scan import ALL, Back, Scan
from chainrule.nn.recurrence_options import Optioned, cell_of
from chainrule.ops.recurrence.backends.reference import WEIGHTS, State, Weights

__all__ = ["Backs", "Stack", "stack_of", "summed"]

Backs = list[list[Back]]
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
    def backward(self, dY: Tensor, dlast: Sequence[State] | None = None) -> Backs:
        """Carry gradients of the last layer's outputs (T, N, ·) back through all layers, N over the B rows or over one.

        dlast has the gradient of each scan's last state, layer by layer and direction by direction.
        """
        backs: Backs = []
        k = sum(map(len, self.scans))
        for layer in reversed(self.scans):
            k -= len(layer)
            split = dY.split([scan.widths[0] for scan in layer], dim=-1)
            ends = [None] * len(layer) if dlast is None else dlast[k : k + len(layer)]
            found = [scan.backward(*pair) for scan, *pair in zip(layer, split, ends, strict=True)]
            backs.insert(0, found)
            if layer is not self.scans[0]:
                dY = torch.stack([scan.input_gradient(back) for scan, back in zip(layer, found, strict=True)]).sum(0)
        return backs

    def by_autograd(self, backs: Backs, weights: bool = True) -> Agreement:
        """Hold all of a backward pass against autograd; see :class:`Scan`."""
        agreement = Agreement(0.0)
        for layer, found in zip(self.scans, backs, strict=True):
            for scan, back in zip(layer, found, strict=True):
                agreement &= scan.by_autograd(back, weights)
        return agreement


def stack_of(
    layer: nn.RNNBase, x: Tensor, hx: State | None, resets: Tensor | None, lengths: Tensor | None, rows: slice = ALL
) -> Stack:
    """Run a layer's recurrences over x (B, T, I) from hx, each (layers * directions, B, ·), in the layer's dtype.

    Nothing is dropped between the layers, and zoneout is its expectation.
    """
    directions = 2 if layer.bidirectional else 1
    suffixes = [names[0].removeprefix("weight_ih") for names in layer._all_weights]
    parts = 2 if layer.mode == "LSTM" else 1
    widths = (layer.proj_size or layer.hidden_size, layer.hidden_size)[:parts]
    dtype = layer.get_parameter(layer._all_weights[0][0]).dtype  # under autocast x has another
    x = x.to(dtype)
    hx = None if hx is None else tuple(h.to(dtype) for h in hx)
    x, resets, lengths = (None if t is None else t.detach()[rows] for t in (x, resets, lengths))  # type: ignore[assignment]
    zoneout = layer._rates() if isinstance(layer, Optioned) else (0.0,) * parts
    found: list[tuple[Scan, ...]] = []
    for n in range(layer.num_layers):
        scans = []
        for k in range(n * directions, (n + 1) * directions):
            names = {symbol: name + suffixes[k] for symbol, name in WEIGHTS.items()}
            held = {s: getattr(layer, name).detach() for s, name in names.items() if hasattr(layer, name)}
            first = tuple(
                x.new_zeros(len(x), width) if hx is None else hx[i][k].detach()[rows] for i, width in enumerate(widths)
            )
            rates = tuple(rate or None for rate in zoneout)
            scans.append(
                Scan.run(cell_of(layer), Weights(**held), x, first, resets, lengths, k % directions == 1, rates)
            )
        found.append(tuple(scans))
        x = torch.cat([scan.output for scan in scans], dim=-1).transpose(0, 1)
    return Stack(tuple(found))


def summed(layer: nn.RNNBase, stack: Stack, backs: Backs) -> dict[str, Tensor]:
    """The gradients of all of the layer's parameters by their names, summed over the steps."""
    found: dict[str, Tensor] = {}
    scans = chain.from_iterable(stack.scans)
    held = chain.from_iterable(backs)
    for names, scan, back in zip(layer._all_weights, scans, held, strict=True):
        suffix = names[0].removeprefix("weight_ih")
        found |= {WEIGHTS[symbol] + suffix: gradient for symbol, gradient in scan.gradients(back).items()}
    return found
