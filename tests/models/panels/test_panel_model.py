"""The laws of models of panels: chunked = whole, reset = split, no look ahead, the size of a series does not matter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from chainrule.data import Panel
from chainrule.models import ModelConfig, PanelModel, PanelTensors, build_panel_model
from chainrule.models.panels import HEADS, QUANTILE_LEVELS
from chainrule.training import panel_losses, panel_quantiles
from tests.models.panels.cases import HORIZON, MODELS, alone, dated_panel, inputs_of, model_of, origins_of, tensors_of
from tests.tolerances import close

LEVELS = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
PANEL = dated_panel()
INPUTS = inputs_of(PANEL)
ROWS = tensors_of(PANEL, INPUTS)


@pytest.mark.parametrize("name", MODELS)
def test_chunks_and_resets(name: str) -> None:
    """Series end to end in one row, in chunks of any length, as each by itself."""
    model = model_of(name, INPUTS)
    apart = [
        model.encode(ROWS, torch.arange(first, last)[None])[0][0]
        for first, last in zip(PANEL.starts[:-1], PANEL.starts[1:], strict=True)
    ]
    at = torch.arange(len(PANEL.values))[None]
    resets = torch.isin(at, torch.from_numpy(PANEL.starts[:-1]))
    carry = None
    parts = []
    for begin in range(0, at.shape[1], 13):
        part = slice(begin, begin + 13)
        features, carry = model.encode(ROWS, at[:, part], carry, resets=resets[:, part])
        parts.append(features[0])
    close(torch.cat(parts), torch.cat(apart))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", MODELS)
def test_no_forecast_sees_a_step_after_its_own(name: str, head: str) -> None:
    """Of the target and past covariates; what is known ahead is seen as far as the horizon and no further."""
    model = model_of(name, INPUTS, head)
    cut = int(PANEL.starts[1]) + 20
    at = np.array([cut - 1])
    before = panel_quantiles(model, ROWS, at, LEVELS)
    values = PANEL.values.copy()
    values[cut:] = 1.0
    past = PANEL.past.copy()
    past[cut:] = 5.0
    known = PANEL.known.copy()
    known[cut + HORIZON :] = 0.0
    changed = replace(PANEL, values=values, past=past, known=known)
    assert np.array_equal(panel_quantiles(model, tensors_of(changed, INPUTS), at, LEVELS), before)
    known[cut] += 1.0 - known[cut, 1]
    ahead = replace(PANEL, known=np.nan_to_num(known))
    if head != "negative-binomial":  # whose quantiles are whole numbers, and may stay the same
        assert not np.array_equal(panel_quantiles(model, tensors_of(ahead, INPUTS), at, LEVELS), before)


@pytest.mark.parametrize("name", MODELS)
def test_every_origin_as_from_a_cold_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass of carried state, in chunks, is what each series cut at each origin would give."""
    monkeypatch.setattr("chainrule.training.evaluation.panels._CHUNK", 7)
    model = model_of(name, INPUTS)
    at = origins_of(PANEL)
    found = panel_quantiles(model, ROWS, at, LEVELS)
    for row, quantiles in zip(at, found, strict=True):
        first = int(PANEL.starts[:-1][PANEL.starts[:-1] <= row].max())
        features, _ = model.encode(ROWS, torch.arange(first, row + 1)[None])
        close(
            torch.from_numpy(quantiles),
            model.quantiles(ROWS, torch.tensor([row]), features[0, -1:], LEVELS)[0].detach(),
        )


@pytest.mark.parametrize("head", ["quantile", "student", "gaussian"])
def test_the_size_of_a_series_does_not_matter(head: str) -> None:
    """Quantiles of 1000 y are 1000 times those of y, but for rounding; losses differ by the Jacobian alone."""
    panel = alone(dated_panel())
    larger = replace(panel, values=1000 * panel.values)
    inputs = inputs_of(panel)
    model = model_of("gru", inputs, head)
    at = origins_of(panel)
    once = panel_quantiles(model, tensors_of(panel, inputs), at, LEVELS)
    scaled = panel_quantiles(model, tensors_of(larger, replace(inputs, unit=1000 * inputs.unit)), at, LEVELS)
    np.testing.assert_allclose(scaled, 1000 * once, rtol=1e-9)
    first = torch.from_numpy(panel.starts[:-1] + 2)
    ends = torch.from_numpy(panel.ends)
    _, losses = panel_losses(model, tensors_of(panel, inputs), first, ends)
    _, of_larger = panel_losses(model, tensors_of(larger, replace(inputs, unit=1000 * inputs.unit)), first, ends)
    jacobian = np.log(1000) if HEADS[head].in_nats else 0.0
    assert float(of_larger.mean()) == pytest.approx(float(losses.mean()) + jacobian)


