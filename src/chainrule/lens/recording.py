"""The horizon and the gates while a network learns, in anyone's own training loop."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.autograd.graph import register_multi_grad_hook
from torch.utils.hooks import RemovableHandle

from chainrule._choices import whole
from chainrule.errors import ArgumentError
from chainrule.lens.arrays import Floats, listed, to_numpy
from chainrule.lens.capturing import Call, chosen, steps_of
from chainrule.lens.gating import GateUse, uses
from chainrule.lens.mapping import norm_of, unrelated
from chainrule.lens.pacing import Pace
from chainrule.lens.reach import HALF, ONE_PERCENT, by_lag, horizon, of_lags, verdict
from chainrule.lens.showing import Shown, Table, axes_on, logarithmic, title
from chainrule.lens.stack import Stack
from chainrule.ops.recurrence.reference import State
from chainrule.ops.recurrence.trace import GATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Record", "Recorder", "draw"]

_ROWS, _FEWEST, _STEPS = 16, 4, 512
_PRODUCTS = 250_000_000  # of weights and numbers, one way, which bound the rows to the fewest
_NUMBERS = 8_000_000  # that a look may hold, which bounds its rows further


@dataclass(frozen=True)
class Record:
    """One look at a training step.

    Attributes:
        step: which training step it was, counted from 1.
        horizon, half: the lags under which the mean gradient falls to 1 % and 50 % of its start; None if it does not.
        by_lag: that mean, (K,).
        gates: how those of the last layer are used.
        verdict: a sentence.
        seconds: what the look took.
    """

    step: int
    horizon: int | None
    half: int | None
    by_lag: Floats
    gates: tuple[GateUse, ...]
    verdict: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As json writes it."""
        gates = {use.name: {key: value for key, value in asdict(use).items() if key != "name"} for use in self.gates}
        return asdict(self) | {"by_lag": listed(self.by_lag), "gates": gates}


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

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The mean norm of the gradient, lags by training steps, with the horizon drawn over it."""
        return draw(
            [r.step for r in self.records], [r.by_lag for r in self.records], [r.horizon for r in self.records], ax
        )

    def _listen(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if not (module.training and torch.is_grad_enabled()):
            return
        if not self._pace.due(steps_of(self._layer, args, kwargs)):
            return
        call, step = Call.of(self._layer, args, kwargs, result), self._pace.step
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
    def _look(self, call: Call, step: int, gradients: Sequence[Tensor | None], began: float) -> None:
        T, steps = call.x.shape[1], min(call.x.shape[1], _STEPS)
        stack = call.stack(slice(0, self._rows(steps)), slice(0, steps))
        rows, received = slice(0, stack.rows), zip(gradients, (call.output, *call.last), strict=True)
        dy, *ends = (torch.zeros_like(t) if gradient is None else gradient for gradient, t in received)
        split = (end.view(len(end), -1, end.shape[-1])[:, rows].to(stack.dtype).unbind(0) for end in ends)
        dlast = [tuple(d * (steps == T) for d in states) for states in zip(*split, strict=True)]
        lagged = _one_target_a_row(stack, call.time_major(dy)[:steps, rows].to(stack.dtype), dlast)
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


def _one_target_a_row(stack: Stack, dY: Tensor, dlast: list[State]) -> Floats:
    """Norms by lag, (B, 1, K), from a step of each row's own, for gradients dY (T, B, ·) and dlast: one reverse scan.

    The steps are among those where a gradient enters, evenly spread over the last quarter of them. What the
    last state of a forward direction receives enters at the row's last step; that of a reverse one is left out.
    """
    T, B = stack.steps, stack.rows
    schedule, two = stack.scans[0][0].schedule, len(stack.scans[0]) == 2
    padding = dY.new_zeros(T, B) if schedule.padding is None else schedule.padding[..., 0].to(dY)
    last = (T - padding.sum(0)).long().clamp(min=1) - 1
    dlast = [tuple(d * (0 if two and k % 2 else 1) for d in states) for k, states in enumerate(dlast)]
    enters = dY.abs().amax(-1) * (1 - padding)
    enters[last, range(B)] += torch.stack([d.abs().amax(-1) for states in dlast for d in states]).amax(0)
    targets = []
    for b, column in enumerate(enters.unbind(1)):
        steps = column.nonzero()[:, 0].tolist() or [int(last[b])]
        targets.append(steps[round((len(steps) - 1) * (1 - b / (4 * max(B - 1, 1))))])
    entering = torch.zeros_like(dY)
    entering[targets, range(B)] = dY[targets, range(B)]
    at_end = (torch.tensor(targets, device=last.device) == last).to(dY)[:, None]
    backs = stack.backward(entering, [tuple(d * at_end for d in states) for states in dlast])
    norms = reduce(np.hypot, (to_numpy(norm_of(torch.cat(found[0].dstates, -1))) for found in backs))
    of_row = np.array(targets)[:, None]
    return of_lags(np.where(unrelated(schedule, of_row), np.nan, norms.T[:, None]), of_row)


def draw(
    steps: Sequence[int], by_lag: Sequence[ArrayLike], horizons: Sequence[int | None], ax: "Axes | None" = None
) -> "Axes":
    """Norms by lag, one column for each of the training steps that were looked at, and the horizons over them."""
    axes, columns = axes_on(ax), [np.asarray(column, dtype=np.float64) for column in by_lag]
    norms = np.full((max(map(len, columns), default=1), max(len(columns), 1)), np.nan)
    for k, column in enumerate(columns):
        norms[: len(column), k] = column
    logarithmic(axes, norms, "mean norm", origin="lower")
    marks = [np.nan if lag is None else lag for lag in horizons]
    axes.plot(marks, color="white", linewidth=1.5, marker="o", markersize=3)
    ticks = np.unique(np.linspace(0, len(steps) - 1, min(6, len(steps))).astype(int))
    axes.set_xticks(ticks, [f"{steps[k]:,}" for k in ticks])
    axes.set_xlabel("training step; white: 1 % of the start")
    axes.set_ylabel("lag")
    title(axes, "How far the gradient reaches while training")
    return axes
