"""The gate: the minimum of a convex objective, found whatever there is to find it from."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.models.mixture import Gate
from chainrule.models.mixture.gate import _RIDGE, _RIDGE_OF_CONSTANTS
from tests.tolerances import close

V = 5


def drawn(n: int, features: int = 3, predictors: int = 2, seed: int = 0) -> tuple[list[Tensor], Tensor, Tensor]:
    """Predictors, features, and symbols drawn from the first predictor where the first feature is above zero."""
    generator = torch.Generator().manual_seed(seed)
    log_p = [
        torch.randn(n, V, dtype=torch.float64, generator=generator).mul(2).log_softmax(-1) for _ in range(predictors)
    ]
    known = torch.randn(n, features, dtype=torch.float64, generator=generator)
    trusted = torch.where(known[:, :1] > 0, log_p[0], log_p[-1])
    return log_p, known, torch.multinomial(trusted.exp(), 1, generator=generator)[:, 0]


def objective(gate: Gate, log_p: list[Tensor], known: Tensor, x: Tensor, weights: Tensor) -> Tensor:
    """By the definition: nats of the symbols, and the price of the weights."""
    f = ((known - known.mean(0)) / known.std(0, unbiased=False).clamp(min=1e-3)).clamp(-2, 2)
    nats = torch.zeros((), dtype=torch.float64)
    for n in range(len(x)):
        w = torch.cat([torch.ones(1, dtype=torch.float64), f[n]]) @ weights
        p = torch.stack([w[j] * each[n] for j, each in enumerate(log_p)]).sum(0).softmax(-1)
        nats = nats - p[x[n]].log()
    price = _RIDGE_OF_CONSTANTS * (weights[0] - 1 / len(log_p)).square().sum() + _RIDGE * weights[1:].square().sum()
    return nats + price / 2


@settings(deadline=None, max_examples=8)
@given(n=st.integers(1, 60), features=st.integers(1, 4), predictors=st.integers(1, 3))
def test_it_ends_where_the_objective_has_no_slope(n: int, features: int, predictors: int) -> None:
    log_p, known, x = drawn(n, features, predictors)
    gate = Gate(predictors, features)
    gate.fit(log_p, known, x)
    weights = gate.weights.clone().requires_grad_()
    loss = objective(gate, log_p, known, x, weights)
    (slope,) = torch.autograd.grad(loss, weights)
    assert float(slope.abs().max()) < 1e-2
    for seed in range(3):  # convex: nowhere near is lower
        other = weights.detach() + 0.05 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed))
        assert float(objective(gate, log_p, known, x, other)) >= float(loss.detach()) - 1e-9


def test_logits_are_the_definition() -> None:
    log_p, known, x = drawn(300)
    gate = Gate(2, 3)
    gate.fit(log_p, known, x)
    own = torch.log_softmax(gate(log_p, known), -1).gather(1, x[:, None]).sum()
    price = objective(gate, log_p, known, x, gate.weights) + own
    expected = (
        _RIDGE_OF_CONSTANTS * (gate.weights[0] - 0.5).square().sum() + _RIDGE * gate.weights[1:].square().sum()
    ) / 2
    close(price, expected)


def test_it_trusts_each_where_it_is_right() -> None:
    log_p, known, x = drawn(20_000)
    gate = Gate(2, 3)
    gate.fit(log_p, known, x)
    other = drawn(5_000, seed=1)
    mixed = torch.log_softmax(gate(other[0], other[1]), -1).gather(1, other[2][:, None]).mean()
    alone = [each.gather(1, other[2][:, None]).mean() for each in other[0]]
    assert mixed > max(alone) + 0.3
    assert gate.weights[1, 0] > 0.2 > -0.2 > gate.weights[1, 1]


def test_a_few_symbols_hardly_move_what_depends_on_features() -> None:
    log_p, known, x = drawn(20)
    gate = Gate(2, 3)
    gate.fit(log_p, known, x)
    assert float(gate.weights[1:].abs().max()) < 0.15
    assert bool((gate.weights[0] > 0).all())


def test_features_that_never_vary_and_one_symbol_are_enough() -> None:
    gate = Gate(2, 3)
    log_p, known, x = drawn(1)
    gate.fit(log_p, torch.ones_like(known), x)
    assert bool(gate.weights.isfinite().all())
    assert torch.equal(gate.weights[1:], torch.zeros(3, 2, dtype=torch.float64))


def test_what_no_predictor_thought_possible_is_survived() -> None:
    log_p, known, x = drawn(50)
    log_p = [each.clone() for each in log_p]
    for each in log_p:
        each[torch.arange(50), x] = -20.0
    gate = Gate(2, 3)
    gate.fit(log_p, known, x)
    assert bool(gate.weights.isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_fit_gives_the_same_bits(dtype: torch.dtype) -> None:
    log_p, known, x = drawn(500)
    log_p = [each.to(dtype) for each in log_p]
    first = Gate(2, 3)
    second = Gate(2, 3)
    second.weights += 1.0  # what it was before has no effect
    for gate in (first, second):
        gate.fit(log_p, known, x)
    assert torch.equal(first.weights, second.weights)
