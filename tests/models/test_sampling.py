"""Sampling and forecasting: the model's own distribution, reproducible, and with no trace left behind."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from chainrule.data import Transform
from chainrule.errors import ArgumentError, ShapeError
from chainrule.models import Carry, ConditionalModel, ModelConfig, SeriesModel, build_series_model, build_symbol_model
from chainrule.models.encoders import Encode, State
from chainrule.models.predictions import Categorical, Gaussian, Prediction, StudentT
from tests.models.cases import SYMBOLS, TRANSFORMS, Case, every_case, series_model, symbol_model, symbols, values
from tests.tolerances import close

GRU = ModelConfig("gru", hidden=4)
SIGMAS = 4  # of Monte-Carlo error


@pytest.mark.sampled(1)
@every_case
def test_the_same_seed_draws_the_same_and_leaves_the_global_generator(case: Case) -> None:
    model = case.make()
    context = case.data(2, 5)
    before = torch.get_rng_state()
    first = model.sample(7, context, seed=3)
    again = model.sample(7, context, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, model.sample(7, context, seed=4))
    assert torch.equal(first[:, :4], model.sample(4, context, seed=3))
    assert first.shape == (2, 7, *context.shape[2:])
    assert first.dtype == context.dtype


@pytest.mark.sampled(1)
@every_case
def test_what_is_drawn_goes_on_from_all_of_the_context(case: Case) -> None:
    model = case.make()
    context = case.data(2, 5)
    carry = model.read(context[:, 3:], model.read(context[:, :3]))
    drawn = model.continue_from(carry, 4, seed=3)
    expected = model.sample(4, context, seed=3)
    close(drawn, expected) if drawn.is_floating_point() else torch.testing.assert_close(drawn, expected)


@pytest.mark.sampled(1)
@every_case
def test_an_unbatched_context_is_a_batch_of_one(case: Case) -> None:
    model = case.make()
    context = case.data(1, 5)
    assert torch.equal(model.sample(4, context[0], seed=3), model.sample(4, context, seed=3)[0])
    assert torch.equal(model.forecast(context[0], 4, paths=1, seed=3), model.sample(4, context, seed=3))


def test_without_a_context_the_start_is_cold() -> None:
    model = symbol_model(GRU)
    drawn = model.sample(4, seed=3)
    assert drawn.shape == (4,)
    assert torch.equal(drawn, model.sample(4, torch.empty(0, dtype=torch.int64), seed=3))
    assert series_model(GRU, TRANSFORMS["none"]).sample(4).shape == (4, 2)


@pytest.mark.parametrize("name", ["mlp", "conv", "gru"])
def test_nothing_is_dropped_out_while_reading_and_sampling(name: str) -> None:
    dropping = ModelConfig(name, hidden=4, window=2, dropout=0.5)
    still = symbol_model(replace(dropping, dropout=0.0))
    model = symbol_model(dropping)
    model.load_state_dict(still.state_dict())
    x = symbols(2, 6)
    model.train()
    assert not torch.equal(model.log_prob(x), model.log_prob(x))  # it does drop
    assert torch.equal(model.sample(9, x), still.sample(9, x))
    assert model.training
    with pytest.raises(ArgumentError):
        model.sample(3, x, top_k=99)
    assert model.training


def _greedy(model: ConditionalModel, context: Tensor, n: int) -> Tensor:
    x = context
    for _ in range(n):
        rows = len(x)
        nexts = torch.cat([x.repeat(SYMBOLS, 1), torch.arange(SYMBOLS).repeat_interleave(rows)[:, None]], dim=1)
        likeliest = model.log_prob(nexts)[:, -1].view(SYMBOLS, rows).argmax(0)
        x = torch.cat([x, likeliest[:, None]], dim=1)
    return x[:, context.shape[1] :]


@pytest.mark.parametrize("options", [{"temperature": 1e-300}, {"temperature": 5e-324}, {"top_k": 1}], ids=str)
def test_the_limit_of_sharpening_is_the_likeliest_symbol(options: dict[str, Any]) -> None:
    model = symbol_model(GRU)
    context = symbols(3, 4)
    drawn = model.sample(6, context, **options)
    assert torch.equal(drawn, _greedy(model, context, 6))
    assert torch.equal(model.float().sample(6, context, **options), drawn)


def _shares(prediction: Categorical, temperature: float, top_k: int | None) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return prediction.sample(temperature, top_k).bincount(minlength=prediction.logits.shape[-1]).double()


@pytest.mark.parametrize("top_k", [None, 2, 4])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_symbols_are_drawn_as_often_as_their_probability_says(temperature: float, top_k: int | None) -> None:
    logits = torch.tensor([0.3, -1.0, 1.2, 0.0])
    n = 20_000
    counts = _shares(Categorical(logits.expand(n, 4)), temperature, top_k)
    kept = logits.argsort(descending=True)[:top_k]
    p = torch.zeros(4, dtype=torch.float64)
    p[kept] = torch.softmax(logits[kept].double() / temperature, dim=0)
    assert ((counts / n - p).abs() <= SIGMAS * (p * (1 - p) / n).sqrt()).all()


def test_top_k_keeps_k_symbols_where_some_are_equally_likely() -> None:
    assert int((_shares(Categorical(torch.zeros(1000, 6)), 1.0, 2) > 0).sum()) == 2


def _linear(transform: Transform, phi: float, intercept: float, sigma: float) -> SeriesModel:
    """z_t = intercept + phi z_{t-1} + sigma e_t."""
    model = build_series_model(ModelConfig("ar", window=1), transform)
    with torch.no_grad():
        for name, value in {"window.weight": phi, "window.bias": intercept}.items():
            model.encoder.get_parameter(name).fill_(value)  # type: ignore[attr-defined]
        model.head.get_parameter("log_scale").fill_(math.log(sigma))
    return model


def _moments_are(drawn: Tensor, mean: Tensor, variance: Tensor) -> None:
    """Of normal draws (n, H), within Monte-Carlo error."""
    n = len(drawn)
    assert ((drawn.mean(0) - mean).abs() < SIGMAS * (variance / n).sqrt()).all()
    assert ((drawn.var(0) - variance).abs() < SIGMAS * variance * math.sqrt(2 / (n - 1))).all()


@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (5.0, 2.0)], ids=["none", "standardise"])
def test_forecasts_of_an_ar1_have_its_moments(m: float, s: float) -> None:
    """E x_{t+h} = mu + phi^h (x_t - mu), Var x_{t+h} = sigma^2 (1 - phi^2h) / (1 - phi^2): Hamilton 1994, (4.2.19)."""
    phi = 0.8
    intercept = 0.3
    sigma = 0.5
    name = "none" if s == 1.0 else "standardise"
    model = _linear(Transform(name, (m,), (s,)), phi, intercept, sigma)
    x = torch.tensor([[1.0], [4.0]], dtype=torch.float64)
    drawn = model.forecast(x, horizon=6, paths=20_000)[..., 0]
    h = torch.arange(1, 7, dtype=torch.float64)
    mu = m + s * intercept / (1 - phi)
    _moments_are(drawn, mu + phi**h * (4.0 - mu), (s * sigma) ** 2 * (1 - phi ** (2 * h)) / (1 - phi**2))


@pytest.mark.parametrize(
    ("name", "undo"), [("difference", lambda x: x - 3.0), ("log-return", lambda x: (x / 3.0).log())]
)
def test_forecasts_of_a_random_walk_have_its_moments(name: str, undo: Callable[[Tensor], Tensor]) -> None:
    m = 0.1
    s = 0.2
    model = _linear(Transform(name, (m,), (s,)), phi=0.0, intercept=0.0, sigma=1.0)
    x = torch.tensor([[5.0], [3.0]], dtype=torch.float64)
    h = torch.arange(1, 7, dtype=torch.float64)
    _moments_are(undo(model.forecast(x, horizon=6, paths=20_000)[..., 0]), m * h, s**2 * h)


def test_temperature_scales_deviations_from_the_centre() -> None:
    centre = torch.full((1, 2), 3.0)
    scale = torch.tensor([[1.0, 2.0]])
    for prediction in (Gaussian(centre, scale), StudentT(centre, scale, torch.tensor(5.0))):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            plain = prediction.sample()
            torch.manual_seed(0)
            torch.testing.assert_close(prediction.sample(0.25) - centre, 0.25 * (plain - centre))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("case", [symbol_model(GRU), series_model(GRU, TRANSFORMS["none"])])
def test_temperatures_that_cannot_work_are_refused(case: ConditionalModel, temperature: float) -> None:
    with pytest.raises(ArgumentError, match="temperature must be above 0"):
        case.sample(3, temperature=temperature)


def test_options_that_cannot_work_are_refused() -> None:
    model = symbol_model(GRU)
    series = series_model(GRU, TRANSFORMS["none"])
    for top_k in (0, SYMBOLS + 1):
        with pytest.raises(ArgumentError, match="top_k must be from 1 to 5"):
            model.sample(3, top_k=top_k)
    with pytest.raises(ArgumentError, match="real values"):
        series.sample(3, top_k=2)
    with pytest.raises(ArgumentError, match="at least 1, got 0"):
        model.sample(0)
    with pytest.raises(ArgumentError, match="paths must be at least 1"):
        series.forecast(values(1, 5)[0], 3, paths=0)
    with pytest.raises(ShapeError, match="one context of 2 dimensions"):
        series.forecast(values(1, 5), 3)


@pytest.mark.parametrize("end", [(2,), (1, 2)])
@pytest.mark.parametrize("name", ["gru", "conv"])
def test_after_its_end_a_document_is_followed_by_a_new_one(
    name: str, end: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = build_symbol_model(ModelConfig(name, hidden=6, window=4), 3, end).double()
    predictions: list[Prediction] = []
    step = model.step

    def recorded(carry: Carry, encode: Encode) -> tuple[Prediction, State]:
        prediction, state = step(carry, encode)
        predictions.append(prediction)
        return prediction, state

    monkeypatch.setattr(model, "step", recorded)
    drawn = model.sample(150, seed=3)
    documents: list[list[int]] = [[]]
    for symbol in drawn.tolist():
        documents[-1].append(symbol)
        if tuple(documents[-1][-len(end) :]) == end:
            documents.append([])
    assert len(documents) > 3
    while_drawing = torch.stack([p.log_prob(x[None])[0] for p, x in zip(predictions, drawn, strict=True)])
    alone = [model.log_prob(torch.tensor([document]))[0] for document in documents if document]
    close(while_drawing, torch.cat(alone))
