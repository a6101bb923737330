"""A sequence unrolled: both gradients that arrive at each state, and the table of all terms, of every layer."""

import json

import numpy as np
import pytest
import torch

from chainrule.errors import ArgumentError
from chainrule.lens import Unrolled
from chainrule.models import ModelConfig, build_symbol_model
from chainrule.training import TruncatedBPTT
from tests.lens.cases import LAYERS, H, T, close, inputs, layer_of, linear_rnn, look, weighing


@pytest.mark.parametrize("name", LAYERS)
def test_the_terms_add_up_to_the_gradient_and_its_parts(name: str) -> None:
    layer = layer_of(name)
    found = look(layer, inputs(rows=1), weighing)
    for direction in range(2 if layer.bidirectional else 1):
        unrolled = found.unrolled(direction=direction)
        close(unrolled.gradient, found.gradients[unrolled.weight])
        close(unrolled.terms.sum(0), found.step_gradients(unrolled.weight))
        close(unrolled.from_output + unrolled.from_next, found.steps(direction=direction).dh)
        assert unrolled.shares.sum() == pytest.approx(np.linalg.norm(unrolled.gradient))
        term = found.term(3, 5 if direction else 1, direction=direction)
        close(unrolled.terms[term.steps[0], term.steps[-1]], term.contributions[unrolled.weight])
        no_path = np.tril_indices(T, -1) if direction else np.triu_indices(T, 1)
        assert not unrolled.terms[no_path].any()


def scalar() -> Unrolled:
    """h_t = 0.5 h_{t-1} + x_t, and the loss is the sum of all h_t."""
    return look(linear_rnn(0.5), torch.tensor([[[1.0], [2.0], [4.0], [8.0]]])).unrolled(k1=2, k2=3)


def test_every_number_of_a_scalar_network_is_known() -> None:
    found = scalar()
    h = [1.0, 2.5, 5.25, 10.625]
    close(found.x[:, 0], np.array([1.0, 2.0, 4.0, 8.0]))
    close(found.h[:, 0], np.array(h))
    close(found.from_output[:, 0], np.ones(4))
    close(found.from_next[:, 0], np.array([0.875, 0.75, 0.5, 0.0]))
    terms = [[0.5 ** (t - i) * h[i - 1] if 0 < i <= t else 0 for i in range(4)] for t in range(4)]
    close(found.terms[:, :, 0, 0], np.array(terms))
    assert found.losses is not None
    close(found.losses, np.array(h))
    assert np.argwhere(found.struck_out).tolist() == [[2, 0], [3, 0]]
    assert "2 terms" in str(found).replace("\n", " ")
    assert "(0)" in str(found)


@pytest.mark.parametrize(("k1", "k2"), [(2, 2), (2, 3), (3, 4), (1, 7), (4, 4)])
def test_what_is_not_struck_out_is_what_truncated_training_computes(k1: int, k2: int) -> None:
    layer = layer_of("torch's gru")
    x = inputs(rows=1)
    found = look(layer, x).unrolled(k1=k1, k2=k2)
    place = None
    layer.zero_grad()
    for begin in range(0, T, k1):
        chunk = x[:, begin : begin + k1]
        _, place = TruncatedBPTT(k1, k2)(layer, lambda output, _: output.sum(), chunk, chunk, place)
    expected = layer.get_parameter(found.weight).grad
    assert expected is not None
    close(found.truncated, expected)


def test_outputs_and_losses_are_those_of_the_model_around_the_layer() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential()
    symbols = build_symbol_model(ModelConfig("gru", hidden=4), symbols=3)
    x = torch.tensor([[0, 2, 1, 1, 0], [1, 1, 2, 0, 2]])
    found = look(symbols, x)
    unrolled = found.unrolled(row=1)
    assert unrolled.o is not None
    log_p = torch.from_numpy(unrolled.o).log_softmax(1)[torch.arange(5), x[1]]
    assert found.losses is not None
    assert unrolled.losses is not None
    np.testing.assert_allclose(unrolled.losses, -log_p.numpy(), atol=1e-6)
    np.testing.assert_allclose(unrolled.losses, found.losses[1])
    assert look(layer_of("lstm"), inputs()).unrolled().o is None
    assert not list(model.parameters())


def test_losses_of_half_the_squared_error_are_told_step_by_step() -> None:
    layer = layer_of("torch's gru")
    x = inputs()
    y = torch.randn(len(x), T, H, dtype=torch.float64)
    found = look(layer, x, y)
    assert found.losses is not None
    with torch.no_grad():
        close(found.losses, (layer(x)[0] - y).square().sum(-1) / 2)
    assert look(layer, x, lambda result: result[0].square().mean()).losses is None


def test_it_is_shown_with_sums_and_what_is_struck_out() -> None:
    found = scalar()
    steps, arriving, terms = found.tables()
    assert [row[0] for row in steps.rows] == [0, 1, 2, 3]
    assert arriving.rows[1][1:] == ("1", "0.75", "1.75")
    *_, sums = terms.rows
    assert float(str(sums[-1])) == pytest.approx(float(found.truncated[0, 0]), rel=1e-3)
    assert set(found.to_frame().columns) == {"t", "x_0", "h_0", "from_output_0", "from_next_0", "loss"}
    assert len(json.dumps(found.to_dict(), allow_nan=False)) > 0
    assert len(found.plot().axes[0].lines) == 2


def test_what_cannot_be_unrolled_is_refused() -> None:
    found = look(layer_of("gru in both directions"), inputs())
    with pytest.raises(ArgumentError, match="the reverse direction is not truncated"):
        found.unrolled(direction=1, k1=2)
    with pytest.raises(ArgumentError, match="`k2` is 3 without `k1`"):
        found.unrolled(k2=3)
    with pytest.raises(ArgumentError, match="k2 is 2 and k1 is 3"):
        found.unrolled(k1=3, k2=2)
    with pytest.raises(ArgumentError, match="Give 64 steps or fewer"):
        look(linear_rnn(0.5), torch.ones(1, 70, 1)).unrolled()
