"""The path past a network of a panel: what was at the same place of the last seasons, mixed.

Step h ahead of t is first said to be a weighted mean of y_t, of y at the same place of the last J seasons, of the last
long season, and of the centre of the series. The weights are a softmax of what the network finds, and begin near those
of the seasonal naive forecast. The network so learns what differs from it (as the skip of LSTNet does, Lai et al. 2018,
section 3.6).
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


def _same_place(horizon: int, season: int) -> Tensor:
    """(H,) the row of the last season that is known at the origin, at the place of each step ahead.

    >>> _same_place(5, 2).tolist()
    [-1, 0, -1, 0, -1]
    """
    h = torch.arange(1, horizon + 1)
    return h - (h + season - 1).div(season, rounding_mode="floor") * season
