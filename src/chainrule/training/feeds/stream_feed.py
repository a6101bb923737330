"""The feed of streams: backpropagation through time, with the state carried from chunk to chunk."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule._choices import finite
from chainrule._devices import device_of, sent
from chainrule.models import Carry
from chainrule.training.bptt.full import FullBPTT
from chainrule.training.bptt.trees import placed
from chainrule.training.bptt.truncated import Place, Stretch, TruncatedBPTT
from chainrule.training.feeds.streams import Chunk, Streams
from chainrule.training.feeds.window_choice import is_measured_after, least_window
from chainrule.training.group import ALONE, Group

__all__ = ["StreamFeed"]

_FEW = 4  # steps that show what one takes


def negative_log_prob(log_prob: Tensor, _: Tensor) -> Tensor:
    """The loss of a conditional model, whose output is log-probabilities already."""
    return -log_prob.mean()


class StreamFeed:
    """Backpropagation through time over streams: state is carried from chunk to chunk, and every epoch starts afresh.

    Parameters:
        streams: of what the model predicts; their window is k1, or as long as a row for ``FullBPTT``.
        bptt: how far gradients go back; None for one window, "auto" for a window chosen by what it loses.
        state_dropout: the rate at which a row forgets its state before a chunk, and begins as a document does.
        group: the processes that train together; the window that "auto" chooses is the first one's in all of them.

    >>> import numpy as np
    >>> from chainrule.models import ModelConfig, build_symbol_model
    >>> model = build_symbol_model(ModelConfig("gru", hidden=8), symbols=5)
    >>> feed = StreamFeed(Streams(np.array([3, 1, 4, 1, 2, 0]), batch=2, window=2))
    >>> [feed.backward(model)[1] for _ in range(3)]  # two epochs take four chunks
    [4, 2, 4]
    """

    def __init__(
        self,
        streams: Streams,
        bptt: TruncatedBPTT | FullBPTT | str | None = None,
        *,
        state_dropout: float = 0.0,
        group: Group = ALONE,
    ) -> None:
        self.streams = streams
        self._is_auto = bptt == "auto"
        self._group = group
        if bptt is None or isinstance(bptt, str):
            bptt = TruncatedBPTT(streams.window)
        if isinstance(bptt, TruncatedBPTT) and streams.random_windows:
            bptt = TruncatedBPTT(streams.row_length)  # whatever is drawn is one window
        self._bptt = bptt
        self._state_dropout = finite("state dropout", state_dropout, 0, 1)
        self._place: Any = None
        self._chunks = 0
        self._width = streams.window
        self._is_restored = False  # and so still on the CPU

    @property
    def chosen_window(self) -> int | None:
        """The window as it is now, where it is chosen here."""
        return self.streams.window if self._is_auto else None

    @property
    def rate(self) -> float:
        return self._width / self.streams.window if self.streams.random_windows else 1.0

    def backward(self, model: nn.Module, spent: float = 0.0) -> tuple[float, int]:
        begins = self._at_start()
        device = device_of(model)
        if self._is_restored:
            self._place = placed(self._place, device)
            self._is_restored = False
        if self._is_auto and is_measured_after(self._chunks, self.streams):
            self._choose_window(model)
        chunk = self.streams.read()
        self._chunks += 1
        self._width = chunk.y.shape[1]
        if begins:
            self._place = None
        # What is asked of a chunk is asked before it is sent: its answer would have to be waited for.
        count = int(chunk.mask.sum())
        resets = self._resets(chunk, begins=begins)
        x = sent(chunk.y, device)
        loss, self._place = self._bptt(
            model,
            negative_log_prob,
            x=x,
            y=x,
            state=self._place,
            resets=None if resets is None else sent(resets, device),
            mask=None if count == chunk.mask.numel() else sent(chunk.mask, device),
            scale=float(count),
        )
        if self._at_start():
            self._place = None
        return loss.item(), count

    def follow(self, before: "StreamFeed") -> None:
        """Begin with the window that the feed before chose; it is measured again as if this one were that one."""
        self._chunks = before._chunks
        if self._is_auto:
            self._set_window(before.streams.window)

    def check(self, model: nn.Module) -> None:
        """Refuse a memory that one step of the model does not fit in, before anything is trained."""
        if isinstance(self._bptt, FullBPTT):
            x = self.streams.peek(_FEW).y.to(device_of(model))
            self._bptt.plan(model, negative_log_prob, x, x)

    def _at_start(self) -> bool:
        """Whether the next chunk is the first of an epoch."""
        return self.streams.position[1] == 0

    def _resets(self, chunk: Chunk, *, begins: bool) -> Tensor | None:
        """Where rows start afresh: with a document, or by state dropout."""
        resets = chunk.resets
        if begins:
            # without a state every row starts afresh anyway
            return resets if resets is not None and resets[:, 1:].any() else None
        if not self._state_dropout:
            return resets
        if resets is None:
            resets = torch.zeros_like(chunk.mask)
        resets[:, 0] |= torch.rand(len(resets)) < self._state_dropout
        return resets

    def _choose_window(self, model: nn.Module) -> None:
        """Take the shortest window that loses little, as the leading process measures it."""
        window = 0
        if self._group.leads:
            state = None if self._place is None else self._place.state
            window = least_window(model, negative_log_prob, self.streams, state)
        (window_of_leader,) = self._group.sum([window])
        self._set_window(int(window_of_leader))

    def _set_window(self, window: int) -> None:
        self.streams.window = window
        self._bptt = TruncatedBPTT(window)

    def state(self) -> dict[str, Tensor]:
        state = {
            "position": torch.tensor(self.streams.position),
            "window": torch.tensor(self.streams.window),
            "chunks": torch.tensor(self._chunks),
        }
        if self._place is None:
            return state
        state |= _flat("state", self._place.state)
        for n, stretch in enumerate(self._place.past):
            state[f"past.{n}.x"] = stretch.x
            if stretch.resets is not None:
                state[f"past.{n}.resets"] = stretch.resets
            state |= _flat(f"past.{n}.state", stretch.state)
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        self.streams.seek(*state["position"].tolist())
        self._chunks = int(state["chunks"])
        if self._is_auto:
            self._set_window(int(state["window"]))
        self._place = None
        self._is_restored = True
        if "state.0" in state:
            count = sum(name.startswith("past.") and name.endswith(".x") for name in state)
            past = [
                Stretch(state[f"past.{n}.x"], state.get(f"past.{n}.resets"), _carry(f"past.{n}.state", state))
                for n in range(count)
            ]
            self._place = Place(_carry("state", state), tuple(past))


def _flat(name: str, carry: Carry | None) -> dict[str, Tensor]:
    """The tensors of a carry: its last x, and the encoder's."""
    if carry is None:
        return {}
    tensors = (carry.last, *(carry.encoder or ()))
    return {f"{name}.{i}": tensor for i, tensor in enumerate(tensors)}


def _carry(name: str, state: dict[str, Tensor]) -> Carry | None:
    tensors = [state[f"{name}.{i}"] for i in range(len(state)) if f"{name}.{i}" in state]
    if not tensors:
        return None
    last, *encoder = tensors
    return Carry(last, tuple(encoder))
