"""The linear path past a network of real values, and how it is fitted.

    location_t = sum_k A_k z_{t-k} + s (W h_t + b)        scale_t = s softplus(...)

The A_k are those of a linear AR, fitted by least squares before training and then fixed; s is the spread of its
residuals, so that the network learns in units of order one what is not linear. The path lets a network follow levels
that training never saw, where its features saturate (Lai et al. 2018, LSTNet, section 3.6). The roots of the path lie
inside the unit circle and the network's inputs are bounded, so that paths fed with their own samples stay bounded.
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
                weight[:, :, -1].fill_diagonal_(1)  # torch.eye without memory would import all of torch.compile

    @property
    def out_features(self) -> int:
        return self.network.out_features + self.path.out_features

    @property
    def receptive_field(self) -> int | None:
        seen = self.network.receptive_field
        taps = self.path.receptive_field
        assert taps is not None
        if seen is None:
            return None
        return max(seen, taps)

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        of_network, of_path = _parts(state)
        features, of_network = self.network(self.transform.squash(x), of_network, resets=resets)
        linear, of_path = self.path(x, of_path, resets=resets)
        return torch.cat([features, linear], dim=-1), (*of_network, *of_path)

    def streamed(self, state: State | None, rows: int) -> Encode:
        of_network, of_path = _parts(state)
        network = self.network.streamed(of_network, rows)
        path = self.path.streamed(of_path, rows)  # which keeps its past to itself from here on
        kept = None if of_network is None else len(of_network)

        def encode(x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
            of_network = None if state is None else state[:kept]
            features, after = network(self.transform.squash(x), of_network, resets=resets)
            linear, _ = path(x, resets=resets)
            return torch.cat([features, linear], dim=-1), after

        return encode


def _parts(state: State | None) -> tuple[State | None, State | None]:
    """The network's part of a state, and the path's, which is the last tensor."""
    if state is None:
        return None, None
    return state[:-1], state[-1:]


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

    Where no density fits the residuals of a linear AR (too few steps, or no residuals), the path goes on repeating the
    last value.
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