@pytest.mark.parametrize("head", HEADS)
def test_gradients(head: str) -> None:
    model = model_of("gru", INPUTS, head)
    at = torch.arange(int(PANEL.starts[1]), int(PANEL.starts[1]) + 12)[None]
    until = torch.full((12,), int(PANEL.starts[2]))
    weight = next(p for name, p in model.named_parameters() if name.endswith("weight_hh_l0"))

    def loss(w: Tensor) -> Tensor:
        with torch.no_grad():
            weight.copy_(w)
        features, _ = model.encode(ROWS, at)
        return model.losses(ROWS, at[0], features[0], until)[0].sum()

    start = weight.detach().clone()
    (gradient,) = torch.autograd.grad(loss(start), weight)
    step = torch.randn_like(start)
    eps = 1e-6
    slope = (loss(start + eps * step) - loss(start - eps * step)) / (2 * eps)
    assert float((gradient * step).sum()) == pytest.approx(slope.item(), rel=1e-5)


def test_without_a_path_the_output_is_linear_in_the_state() -> None:
    """O = H W + b exactly, where nothing is known ahead."""
    panel = alone(PANEL)
    inputs = inputs_of(panel)
    model = model_of("rnn", inputs, "gaussian", skip=0)
    rows = tensors_of(panel, inputs)
    at = torch.arange(10)
    features, _ = model.encode(rows, at[None])
    close(model.numbers(rows, at, features[0]).flatten(1), features[0] @ model.outputs.weight.T + model.outputs.bias)


def begun(panel: Panel, head: str) -> tuple[PanelModel, PanelTensors]:
    """A model that has begun, and not trained."""
    inputs = inputs_of(panel)
    config = ModelConfig("gru", hidden=6, window=8, head=head, horizon=HORIZON, skip=3)  # type: ignore[arg-type]
    model = build_panel_model(config, inputs).double().eval()
    rows = tensors_of(panel, inputs)
    model.begin(rows, torch.from_numpy(panel.ends))
    return model, rows


@pytest.mark.sampled(0)
@pytest.mark.parametrize("head", ["quantile", "student", "gaussian"])
def test_of_random_walks_a_model_begins_at_the_naive_forecast_with_intervals_that_hold(head: str) -> None:
    lengths = (4000, 3000)
    steps = np.random.default_rng(0).normal(size=sum(lengths)) * np.repeat([1.0, 50.0], lengths)
    panel = Panel(np.cumsum(steps), np.array([0, 4000, 7000]), ("a", "b"))
    model, rows = begun(panel, head)
    at = np.concatenate([np.arange(60, 3990, 9), np.arange(4060, 6990, 9)])
    found = panel_quantiles(model, rows, at, LEVELS)
    scale = np.where(at < 4000, 1.0, 50.0)[:, None]
    assert np.abs((found[..., 1] - panel.values[at, None]) / scale).max() < 0.01  # a step's mean size is 0.8
    ahead = panel.values[at[:, None] + np.arange(1, HORIZON + 1)]
    inside = (found[..., 0] <= ahead) & (ahead <= found[..., 2])
    assert ((inside.mean(axis=0) > 0.72) & (inside.mean(axis=0) < 0.88)).all()


@pytest.mark.parametrize("head", ["quantile", "student", "gaussian"])  # counts have a median below their mean
def test_of_what_repeats_a_model_begins_at_the_seasonal_naive_forecast(head: str) -> None:
    panel = alone(dated_panel((140,), missing=0.0))
    panel = replace(panel, values=np.tile([0.0, 10.0, 20.0, 30.0, 20.0, 10.0, 5.0], 20))
    model, rows = begun(panel, head)
    found = panel_quantiles(model, rows, np.array([97]), LEVELS)[0, :, 1]
    np.testing.assert_allclose(found, panel.values[98 : 98 + HORIZON], atol=1.0)


@pytest.mark.parametrize("head", HEADS)
def test_of_a_few_errors_a_model_begins_without_their_spread(head: str) -> None:
    model, _ = begun(alone(dated_panel((30,))), head)
    assert not model.outputs.bias.any()


@pytest.mark.parametrize("head", HEADS)
def test_of_series_that_jump_or_are_missing_a_model_begins_with_numbers(head: str) -> None:
    """Jumps of many times what there was before, nothing but zeros, and nothing known ahead of any row."""
    panel = alone(dated_panel((200, 200)))
    jump = np.zeros(400)
    jump[150:] = 1e9
    gap = np.full(400, np.nan)
    gap[[0, 199, 200, 399]] = 5.0
    for values in (jump, np.zeros(400), gap):
        model, _ = begun(replace(panel, values=values), head)
        assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_quantiles_between_those_learned_lie_on_lines() -> None:
    model = model_of("gru", INPUTS)
    levels = torch.tensor([*QUANTILE_LEVELS, 0.45], dtype=torch.float64).sort().values
    found = panel_quantiles(model, ROWS, origins_of(PANEL), levels)
    assert (np.diff(found, axis=-1) >= 0).all()
    half = found[..., levels.tolist().index(0.45)]
    ends = found[..., [levels.tolist().index(0.4), levels.tolist().index(0.5)]]
    np.testing.assert_allclose(half, ends.mean(-1))
