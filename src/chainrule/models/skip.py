"""The linear path past a network of real values, and how it is fitted.

    location_t = sum_k A_k z_{t-k} + s (W h_t + b)        scale_t = s softplus(...)

The A_k are those of a linear AR, fitted by least squares before training and then left as they are; s is the spread of
what it leaves, so that the network learns, in units of its own size, what is not linear. Such a path lets a network
follow levels that training never saw, where its features saturate (Lai et al. 2018, LSTNet, section 3.6). Its roots
lie inside the unit circle and its network sees inputs in bounds, so that paths fed with their own samples stay bounded.
"""

import torch
from torch import Tensor, nn

from chainrule.data import Transform
from chainrule.errors import DataError
from chainrule.models.encoders import AREncoder, Encode, Encoder, State
from chainrule.models.linear import regress, select_order, stabilised
from chainrule.models.series_model import SeriesModel

__all__ = ["SkipEncoder", "fit_path", "path_order"]

_RECENT = 20_000  # steps at the end of the training part that are fitted to
_ORDER = 24  # at most, or a season and one more


class SkipEncoder(nn.Module):
    """A network's features (B, T, F) of the squashed z, and behind them the linear path's (B, T, C) of z itself.

    >>> from chainrule.models.encoders import LatentEncoder
    >>> transform = Transform("none", (0.0,), (1.0,), low=(-1.0,), high=(1.0,))
    >>> encoder = SkipEncoder(LatentEncoder("gru", 1, 8), transform, taps=1)
    >>> encoder(torch.full((1, 3, 1), 7.0))[0][0, :, 8].detach()  # before it is fitted, the path repeats the last value
    tensor([7., 7., 7.])
    """

    def __init__(self, network: Encoder, transform: Transform, taps: int) -> None:
        super().__init__()
        channels = len(transform.mean)
        self.network = network
        self.transform = transform
        self.path = AREncoder(channels, channels, taps).requires_grad_(False)
        weight = self.path.window.weight
        bias = self.path.window.bias
        assert bias is not None
        with torch.no_grad():
            weight.zero_()
            bias.zero_()
            if not transform.lag:  # a series tends to stay where it is, its changes do not
                weight[:, :, -1] = torch.eye(channels)

    @property
    def out_features(self) -> int:
        return self.network.out_features + self.path.out_features

    @property
    def receptive_field(self) -> int | None:
        seen = self.network.receptive_field
        taps = self.path.receptive_field
        assert taps is not None
        return None if seen is None else max(seen, taps)

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        own, past = (None, None) if state is None else (state[:-1], state[-1:])
        return self._both(x, self.network, own, self.path, past, resets)

    def streamed(self, state: State | None, rows: int) -> Encode:
        own, past = (None, None) if state is None else (state[:-1], state[-1:])
        network = self.network.streamed(own, rows)
        path = self.path.streamed(past, rows)
        kept = None if own is None else len(own)  # the path's past is in its stream from here on

        def encode(x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
            return self._both(x, network, None if state is None else state[:kept], path, None, resets)

        return encode

    def _both(
        self, z: Tensor, network: Encode, own: State | None, path: Encode, past: State | None, resets: Tensor | None
    ) -> tuple[Tensor, State]:
        features, own = network(self.transform.squash(z), own, resets=resets)
        linear, past = path(z, past, resets=resets)
        return torch.cat([features, linear], dim=-1), (*own, *past)


def path_order(transform: Transform, train: Tensor, season: int) -> int:
    """The taps of least BIC for training values (T, C), up to a season and one more."""
    z = transform.apply(train[-_RECENT:])
    most = min(max(season + 1, _ORDER), len(z) // 10)
    try:
        return select_order(z, most)
    except DataError:  # predicted without error
        return 1


@torch.no_grad()
def fit_path(model: SeriesModel, train: Tensor) -> None:
    """Fit the linear path of a network, if it has one, to training values (T, C); its roots are kept inside.

    Where no density fits what a linear AR leaves (too few steps, or none of it), the path goes on repeating the last
    value.
    """
    encoder = model.encoder
    if not isinstance(encoder, SkipEncoder):
        return
    z = model.transform.apply(train[-_RECENT:])
    taps = encoder.path.window.kernel_size[0]
    try:
        fit = stabilised(regress(z, taps), z)
    except DataError:
        return
    encoder.path.set_coefficients(fit.intercept, fit.coefficients)
    model.head.set_covariance(fit.residual_covariance)
