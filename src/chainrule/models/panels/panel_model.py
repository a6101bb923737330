"""A global model of a panel: from every step of every series to the distributions of a whole horizon."""

import numpy as np
import torch
from torch import Tensor, nn

from chainrule._devices import device_of
from chainrule.models.conditional import Carry
from chainrule.models.encoders import Encoder
from chainrule.models.panels.horizon_heads import HorizonForecast
from chainrule.models.panels.inputs import PanelInputs
from chainrule.models.panels.seasonal_path import SeasonalPath
from chainrule.models.panels.tensors import PanelTensors

__all__ = ["PanelModel", "static_width"]

_AHEAD = 32  # features of a step ahead that meet what is known of it
_WIDEST = 16  # of an embedding
_ORIGINS = 50_000  # times steps ahead, of what is fitted before training
_FEWEST = 40  # errors that tell of their spread


def static_width(inputs: PanelInputs) -> int:
    """How many features stay the same throughout a series."""
    return sum(_embedded(len(each.levels)) if each.levels else 1 for each in inputs.covariates.static)


def _embedded(levels: int) -> int:
    return min(_WIDEST, (levels + 3) // 2)


def _silent(layer: nn.Linear) -> nn.Linear:
    """The layer with no say yet."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class PanelModel(nn.Module):
    """p(y_{t+h} | y_1..y_t, what is known of t + h) for h = 1..H, from every step t of every series at once.

    The encoder folds the past into features, with a state that is carried from chunk to chunk as everywhere; from the
    features of t come the numbers of all H steps ahead, so that a loss over the horizon needs no steps of the model's
    own, and backpropagation through time goes back from all of them (Wen et al. 2017, "A multi-horizon quantile
    recurrent forecaster"). One step ahead, it is the chain rule's p(y_{t+1} | y_<=t).

    Parameters:
        inputs: how a panel's rows are seen.
        horizon: H.
        encoder: of the inputs and of what stays the same.
        head: what numbers of steps ahead say.
        seasons: how many seasons back the path past the network goes; 0 for no path, and then the numbers are
            W h_t + b exactly (but for what is known ahead).
    """

    def __init__(
        self, inputs: PanelInputs, horizon: int, encoder: Encoder, head: HorizonForecast, seasons: int
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.horizon = horizon
        self.embeddings = nn.ModuleList(
            nn.Embedding(len(each.levels) + 1, _embedded(len(each.levels)))
            for each in inputs.covariates.static
            if each.levels
        )
        self.encoder = encoder
        features = encoder.out_features
        self.head = head
        self.outputs = _silent(nn.Linear(features, horizon * head.per_step))
        self.path: SeasonalPath | None = None
        if seasons:
            self.path = SeasonalPath(features, horizon, inputs.short_season, seasons, inputs.long_season)
        self.ahead: nn.Sequential | None = None
        if inputs.of_ahead:
            self.meet = nn.Linear(features, _AHEAD)
            self.ahead = nn.Sequential(
                nn.Linear(_AHEAD + inputs.of_ahead, _AHEAD), nn.GELU(), _silent(nn.Linear(_AHEAD, head.per_step))
            )

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return device_of(self)

    @property
    def looks_back(self) -> int:
        """How many rows before one it needs besides the state of its encoder."""
        path = 0 if self.path is None else -int(self.path.back.min())
        return max(self.inputs.looks_back, path)

    def encode(
        self, rows: PanelTensors, at: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None
    ) -> tuple[Tensor, Carry]:
        """Features (B, T, F) of rows ``at`` (B, T), which follow one another in time, and the carry after them."""
        seen = [rows.inputs[at]]
        if self.inputs.covariates.static:
            series = rows.series[at]
            seen.append(rows.numbers[series])
            codes = rows.categories[series]
            seen += [embed(codes[..., i]) for i, embed in enumerate(self.embeddings)]
        state = None if carry is None else carry.encoder
        features, state = self.encoder(torch.cat(seen, dim=-1), state, resets=resets)
        return features, Carry(at[:, -1], state)

    def numbers(self, rows: PanelTensors, at: Tensor, features: Tensor) -> Tensor:
        """The numbers (n, H, P) of the steps ahead of rows ``at`` (n,), from their features (n, F)."""
        numbers: Tensor = self.outputs(features).view(len(at), self.horizon, -1)
        if self.path is not None:
            numbers = torch.cat([numbers[..., :1] + self.path(features, rows, at)[..., None], numbers[..., 1:]], dim=-1)
        if self.ahead is not None:
            known = rows.ahead[self._steps_ahead(rows, at)[0]]
            met = self.meet(features)[:, None].expand(-1, self.horizon, -1)
            numbers = numbers + self.ahead(torch.cat([met, known], dim=-1))
        return numbers

    @torch.no_grad()
    def begin(self, rows: PanelTensors, until: Tensor) -> None:
        """Begin with what needs no network: the path's own weights, and the spread of what these leave.

        Both are fitted to forecasts from rows before row ``until`` (N,) of each series, spread evenly over these. Where
        an error is known a few times only, its spread begins as that of a normal distribution in a network's units.
        """
        rows = rows.to(self.device)
        until = until.to(self.device)
        at = torch.arange(len(rows.series), device=self.device)
        at = at[at + 1 < until[rows.series]]
        if len(at) > _ORIGINS // self.horizon:
            some = np.linspace(0, len(at) - 1, _ORIGINS // self.horizon + 1, dtype=np.int64)
            at = at[torch.from_numpy(some).to(self.device)]
        y, counts = self._ahead_of(rows, at, until[rows.series[at]])
        if not counts.any():
            return
        left = ((y - rows.centre[at][:, None]) / rows.scale[at][:, None]).where(counts, torch.nan)
        if self.path is not None:
            left = self.path.fit(rows, at, left, rows.scale[at] / rows.change[at])
        is_enough = counts.sum(0) >= _FEWEST
        if is_enough.any():
            bias = self.outputs.bias.view(self.horizon, -1)
            bias[is_enough] = self.head.start(left[:, is_enough]).to(bias)

    def losses(self, rows: PanelTensors, at: Tensor, features: Tensor, until: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss (n,) over the steps ahead of rows ``at`` that are known before row ``until`` (n,) of each.

        With it, whether there are any: a loss of none is 0. One that is no density's is in the units of MASE.
        """
        centre = rows.centre[at][:, None]
        scale = rows.scale[at][:, None]
        y, counts = self._ahead_of(rows, at, until)
        y = y.where(counts, centre)
        loss = self.head.loss(self.numbers(rows, at, features), y, centre, scale).where(counts, 0.0)
        if not self.head.in_nats:
            loss = loss * (scale / rows.change[at][:, None]).to(loss.dtype)
        count = counts.sum(-1)
        return loss.sum(-1) / count.clamp(min=1), count > 0

    def quantiles(self, rows: PanelTensors, at: Tensor, features: Tensor, levels: Tensor) -> Tensor:
        """Quantiles (n, H, Q), float64 in the data's units, of the steps ahead of rows ``at`` (n,) at levels (Q,)."""
        centre = rows.centre[at][:, None]
        scale = rows.scale[at][:, None]
        return self.head.quantiles(self.numbers(rows, at, features), levels, centre, scale)

    def _ahead_of(self, rows: PanelTensors, at: Tensor, until: Tensor) -> tuple[Tensor, Tensor]:
        """The values (n, H) of the steps ahead of rows ``at`` (n,), and whether they are known before ``until``."""
        place, is_there = self._steps_ahead(rows, at)
        return rows.values[place], is_there & (place < until[:, None]) & rows.known[place]

    def _steps_ahead(self, rows: PanelTensors, at: Tensor) -> tuple[Tensor, Tensor]:
        """The rows (n, H) of the steps ahead, and whether the series has them."""
        place = at[:, None] + torch.arange(1, self.horizon + 1, device=at.device)
        inside = place.clamp(max=len(rows.series) - 1)
        return inside, (rows.series[inside] == rows.series[at][:, None]) & (place == inside)
