"""The feed of a series that runs free for a share of its steps, as its forecasts do: scheduled sampling."""

import torch
from torch import Tensor, nn

from chainrule._choices import finite
from chainrule.models import Carry, SeriesModel
from chainrule.training.bptt.truncated import TruncatedBPTT
from chainrule.training.feeds.stream_feed import StreamFeed
from chainrule.training.feeds.streams import Streams
from chainrule.training.group import ALONE, Group

__all__ = ["FreeRunningFeed"]


class FreeRunningFeed(StreamFeed):
    """Streams of a series whose model reads draws of its own in the place of some of the values.

    A model that is trained on what happened alone never meets its own mistakes, as it will when its forecasts feed on
    themselves. Here every value of every row is replaced, for the steps that come after it in the window, by the
    model's draw of it, with a probability that rises linearly from 0 as training goes on; the loss stays that of what
    happened. The state that is carried to the next window is that of what happened, so that each window is a forecast
    from where the series was. No gradient goes through a draw. Bengio et al. (2015), "Scheduled sampling for sequence
    prediction with recurrent neural networks".

    It is no maximum likelihood: what minimises this loss is not the distribution of the data (Huszár 2015), so that
    held-out data have to tell whether it helps.

    Parameters:
        streams, bptt, group: as of `StreamFeed`, with gradients that go back through a window.
        probability: at the end of training, of reading a draw.

    >>> import numpy as np
    >>> from chainrule.data import Transform
    >>> from chainrule.models import ModelConfig, build_series_model
    >>> model = build_series_model(ModelConfig("gru", hidden=8), Transform("none", (0.0,), (1.0,)))
    >>> streams = Streams(np.zeros((6, 1)), batch=1, window=6)
    >>> feed = FreeRunningFeed(streams, probability=0.5)
    >>> [feed.backward(model, spent)[1] for spent in (0.0, 0.5, 1.0)]
    [6, 6, 6]
    """

    def __init__(
        self,
        streams: Streams,
        bptt: TruncatedBPTT | str | None = None,
        *,
        probability: float,
        group: Group = ALONE,
    ) -> None:
        super().__init__(streams, bptt, group=group)
        self._probability = finite("probability", probability, 0, 1)
        self._running: _RunningFree | None = None

    def backward(self, model: nn.Module, spent: float = 0.0) -> tuple[float, int]:
        if self._running is None or self._running.model is not model:
            assert isinstance(model, SeriesModel)
            self._running = _RunningFree(model)
        self._running.probability = self._probability * min(spent, 1.0)
        return super().backward(self._running, spent)


class _RunningFree(nn.Module):
    """The model, which in training reads each value as its own draw with this probability."""

    def __init__(self, model: SeriesModel) -> None:
        super().__init__()
        self.model = model
        self.probability = 0.0

    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        if not self.model.training or self.probability == 0:
            log_prob, carry = self.model(x, carry, resets=resets)
            return log_prob, carry
        own = torch.rand(x.shape[:2], device=x.device) < self.probability
        log_prob, carry, _ = self.model.predict(x, carry, resets=resets, own=own)
        return log_prob, carry
