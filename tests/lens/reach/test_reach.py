"""The horizon, and verdicts on networks whose gradients are known to vanish, last and explode."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from chainrule.lens import Reach, Recorder, through_time
from tests.lens.cases import linear_rnn, look

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
        "lasting: 63 steps back the gradient norm is still 1 times its start: "
        "it does not vanish within your window of 64."
    )
    assert of_radius(1.0, window=16).verdict.endswith("a window longer than your 16 would learn from older steps.")
    assert "longer sequences would show" in of_radius(1.0, window=100).verdict


def test_the_curve_is_what_it_is_said_to_be() -> None:
    """At a lag the mean relative to that of the same targets at lag 0, and not the mean over all."""
    torch.manual_seed(0)
    y = torch.rand(2, 12, 5, dtype=torch.float64) * torch.arange(1, 13)[:, None]  # late steps start with more
    layer = torch.nn.RNN(3, 5, batch_first=True).double()
    reach = through_time(layer, torch.randn(2, 12, 3, dtype=torch.float64), y).reach()
    lags = [np.array([reach.norms[:, t, t - k] for t in range(k, 12)]) for k in range(12)]
    expected = [lags[k].mean() / lags[0][k:].mean() * lags[0].mean() for k in range(12)]
    np.testing.assert_allclose(reach.curve, expected)
    assert abs(lags[6].mean() / reach.curve[6] - 1) > 0.1
    note = "times mean(lag k) / mean(lag 0) of the steps t that reach so far"
    assert note in " ".join(str(reach).split())
    assert "mean over all 12 steps t of 2 sequences" in " ".join(str(reach).split())


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
    assert f"from lag {lag} on the gradient norm is over 10 times its start, and 405.3 times at lag 63" in reach.verdict
    assert reach.clip is not None
    assert f"clip at {reach.clip(lag):,.0f}" in reach.verdict
    assert reach.clip(lag) < reach.clip(STEPS)


LOSSES: dict[str, Callable[[Any], Tensor]] = {
    "last state": lambda result: result[1].sum(),
    "outputs and a hundred times the last state": lambda result: result[0].sum() + 100 * result[1].sum(),
    "more from step to step": lambda result: (result[0] * torch.arange(128.0).view(-1, 1)).sum(),
    "less from step to step": lambda result: (result[0] * 0.9 ** torch.arange(128.0).view(-1, 1)).sum(),
    "mean square": lambda result: result[0].square().mean(),
    "two steps": lambda result: 1e-3 * result[0][:, 60].sum() + result[0][:, 100].sum(),
}


@pytest.mark.sampled(0)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_verdict_is_on_the_way_back_whatever_the_steps_weigh_in_the_loss(loss: str) -> None:
    """Late targets alone reach far back: what they start with is what they are measured by."""
    lasts, fades, grows = (of_radius(radius, 128, loss=LOSSES[loss]) for radius in (1.0, 0.9, 1.1))
    np.testing.assert_allclose(lasts.curve[:101] / lasts.curve[0], np.ones(101), rtol=1e-9)
    assert lasts.kind == "lasting"
    assert (fades.horizon(), fades.horizon(0.5)) == (44, 7)
    assert grows.kind == "exploding"
    assert "from lag 25 on" in grows.verdict


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
    assert "infinite at lag" in reach.verdict
    assert json.loads(json.dumps(reach.to_dict(), allow_nan=False))["norms"][0][11][0] is None


def test_infinity_times_zero_is_overflow_and_no_gap_in_the_map() -> None:
    W = torch.diag(torch.tensor([1e40, 0.5], dtype=torch.float64))
    reach = look(linear_rnn(W, u=1e-300), torch.ones(1, 12, 2)).reach()
    assert np.isinf(reach.norms[0, 11, :4]).all()


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
    (shaded,) = reach.plot(what="lags").axes[0].patches
    assert (shaded.get_x(), shaded.get_width()) == (low, high - low)  # type: ignore[attr-defined]
    assert look(layer, x[:1]).reach().interval() is None


def forgetful(bias: float, H: int = 8) -> torch.nn.LSTM:
    """An LSTM with small weights that keeps c by its forget gate alone."""
    torch.manual_seed(0)
    layer = torch.nn.LSTM(3, H, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.mul_(0.05)
        layer.get_parameter("bias_ih_l0")[H : 2 * H] = bias
    return layer


def test_an_lstm_that_keeps_its_cell_lasts_though_h_forgets_at_once() -> None:
    x = torch.randn(4, 100, 3, dtype=torch.float64)
    found = look(forgetful(6.0), x, lambda result: result[0][:, -1].sum())
    reach = found.reach()
    dc = found.steps().dc
    assert dc is not None
    kept = np.linalg.norm(dc[0]) / np.linalg.norm(dc[-1])
    assert kept > 0.5
    assert (reach.kind, reach.judged, reach.horizon()) == ("lasting", "c", None)
    assert f"the gradient norm of c is still {reach.curve[99] / reach.curve[0]:.2g} times its start" in reach.verdict
    np.testing.assert_allclose(reach.curves["c"][99] / reach.curves["c"][0], kept, rtol=0.1)
    assert "That of h falls under 1 % beyond" in reach.verdict
    assert look(forgetful(-2.0), x).reach().kind == "vanishing"
    assert {"norm_h", "share_c"} <= set(reach.to_frame().columns)


def test_the_recorder_judges_as_the_lens_does() -> None:
    layer = forgetful(6.0)
    with Recorder(layer, every=1) as recorder:
        layer(torch.randn(4, 100, 3, dtype=torch.float64))[0].sum().backward()
    (record,) = recorder.records
    assert (record.part, record.horizon) == ("c", None)
    assert recorder.verdict.startswith("lasting")
    assert "|dL_t/dc|" in str(record)


def test_a_state_of_one_part_has_no_parts_to_judge() -> None:
    reach = of_radius(0.9)
    assert reach.judged is None
    assert list(reach.curves) == ["state"]
