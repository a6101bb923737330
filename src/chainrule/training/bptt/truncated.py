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
from chainrule.training.bptt.cut_check import check_cut_once
from chainrule.training.bptt.losses import Loss, loss_of
from chainrule.training.bptt.model_step import Model, advance, check_steps, run
from chainrule.training.bptt.trees import copied, detached, kept

__all__ = ["Place", "TruncatedBPTT"]

_LARGEST = 1e30  # scale of a loss: float32 has room for gradients of its size


class Piece(NamedTuple):
    """Steps of the past, and the state before them as it was when they were new."""

    x: Tensor
    resets: Tensor | None
    state: Any


class Place(NamedTuple):
    """Where truncated backpropagation stands in its streams: the state, and the steps that it will run again.

    ``short``: the last chunk had fewer steps than k1, so that no stored state lies k2 steps before the end of the next.
    """

    state: Any
    past: tuple[Piece, ...] = ()
    short: bool = False


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
                f"k2 is {self.k2} and k1 is {self.k1}: gradients of k1 steps go back through these k1 steps at least. "
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
            model: ``output, state = model(x, state)``; see :mod:`chainrule.training.bptt.model_step`.
            loss: the mean over the steps it is given, or their sum; see :mod:`chainrule.training.bptt.losses`.
            x, y: (B, T, ...), T at most k1.
            state: the place that the last call returned; or a state of the model, None for its own, to start from.
            resets: bool, (B, T), at the first steps of documents, for models that take it.
            mask: bool, (B, T), of the steps whose losses count.
            scale: what gradients are multiplied by; the loss returned is not.

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
            check_cut_once(model, x, place.state, again=self.k1 < self.k2)
        start = place.state if not place.past else _again(model, place.past)
        # the state that a later chunk starts from again lies inside this one where k1 does not divide k2
        inner = x.shape[1] - (self.k2 - self.k1) % self.k1
        if inner <= 0 or inner == x.shape[1]:
            pieces: tuple[Piece, ...] = (_piece(x, resets, place.state),) if self.k1 < self.k2 else ()
            output, end = run(model, x, start, resets)
        else:
            early = slice(inner)
            late = slice(inner, None)
            before = _piece(x[:, early], _cut(resets, early), place.state)
            first, middle = run(model, x[:, early], start, _cut(resets, early))
            pieces = (before, _piece(x[:, late], _cut(resets, late), middle))
            second, end = run(model, x[:, late], copied(middle), _cut(resets, late))
            output = torch.cat([first, second], dim=1)
        after = Place(detached(end), self._kept(place.past + pieces), self.k2 > self.k1 > x.shape[1])
        value = loss_of(loss, output, y, mask)
        if value is None:
            return output.new_zeros(()), after
        (value if scale == 1 else value * scale).backward()
        return value.detach(), after

    def _kept(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """The last k2 - k1 steps."""
        if self.k1 == self.k2:
            return ()
        while _steps(pieces[1:]) >= self.k2 - self.k1:
            pieces = pieces[1:]
        return pieces

    def _check_chunk(self, steps: int, place: Place) -> None:
        if steps > self.k1 or place.short:
            wrong = f"a chunk has {counted(steps, 'step')}" if steps > self.k1 else "a chunk follows a shorter one"
            raise ArgumentError(
                f"{wrong}; expected k1 = {counted(self.k1, 'step')} a chunk, and only the last of a stream shorter. "
                "The next stream starts from a state or None."
            )


def _steps(pieces: tuple[Piece, ...]) -> int:
    return sum(piece.x.shape[1] for piece in pieces)


def _cut(resets: Tensor | None, part: slice) -> Tensor | None:
    return None if resets is None else resets[:, part]


def _piece(x: Tensor, resets: Tensor | None, state: Any) -> Piece:
    """These steps in memory of their own: the next chunk may be read into that of this one."""
    return Piece(x.clone(), None if resets is None else resets.clone(), kept(state))


def _again(model: Model, past: tuple[Piece, ...]) -> Any:
    """The state after the steps of the past, with a graph."""
    x = torch.cat([piece.x for piece in past], dim=1)
    resets = None
    if any(piece.resets is not None for piece in past):
        none = (torch.zeros(piece.x.shape[:2], dtype=torch.bool, device=x.device) for piece in past)
        resets = torch.cat([zeros if p.resets is None else p.resets for p, zeros in zip(past, none, strict=True)], 1)
    return advance(model, x, copied(past[0].state), resets)
