"""One pass that scores first and learns after: nothing of what comes later is known, and probabilities are exact."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from chainrule.models import ConditionalModel, MixtureModel, ModelConfig
from chainrule.training import Learner, Piece, adaptive_log_probs, hedged, log_probs
from chainrule.training.adaptation import dynamic_evaluation, learner, one_pass
from tests.models.cases import SYMBOL_CASES, SYMBOLS, Case, symbol_model, symbols
from tests.tolerances import RELATIVE

STEPS = 50
CLOSE = RELATIVE[torch.float64]


@dataclass(frozen=True)
class Adapting:
    """A model that goes on learning in a mode that it has, and how its pieces are scored."""

    case: Case
    mode: str

    def __call__(self, pieces: list[Piece]) -> NDArray[np.float64]:
        model = self.case.make()
        adapted = adaptive_log_probs(Learner(model, self.mode), pieces)
        return hedged(np.concatenate(log_probs(model, pieces)), adapted)


def _modes(model: ConditionalModel) -> list[str]:
    has_weights = next(model.parameters(), None) is not None
    has_counts = hasattr(model, "score_and_count")
    return ["weights"] * has_weights + ["counts"] * has_counts + ["both"] * (has_weights and has_counts)


# One of each family is enough: the laws of models are held for all of them elsewhere.
CASES = [name for name in SYMBOL_CASES if not name.endswith(("rnn1", "rnn2", "mlp2", "conv1", "gru1", "lstm1", "norm"))]
EVERY = {
    f"{name}-{mode}": Adapting(SYMBOL_CASES[name], mode) for name in CASES for mode in _modes(SYMBOL_CASES[name].make())
}
every_mode = pytest.mark.parametrize("adapting", [pytest.param(each, id=name) for name, each in EVERY.items()])


@pytest.fixture(autouse=True)
def strides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps so long that what was learned shows, and chunks so short that there are several."""
    monkeypatch.setattr(dynamic_evaluation, "_RATE", 0.05)
    monkeypatch.setattr(learner, "_STEPS_OF_WEIGHTS", 8)
    monkeypatch.setattr(learner, "_STEPS_OF_COUNTS", 12)


def x_of(steps: int, seed: int = 1) -> NDArray[np.int64]:
    x: NDArray[np.int64] = symbols(1, steps, seed)[0].numpy()
    return x


@pytest.mark.sampled(1)
@every_mode
def test_what_comes_later_changes_no_bit_of_a_score(adapting: Adapting) -> None:
    x = x_of(STEPS)
    whole = adapting([Piece(x[:30], 5), Piece(x[30:])])
    for known in (5, 15, 41):
        other = np.concatenate([x[:known], (x[known:] + 1) % SYMBOLS])
        scores = adapting([Piece(other[:30], 5), Piece(other[30:])])
        np.testing.assert_array_equal(scores[: known - 5], whole[: known - 5])
        assert scores[known - 5] != whole[known - 5]


@pytest.mark.sampled(1)
@every_mode
def test_probabilities_of_all_symbols_add_up_to_one_whatever_was_learned(adapting: Adapting) -> None:
    x = x_of(STEPS)
    for known in (0, 19):
        last = [adapting([Piece(np.append(x[:known], symbol))])[-1] for symbol in range(SYMBOLS)]
        assert np.exp(last).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.sampled(1)
@every_mode
def test_what_was_learned_is_kept_and_the_model_stays_as_it_was(adapting: Adapting) -> None:
    model = adapting.case.make().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    pattern = np.tile(x_of(7), 15)
    adapted = adaptive_log_probs(Learner(model, adapting.mode), [Piece(pattern), Piece(pattern)])
    assert adapted[-105:].mean() > np.concatenate(log_probs(model, [Piece(pattern)])).mean() + 0.01
    assert model.training
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", ["symbols-lstm with a learned start", "symbols-conv2", "symbols-ar1"])
@given(lengths=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), min_size=1, max_size=4))
@settings(max_examples=10, deadline=None)
def test_a_model_that_learns_nothing_scores_as_it_does_frozen(name: str, lengths: list[tuple[int, int]]) -> None:
    """Whatever the pieces, and what of them is only read."""
    model = SYMBOL_CASES[name].make()
    pieces = [Piece(x_of(n + context, n), context) for n, context in lengths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamic_evaluation, "_RATE", 0.0)
        adapted = adaptive_log_probs(Learner(model, "weights"), pieces)
    np.testing.assert_allclose(adapted, np.concatenate(log_probs(model, pieces)), rtol=CLOSE, atol=CLOSE)


