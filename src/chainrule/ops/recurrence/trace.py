"""What a scan computed at every step, and what a backward pass computed there."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from chainrule._torch import graph_task
from chainrule.errors import TraceError
from chainrule.ops.recurrence.cells.spec import CellSpec

__all__ = ["Trace"]

_Parts = tuple[Tensor, ...]


class Trace:
    """Every step of one scan: the states, the gates, and after a backward pass the gradients of both.

    All tensors are (batch, time, H), detached; steps beyond a row's length hold zeros. From a layer of
    chainrule.nn they are laid out as its outputs are.

    >>> from chainrule.functional import gru
    >>> weights = torch.randn(6, 3, requires_grad=True), torch.randn(6, 2, requires_grad=True)
    >>> y, h_n, trace = gru(torch.randn(4, 5, 3), None, *weights, return_all=True)
    >>> list(trace.gates), trace.gates["z"].shape
    (['r', 'z', 'n'], torch.Size([4, 5, 2]))
    >>> y[:, -1].sum().backward()
    >>> torch.equal(trace.dh[:, -1], torch.ones(4, 2)), trace.dgates["z"].shape
    (True, torch.Size([4, 5, 2]))
    """

    def __init__(self, cell: CellSpec, live: Tensor | None = None) -> None:
        """An empty trace of this cell, for a backend to fill; live, (B, T, 1), is false beyond the rows' lengths."""
        self._names = tuple(cell.gates)
        self._states = cell.state
        self._live = live
        self._arrange: Callable[[Tensor], Tensor] = lambda t: t
        self._values: _Parts = ()  # the states, (B, T, ·), and the gates side by side, (B, T, G)
        self._gradients: _Parts = ()  # theirs

    @property
    def h(self) -> Tensor:
        """h_t, (B, T, H)."""
        return self._handed(self._values[0])

    @property
    def c(self) -> Tensor | None:
        """c_t of the LSTM, (B, T, H); None for a cell whose state has no c."""
        return self.states.get("c")

    @property
    def states(self) -> dict[str, Tensor]:
        """Every part of the state by name, (B, T, H) each: "h", of the LSTM "c" too."""
        return self._parts_of_state(self._values)

    @property
    def gates(self) -> dict[str, Tensor]:
        """The values of the gates by name: r, z, n of the GRU, i, f, g, o of the LSTM, n = f(a) of the RNN."""
        return self._by_name(self._values[-1])

    @property
    def dh(self) -> Tensor:
        """dL/dh_t, all of it: what comes from y_t, and what comes through the steps after it.

        Raises:
            TraceError: no backward pass has come through the scan yet. dc and dgates raise it too.
        """
        return self._handed(self._received()[0])

    @property
    def dc(self) -> Tensor | None:
        """dL/dc_t of the LSTM, through h_t and through the steps after it; None for a cell whose state has no c.

        Where c is zoned out, c_t is the mixture, and h_t depends on the newly made value alone.
        """
        return self.dstates.get("c")

    @property
    def dstates(self) -> dict[str, Tensor]:
        """The gradient of every part of the state by name."""
        return self._parts_of_state(self._received())

    @property
    def dgates(self) -> dict[str, Tensor]:
        """The gradient of what enters each gate's sigmoid, tanh or relu, by name."""
        return self._by_name(self._received()[-1])

    def lay_out(self, arrange: Callable[[Tensor], Tensor]) -> None:
        """Hand out every tensor, (B, T, H), through ``arrange`` from now on."""
        self._arrange = arrange

    def keep(self, states: _Parts, gates: Tensor) -> None:
        """Take the states that the steps made and the values of the gates, (B, T, ·) and (B, T, G)."""
        self._values = tuple(t.detach() for t in (*states, gates))

    def keep_gradients(self, dstates: _Parts, dgates: Tensor) -> None:
        """Take the gradients of the same; those of an earlier backward pass are let go."""
        self._gradients = tuple(t.detach() for t in (*dstates, dgates))

    def watch(self, by_time: Sequence[_Parts]) -> None:
        """Take the gradients from autograd as it meets them: those of the states, and of what enters each gate."""
        widths = [part.shape[-1] for part in by_time[0]]
        states = len(widths) - len(self._names)
        sections = [*widths[:states], sum(widths[states:])]
        first = [sum(widths[:k]) for k in range(len(widths))]
        buffer = torch.empty(0, device="cpu")
        task = -1

        def take(t: int, k: int, grad: Tensor) -> None:
            nonlocal buffer, task
            if task != graph_task():  # another backward pass
                task = graph_task()
                buffer = grad.new_zeros(grad.shape[0], len(by_time), sum(widths))
                self._gradients = buffer.split(sections, dim=-1)
            buffer[:, t, first[k] : first[k] + widths[k]] = grad.detach()

        for t, parts in enumerate(by_time):
            for k, part in enumerate(parts):
                if part.requires_grad:
                    part.register_hook(partial(take, t, k))

    def _received(self) -> _Parts:
        if not self._gradients:
            raise TraceError(
                "the trace holds no gradients yet: they arrive with a backward pass through the outputs of the scan. "
                "Call .backward() on a loss made of them first, with inputs or weights that require a gradient."
            )
        return self._gradients

    def _parts_of_state(self, parts: _Parts) -> dict[str, Tensor]:
        return {name: self._handed(part) for name, part in zip(self._states, parts[:-1], strict=True)}

    def _by_name(self, gates: Tensor) -> dict[str, Tensor]:
        parts = gates.chunk(len(self._names), dim=-1)
        return {name: self._handed(part) for name, part in zip(self._names, parts, strict=True)}

    def _handed(self, part: Tensor) -> Tensor:
        return self._arrange(part if self._live is None else part.masked_fill(~self._live, 0))
