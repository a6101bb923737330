"""Feeds: where the loop's next gradient comes from, and the place to go on from after an interruption."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule._choices import finite, whole
from chainrule.models import Carry
from chainrule.training.bptt.estimate import estimate
from chainrule.training.bptt.full import FullBPTT
from chainrule.training.bptt.truncated import Piece, Place, TruncatedBPTT
from chainrule.training.group import ALONE, Group
from chainrule.training.streams import Streams

__all__ = ["Batch", "Feed", "LabelledFeed", "StreamFeed"]

Batch = Callable[[Tensor], tuple[tuple[Tensor, ...], Tensor]]
"""From the numbers of some examples to a model's arguments and the labels."""

_WINDOWS = (16, 32, 64, 128, 256)  # that "auto" chooses from; it begins with that of the streams
_SAMPLE_ROWS = 8  # that it measures on
_SAMPLE_STEPS = 512
_MAY_LOSE = 0.05  # of the gradient's norm
_FEW = 4  # steps that show what one takes
_FIRST_MEASURED = 50  # chunks; then whenever as many again have passed


class Feed(Protocol):
    """Gives the gradient of one batch after another, epoch after epoch."""

    def backward(self, model: nn.Module) -> tuple[float, int]:
        """Add the gradient of the next batch's summed loss to ``.grad``: its mean, and the count it is the mean of."""

    @property
    def rate(self) -> float:
        """What the learning rate is multiplied by for the batch that was given last."""

    def state(self) -> dict[str, Tensor]:
        """Tensors from which ``restore`` continues exactly here."""

    def restore(self, state: dict[str, Tensor]) -> None: ...


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
        self._auto = bptt == "auto"
        self._group = group
        self._bptt = TruncatedBPTT(streams.window) if bptt is None or isinstance(bptt, str) else bptt
        if isinstance(self._bptt, TruncatedBPTT) and streams.random_windows:
            self._bptt = TruncatedBPTT(streams.row_length)  # whatever is drawn is one window
        self._state_dropout = finite("state dropout", state_dropout, 0, 1)
        self._place: Any = None
        self._chunks = 0
        self._width = streams.window

    @property
    def chosen_window(self) -> int | None:
        """The window as it is now, where it is chosen here."""
        return self.streams.window if self._auto else None

    @property
    def rate(self) -> float:
        return self._width / self.streams.window if self.streams.random_windows else 1.0

    def backward(self, model: nn.Module) -> tuple[float, int]:
        begins = self.streams.position[1] == 0
        if self._auto and self._is_measured_now():
            window = self._least_window(model) if self._group.leads else 0
            self._set_window(int(self._group.sum([window])[0]))
        chunk = self.streams.read()
        x = chunk.y
        resets = chunk.resets
        mask = chunk.mask
        self._chunks = self._chunks + 1
        self._width = x.shape[1]
        if begins:
            self._place = None
            if resets is not None and not resets[:, 1:].any():
                resets = None  # without a state, every row begins anyway
        elif self._state_dropout:
            forget = torch.zeros_like(mask) if resets is None else resets
            forget[:, 0] |= torch.rand(len(mask)) < self._state_dropout
            resets = forget
        count = int(mask.sum())
        loss, self._place = self._bptt(
            model,
            negative_log_prob,
            x,
            x,
            self._place,
            resets=resets,
            mask=None if count == mask.numel() else mask,
            scale=float(count),
        )
        if self.streams.position[1] == 0:
            self._place = None
        return loss.item(), count

    def check(self, model: nn.Module) -> None:
        """Refuse a memory that one step of the model does not fit in, before anything is trained."""
        if isinstance(self._bptt, FullBPTT):
            x = self.streams.peek(_FEW).y
            self._bptt.plan(model, negative_log_prob, x, x)

    def _is_measured_now(self) -> bool:
        times = self._chunks // _FIRST_MEASURED
        left = self.streams.row_length - self.streams.position[1]
        # At the end of an epoch too few steps are left to tell long windows from short ones. Rows differ by one step.
        enough_left = left >= max(2, min(_SAMPLE_STEPS, self.streams.row_length // 2))
        return enough_left and self._chunks % _FIRST_MEASURED == 0 and times > 0 and times & (times - 1) == 0

    def _least_window(self, model: nn.Module) -> int:
        """The shortest window that loses little of the gradient, measured on what comes next."""
        sample = self.streams.peek(_SAMPLE_STEPS)
        carry = self._place.state if self._place is not None else None
        rows = torch.arange(min(_SAMPLE_ROWS, len(sample.mask)))
        x = sample.y[rows][:, : int(sample.mask.sum(1).min())]
        resets = sample.resets
        resets = None if resets is None else resets[rows][:, : x.shape[1]]
        windows = [(k, k) for k in _WINDOWS if k < x.shape[1]]
        carry = carry.rows(rows) if carry is not None else None
        found = estimate(model, negative_log_prob, x, x, carry, windows=windows, resets=resets)
        enough = [of.k1 for of in found if of.lost <= _MAY_LOSE]
        return enough[0] if enough else max((k for k, _ in windows), default=_WINDOWS[0])

    def _set_window(self, window: int) -> None:
        self.streams.window = window
        self._bptt = TruncatedBPTT(window)

    def state(self) -> dict[str, Tensor]:
        state = {
            "position": torch.tensor(self.streams.position),
            "window": torch.tensor(self.streams.window),
            "chunks": torch.tensor(self._chunks),
        }
        place = self._place
        if place is not None:
            state |= _flat("state", place.state)
            for n, piece in enumerate(place.past):
                state[f"past.{n}.x"] = piece.x
                state |= {} if piece.resets is None else {f"past.{n}.resets": piece.resets}
                state |= _flat(f"past.{n}.state", piece.state)
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        self.streams.seek(*state["position"].tolist())
        self._chunks = int(state["chunks"])
        if self._auto:
            self._set_window(int(state["window"]))
        self._place = None
        if "state.0" in state:
            count = sum(name.startswith("past.") and name.endswith(".x") for name in state)
            past = tuple(
                Piece(state[f"past.{n}.x"], state.get(f"past.{n}.resets"), _carry(f"past.{n}.state", state))
                for n in range(count)
            )
            self._place = Place(_carry("state", state), past)


def _flat(name: str, carry: Carry | None) -> dict[str, Tensor]:
    """The tensors of a carry: its last x, and the encoder's."""
    tensors = () if carry is None else (carry.last, *(carry.encoder or ()))
    return {f"{name}.{i}": tensor for i, tensor in enumerate(tensors)}


def _carry(name: str, state: dict[str, Tensor]) -> Carry | None:
    tensors = [state[f"{name}.{i}"] for i in range(len(state)) if f"{name}.{i}" in state]
    return Carry(tensors[0], tuple(tensors[1:])) if tensors else None


class LabelledFeed:
    """Batches of labelled examples in an order drawn anew each epoch.

    ``batch_of(index)`` gives the model's arguments and the labels of the examples named by ``index``.

    >>> x, labels = torch.zeros(10, 3), torch.zeros(10, dtype=torch.int64)
    >>> feed = LabelledFeed(examples=10, batch=4, batch_of=lambda index: ((x[index],), labels[index]), seed=0)
    >>> [feed.backward(nn.Linear(3, 2))[1] for _ in range(4)]
    [4, 4, 2, 4]
    """

    rate = 1.0

    def __init__(self, examples: int, batch: int, batch_of: Batch, seed: int, group: Group = ALONE) -> None:
        self.examples = examples
        self.batch = batch
        self._group = group
        self._batch_of = batch_of
        self._seed = seed
        self._epoch = 0
        self._next = 0

    def backward(self, model: nn.Module) -> tuple[float, int]:
        order = torch.randperm(self.examples, generator=torch.Generator().manual_seed(self._seed + self._epoch))
        together = self.batch * self._group.size
        index = order[self._next : self._next + together].tensor_split(self._group.size)[self._group.rank]
        self._next += together
        if self._next >= self.examples:
            self._epoch = self._epoch + 1
            self._next = 0
        if len(index) == 0:
            return 0.0, 0
        arguments, labels = self._batch_of(index)
        loss = F.cross_entropy(model(*arguments), labels)
        (loss * len(labels)).backward()
        return loss.item(), len(labels)

    def state(self) -> dict[str, Tensor]:
        return {"epoch": torch.tensor(self._epoch), "next": torch.tensor(self._next)}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._epoch = whole("epoch", int(state["epoch"]), 0, 2**62)
        self._next = whole("next", int(state["next"]), 0, self.examples - 1)
