"""The horizon, and verdicts on networks whose gradients are known to vanish, last and explode."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from chainrule.errors import ArgumentError
from chainrule.lens import mapping
from chainrule.lens.arrays import Floats
from chainrule.lens.reach import Reach, by_lag, horizon, interval, of_lags, verdict
from tests.lens.cases import close, inputs, layer_of, linear_rnn, look

STEPS = 64


def of_radius(radius: float, steps: int = STEPS, window: int | None = None, loss: Any = None) -> Reach:
    """A linear network of 6 units with orthogonal recurrent weights times the radius, far from where relu cuts."""
    torch.manual_seed(0)
    # orthogonal, and without negative entries, so that nothing turns negative: a permutation
    W = radius * torch.eye(6, dtype=torch.float64)[torch.randperm(6)]
    return look(linear_rnn(W), torch.rand(3, steps, 6, dtype=torch.float64), loss, window=window).reach()


def test_orthogonal_weights_do_not_let_the_gradient_vanish() -> None:
    reach = of_radius(1.0)
    np.testing.assert_allclose(reach.curve / reach.curve[0], np.ones(STEPS), rtol=1e-12)
    assert (reach.horizon(), reach.horizon(0.5), reach.kind) == (None, None, "lasting")
    assert reach.verdict == (
        "lasting: 63 steps back 1 times the gradient's start is left: it does not vanish within your window of 64."
    )
    assert of_radius(1.0, window=16).verdict.endswith("a longer window than your 16 would learn from older steps.")
    assert "longer sequences would show" in of_radius(1.0, window=100).verdict


@pytest.mark.parametrize("radius", [0.9, 0.8, 0.5])
def test_a_spectral_radius_below_one_sets_the_horizon(radius: float) -> None:
    reach = of_radius(radius)
    expected = math.log(0.01) / math.log(radius)
    assert reach.horizon() == pytest.approx(expected, abs=1)
    assert reach.horizon(0.5) == pytest.approx(math.log(0.5) / math.log(radius), abs=1)
    assert reach.interval() == (reach.horizon(), reach.horizon())
    assert reach.kind == ("vanishing" if 4 * math.ceil(expected) < STEPS else "enough")
    assert f"steps older than {reach.horizon()} receive less than 1 %" in reach.verdict
    assert "too short to learn from all of them" in of_radius(radius, window=4).verdict


def test_a_spectral_radius_above_one_explodes() -> None:
    reach = of_radius(1.1)
    np.testing.assert_allclose(reach.curve / reach.curve[0], 1.1 ** np.arange(STEPS), rtol=1e-9)
    lag = math.ceil(math.log(10) / math.log(1.1))
    assert reach.kind == "exploding"
    assert f"from lag {lag} back the gradient is over 10 times its start, at lag 63 405.3 times" in reach.verdict
    assert reach.clip is not None
    assert f"clip at {reach.clip(lag):.4g}" in reach.verdict
    assert reach.clip(lag) < reach.clip(STEPS)


LOSSES: dict[str, Callable[[Any], Tensor]] = {
    "last state": lambda result: result[1].sum(),
    "outputs and a hundred times the last state": lambda result: result[0].sum() + 100 * result[1].sum(),
    "more from step to step": lambda result: (result[0] * torch.arange(128.0).view(-1, 1)).sum(),
    "less from step to step": lambda result: (result[0] * 0.9 ** torch.arange(128.0).view(-1, 1)).sum(),
    "mean square": lambda result: result[0].square().mean(),
    "two steps": lambda result: 1e-3 * result[0][:, 60].sum() + result[0][:, 100].sum(),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_verdict_is_on_the_way_back_whatever_the_steps_weigh_in_the_loss(loss: str) -> None:
    """Late targets alone reach far back: what they start with is what they are measured by."""
    lasts, fades, grows = (of_radius(radius, 128, loss=LOSSES[loss]) for radius in (1.0, 0.9, 1.1))
    np.testing.assert_allclose(lasts.curve[:101] / lasts.curve[0], np.ones(101), rtol=1e-9)
    assert lasts.kind == "lasting"
    assert (fades.horizon(), fades.horizon(0.5)) == (44, 7)
    assert grows.kind == "exploding"
    assert "from lag 25 back" in grows.verdict


def test_rotations_of_any_sign_last_in_a_tanh_network_near_zero() -> None:
    layer = torch.nn.RNN(6, 6, batch_first=True, bias=False).double()
    with torch.no_grad():
        torch.nn.init.orthogonal_(layer.get_parameter("weight_hh_l0"))
        layer.get_parameter("weight_ih_l0").mul_(1e-6)
    assert look(layer, torch.randn(2, 40, 6)).reach().kind == "lasting"


def test_a_dead_network_and_a_loss_of_nothing() -> None:
    layer = linear_rnn(0.9)
    with torch.no_grad():
        layer.get_parameter("weight_ih_l0").mul_(-1)
    found = look(layer, torch.rand(1, 9, 1) + 0.1)
    off_diagonal = ~np.eye(9, dtype=bool)
    assert (found.reach().norms[0][off_diagonal] == 0).all()  # exactly, since every relu is shut
    assert found.reach().horizon() == 1
    assert found.gates().use[0].dead == 1
    nothing = look(layer, torch.rand(1, 9, 1), lambda result: 0 * result[0].sum())
    assert nothing.reach().kind == "none"
    assert "no gradient enters the layer" in str(nothing)
    str(nothing.reach()), nothing.reach().plot(), nothing.reach().plot(what="lags"), nothing.to_html()


def test_gradients_too_small_to_square_are_not_zero() -> None:
    reach = look(linear_rnn(1e-60), torch.ones(1, 4, 1)).reach()
    np.testing.assert_allclose(reach.norms[0, 3], [1e-180, 1e-120, 1e-60, 1], rtol=1e-12)
    assert reach.table().rows[-1][1] == pytest.approx(1e-180)


def test_overflow_is_said() -> None:
    reach = look(linear_rnn(1e40, u=1e-300), torch.ones(1, 12, 1)).reach()
    assert np.isinf(reach.norms[0, 11, 0])
    assert "beyond all numbers" in reach.verdict
    assert json.loads(json.dumps(reach.to_dict(), allow_nan=False))["norms"][0][11][0] is None


def test_infinity_times_zero_is_overflow_and_no_gap_in_the_map() -> None:
    W = torch.diag(torch.tensor([1e40, 0.5], dtype=torch.float64))
    reach = look(linear_rnn(W, u=1e-300), torch.ones(1, 12, 2)).reach()
    assert np.isinf(reach.norms[0, 11, :4]).all()


def test_lags_line_up() -> None:
    norms = np.arange(12.0).reshape(1, 3, 4)
    np.testing.assert_array_equal(of_lags(norms, (0, 2, 3))[0, 1], [6, 5, 4, np.nan])
    np.testing.assert_array_equal(of_lags(norms, (0, 2, 3), ahead=True)[0, 1], [6, 7, np.nan, np.nan])
    lagged = np.array([[[2.0, 1.0], [0.0, 0.0]], [[4.0, np.nan], [6.0, 3.0]]])
    np.testing.assert_array_equal(by_lag(lagged), [4, 2])  # where nothing enters, nothing is counted


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([1.0, 0.5, 0.001], 2),
        ([1.0, 0.001, 0.5], None),
        ([1.0, 0.001, 0.5, 0.002, np.nan], 3),
        ([0.0, 0.0], None),
        ([1.0], None),
        ([2.0, 0.02, 0.019], 2),
    ],
)
def test_the_horizon_is_where_the_curve_stays_under(curve: list[float], expected: int | None) -> None:
    assert horizon(np.array(curve), 0.01) == expected


def test_an_interval_tells_how_sequences_differ() -> None:
    torch.manual_seed(0)
    layer = torch.nn.GRU(4, 16, batch_first=True)
    x = torch.randn(6, 60, 4) * torch.linspace(0.1, 6, 6)[:, None, None]
    reach = look(layer, x).reach()
    ends = reach.interval()
    assert ends is not None
    low, high = ends
    assert low is not None
    assert high is not None
    assert low <= (reach.horizon() or 0) <= high
    assert low < high
    assert f"(95 %: {low} to {high})" in reach.verdict
    assert look(layer, x[:1]).reach().interval() is None


@pytest.mark.parametrize(("rows", "spread"), [(2, 0.02), (8, 0.02), (8, 0.005), (16, 0.005)])
def test_intervals_hold_the_horizon_of_all_sequences(rows: int, spread: float) -> None:
    """Of sequences that fade each at a rate of its own, in most draws, though their horizons are far from normal."""
    draws = np.random.default_rng(1)

    def drawn(n: int) -> Floats:
        return np.clip(draws.normal(0.9, spread, n), 0.5, 0.97)[:, None, None] ** np.arange(400)

    of_all = horizon(by_lag(drawn(50_000)), 0.01)
    found = [interval(drawn(rows), 0.01) for _ in range(300)]
    held = [ends is not None and (ends[0] or 400) <= (of_all or 400) <= (ends[1] or 400) for ends in found]
    assert np.mean(held) > 0.8


def test_sequences_that_no_gradient_enters_are_none_of_the_intervals() -> None:
    alike = 0.5 ** np.arange(30.0)
    lagged = np.stack([alike, *([0 * alike] * 5), alike])[:, None]
    assert interval(lagged, 0.01) == (7, 7)
    assert interval(lagged[:6], 0.01) is None


def test_gradients_that_are_no_numbers_are_not_taken_for_none() -> None:
    lagged = np.full((2, 1, 5), np.inf)
    assert verdict(lagged, 5).startswith("broken: what enters the layer is not finite")


def test_a_sample_of_targets_are_rows_of_the_whole_map() -> None:
    found = look(layer_of("gru of two layers"), inputs(steps=20))
    whole = found.reach()
    some = found.reach(targets=[3, -1, 3])
    assert some.targets == (3, 19)
    close(some.norms, whole.norms[:, [3, 19]])
    assert "Mean over 2 of 20 steps t" in str(some)


def test_the_map_goes_in_groups_and_large_ones_are_sampled_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = layer_of("lstm projected"), inputs(steps=20)
    whole = look(layer, x).reach()
    monkeypatch.setattr(mapping, "_NUMBERS", 20 * 5 * 3)
    close(look(layer, x).reach().norms, whole.norms)
    products = sum(p.numel() for n, p in layer.named_parameters() if "weight_ih" in n or "weight_hh" in n)
    monkeypatch.setattr(mapping, "_WORK", 3 * 20 * products * 4)
    sampled = look(layer, x).reach()
    assert len(sampled.targets) == 4
    assert sampled.targets[-1] == 19
    close(sampled.norms, whole.norms[:, list(sampled.targets)])
    monkeypatch.setattr(mapping, "_KEPT", 3 * 20 * 1 * 2)
    small = look(layer, x)
    assert len(small.reach().targets) == 1 if layer.num_layers == 2 else 2
    with pytest.raises(ArgumentError, match=r"a map of 20 targets has .* numbers. Give 1 of them"):
        small.reach(targets=range(20))
    monkeypatch.setattr(mapping, "_KEPT", 10**6)
    monkeypatch.setattr(mapping, "_WORK", 2 * 20 * products)
    with pytest.raises(ArgumentError, match=r"a map of 3 rows of 20 steps .* Give 2 row"):
        look(layer, x).reach()
    monkeypatch.setattr(mapping, "_WORK", 7 * products)
    with pytest.raises(ArgumentError, match=r"Give 1 row\(s\), or 7 steps"):
        look(layer, x).reach()
