"""What truncated backpropagation strikes out of the gradient, for chunks of several lengths."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule.lens.agreement import ALONG, Agreement, compare
from chainrule.lens.arrays import Floats, listed, to_numpy
from chainrule.lens.showing import BLUE, VERMILLION, Shown, Table, axes_on, title

Gradients = Mapping[str, Tensor]

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Truncation", "truncation_of"]


@dataclass(frozen=True)
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

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        axes = axes_on(ax)
        for values, colour, name in ((self.lost, BLUE, "lost, share of the norm"), (self.cosine, VERMILLION, "cosine")):
            axes.plot(self.chunks, values, color=colour, linewidth=2, marker="o", markersize=4, label=name)
        axes.set_xscale("log", base=2)
        axes.set_xticks(self.chunks, [str(k) for k in self.chunks])
        axes.minorticks_off()
        axes.set_xlabel("steps between detaching, k")
        axes.legend(frameon=False)
        title(axes, f"What truncation strikes out: {self.of}")
        return axes


def truncation_of(of: str, full: Gradients, cut: Mapping[int, tuple[Gradients, Gradients]]) -> Truncation:
    """From the full gradient, and for each k the truncated one, by hand and by the layer run in chunks."""
    whole, agreement = _flat(full), Agreement(0.0)
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


def _flat(gradients: Gradients) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients.values()])
