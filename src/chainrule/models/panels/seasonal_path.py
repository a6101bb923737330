"""The path past a network of a panel: what was at the same place of the last seasons, mixed.

Step h ahead of t is first said to be a weighted mean of y_t, of y at the same place of the last J seasons, of the last
long season, and of the centre of the series. The weights are a softmax of what the network finds and of what is fitted
before there is a network: of a random walk, y_t has nearly all of it. The network so learns what differs from it (as
the skip of LSTNet does, Lai et al. 2018, section 3.6).
"""

import torch
from torch import Tensor, nn

from chainrule.models.panels.chance import standard_error
from chainrule.models.panels.tensors import PanelTensors

__all__ = ["SeasonalPath"]

_STEPS = 100
_RATE = 0.1  # in logarithms of weights: none becomes so small in these steps that it could not be learned back
_TINY = 1e-8
_ALONE = 7.0  # in logarithms of weights: what is above the others by so much has nearly all of it
_MISSING = -1e9


class SeasonalPath(nn.Module):
    """Weighted means of what was, (n, H) in the units of every origin.

    Parameters:
        features: of the network.
        horizon: H.
        season: steps in a short season.
        seasons: J.
        long: steps in a long season, None for none.
    """

    back: Tensor

    def __init__(self, features: int, horizon: int, season: int, seasons: int, long: int | None = None) -> None:
        super().__init__()
        with torch.device("cpu"):  # even where weights get no memory, and a sum would import all of torch.compile
            back = [_same_place(horizon, season)[:, None] - season * torch.arange(seasons)]
            back.append(torch.zeros(horizon, 1, dtype=torch.int64))
            if long is not None:
                back.append(_same_place(horizon, long)[:, None])
            places = torch.cat(back, dim=1)
        self.register_buffer("back", places, persistent=False)  # (H, W), rows from the origin, 0 or below
        count = places.shape[1] + 1  # with the centre
        self.weights = nn.Linear(features, count, bias=False)
        self.bias = nn.Parameter(torch.zeros(horizon, count))
        nn.init.zeros_(self.weights.weight)

    def forward(self, features: Tensor, rows: PanelTensors, at: Tensor) -> Tensor:
        """(n, H) from features (n, F) of the origins ``at`` (n,), their last row that was seen."""
        was, is_known = self._past(rows, at)
        return _mean(self.bias + self.weights(features)[:, None], was.to(features.dtype), is_known)

    def fit(self, rows: PanelTensors, at: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """Fit what does not depend on features to y (n, H), NaN where it is missing; return y less its means.

        The mean absolute error is the least, where that of origin i counts ``weight`` (n,) times. A mixture that is not
        better by a standard error than what was at one place is left for this one: of a random walk, for y_t.
        """
        was, is_known = self._past(rows, at)
        was = was.to(self.bias.dtype)
        counts = torch.where(y.isnan(), 0.0, weight[:, None]).to(was)
        target = y.nan_to_num().to(was)

        def errors(logits: Tensor) -> Tensor:
            return ((target - _mean(logits, was, is_known)).abs() * counts).sum(1)

        best = _least(self.bias.detach(), was, is_known, target, counts)
        above = _ALONE * torch.eye(was.shape[-1] + 1).to(best)  # each place, and the centre; where unknown, the others
        alone = min((best + each for each in above), key=lambda logits: float(errors(logits).sum()))
        gain = errors(alone) - errors(best)
        if float(gain.mean()) <= standard_error(gain, rows, at, len(self.back)):
            best = alone
        self.bias.copy_(best)
        return y - _mean(best, was, is_known)

    def _past(self, rows: PanelTensors, at: Tensor) -> tuple[Tensor, Tensor]:
        """What was (n, H, W), in the units of the origins ``at`` (n,), and where it is known."""
        place = at[:, None, None] + self.back
        is_own = place >= rows.starts[rows.series[at]][:, None, None]
        place = place.clamp(min=0)
        is_known = is_own & rows.known[place]
        centre = rows.centre[at][:, None, None]
        scale = rows.scale[at][:, None, None]
        return ((rows.values[place] - centre) / scale).where(is_known, 0.0), is_known


def _mean(logits: Tensor, was: Tensor, is_known: Tensor) -> Tensor:
    """The means (n, H) of what was, and of the centre, which is 0, with the softmax of logits (..., H, W + 1)."""
    mixed = logits[..., :-1].masked_fill(~is_known, _MISSING)
    centre = logits[..., -1:].expand(*mixed.shape[:-1], 1)
    weights = torch.cat([mixed, centre], dim=-1).softmax(-1)
    return (weights[..., :-1] * was).sum(-1)


def _least(bias: Tensor, was: Tensor, is_known: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Logits (H, W + 1), from ``bias`` on, whose means are near the target (n, H) in the mean absolute error."""
    first = torch.zeros_like(bias)
    second = torch.zeros_like(bias)
    for step in range(1, _STEPS + 1):  # of Adam, of which torch's own would import torch's compiler
        with torch.enable_grad():
            bias.requires_grad_()
            error = (target - _mean(bias, was, is_known)).abs() * counts
            (slope,) = torch.autograd.grad(error.sum() / counts.sum(), bias)
        first.lerp_(slope, 0.1)
        second.lerp_(slope.square(), 0.001)
        towards = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + _TINY)
        bias = bias.detach() - _RATE * towards
    return bias


def _same_place(horizon: int, season: int) -> Tensor:
    """(H,) the row of the last season that is known at the origin, at the place of each step ahead.

    >>> _same_place(5, 2).tolist()
    [-1, 0, -1, 0, -1]
    """
    h = torch.arange(1, horizon + 1)
    return h - (h + season - 1).div(season, rounding_mode="floor") * season
