"""The gradient horizon and the gates while a network learns, in any training loop."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.autograd.graph import register_multi_grad_hook
from torch.utils.hooks import RemovableHandle

from chainrule._choices import counted, whole
from chainrule.display import Cell, Shown, Table
from chainrule.errors import ArgumentError
from chainrule.lens.conversion import if_given
from chainrule.lens.recorder.inspection import inspect_pass
from chainrule.lens.recorder.pacing import Pace
from chainrule.lens.recorder.record import Record, draw_norms
from chainrule.lens.recurrences.layer_calls import LayerCall, chosen, count_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Recorder"]


class Recorder(Shown):
    """Inspects the backward pass of a recurrent layer every so often, while your own loop trains it.

    ::

        with Recorder(model) as recorder:
            for x, y in batches:  # forward, backward and the optimiser's step, as always
                ...
        print(recorder.verdict)

    A training step is a forward pass in training mode with gradients; if several precede a backward pass, the last two
    that are due are inspected. Up to 16 rows are taken, 4 of a wide layer. Each row contributes one step t in the last
    quarter of its sequence, and all are carried back in one additional reverse scan, in the layer's own precision and
    without dropout between layers. Only the first 512 steps of a longer sequence are used. A sequence shorter than half
    the longest recent one, such as an epoch's last, is skipped. Training is not changed: its numbers are the same to
    the last bit.

    Args:
        model: a recurrent layer of torch.nn or chainrule.nn, or a model that has one.
        every: inspect every so many training steps; by default so often that it takes ``share`` of the time, from the
            fifth step on. If the loop reports its ``progress``, one inspection is kept for the end.
        share: the share of the time to spend, 0.02 by default.
        layer: the name of the recurrent layer, in a model that has several.
        window: the number of steps that training goes back; by default the length of the sequences.

    Attributes:
        records: the inspections so far.
        seconds: the time they took.

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
        self._window = if_given(lambda steps: whole("window", steps), window)
        self._hook: RemovableHandle | None = None  # on the layer, while it is recording
        self._awaited: list[RemovableHandle] = []  # what takes the gradients of the passes to look at
        self.records: list[Record] = []

    def __enter__(self) -> Self:
        if self._hook is not None:
            raise ArgumentError("this recorder is in use already. End its with statement first, or make another.")
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
        self._stop_awaiting()

    @property
    def seconds(self) -> float:
        """The time that the inspections took."""
        return self._pace.seconds

    def progress(self, spent: float) -> None:
        """Report, after a training step, which share of the training is done, if that is known.

        One inspection is then made in the last twentieth in any case, so that the last verdict is that of a trained
        network. Earlier ones are made when the share of the time has room for them and for the last one; with 0.02,
        from the fiftieth step on.

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
        """That of the last inspection."""
        if not self.records:
            return "nothing was recorded: no training step was inspected."
        return self.records[-1].verdict

    def summary(self) -> str:
        count = counted(len(self.records), "inspection")
        return f"of {type(self._layer).__name__}: {count} in {self.seconds:.2g} s"

    def table(self) -> Table:
        """The horizons, and the share of each gate's values that is saturated, by training step."""
        title = "Gradient reach during training"
        columns = ["step", "1 % lag", "50 % lag", "|gradient|"]
        if not self.records:
            return Table(title, tuple(columns), [], (self.verdict,))
        columns += [f"{use.name} sat." for use in self.records[-1].gates]
        rows: list[tuple[Cell, ...]] = []
        for record in self.records:
            saturated = [use.low + use.high for use in record.gates]
            rows.append((record.step, record.horizon, record.half, float(record.by_lag[0]), *saturated))
        notes = (
            self.verdict,
            "sat.: the share of a gate's values that is saturated, at either end of its range.",
            f"The inspections took {self.seconds:.2g} s.",
        )
        return Table(title, tuple(columns), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        return {"records": [record.to_dict() for record in self.records], "verdict": self.verdict}

    def draw_on(self, ax: "Axes") -> None:
        """The mean gradient norm, lags by training steps, with the horizon drawn over it."""
        draw_norms(
            ax,
            steps=[record.step for record in self.records],
            by_lag=[record.by_lag for record in self.records],
            horizons=[record.horizon for record in self.records],
        )

    def _listen(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if not (module.training and torch.is_grad_enabled()):
            return
        if not self._pace.due(count_steps(self._layer, args, kwargs)):
            return
        call = LayerCall.of(self._layer, args, kwargs, result)
        step = self._pace.step
        if 0 in call.x.shape[:2] or not call.output.requires_grad:
            return

        # the hook hangs on the graph, so it must not hold the graph: a pass that is never taken back would stay
        seen = call.detached()

        def take(gradients: Sequence[Tensor | None]) -> None:
            handle.remove()
            began = time.perf_counter()
            with torch.autocast(seen.x.device.type, enabled=False):  # where the loop takes gradients under it
                self._inspect(seen, step, gradients)
            self._pace.took(time.perf_counter() - began)

        handle = register_multi_grad_hook((call.output, *call.last), take)
        # the one before may still come: a checkpointed model runs again in the midst of its backward pass
        self._awaited.append(handle)
        self._stop_awaiting(all_but=2)

    def _stop_awaiting(self, all_but: int = 0) -> None:
        """Wait no longer for passes whose gradients have not come, except the newest."""
        while len(self._awaited) > all_but:
            self._awaited.pop(0).remove()

    def _inspect(self, call: LayerCall, step: int, gradients: Sequence[Tensor | None]) -> None:
        self.records.append(inspect_pass(call, step, gradients, self._window))
