"""What truncated backpropagation loses of the gradient, for chunks of several lengths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule._choices import counted
from chainrule.display import BLUE, VERMILLION, Shown, Table, listed, title
from chainrule.lens import formulas
from chainrule.lens.autograd_agreement import ALONG, Agreement, compare
from chainrule.lens.conversion import Floats, to_numpy
from chainrule.lens.recurrences.layer_calls import LayerCall
from chainrule.lens.recurrences.stack import Stack, summed
from chainrule.nn import swap
from chainrule.ops.recurrence.cells.spec import State

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Truncation", "in_chunks", "truncated", "truncation_of"]

Gradients = Mapping[str, Tensor]

_LINE: dict[str, Any] = {"linewidth": 2, "marker": "o", "markersize": 4}


@dataclass(frozen=True, repr=False)
class Truncation(Shown):
    """The gradient of the layer's weights with the state detached every k steps, beside the full one.

    Attributes:
        chunks: the lengths k, (K,).
        lost: the norm of the terms left out, as a share of the full gradient's, (K,); over 1 where terms had cancelled.
        cosine: between the truncated gradient and the full one, (K,).
        gradients: the truncated gradient of every weight by the layer's names, (K, ...).
        norms: the norm of the whole truncated gradient, (K,); ``full`` is that of the full gradient.

    >>> import torch
    >>> from chainrule.lens import through_time
    >>> found = through_time(torch.nn.GRU(2, 3), torch.ones(6, 1, 2))
    >>> cut = found.truncation(2, 6)
    >>> cut.chunks, round(cut.lost[1].item(), 6), round(cut.cosine[1].item(), 6)
    ((2, 6), 0.0, 1.0)
    """

    of: str
    chunks: tuple[int, ...]
    lost: Floats
    cosine: Floats
    norms: Floats
    full: float
    gradients: dict[str, Floats]
    agreement: Agreement

    def formulas(self) -> Sequence[str]:
        return (formulas.TRUNCATED,)

    def summary(self) -> str:
        return f"of {self.of}: chunks of {', '.join(map(str, self.chunks))}"

    def table(self) -> Table:
        arrays = (self.lost, self.cosine, self.norms)
        rows = [(k, *(float(values[n]) for values in arrays)) for n, k in enumerate(self.chunks)]
        notes = (
            f"The full gradient has norm {self.full:.4g}. If the state is detached every k steps, the terms between "
            "different chunks are lost.",
            f"Run in chunks, the layer itself {str(self.agreement).replace('autograd', 'this')}.",
        )
        return Table(f"Truncated backpropagation: {self.of}", ("k", "lost, share", "cosine", "|gradient|"), rows, notes)

    def sentence(self) -> str:
        """What the first of the chunks' lengths comes to."""
        return (
            f"If the state is detached every {counted(self.chunks[0], 'step')}, as in training, the gradient loses "
            f"{float(self.lost[0]):.0%} of its norm (cosine {float(self.cosine[0]):.2f})."
        )

    def to_dict(self) -> dict[str, Any]:
        lists = {name: listed(getattr(self, name)) for name in ("lost", "cosine", "norms")}
        weights = {name: listed(array) for name, array in self.gradients.items()}
        about = {"of": self.of, "chunks": list(self.chunks), "full": self.full}
        return about | {"difference_to_autograd": self.agreement.error} | lists | {"gradients": weights}

    def draw_on(self, ax: "Axes") -> None:
        """The share of the norm that is lost, and the cosine, by the length of the chunks."""
        ax.plot(self.chunks, self.lost, color=BLUE, label="lost, share of the norm", **_LINE)
        ax.plot(self.chunks, self.cosine, color=VERMILLION, label="cosine", **_LINE)
        ax.set_xscale("log", base=2)
        ax.set_xticks(self.chunks, [str(k) for k in self.chunks])
        ax.minorticks_off()
        ax.set_xlabel("steps between detaching, k")
        ax.legend(frameon=False)
        title(ax, f"What truncation loses: {self.of}")


def truncation_of(of: str, full: Gradients, cut: Mapping[int, tuple[Gradients, Gradients]]) -> Truncation:
    """From the full gradient, and for each k the truncated one: as derived, and of the layer run in chunks."""
    whole = _flat(full)
    whole_norm = float(torch.linalg.vector_norm(whole))
    agreement = Agreement(0.0)
    lost = []
    cosines = []
    norms = []
    for k, (ours, theirs) in cut.items():
        for name, gradient in ours.items():
            agreement &= compare(f"the gradient of {name} in chunks of {k}", gradient, theirs[name], limit=ALONG)
        flat = _flat(ours)
        norm = float(torch.linalg.vector_norm(flat))
        norms.append(norm)
        lost.append(float(torch.linalg.vector_norm(whole - flat)) / (whole_norm or 1.0))
        cosines.append(float(flat @ whole) / ((whole_norm * norm) or 1.0))
    return Truncation(
        of=of,
        chunks=tuple(cut),
        lost=np.array(lost),
        cosine=np.array(cosines),
        norms=np.array(norms),
        full=whole_norm,
        gradients={name: np.stack([to_numpy(ours[name]) for ours, _ in cut.values()]) for name in full},
        agreement=agreement,
    )


def truncated(layer: nn.RNNBase, stack: Stack, dY: Tensor, dlast: list[State], k: int) -> dict[str, Tensor]:
    """The gradients with the state detached every k steps, by hand."""
    total: dict[str, Tensor] = {}
    for start in range(0, stack.steps, k):
        steps = slice(start, start + k)
        part = stack.part(steps)
        ends = dlast if start + k >= stack.steps else None
        for name, gradient in summed(layer, part, part.backward(dY[steps], ends)).items():
            total[name] = total.get(name, 0) + gradient
    return total


@torch.enable_grad()
def in_chunks(call: LayerCall, dY: Tensor, dlast: list[State], k: int) -> dict[str, Tensor]:
    """The layer run in chunks of k steps with the state detached between them, and differentiated by torch."""
    layer = call.layer
    steps = call.x.shape[1]
    if call.resets is not None or call.lengths is not None:
        swap(layer)
    state = call.hx
    total = torch.zeros((), dtype=torch.float64)
    last: State = ()
    for start in range(0, steps, k):
        y, last = _run_chunk(call, slice(start, min(start + k, steps)), state)
        total = total + (y * dY[start : start + k]).sum()
        state = tuple(part.detach() for part in last)
    for part, *ends in zip(last, *dlast, strict=True):
        total = total + (part * torch.stack(ends)).sum()
    parameters = dict(layer.named_parameters())
    found = torch.autograd.grad(total, list(parameters.values()), materialize_grads=True)
    return dict(zip(parameters, found, strict=True))


def _run_chunk(call: LayerCall, steps: slice, state: State | None) -> tuple[Tensor, State]:
    """The outputs (T, B, ·) of some steps from a state, and the state after them."""
    layer = call.layer
    x = call.x[:, steps]
    options: dict[str, Tensor] = {}
    if call.resets is not None:
        options["resets"] = call.resets[:, steps]
    if call.lengths is not None:
        options["lengths"] = (call.lengths - steps.start).clamp(0, x.shape[1])
    hx: Tensor | State | None = state
    if state is not None and len(state) == 1:
        hx = state[0]
    if layer.batch_first:
        y, last = layer(x, hx, **options)
        y = y.transpose(0, 1)
    else:
        y, last = layer(x.transpose(0, 1), hx, **options)
    if isinstance(last, Tensor):
        last = (last,)
    return y, last


def _flat(gradients: Gradients) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients.values()])
