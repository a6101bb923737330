"""Conditional models of real values, with densities in the data's own units."""

import torch
from torch import Tensor

from chainrule.data import Transform
from chainrule.errors import ArgumentError, ShapeError
from chainrule.models.conditional import Carry, ConditionalModel
from chainrule.models.encoders import Encode, Encoder, State
from chainrule.models.heads import GaussianHead, StudentTHead
from chainrule.models.predictions import Prediction, RealPrediction

__all__ = ["SeriesModel"]

_PASSES = 2  # without gradients, of which each runs one step further free


class SeriesModel(ConditionalModel):
    """A conditional model of C real channels; x is float64 (B, T, C) in the data's own units, and so are densities.

    The network sees z, the transformed values; the transform's Jacobian is part of the likelihood, so that scores
    compare across transforms. Where a transform needs the value before (difference, log-return), the first x of a
    cold start is given rather than modelled, and its log-probability is 0. A z that is not known, before the first
    or of a given x, enters as 0.

    `SkipEncoder` says how a linear path goes past the network, and why sampled paths stay bounded.

    >>> from chainrule.data import Transform
    >>> from chainrule.models import ModelConfig, build_series_model
    >>> model = build_series_model(ModelConfig("gru", hidden=8), Transform("difference", (0.0,), (2.0,)))
    >>> x = torch.tensor([[[20.0], [21.0], [23.0]]], dtype=torch.float64)
    >>> log_prob = model.log_prob(x)
    >>> log_prob.shape, log_prob[0, 0].item()
    (torch.Size([1, 3]), 0.0)
    >>> model.forecast(x[0], horizon=5, paths=100).shape
    torch.Size([100, 5, 1])
    """

    head: GaussianHead | StudentTHead
    context_dims = 2

    def __init__(self, transform: Transform, encoder: Encoder, head: GaussianHead | StudentTHead) -> None:
        super().__init__()
        self.transform = transform
        self.channels = len(transform.mean)
        self.encoder = encoder
        self.head = head

    def start(self, batch: int) -> Carry:
        if self.transform.lag:
            raise ArgumentError(
                f"the transform {self.transform.name!r} continues from a value, and there is none before the "
                "first. Give a context of at least one step."
            )
        return self._carry(torch.zeros(batch, self.channels, dtype=torch.float64, device=self.device))

    def _carry(self, x: Tensor) -> Carry:
        """A cold start at values x (B, C): the last x, and its z, of which nothing is known."""
        return Carry(torch.stack([x, torch.zeros_like(x)], dim=1), None)

    def _inputs(self, z: Tensor) -> Tensor:
        return z.to(next(self.parameters()).dtype)

    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        log_prob, carry, _ = self.predict(x, carry, resets=resets)
        return log_prob, carry

    def advance(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> Carry:
        return self.predict(x, carry, resets=resets)[1]

    def predict(
        self,
        x: Tensor,
        carry: Carry | None = None,
        *,
        resets: Tensor | None = None,
        own: Tensor | None = None,
    ) -> tuple[Tensor, Carry, RealPrediction]:
        """As ``forward``, and also the distributions of z_t given the past that the scores come from.

        Where ``own`` (B, T) is true, a draw of the model's own is read in the place of z_t by the steps after it, as
        when it runs free; it is a constant to gradients. The carry is then still that of x, but has no graph.
        """
        if x.dim() != 3 or x.dtype != torch.float64 or x.shape[2] != self.channels or x.numel() == 0:
            raise ShapeError(
                f"x must be float64 values (B, T, {self.channels}), B and T at least 1, got {x.dtype} {tuple(x.shape)}."
            )
        if resets is not None and resets.any():
            raise ArgumentError("a series is one sequence: resets are for many documents, and must be None here.")
        is_first_given = carry is None and self.transform.lag > 0
        carry = carry or self._carry(x[:, 0])
        z = self.transform.apply(x, carry.last[:, 0])
        if is_first_given:
            z = _without_first(z)
        inputs = self._inputs(torch.cat([carry.last[:, 1:], z[:, :-1]], dim=1))
        if own is None:
            features, state = self.encoder(inputs, carry.encoder)
        else:
            own = _without_first(own) if is_first_given else own
            read, state = self._running_free(inputs, own, carry.encoder)
            features, _ = self.encoder(read, carry.encoder)
        prediction: RealPrediction = self.head(features)
        log_prob = prediction.log_prob(self._inputs(z)).double() + self.transform.log_jacobian(x)
        if is_first_given:
            log_prob = _without_first(log_prob)
        return log_prob, Carry(torch.stack([x[:, -1], z[:, -1]], dim=1), state), prediction

    @torch.no_grad()
    def _running_free(self, inputs: Tensor, own: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Inputs (B, T, C) with the model's draws of what is ``own``, and the encoder's state after them as they were.

        A pass over all steps at once draws them all, and the next one reads what the last has drawn. After k passes
        the first k draws of a row are those of a run step by step (Duckworth et al. 2019, "Parallel scheduled
        sampling"), and the others have k of their own behind them.
        """
        with self.evaluating():
            features, after = self.encoder(inputs, state)
            for _ in range(_PASSES - 1):
                features, _ = self.encoder(self._with_own(inputs, features, own), state)
        return self._with_own(inputs, features, own), after

    def _with_own(self, inputs: Tensor, features: Tensor, own: Tensor) -> Tensor:
        """Inputs (B, T, C) with draws from the predictions of features (B, T, F) where z is ``own``."""
        drawn = self.head(features).sample()
        return torch.cat([inputs[:, :1], drawn[:, :-1].where(own[:, :-1, None], inputs[:, 1:])], dim=1)

    def quantiles(self, x: Tensor, levels: Tensor, carry: Carry | None = None) -> Tensor:
        """Quantiles of every x_t given the steps before it, in the data's units: (Q, B, T, C) at levels (Q,).

        They are of each channel by itself. The first x of a cold start, where it is given, has none: NaN.
        """
        if not ((levels > 0) & (levels < 1)).all():
            raise ArgumentError(f"levels of quantiles must be between 0 and 1, got {levels.tolist()}.")
        _, _, prediction = self.predict(x, carry)
        first = torch.full_like(x[:, :1], torch.nan)
        if carry is not None:
            first = carry.last[:, :1]
        before = torch.cat([first, x[:, :-1]], dim=1)
        z = prediction.quantile(levels).double()
        return self.transform.undo(z[..., None, :], before.expand_as(z))[..., 0, :]

    def step(self, carry: Carry, encode: Encode | None = None) -> tuple[Prediction, State]:
        features, state = (encode or self.encoder)(self._inputs(carry.last[:, 1:]), carry.encoder)
        return self.head(features[:, 0]), state

    def observe(self, drawn: Tensor, carry: Carry, state: State) -> tuple[Tensor, Carry]:
        z = drawn.double()
        x = self.transform.undo(z[:, None], carry.last[:, 0])[:, 0]
        return x, Carry(torch.stack([x, z], dim=1), state)


def _without_first(steps: Tensor) -> Tensor:
    """Steps (B, T, ...) with zeros in the place of the first."""
    return torch.cat([torch.zeros_like(steps[:, :1]), steps[:, 1:]], dim=1)