def test_weights_learn_from_the_scored_steps_of_a_chunk_by_the_papers_rule() -> None:
    """By the definition, on pieces that a chunk joins."""
    model = SYMBOL_CASES["symbols-rnn1"].make()
    documents = [x_of(n, n) for n in (3, 9, 10)]
    pieces = [Piece(documents[0]), Piece(documents[1]), Piece(documents[2], 4)]
    adapted = adaptive_log_probs(Learner(model, "weights"), pieces)
    model = model.eval()
    weights = list(model.parameters())
    trained = [weight.detach().clone() for weight in weights]
    squares = [torch.zeros_like(weight) for weight in trained]
    expected: list[Tensor] = []

    def learn(log_prob: Tensor) -> None:
        expected.append(log_prob.detach())
        gradients = torch.autograd.grad(-log_prob.mean(), weights)
        count = len(expected)
        for weight, start, square, gradient in zip(weights, trained, squares, gradients, strict=True):
            is_table = weight is model.embedding.single.weight  # type: ignore[union-attr]
            rows = gradient.abs().sum(1) > 0 if is_table else slice(None)
            square += gradient**2
            rms = (square[rows] / count).sqrt()
            moved = weight.detach()[rows] - 0.05 * gradient[rows] / (rms + 0.1 * rms.mean())
            weight.data[rows] = moved + 1e-3 * (start[rows] - moved)

    first, second, third = (torch.from_numpy(document)[None] for document in documents)
    begun, carry = model(second[:, :5])
    learn(torch.cat([model(first)[0], begun], dim=1))
    learn(model(second[:, 5:], carry.detach())[0])
    learn(model(third[:, 4:], model.read(third[:, :4]))[0])
    np.testing.assert_allclose(adapted, torch.cat(expected, dim=1)[0].numpy(), rtol=CLOSE, atol=CLOSE)


def test_an_embedding_that_is_the_output_layer_too_learns_as_both() -> None:
    model = symbol_model(ModelConfig("gru", hidden=6, tied=True))
    learner = Learner(model, "weights")
    adaptive_log_probs(learner, [Piece(np.zeros(8, np.int64))])
    adapted, trained = (dict(each.named_parameters())["embedding.single.weight"] for each in (learner.model, model))
    moved = (adapted - trained).abs().sum(1)
    assert (moved > 0).all()  # as an embedding, only the one symbol that was read would


def test_counts_learn_from_every_symbol_before_the_next() -> None:
    """By the definition, one symbol at a time; what is only read is not counted."""
    model = SYMBOL_CASES["symbols-ngram2"].make()
    pieces = [Piece(x_of(20, 2), 6), Piece(x_of(15, 3))]
    adapted = adaptive_log_probs(Learner(model, "counts"), pieces)
    expected = []
    for piece in pieces:
        carry = model.read(torch.from_numpy(piece.x[None, : piece.context]))
        for symbol in piece.x[piece.context :]:
            x = torch.tensor([[symbol]])
            expected.append(model(x, carry)[0].item())
            carry = model.learn(x, carry)  # type: ignore[operator]
    np.testing.assert_array_equal(adapted, expected)


def test_the_share_that_is_done_grows_to_one() -> None:
    told: list[float] = []
    model = SYMBOL_CASES["symbols-gru1"].make()
    adaptive_log_probs(Learner(model, "weights"), [Piece(x_of(30), 10), Piece(x_of(9))], told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 4


_nats = st.lists(st.tuples(st.floats(-40, 0), st.floats(-40, 0)), min_size=1, max_size=60)


@given(_nats)
def test_a_hedge_is_never_much_worse_than_either(nats: list[tuple[float, float]]) -> None:
    frozen, adapted = np.array(nats).T
    mixed = hedged(frozen, adapted)
    for one in (frozen, adapted):
        lost = np.cumsum(one - mixed)
        assert (lost <= np.log(2) - np.log1p(-one_pass._SHARE) * np.arange(len(mixed)) + 1e-9).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_a_hedge_lies_between_the_two_and_is_a_distribution(seed: int, steps: int) -> None:
    random = np.random.default_rng(seed)
    x = random.integers(3, size=steps)
    draw: Callable[[], NDArray[np.float64]] = partial(random.dirichlet, np.full(3, 0.3), size=steps)
    p = draw()
    q = draw()
    rows = np.arange(steps)
    mixed = hedged(np.log(p[rows, x]), np.log(q[rows, x]))
    assert (mixed >= np.log(np.minimum(p, q)[rows, x]) - 1e-9).all()
    assert (mixed <= np.log(np.maximum(p, q)[rows, x]) + 1e-9).all()
    lasts = [
        hedged(*(np.log(np.append(each[rows[:-1], x[:-1]], each[-1, v])) for each in (p, q)))[-1] for v in range(3)
    ]
    assert np.exp(lasts).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("mode", learner.MODES)
def test_the_gate_of_a_mixture_learns_whatever_else_does(mode: str) -> None:
    model = SYMBOL_CASES["symbols-gru2 + ngram3"].make()
    assert isinstance(model, MixtureModel)
    before = model.gate.weights.clone()
    learning = Learner(model, mode)
    adaptive_log_probs(learning, [Piece(x_of(40))])
    assert isinstance(learning.model, MixtureModel)
    assert not torch.equal(learning.model.gate.weights, before)
    assert torch.equal(model.gate.weights, before)
