"""What truncated backpropagation strikes out of the gradient, for chunks of several lengths."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.display import BLUE, VERMILLION, Shown, Table, title
from chainrule.lens.agreement import ALONG, Agreement, compare
from chainrule.lens.arrays import Floats, listed, to_numpy
from chainrule.lens.recurrences.layer_calls import LayerCall
from chainrule.lens.recurrences.stack import Stack, summed
from chainrule.nn import swap
from chainrule.ops.recurrence.backends.reference import State

Gradients = Mapping[str, Tensor]

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Truncation", "in_chunks", "truncated", "truncation_of"]


@dataclass(frozen=True, repr=False)
class Truncation(Shown):
    """The gradient of the layer's weights with the state detached every k steps, beside the full one.

    Attributes:
        chunks: the lengths k, (K,).
        lost: the norm of what is struck out, as a share of the full gradient's, (K,); over 1 where terms had cancelled.
        cosine: between the truncated gradient and the full one, (K,).
        gradients: the truncated gradient of every weight by the layer's names, with k first.
        norms: of all of it, (K,); ``full`` is that of the full gradient.
    """

    of: str
    chunks: tuple[int, ...]
    lost: Floats
    cosine: Floats
    norms: Floats
    full: float
    gradients: dict[str, Floats]
    agreement: Agreement

    def summary(self) -> str:
        return f"of {self.of}: chunks of {', '.join(map(str, self.chunks))}"

    def table(self) -> Table:
        arrays = (self.lost, self.cosine, self.norms)
        rows = [(k, *(float(a[n]) for a in arrays)) for n, k in enumerate(self.chunks)]
        notes = (
            f"The full gradient has the norm {self.full:.4g}. With the state detached every k steps, the terms between "
            "different chunks are missing from it.",
            f"Run in chunks, the layer itself {str(self.agreement).replace('autograd', 'this')}.",
        )
        return Table(f"Truncation: {self.of}", ("k", "lost, share", "cosine", "|gradient|"), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        lists = {name: listed(getattr(self, name)) for name in ("lost", "cosine", "norms")}
        weights = {name: listed(array) for name, array in self.gradients.items()}
        about = {"of": self.of, "chunks": list(self.chunks), "full": self.full}
        return about | {"difference_to_autograd": self.agreement.error} | lists | {"gradients": weights}

    def draw_on(self, ax: "Axes") -> None:
        for values, colour, name in ((self.lost, BLUE, "lost, share of the norm"), (self.cosine, VERMILLION, "cosine")):
            ax.plot(self.chunks, values, color=colour, linewidth=2, marker="o", markersize=4, label=name)
        ax.set_xscale("log", base=2)
        ax.set_xticks(self.chunks, [str(k) for k in self.chunks])
        ax.minorticks_off()
        ax.set_xlabel("steps between detaching, k")
        ax.legend(frameon=False)
        title(ax, f"What truncation strikes out: {self.of}")


def truncation_of(of: str, full: Gradients, cut: Mapping[int, tuple[Gradients, Gradients]]) -> Truncation:
    """From the full gradient, and for each k the truncated one, by hand and by the layer run in chunks."""
    whole = _flat(full)
    agreement = Agreement(0.0)
    size = float(torch.linalg.vector_norm(whole))
    rows = []
    for k, (ours, theirs) in cut.items():
        for name, gradient in ours.items():
            agreement &= compare(f"the gradient of {name} in chunks of {k}", gradient, theirs[name], limit=ALONG)
        flat = _flat(ours)
        norm, lost = (float(torch.linalg.vector_norm(v)) for v in (flat, whole - flat))
        rows.append((lost / (size or 1.0), float(flat @ whole) / ((size * norm) or 1.0), norm))
    lost_, cosine, norms = np.array(rows).T
    gradients = {name: np.stack([to_numpy(ours[name]) for ours, _ in cut.values()]) for name in full}
    return Truncation(of, tuple(cut), lost_, cosine, norms, size, gradients, agreement)


def truncated(layer: nn.RNNBase, stack: Stack, dY: Tensor, dlast: list[State], k: int) -> dict[str, Tensor]:
    """The gradients with the state detached every k steps, by hand."""
    total: dict[str, Tensor] = {}
    for start in range(0, stack.steps, k):
        steps = slice(start, start + k)
        part = stack.part(steps)
        backs = part.backward(dY[steps], dlast if start + k >= stack.steps else None)
        for name, gradient in summed(layer, part, backs).items():
            total[name] = total[name] + gradient if name in total else gradient
    return total


@torch.enable_grad()
def in_chunks(call: LayerCall, dY: Tensor, dlast: list[State], k: int) -> dict[str, Tensor]:
    """The layer run in chunks of k steps with the state detached between them, and differentiated by torch."""
    layer = call.layer
    T = call.x.shape[1]
    if call.resets is not None or call.lengths is not None:
        swap(layer)
    hx = call.hx
    total = torch.zeros((), dtype=torch.float64)
    for start in range(0, T, k):
        x = call.x[:, start : start + k]
        options: dict[str, Any] = {}
        if call.resets is not None:
            options["resets"] = call.resets[:, start : start + k]
        if call.lengths is not None:
            options["lengths"] = (call.lengths - start).clamp(0, x.shape[1])
        state = hx[0] if hx is not None and len(hx) == 1 else hx
        output, last = layer(x if layer.batch_first else x.transpose(0, 1), state, **options)
        y = output.transpose(0, 1) if layer.batch_first else output
        last = last if isinstance(last, tuple) else (last,)
        total = total + (y * dY[start : start + k]).sum()
        if start + k >= T:
            ends = (torch.stack(parts) for parts in zip(*dlast, strict=True))
            total = total + sum((end * s).sum() for end, s in zip(ends, last, strict=True))
        hx = tuple(s.detach() for s in last)
    parameters = dict(layer.named_parameters())
    found = torch.autograd.grad(total, list(parameters.values()), materialize_grads=True)
    return dict(zip(parameters, found, strict=True))


def _flat(gradients: Gradients) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients.values()])
