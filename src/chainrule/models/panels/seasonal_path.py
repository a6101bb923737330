"""The path past a network of a panel: what was at the same place of the last seasons, mixed.

Step h ahead of t is first said to be a weighted mean of y_t, of y at the same place of the last J seasons, and of the
centre of the series; the weights are a softmax of what the network finds, and begin as those of the seasonal naive
forecast. The network so learns what differs from it (as the skip of LSTNet does, Lai et al. 2018, section 3.6).
"""

import torch
from torch import Tensor, nn

from chainrule.models.panels.tensors import PanelTensors

__all__ = ["SeasonalPath"]

_HEAD_START = 2.0  # of the last season, before the softmax
_MISSING = -1e9


class SeasonalPath(nn.Module):
    """Weighted means of what was, (n, H) in the units of every origin.

    Parameters:
        features: of the network.
        horizon: H.
        season: steps in a season.
        seasons: J.
    """

    back: Tensor

    def __init__(self, features: int, horizon: int, season: int, seasons: int) -> None:
        super().__init__()
        h = torch.arange(1, horizon + 1)
        first = h - (h + season - 1).div(season, rounding_mode="floor") * season
        back = first[:, None] - season * torch.arange(seasons)
        back = torch.cat([back, torch.zeros(horizon, 1, dtype=torch.int64)], dim=1)
        self.register_buffer("back", back, persistent=False)  # (H, J + 1), rows back from the origin, 0 or below
        self.weights = nn.Linear(features, seasons + 2, bias=False)
        self.bias = nn.Parameter(torch.zeros(horizon, seasons + 2))
        with torch.no_grad():
            self.weights.weight.zero_()
            self.bias[:, 0] = _HEAD_START

    def forward(self, features: Tensor, rows: PanelTensors, at: Tensor) -> Tensor:
        """(n, H) from features (n, F) of the origins ``at`` (n,), their last row that was seen."""
        place = at[:, None, None] + self.back
        is_own = place >= rows.starts[rows.series[at]][:, None, None]
        place = place.clamp(min=0)
        is_known = is_own & rows.known[place]
        centre = rows.centre[at][:, None, None]
        scale = rows.scale[at][:, None, None]
        was = ((rows.values[place] - centre) / scale).to(features.dtype).where(is_known, 0.0)
        logits = self.bias + self.weights(features)[:, None]
        mixed = logits[..., :-1].masked_fill(~is_known, _MISSING)
        weights = torch.cat([mixed, logits[..., -1:]], dim=-1).softmax(-1)  # the last is of the centre, which is 0
        return (weights[..., :-1] * was).sum(-1)
