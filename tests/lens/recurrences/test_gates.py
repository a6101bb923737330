"""Saturation, dead relus and memory, where they are known."""

import math

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from chainrule import nn
from chainrule.display import SKY, VERMILLION
from tests.lens.cases import look


def biased(layer: torch.nn.RNNBase, gate: int, value: float) -> torch.nn.RNNBase:
    """The layer with all weights zero but the bias of one gate."""
    H = layer.hidden_size
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.get_parameter("bias_ih_l0")[gate * H : (gate + 1) * H] = value
    return layer


@pytest.mark.parametrize(("bias", "low", "high"), [(-5.0, 1.0, 0.0), (0.0, 0.0, 0.0), (5.0, 0.0, 1.0)])
def test_a_gate_with_a_large_bias_is_saturated_and_sets_the_memory(bias: float, low: float, high: float) -> None:
    before = nn.GRU(2, 3, reset_after=False)
    for layer, gate, name in ((torch.nn.GRU(2, 3), 1, "z"), (before, 1, "z"), (torch.nn.LSTM(2, 3), 1, "f")):
        found = look(biased(layer, gate, bias), torch.randn(6, 2, 2)).gates()
        use = {each.name: each for each in found.use}[name]
        value = 1 / (1 + math.exp(-bias))
        assert use.mean == pytest.approx(value, rel=1e-6)
        assert (use.low, use.high) == (low, high)
        assert use.dead == low
        assert found.memory is not None
        np.testing.assert_allclose(found.memory, np.full(3, -1 / math.log(value)), rtol=1e-6)


def test_a_gate_that_stays_open_remembers_for_ever_and_one_that_shuts_nothing() -> None:
    for bias, expected in ((800.0, math.inf), (-800.0, 0.0)):
        found = look(biased(torch.nn.LSTM(2, 3), 1, bias), torch.randn(6, 2, 2)).gates()
        assert found.memory is not None
        assert found.memory.tolist() == pytest.approx([expected] * 3, abs=2e-3)
        str(found)


def test_dead_relus_are_those_shut_at_every_step() -> None:
    layer = torch.nn.RNN(1, 3, nonlinearity="relu", bias=False)
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0").zero_()
        layer.get_parameter("weight_ih_l0").copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(4, 1, 1)
    (use,) = look(layer, x).gates().use
    assert use.dead == pytest.approx(2 / 3)
    x[3] = -1
    (use,) = look(layer, x).gates().use
    assert use.dead == pytest.approx(1 / 3)
    assert use.low == pytest.approx((1 + 3 + 4) / 12)
    assert look(layer, x).gates().memory is None


def test_steps_beyond_a_rows_length_do_not_count() -> None:
    layer = biased(torch.nn.GRU(2, 3, batch_first=True), 1, 1.0)
    x = torch.randn(2, 5, 2)
    x[1, 2:] = torch.nan
    found = look(layer, x, lengths=[5, 2]).gates()
    assert {use.name: use.mean for use in found.use}["z"] == pytest.approx(1 / (1 + math.exp(-1.0)))


@pytest.mark.parametrize("layer", [torch.nn.LSTM(2, 3), torch.nn.GRU(2, 3), torch.nn.RNN(2, 3, nonlinearity="relu")])
def test_the_histograms_hold_every_value_where_it_lies(layer: torch.nn.RNNBase) -> None:
    found = look(layer, torch.randn(6, 2, 2))
    gates = found.gates()
    values = {use.name: found.steps(row=0).gates.get(use.name, found.steps(row=0).h) for use in gates.use}
    for use in gates.use:
        edges = gates.edges[use.name]
        shares = gates.shares[use.name]
        assert shares.sum() == pytest.approx(1)
        middles = (edges[:-1] + edges[1:]) / 2
        assert shares @ middles == pytest.approx(use.mean, abs=edges[1] - edges[0])
        assert edges[0] <= values[use.name].min() <= values[use.name].max() <= edges[-1]


def test_the_figure_tells_saturated_values_from_others() -> None:
    layer = biased(torch.nn.LSTM(2, 3), 1, 5.0)
    axes = look(layer, torch.randn(6, 2, 2)).gates().plot().axes[0]
    tall = {patch.get_facecolor()[:3] for patch in axes.patches if abs(patch.get_height()) > 0}  # type: ignore[attr-defined]
    assert tall == {to_rgb(SKY), to_rgb(VERMILLION)}
    assert [text.get_text() for text in axes.texts] == ["", "100.0% high", "", ""]
