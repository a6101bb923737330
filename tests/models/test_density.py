"""Densities of real values are in the data's own units: they integrate to one there, and quantiles invert them."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.models import ModelConfig, SeriesModel
from chainrule.models.predictions import Gaussian, StudentT
from tests.models.cases import HEADS, TRANSFORMS, one_channel, series_model, symbol_model, values
from tests.tolerances import close

GRU = ModelConfig("gru", hidden=4)
LEVELS = torch.tensor([0.025, 0.1, 0.5, 0.9, 0.975], dtype=torch.float64)

every_head = pytest.mark.parametrize("head", HEADS)
every_transform = pytest.mark.parametrize("transform", TRANSFORMS)


def spread(around: float, scale: float, *, multiplicative: bool) -> tuple[Tensor, Tensor]:
    """Points x over all values that can follow, dense around one, and weights that make a sum an integral over x."""
    u = torch.linspace(-7.6, 7.6, 201, dtype=torch.float64)  # sinh reaches a thousand scales
    step = float(u[1] - u[0])
    offset = scale * u.sinh()
    slope = scale * u.cosh()
    if multiplicative:
        x = around * offset.exp()
        return x, step * slope * x
    return around + offset, step * slope


@every_head
@every_transform
def test_the_density_of_the_next_x_integrates_to_one(transform: str, head: Any) -> None:
    law = TRANSFORMS[transform]
    model = series_model(replace(GRU, head=head), law)
    x = values(1, 6)
    (a, da), (b, db) = (
        spread(around, scale, multiplicative=transform == "log-return")
        for around, scale in zip(x[0, -1].tolist(), law.scale, strict=True)
    )
    carry = model.read(x).rows(torch.zeros(len(a) * len(b), dtype=torch.int64))
    with torch.no_grad():
        log_prob, _ = model(torch.cartesian_prod(a, b)[:, None], carry)
    density = log_prob[:, 0].exp().view(len(a), len(b))
    close((density * da[:, None] * db).sum(), torch.tensor(1.0, dtype=torch.float64))


@every_head
@every_transform
def test_quantiles_invert_the_distribution(transform: str, head: Any) -> None:
    model = series_model(replace(GRU, head=head), TRANSFORMS[transform])
    x = values(2, 6)
    lag = model.transform.lag
    with torch.no_grad():
        quantiles = model.quantiles(x, LEVELS)
        _, _, law = model.predict(x)
    assert quantiles.shape == (len(LEVELS), 2, 6, 2)
    assert quantiles[:, :, :lag].isnan().all()  # the first x is given
    for level, at_level in zip(LEVELS, quantiles, strict=True):
        previous = x[:, :-1] if lag else x[:, 1:]
        z = model.transform.apply(at_level[:, 1:, None], previous)[:, :, -1]
        if isinstance(law, Gaussian):
            cdf = stats.norm.cdf(z, law.mean[:, 1:], law.scale[:, 1:])
        else:
            assert isinstance(law, StudentT)
            cdf = stats.t.cdf(z, law.df, law.location[:, 1:], law.scale[:, 1:])
        close(torch.from_numpy(cdf), level.expand(2, 5, 2))


@every_transform
def test_quantiles_go_on_from_a_carry(transform: str) -> None:
    model = series_model(GRU, TRANSFORMS[transform])
    x = values(2, 6)
    with torch.no_grad():
        close(model.quantiles(x[:, 3:], LEVELS, model.read(x[:, :3])), model.quantiles(x, LEVELS)[:, :, 3:])


@every_head
@every_transform
def test_samples_fall_below_a_quantile_as_often_as_it_says(transform: str, head: Any) -> None:
    model = series_model(replace(GRU, head=head), one_channel(transform))
    x = values(1, 6, channels=1)
    n = 4000
    drawn = model.forecast(x[0], horizon=1, paths=n)[:, 0, 0]
    with torch.no_grad():
        # The distribution of a step does not depend on the step itself: any value can stand in its place.
        quantiles = model.quantiles(torch.cat([x, x[:, -1:]], dim=1), LEVELS)[:, 0, -1, 0]
    for level, quantile in zip(LEVELS.tolist(), quantiles, strict=True):
        share = float((drawn < quantile).double().mean())
        assert abs(share - level) < 4 * math.sqrt(level * (1 - level) / n)


@every_head
def test_quantiles_of_a_float32_model_are_those_of_its_law_to_float32(head: Any) -> None:
    model = series_model(replace(GRU, head=head), TRANSFORMS["none"]).float()
    extreme = torch.tensor([1e-9, 1 - 1e-9], dtype=torch.float64)  # the second is 1 in float32
    with torch.no_grad():
        quantiles = model.quantiles(values(1, 3), extreme)
    assert quantiles.isfinite().all()
    assert quantiles.dtype == torch.float64


def test_a_student_of_many_degrees_is_a_gaussian() -> None:
    location = torch.zeros(1, 2, dtype=torch.float64)
    scale = torch.ones(1, 2, dtype=torch.float64)
    gaps = []
    for df in (10.0, 100.0, 1000.0):
        student = StudentT(location, scale, torch.tensor(df, dtype=torch.float64)).quantile(LEVELS)
        gaps.append(float((student - Gaussian(location, scale).quantile(LEVELS)).abs().max()))
    assert all(wider > 5 * narrower for wider, narrower in pairwise(gaps))


@pytest.mark.parametrize("levels", [[0.0], [0.5, 1.0], [-0.1], [math.nan]])
def test_levels_outside_zero_to_one_are_refused(levels: list[float]) -> None:
    model = series_model(GRU, TRANSFORMS["none"])
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        model.quantiles(values(1, 3), torch.tensor(levels))


def _model() -> SeriesModel:
    return series_model(GRU, TRANSFORMS["none"])


@pytest.mark.parametrize(
    "x", [values(1, 3).float(), values(1, 3)[0], values(1, 3, channels=3), values(1, 0)], ids=lambda x: str(x.shape)
)
def test_series_of_the_wrong_shape_or_dtype_are_refused(x: Tensor) -> None:
    with pytest.raises(ShapeError, match="float64 values"):
        _model().log_prob(x)


def test_resets_are_for_symbols() -> None:
    resets = torch.zeros(1, 3, dtype=torch.bool)
    _model()(values(1, 3), resets=resets)
    resets[0, 1] = True
    with pytest.raises(ArgumentError, match="one sequence"):
        _model()(values(1, 3), resets=resets)


@pytest.mark.parametrize("x", [torch.zeros(1, 3), torch.zeros(3, dtype=torch.int64), torch.zeros(1, 0).long()])
def test_symbols_of_the_wrong_shape_or_dtype_are_refused(x: Tensor) -> None:
    with pytest.raises(ShapeError, match="int64 symbols"):
        symbol_model(GRU).log_prob(x)


@pytest.mark.parametrize("symbol", [-100, -1, 5])
def test_symbols_outside_the_alphabet_are_refused(symbol: int) -> None:
    with pytest.raises(ArgumentError, match=rf"from 0 to 4, got {symbol}"):
        symbol_model(GRU).log_prob(torch.tensor([[0, symbol]]))


def test_a_cold_start_needs_a_value_where_the_transform_does() -> None:
    with pytest.raises(ArgumentError, match="at least one step"):
        series_model(GRU, TRANSFORMS["difference"]).sample(3)


def test_the_level_of_a_difference_is_given_to_no_one() -> None:
    """Under a difference, a series and the same series elsewhere have the same density."""
    model = series_model(GRU, TRANSFORMS["difference"])
    x = values(1, 6)
    close(model.log_prob(x + 3.0), model.log_prob(x))
    assert np.all(model.log_prob(x)[:, 0].detach().numpy() == 0.0)


def test_a_change_that_is_not_known_enters_as_zero() -> None:
    """A drift that the transform takes away changes nothing, not even the steps whose past is short of a change."""
    law = TRANSFORMS["difference"]
    model = series_model(GRU, law)
    x = values(2, 6)
    drift = torch.arange(6, dtype=torch.float64)[:, None] * torch.tensor(law.mean, dtype=torch.float64)
    still = series_model(GRU, replace(law, mean=(0.0, 0.0)))
    close(still.log_prob(x - drift), model.log_prob(x))
