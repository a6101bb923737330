"""Models that see a window of the past: the gradient of each step's loss with respect to each input in the window.

Such a model has no state whose gradient could vanish; its receptive field takes the horizon's place. The gradients of
L_t are computed for many steps t at once: each is the last step of a short row of its own, which holds all that the
model sees at t. For some steps they are compared with a pass over the whole sequence.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule._choices import counted, whole
from chainrule.display import Shown, Table, listed, number
from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens.autograd_agreement import Agreement, compare
from chainrule.lens.conversion import Floats, as_targets, if_given, to_numpy
from chainrule.lens.copying import as_double, double
from chainrule.lens.reach.reach import Reach
from chainrule.models import Carry, ConditionalModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ThroughWindow"]

_TARGETS = 256
_STEPS = 16_384  # in one pass over short rows,
_MOST = 200_000  # and in the one over all of x
_KEPT = 30_000_000  # norms of a map


class ThroughWindow(Shown):
    """One pass of a window model. Of what :class:`ThroughTime` has, it has the reach.

    Attributes:
        loss, losses: the sum of the loss, and that of every step, (B, T).
        receptive_field: the number of steps that the model sees.
    """

    def __init__(
        self, model: ConditionalModel, x: Any, state: Carry | None, resets: Tensor | None, window: int | None
    ) -> None:
        assert model.encoder.receptive_field is not None
        self.receptive_field = model.encoder.receptive_field
        self.window = self.receptive_field if window is None else whole("window", window)
        self._model = double(model)
        self._x = as_double(x)
        self._state = as_double(state)
        self._resets = resets
        if not isinstance(self._x, Tensor) or self._x.dim() < 2:
            raise ShapeError(
                "x is not a batch of sequences; expected what the model takes: (B, T) symbols or (B, T, C) values."
            )
        rows, steps = self._x.shape[:2]
        if rows * steps > _MOST:
            raise ArgumentError(
                f"x has {counted(rows, 'row')} of {counted(steps, 'step')}; expected at most {_MOST:,} steps in all."
            )
        with torch.no_grad():
            self.losses = -to_numpy(self._model(self._x, self._state, resets=resets)[0])
        self.loss = float(self.losses.sum())
        network = getattr(model.encoder, "network", model.encoder)
        self._of = f"{type(network).__name__.removesuffix('Encoder')}, receptive field {self.receptive_field}"

    @torch.inference_mode(False)
    def reach(self, targets: Sequence[int] | None = None) -> Reach:
        """The norms ||dL_t/dx_i|| of the gradients with respect to the encoder's inputs; the newest has lag 0.

        At most 256 steps t are taken, or as many as memory allows, evenly spread. With a state, steps that see further
        back than x are left out.
        """
        used = self._targets(targets)
        norms = np.zeros((len(self._x), len(used), self._x.shape[1]))
        for k, t in enumerate(used):
            norms[:, k, t + 1 :] = np.nan
        for steps in self._alike(used):
            length = min(steps[0] + 1, self.receptive_field + 2)
            spans = [slice(t + 1 - length, t + 1) for t in steps]
            for t, span, gradient in zip(steps, spans, self._gradients_in(spans, length), strict=True):
                norms[:, used.index(t), span] = gradient
        agreement = Agreement(0.0)
        for t in {used[0], used[-1]}:
            ours = torch.from_numpy(norms[:, used.index(t), : t + 1])
            whole_pass = self._gradient(self._x, self._resets, self._state, t)[:, : t + 1]
            agreement &= compare(f"the gradient of step {t}", ours, torch.from_numpy(whole_pass))
        return Reach(self._of, norms, tuple(used), self.window, agreement, receptive_field=self.receptive_field)

    def _targets(self, asked: Sequence[int] | None) -> list[int]:
        """The steps t of the map: those asked for, or as many as work and memory allow, evenly spread."""
        steps = self._x.shape[1]
        first = 0 if self._state is None else self.receptive_field + 1
        if first >= steps:
            raise ArgumentError(
                f"x has {counted(steps, 'step')} and continues a state, so that some of the "
                f"{counted(self.receptive_field, 'step')} that the model sees lie outside of it. "
                f"Give at least {counted(first + 1, 'step')}, or no state."
            )
        most = max(1, _KEPT // (len(self._x) * steps))
        if asked is None:
            count = min(_TARGETS, most, steps - first)
            return [int(t) for t in np.unique(np.linspace(steps - 1, first, count).round())]
        targets = as_targets(asked, steps)
        if targets[0] < first:
            raise ArgumentError(f"step {targets[0]} sees what the state holds; `targets` must be {first} or later.")
        if len(targets) > most:
            raise ArgumentError(f"a map of {len(targets):,} targets is too large for this x. Give at most {most:,}.")
        return targets

    def _alike(self, targets: list[int]) -> Iterator[list[int]]:
        """Targets whose rows are of one length, as many as go into one pass."""
        full = self.receptive_field + 1
        yield from ([t] for t in targets if t < full)
        long = [t for t in targets if t >= full]
        count = max(1, _STEPS // (len(self._x) * (full + 1)))
        yield from (long[k : k + count] for k in range(0, len(long), count))

    def _gradients_in(self, spans: list[slice], length: int) -> Floats:
        """||dL_t/dx_i|| of every row in each span of this length, whose last step is t: (spans, rows, length)."""
        x = torch.cat([self._x[:, span] for span in spans])
        resets = if_given(lambda mask: torch.cat([mask[:, span] for span in spans]), self._resets)
        return self._gradient(x, resets, None, length - 1).reshape(len(spans), len(self._x), length)

    def _gradient(self, x: Tensor, resets: Tensor | None, state: Carry | None, t: int) -> Floats:
        """||dL_t/dx_i|| of every row, (rows, steps)."""
        with torch.enable_grad(), _inputs_of(self._model) as leaves:
            losses = -self._model(x, state, resets=resets)[0]
            (found,) = torch.autograd.grad(losses[:, t].sum(), leaves, materialize_grads=True)
        return to_numpy(torch.linalg.vector_norm(found, dim=-1))

    def summary(self) -> str:
        return f"of {self._of}: loss {number(self.loss)} over {len(self._x)} x {counted(self._x.shape[1], 'step')}"

    def table(self) -> Table:
        return self.reach().table()

    def to_dict(self) -> dict[str, Any]:
        return {"of": self._of, "loss": self.loss, "losses": listed(self.losses), "reach": self.reach().to_dict()}

    def draw_on(self, ax: "Axes") -> None:
        """The mean gradient norm by lag."""
        self.reach().draw_on(ax, "lags")

    def parts(self) -> Sequence[Shown]:
        return (self.reach(),)


@contextmanager
def _inputs_of(model: nn.Module) -> Iterator[list[Tensor]]:
    """The encoder's input as a leaf of the graph."""
    leaves: list[Tensor] = []

    def enter(
        module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        leaves.append(args[0].detach().requires_grad_())
        return (leaves[0], *args[1:]), kwargs

    hook = model.get_submodule("encoder").register_forward_pre_hook(enter, with_kwargs=True)
    try:
        yield leaves
    finally:
        hook.remove()
