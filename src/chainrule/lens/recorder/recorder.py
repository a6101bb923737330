"""The horizon and the gates while a network learns, in anyone's own training loop."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import register_multi_grad_hook
from torch.utils.hooks import RemovableHandle

from chainrule._choices import whole
from chainrule.display import Shown, Table
from chainrule.errors import ArgumentError
from chainrule.lens.arrays import to_numpy
from chainrule.lens.reach.horizon import HALF, ONE_PERCENT, by_lag, horizon
from chainrule.lens.reach.sampling import one_target_a_row
from chainrule.lens.reach.verdict import verdict
from chainrule.lens.recorder.pacing import Pace
from chainrule.lens.recorder.record import Record, draw
from chainrule.lens.recurrences.gates import uses
from chainrule.lens.recurrences.layer_calls import LayerCall, chosen, steps_of
from chainrule.ops.recurrence.trace import GATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Recorder"]

_ROWS = 16
_FEWEST = 4
_STEPS = 512
_PRODUCTS = 250_000_000  # of weights and numbers, one way, which bound the rows to the fewest
_NUMBERS = 8_000_000  # that a look may hold, which bounds its rows further


class Recorder(Shown):
    """Looks at the backward pass of a recurrent layer every so often, while a loop of one's own trains it.

    ::

        with Recorder(model) as recorder:
            for x, y in batches:  # forward, backward and the optimiser's step, as ever
                ...
        print(recorder.verdict)

    A training step is a forward pass in training mode with gradients; where several precede a backward pass, the last
    two that are due are looked at. Of up to 16 of its rows, 4 of a wide layer's, each gives one step t in the last
    quarter of the sequence, and all are carried back in one more reverse scan, in the layer's own precision, as without
    dropout between layers. Of a sequence of more than 512 steps the first 512 are taken for all. A sequence of less
    than half the longest of late, such as an epoch's last, is passed over. Training is not changed: the same numbers
    come out to the last bit.

    Args:
        model: a recurrent layer of torch.nn or chainrule.nn, or a model that has one.
        every: look at every so many training steps; if left out, so often that it takes ``share`` of the time, from the
            fifth on. Where the loop tells its ``progress``, a look is kept for the end.
        share: of the time, 0.02 by default.
        layer: the name of the recurrent layer, in a model that has several.
        window: the steps that training goes back; those of the sequences seen if left out.

    Attributes:
        records: the looks so far.
        seconds: what they took.

    Raises:
        ArgumentError: the model has no recurrent layer, or several.

    >>> model = nn.GRU(1, 8, batch_first=True)
    >>> with Recorder(model, every=2) as recorder:
    ...     for _ in range(4):
    ...         model(torch.randn(3, 20, 1))[0].sum().backward()
    >>> [record.step for record in recorder.records]
    [2, 4]
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        every: int | None = None,
        share: float = 0.02,
        layer: str | None = None,
        window: int | None = None,
    ) -> None:
        self._layer = chosen(model, layer)
        self._pace = Pace(every, share)
        self._window = None if window is None else whole("window", window)
        self._hook: RemovableHandle | None = None  # on the layer, while it is recording
        self._awaited: list[RemovableHandle] = []  # what takes the gradients of the passes to look at
        self.records: list[Record] = []

    def __enter__(self) -> Self:
        if self._hook is not None:
            raise ArgumentError("this recorder is recording already: leave it, or make another.")
        self._pace.begin()
        self._hook = self._layer.register_forward_hook(self._listen, with_kwargs=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._pace.pause()
        self._hook = None
        self._leave()

    @property
    def seconds(self) -> float:
        """What the looks took."""
        return self._pace.seconds

    def progress(self, spent: float) -> None:
        """Say, after a training step, which share of the training is done, where that is known.

        One look is then taken in the last twentieth in any case, so that the last verdict is that of a network that has
        learnt. Others come before it if the share of the time has room for them and it, and none until it has: with
        0.02, from the fiftieth step on.

        >>> model = nn.GRU(1, 8, batch_first=True)
        >>> with Recorder(model) as recorder:
        ...     for step in range(20):
        ...         model(torch.randn(3, 20, 1))[0].sum().backward()
        ...         recorder.progress((step + 1) / 20)
        >>> [record.step for record in recorder.records]
        [19]
        """
        self._pace.progress(spent)

    @property
    def verdict(self) -> str:
        """That of the last look."""
        return self.records[-1].verdict if self.records else "nothing was recorded: no training step was looked at."

    def summary(self) -> str:
        return f"of {type(self._layer).__name__}: {len(self.records)} looks in {self.seconds:.2g} s"

    def table(self) -> Table:
        """The horizons, and the share of each gate's values at its ends, look by look."""
        names = [use.name for use in self.records[-1].gates] if self.records else []
        rows = [
            (r.step, r.horizon, r.half, float(r.by_lag[0]), *(use.low + use.high for use in r.gates))
            for r in self.records
        ]
        columns = ("step", "1 % lag", "50 % lag", "|gradient|", *(f"{name} ends" for name in names))
        notes = ("Ends: the share of a gate's values that are saturated.", f"The looks took {self.seconds:.2g} s.")
        return Table("Reach while training", columns, rows, (self.verdict, *(notes if rows else ())))

    def to_dict(self) -> dict[str, Any]:
        return {"records": [record.to_dict() for record in self.records], "verdict": self.verdict}

    def draw_on(self, ax: "Axes") -> None:
        """The mean norm of the gradient, lags by training steps, with the horizon drawn over it."""
        steps = [r.step for r in self.records]
        horizons = [r.horizon for r in self.records]
        draw(ax, steps, [r.by_lag for r in self.records], horizons)

    def _listen(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if not (module.training and torch.is_grad_enabled()):
            return
        if not self._pace.due(steps_of(self._layer, args, kwargs)):
            return
        call = LayerCall.of(self._layer, args, kwargs, result)
        step = self._pace.step
        if 0 in call.x.shape[:2] or not call.output.requires_grad:
            return

        # the hook hangs on the graph, so that it must not hold the graph: a pass that is never taken back would stay
        seen = call.detached()

        def take(gradients: Sequence[Tensor | None]) -> None:
            handle.remove()
            began = time.perf_counter()
            with torch.autocast(seen.x.device.type, enabled=False):  # where the loop takes gradients under it
                self._look(seen, step, gradients, began)
            self._pace.took(time.perf_counter() - began)

        handle = register_multi_grad_hook((call.output, *call.last), take)
        # the one before may still come: a checkpointed model runs again in the midst of its backward pass
        self._awaited.append(handle)
        self._leave(keep=2)

    def _leave(self, keep: int = 0) -> None:
        """Wait no longer for passes whose gradients have not come, but for the newest."""
        while len(self._awaited) > keep:
            self._awaited.pop(0).remove()

    def _rows(self, steps: int) -> int:
        """Few of a wide layer, where a row takes long."""
        layer = self._layer
        width = 24 * len(layer._all_weights) * layer.hidden_size
        quick = _PRODUCTS // (steps * sum(weight.numel() for weight in layer.parameters()))
        return max(1, min(max(_FEWEST, min(_ROWS, quick)), _NUMBERS // (steps * width)))

    @torch.no_grad()
    def _look(self, call: LayerCall, step: int, gradients: Sequence[Tensor | None], began: float) -> None:
        T = call.x.shape[1]
        steps = min(call.x.shape[1], _STEPS)
        stack = call.stack(slice(0, self._rows(steps)), slice(0, steps))
        rows = slice(0, stack.rows)
        received = zip(gradients, (call.output, *call.last), strict=True)
        dy, *ends = (torch.zeros_like(t) if gradient is None else gradient for gradient, t in received)
        split = (end.view(len(end), -1, end.shape[-1])[:, rows].to(stack.dtype).unbind(0) for end in ends)
        dlast = [tuple(d * (steps == T) for d in states) for states in zip(*split, strict=True)]
        lagged = one_target_a_row(stack, call.time_major(dy)[:steps, rows].to(stack.dtype), dlast)
        curve = by_lag(lagged)
        curve = curve[~np.isnan(curve)] if not np.isnan(curve).all() else np.zeros(1)  # where no gradient entered
        scan = stack.scans[-1][0]
        values = scan.gates if scan.schedule.padding is None else scan.gates[~scan.schedule.padding[..., 0]]
        parts = values.flatten(0, -2).chunk(len(GATES[scan.name]), -1)
        self.records.append(
            Record(
                step,
                horizon(curve, ONE_PERCENT),
                horizon(curve, HALF),
                curve,
                uses(scan.name, {name: to_numpy(part) for name, part in zip(GATES[scan.name], parts, strict=True)}),
                verdict(lagged, self._window or stack.steps),
                time.perf_counter() - began,
            )
        )
