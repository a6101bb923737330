"""Truncated backpropagation through time: BPTT(h; h') of Williams & Peng (1990), by stored states and steps run again.

Every k1 steps, the losses of those k1 steps go back through the last k2. The state at the far end is the one stored
when the stream first came by; the steps from there on are run again with today's weights.

    stored state                        stored for later
         |------------ k2 - k1 ------------|------- k1 -------|
         run again, gradients pass         new, with losses
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule._choices import counted, finite, whole
from chainrule.errors import ArgumentError
from chainrule.training.bptt.chunk_check import check_chunking_once
from chainrule.training.bptt.losses import Loss, check_learns, loss_of
from chainrule.training.bptt.stateful_model import Model, advance, at_steps, check_steps, run
from chainrule.training.bptt.trees import copied, detached, kept

__all__ = ["Place", "TruncatedBPTT"]

_LARGEST = 1e30  # scale of a loss: float32 has room for gradients of its size


class Stretch(NamedTuple):
    """Steps of the past, and the state before them as it was when they were new."""

    x: Tensor
    resets: Tensor | None
    state: Any


class Place(NamedTuple):
    """Where truncated backpropagation stands in its streams: the state, and the steps that it will run again.

    ``is_short``: the last chunk had fewer steps than k1, so that no stored state lies k2 steps before the end of the
    next one.
    """

    state: Any
    past: tuple[Stretch, ...] = ()
    is_short: bool = False


class TruncatedBPTT:
    """Gradients of k1 steps' losses through the last k2 steps, added to ``.grad`` as ``backward`` does.

    With k2 = k1, the default, nothing is run twice. Call it with one chunk of k1 steps after another (the last may be
    shorter, and so is then what it goes back through), and with the place that the call before returned::

        bptt, place = TruncatedBPTT(16, 128), None
        for x, y, resets, mask in Streams(documents, batch=32, window=16):
            optimiser.zero_grad()
            loss, place = bptt(model, cross_entropy, x, y, place, resets=resets, mask=mask)
            optimiser.step()

    Parameters:
        k1: steps between two backward passes.
        k2: steps that gradients go back through, at least k1.

    Raises:
        ArgumentError: a length is no whole number, or k2 is below k1.

    >>> w = torch.tensor(0.5, requires_grad=True)
    >>> def scalar(x, h):  # h_t = w h_{t-1} + x_t
    ...     outputs = []
    ...     for t in range(x.shape[1]):
    ...         h = w * (0.0 if h is None else h) + x[:, t]
    ...         outputs.append(h)
    ...     return torch.stack(outputs, dim=1), h
    >>> x, place = torch.tensor([[1.0, 0.0, 0.0]]), None
    >>> for t in range(3):  # dh_3/dw = 2 w: through all three steps
    ...     w.grad = None
    ...     _, place = TruncatedBPTT(1, 3)(scalar, lambda h, y: h.mean(), x[:, t : t + 1], x[:, t : t + 1], place)
    >>> w.grad.item(), place.state.item()
    (1.0, 0.25)
    """

    def __init__(self, k1: int, k2: int | None = None) -> None:
        self.k1 = whole("k1", k1)
        self.k2 = self.k1 if k2 is None else whole("k2", k2)
        if self.k2 < self.k1:
            raise ArgumentError(
                f"k2 is {self.k2} and k1 is {self.k1}: gradients of k1 steps go back through at least these k1 steps. "
                f"Expected k2 >= k1, for example k1={self.k2}, k2={self.k1}."
            )

    def __repr__(self) -> str:
        return f"TruncatedBPTT({self.k1}, {self.k2})"

    def __call__(
        self,
        model: Model,
        loss: Loss,
        x: Tensor,
        y: Tensor,
        state: Any = None,
        *,
        resets: Tensor | None = None,
        mask: Tensor | None = None,
        scale: float = 1.0,
    ) -> tuple[Tensor, Place]:
        """Run the next chunk and send its loss back. A chunk in which no step or target counts has the loss 0.

        Args:
            model: ``output, state = model(x, state)``; see :mod:`chainrule.training.bptt.stateful_model`.
            loss: called as ``loss(output, y)`` with the steps of all rows laid end to end, (N, ...) each with N at most
                B T; gives the mean over these N steps, their sum, or the pair (sum, count).
            x, y: (B, T, ...), T at most k1.
            state: the place that the last call returned; or a state of the model to start from, None for its own.
            resets: bool (B, T), True at the first steps of documents, for models that take it.
            mask: bool (B, T), True where losses count.
            scale: a factor of the gradients; the loss returned is without it.

        Raises:
            ShapeError: x, y, resets and mask do not go together.
            ArgumentError: a chunk is longer than k1, or follows a shorter one; model or loss give something else, or
                the model is not the same in chunks as whole, as its first steps tell.
        """
        check_steps(x, y, resets, mask)
        scale = finite("scale", scale, -_LARGEST, _LARGEST)
        place = state if isinstance(state, Place) else Place(state)
        self._check_chunk(x.shape[1], place)
        if place is not state:
            check_chunking_once(model, x, place.state, again=self.k1 < self.k2)
        start = _rerun(model, place.past) if place.past else place.state
        output, end, stretches = self._run(model, x, resets, place.state, start)
        is_short = x.shape[1] < self.k1 < self.k2
        after = Place(detached(end), self._kept(place.past + stretches), is_short)
        value = loss_of(loss, output, y, mask)
        if value is None:
            return output.new_zeros(()), after
        check_learns(value)
        scaled = value if scale == 1 else value * scale
        scaled.backward()
        return value.detach(), after

    def _run(
        self, model: Model, x: Tensor, resets: Tensor | None, state: Any, start: Any
    ) -> tuple[Tensor, Any, tuple[Stretch, ...]]:
        """Run a chunk from ``start``, which is ``state`` with its graph: outputs, end state, and what to run again."""
        if self.k1 == self.k2:
            return *run(model, x, start, resets), ()
        # the state that a later chunk starts from again lies inside this one where k1 does not divide k2
        inner = x.shape[1] - (self.k2 - self.k1) % self.k1
        if inner <= 0 or inner == x.shape[1]:
            return *run(model, x, start, resets), (_stretch(x, resets, state),)
        early = slice(inner)
        late = slice(inner, None)
        first, middle = run(model, x[:, early], start, at_steps(resets, early))
        stretches = (
            _stretch(x[:, early], at_steps(resets, early), state),
            _stretch(x[:, late], at_steps(resets, late), middle),
        )
        second, end = run(model, x[:, late], copied(middle), at_steps(resets, late))
        return torch.cat([first, second], dim=1), end, stretches

    def _kept(self, stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
        """The last k2 - k1 steps."""
        if self.k1 == self.k2:
            return ()
        while _steps(stretches[1:]) >= self.k2 - self.k1:
            stretches = stretches[1:]
        return stretches

    def _check_chunk(self, steps: int, place: Place) -> None:
        if steps <= self.k1 and not place.is_short:
            return
        wrong = f"a chunk has {counted(steps, 'step')}" if steps > self.k1 else "a chunk follows a shorter one"
        raise ArgumentError(
            f"{wrong}; expected k1 = {counted(self.k1, 'step')} a chunk, and only the last of a stream shorter. "
            "The next stream starts from a state or None."
        )


def _steps(stretches: tuple[Stretch, ...]) -> int:
    return sum(stretch.x.shape[1] for stretch in stretches)


def _stretch(x: Tensor, resets: Tensor | None, state: Any) -> Stretch:
    """These steps in memory of their own: the next chunk may be read into that of this one."""
    return Stretch(x.clone(), None if resets is None else resets.clone(), kept(state))


def _rerun(model: Model, past: tuple[Stretch, ...]) -> Any:
    """The state after the steps of the past, with a graph."""
    x = torch.cat([stretch.x for stretch in past], dim=1)
    return advance(model, x, copied(past[0].state), _joined_resets(past))


def _joined_resets(past: tuple[Stretch, ...]) -> Tensor | None:
    if all(stretch.resets is None for stretch in past):
        return None
    each = []
    for stretch in past:
        none = torch.zeros(stretch.x.shape[:2], dtype=torch.bool, device=stretch.x.device)
        each.append(none if stretch.resets is None else stretch.resets)
    return torch.cat(each, dim=1)
