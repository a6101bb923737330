"""Mixtures: exact in either dtype, whatever parts they are computed in. What all models share is in test_laws."""

import copy
from pathlib import Path

import pytest
import torch

import chainrule
from chainrule.errors import ExportError
from chainrule.models import MixtureModel, ModelConfig, build_symbol_model
from chainrule.models.mixture import model as module
from chainrule.training import load_weights, weights_of
from tests.models.cases import SYMBOLS, symbols
from tests.tolerances import close


def mixture(name: str = "gru", dtype: torch.dtype = torch.float64, end: tuple[int, ...] = ()) -> MixtureModel:
    """A network, and counts of three documents."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_symbol_model(ModelConfig(name, hidden=6, window=3, mix="ngram"), SYMBOLS, end)
    assert isinstance(model, MixtureModel)
    model.ngram.restart(3)
    model.ngram.learn(symbols(3, 100, seed=3))
    return model.to(dtype)


def fitted(model: MixtureModel) -> MixtureModel:
    x = symbols(4, 50, seed=5)
    seen, _ = model.see(x)
    model.fit_gate(seen.flat(), x.flatten())
    return model


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("name", ["gru", "conv"])
def test_probabilities_sum_to_one(name: str, dtype: torch.dtype, most: float) -> None:
    model = fitted(mixture(name, dtype))
    x = symbols(1, 8)
    for t in range(8):
        nexts = torch.cat([x[:, :t].expand(SYMBOLS, t), torch.arange(SYMBOLS)[:, None]], dim=1)
        log_prob = model.log_prob(nexts).detach()
        assert log_prob.dtype == dtype
        assert abs(float(log_prob[:, t].double().exp().sum()) - 1) < most


def test_either_alone_is_what_it_is_by_itself() -> None:
    model = fitted(mixture())
    x = symbols(2, 9)
    log_probs, _ = model.apart(x)
    close(log_probs[..., 0], model.log_prob(x))
    close(log_probs[..., 1], model.network.log_prob(x))
    close(log_probs[..., 2], model.ngram.log_prob(x))


def test_parts_of_time_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(mixture())
    x = symbols(2, 9)
    whole = model.log_prob(x)
    monkeypatch.setattr(module, "_AT_ONCE", 2 * SYMBOLS)
    close(model.log_prob(x), whole)


def test_the_gate_is_fitted_on_some_of_many_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fitted(mixture()).gate.weights
    monkeypatch.setattr(module, "_FITTED_ON", 150 * 2 * SYMBOLS)
    some = fitted(mixture()).gate.weights
    assert not torch.equal(some, whole)
    assert float((some - whole).abs().max()) < 0.2


def test_the_fitted_mixture_is_no_worse_than_either_where_it_was_fitted() -> None:
    model = fitted(mixture())
    log_probs, _ = model.apart(symbols(4, 50, seed=5))
    mixed, network, ngram = log_probs.mean((0, 1)).tolist()
    assert mixed > max(network, ngram)


def test_gradients_reach_the_network_alone() -> None:
    model = mixture()
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {"network"}


def test_weights_that_are_loaded_predict_the_same_bits() -> None:
    model = fitted(mixture())
    other = mixture()
    other.ngram.restart(2)
    load_weights(other, {name: tensor.clone() for name, tensor in weights_of(model).items()})
    x = symbols(2, 9)
    assert other.ngram.order == 3
    assert torch.equal(other.log_prob(x), model.log_prob(x))


def test_after_an_end_both_start_afresh() -> None:
    model = fitted(mixture(end=(0,)))
    ended = model.start(1)
    for symbol in (3, 1, 0):
        _, state = model.step(ended)
        _, ended = model.observe(torch.tensor([symbol]), ended, state)
    cold, _ = model.step(model.start(1))
    after, _ = model.step(ended)
    every = torch.arange(SYMBOLS)
    for symbol in every:
        close(after.log_prob(symbol[None]), cold.log_prob(symbol[None]))


def test_counting_on_is_seen_at_once() -> None:
    model = fitted(mixture())
    x = symbols(1, 9)
    before, _ = model.apart(x)
    for _ in range(9):
        model.ngram.learn(x)
    after, _ = model.apart(x)
    assert torch.equal(after[..., 1], before[..., 1])
    assert float((after - before).detach()[..., 2].sum()) > 1


def test_symbols_that_are_learned_meanwhile_are_counted_after_they_were_predicted() -> None:
    """As by hand, one by one."""
    model = mixture()
    x = symbols(1, 9)
    seen, _ = model.see(x)
    by_hand = copy.deepcopy(model.ngram)
    p, known = model.ngram.after(seen.windows[0], 4, x[0])
    for t in range(9):
        p_t, known_t = by_hand.after(seen.windows[0, t : t + 1], 4)
        assert torch.equal(p[t], p_t[0])
        assert torch.equal(known[t], known_t[0])
        by_hand.learn(x[:, t : t + 1], by_hand.read(x[:, :t]))
    assert by_hand.ngrams == model.ngram.ngrams


def test_a_chunk_that_is_counted_is_scored_as_one_by_one() -> None:
    model = fitted(mixture())
    by_hand = fitted(mixture())
    x = symbols(1, 9)
    log_prob, last = model.score_and_count(x)
    carry = None
    for t in range(9):
        scored, carry = by_hand(x[:, t : t + 1], carry)
        close(scored[:, 0], log_prob[:, t])
        by_hand.ngram.learn(x[:, t : t + 1], by_hand.ngram.read(x[:, :t]))
    assert carry is not None
    assert torch.equal(carry.last, last.last)
    close(by_hand.log_prob(x), model.log_prob(x))


def test_neither_can_be_exported(tmp_path: Path) -> None:
    for model in (mixture(), mixture().ngram):
        with pytest.raises(ExportError, match=r'counts n-grams.*`model\.network`.*`mix="none"`'):
            chainrule.export.program(model, symbols(2, 9), path=tmp_path / "x.pt2")
