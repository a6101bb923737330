"""The feed of panels: whole series as streams, a loss over the horizon from their steps."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule._devices import device_of
from chainrule.models import Carry, PanelModel, PanelTensors
from chainrule.training.bptt.full import FullBPTT
from chainrule.training.bptt.truncated import TruncatedBPTT
from chainrule.training.feeds.stream_feed import StreamFeed
from chainrule.training.feeds.streams import Streams
from chainrule.training.group import ALONE, Group

__all__ = ["PanelFeed"]

_EVERY = 4  # of a chunk's steps, whose losses over the horizon are computed: those between say nearly the same


class PanelFeed(StreamFeed):
    """Streams of the rows of a panel, whose loss is the model's over the horizon.

    Parameters:
        rows: of the panel.
        until: (N,) the row of each series before which what is ahead counts.
        streams: of the numbers of rows, a document a series.
        bptt, group: as of `StreamFeed`.
    """

    def __init__(
        self,
        rows: PanelTensors,
        until: Tensor,
        streams: Streams,
        bptt: TruncatedBPTT | FullBPTT | str | None = None,
        *,
        group: Group = ALONE,
    ) -> None:
        super().__init__(streams, bptt, group=group)
        self._rows = rows
        self._until = until
        self._scored: _Scored | None = None

    def backward(self, model: nn.Module, spent: float = 0.0) -> tuple[float, int]:
        return super().backward(self._scoring(model), spent)

    def check(self, model: nn.Module) -> None:
        super().check(self._scoring(model))

    def _scoring(self, model: Any) -> "_Scored":
        """The model with the rows that it is scored on, made once and for its device."""
        if self._scored is None or self._scored.model is not model:
            device = device_of(model)
            self._rows = self._rows.to(device)
            self._until = self._until.to(device)
            self._scored = _Scored(model, self._rows, self._until)
        return self._scored


class _Scored(nn.Module):
    """From the numbers of rows (B, T) to what stands for their log-probabilities: the negative loss from each."""

    def __init__(self, model: PanelModel, rows: PanelTensors, until: Tensor) -> None:
        super().__init__()
        self.model = model
        self.rows = rows
        self.until = until

    def forward(self, at: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        features, carry = self.model.encode(self.rows, at, carry, resets=resets)
        every = min(_EVERY, at.shape[1]) if self.model.training else 1
        first = int(torch.randint(every, ())) if every > 1 else 0
        some = at[:, first::every]
        own = features[:, first::every].flatten(0, 1)
        places = some.flatten()
        loss, _ = self.model.losses(self.rows, places, own, self.until[self.rows.series[places]])
        log_prob = features.new_zeros(at.shape)
        share = at.shape[1] / some.shape[1]  # so that the mean over all steps is that over some of them
        log_prob[:, first::every] = -share * loss.view(some.shape).to(log_prob.dtype)
        return log_prob, carry
