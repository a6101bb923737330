"""The n-gram model: what it counts is what the definition says, however it came to it, and comes back as it was."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.errors import ArgumentError, RunFormatError, ShapeError
from chainrule.models import NGramModel
from chainrule.models.ngram import model as ngram_model
from chainrule.models.ngram.reference import reference_probability
from chainrule.training import load_tensors, load_weights, save_tensors, weights_of
from tests.tolerances import close

V = 3
DISCOUNTS = [[0.5, 0.9, 1.4, 0.3], [0.7, 1.1, 1.7, 0.0], [0.9, 1.5, 2.5, 0.6], [0.2, 0.4, 0.1, 1.5]]
documents = st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=12), min_size=0, max_size=5)
orders = st.integers(1, 4)
few = settings(deadline=None, max_examples=30)


def counted(texts: list[list[int]], order: int, symbols: int = V) -> NGramModel:
    model = NGramModel(symbols, order)
    model.discounts = torch.tensor(DISCOUNTS[:order], dtype=torch.float64)
    model.learn_documents([(np.array(text), 0) for text in texts])
    return model


def same(one: NGramModel, other: NGramModel) -> None:
    """The same counts, to the bit."""
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@few
@given(documents, orders, st.lists(st.integers(0, V - 1), max_size=6))
def test_probabilities_are_those_of_the_definition(texts: list[list[int]], order: int, context: list[int]) -> None:
    model = counted(texts, order)
    carry = model.read(torch.tensor([context], dtype=torch.int64))
    p = model.distribution(carry)[0]
    expected = [
        reference_probability(texts, context, symbol, symbols=V, discounts=DISCOUNTS[:order]) for symbol in range(V)
    ]
    close(p, torch.tensor(expected, dtype=torch.float64))
    assert abs(float(p.sum()) - 1) < 1e-12
    scored = torch.stack([model(torch.tensor([[symbol]]), carry)[0][0, 0] for symbol in range(V)])
    close(scored.exp(), p)


@few
@given(documents, documents, orders)
def test_counting_on_gives_what_counting_at_once_gives(
    first: list[list[int]], then: list[list[int]], order: int
) -> None:
    model = counted(first, order)
    model.learn_documents([(np.array(text), 0) for text in then])
    same(model, counted(then + first, order))


@few
@given(st.lists(st.integers(0, V - 1), min_size=2, max_size=20), st.data())
def test_pieces_and_resets_count_as_the_whole_and_as_documents(text: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(text) - 1))
    x = torch.tensor([text])
    pieces = NGramModel(V, 3)
    pieces.learn(x[:, cut:], pieces.learn(x[:, :cut]))
    whole = NGramModel(V, 3)
    whole.learn(x)
    same(pieces, whole)
    read = NGramModel(V, 3)
    read.learn_documents([(np.array(text[:cut]), 0), (np.array(text), cut)])
    same(read, whole)
    resets = torch.zeros(1, len(text), dtype=torch.bool)
    resets[0, cut] = True
    reset = NGramModel(V, 3)
    reset.learn(x, resets=resets)
    apart = NGramModel(V, 3)
    apart.learn_documents([(np.array(text[:cut]), 0), (np.array(text[cut:]), 0)])
    same(reset, apart)


def _text(steps: int, symbols: int = V, seed: int = 0) -> Tensor:
    return torch.randint(symbols, (1, steps), generator=torch.Generator().manual_seed(seed))


def test_what_is_counted_while_scoring_is_scored_first() -> None:
    x = _text(50)
    model = counted([[0, 1, 2, 0, 1]], 3)
    one_by_one = copy.deepcopy(model)
    log_prob, _ = model.score_and_count(x)
    carry = None
    for t in range(x.shape[1]):
        step = x[:, t : t + 1]
        alone, _ = one_by_one(step, carry)
        carry = one_by_one.learn(step, carry)
        assert torch.equal(log_prob[:, t : t + 1], alone)
    same(model, one_by_one)


def test_what_is_known_of_contexts_is_told_by_their_length() -> None:
    model = counted([_text(100)[0].tolist()], 4)
    x = _text(6, seed=1)
    windows, _ = model.encoder(x)
    _, known = model.after(windows[0], 3)
    assert bool((known[4] > 0).all())  # all contexts of three are known by now
    assert bool((known[4, 1:, 0] <= known[4, :-1, 0]).all())  # a longer one was counted no more often
    assert bool((model.after(windows[0], 5)[1][4, 3:] == 0).all())  # none is as long


def test_a_copy_counts_by_itself() -> None:
    model = counted([[0, 1, 2]], 3)
    other = copy.deepcopy(model)
    other.learn(_text(20))
    same(model, counted([[0, 1, 2]], 3))
    assert other.ngrams > model.ngrams


def test_where_there_is_no_room_what_is_known_is_counted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_model, "MOST_NGRAMS", 10)
    model = NGramModel(50, 4)
    x = _text(500, 50)
    carry = model.learn(x)
    assert model.ngrams == 10
    assert model.left_out > 100
    assert abs(float(model.distribution(carry).sum()) - 1) < 1e-12
    before = model.distribution(carry)
    model.learn(x)
    assert not torch.equal(model.distribution(carry), before)


def test_any_alphabet_and_order_sums_to_one() -> None:
    for symbols, order in ((1, 1), (2, 32), (5000, 6)):
        model = NGramModel(symbols, order)
        for carry in (model.start(2), model.learn(_text(300, symbols)), model.read(_text(3, symbols, seed=1))):
            p = model.distribution(carry)
            assert (p > 0).all()
            torch.testing.assert_close(p.sum(1), torch.ones(len(p), dtype=torch.float64), rtol=0, atol=1e-12)


def test_neither_moved_nor_narrowed() -> None:
    model = counted([[0, 1, 2]], 3)
    before = model.log_prob(_text(5))
    assert torch.equal(model.half().log_prob(_text(5)), before)
    assert before.dtype == torch.float64


def test_counts_are_saved_and_come_back(tmp_path: Path) -> None:
    model = counted([_text(200)[0].tolist()], 4)
    save_tensors(tmp_path / "x", weights_of(model), {})
    other = NGramModel(V)  # of another order, before it is loaded
    load_weights(other, load_tensors(tmp_path / "x")[0])
    same(model, other)
    assert torch.equal(model.log_prob(_text(9)), other.log_prob(_text(9)))
    model.learn(_text(100, seed=1))
    other.learn(_text(100, seed=1))
    same(model, other)


BROKEN: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "a parent that comes later": lambda s: s["parents"][1:2].fill_(2**31 - 1),
    "a parent below zero": lambda s: s["parents"][:1].fill_(-1),
    "parents out of order": lambda s: s["parents"].copy_(s["parents"].flip(0)),
    "a symbol below zero": lambda s: s["ngrams"][:1].fill_(-1),
    "a symbol outside the alphabet": lambda s: s["ngrams"][-1:].fill_(V),
    "the same symbol twice": lambda s: s["ngrams"][:2].fill_(1),
    "a count of nothing": lambda s: s["counts"][:1].fill_(0),
    "counts too large together": lambda s: s["counts"][:2].fill_(2**31 - 1),
    "n-grams longer than the order": lambda s: s.update(discounts=s["discounts"][:2]),
    "no order": lambda s: s.update(discounts=s["discounts"][:0]),
    "more orders than there can be": lambda s: s.update(discounts=s["discounts"][:1].repeat(99, 1)),
    "a discount of more than the count": lambda s: s["discounts"][0, 0].fill_(1.5),
    "a discount below zero": lambda s: s["discounts"][0, 3].fill_(-0.1),
    "a discount that is no number": lambda s: s["discounts"][0, 0].fill_(torch.nan),
    "no discount at all": lambda s: s["discounts"].fill_(0),
    "fewer counts than n-grams": lambda s: s.update(counts=s["counts"][:-1]),
    "no counts": lambda s: s.pop("counts"),
    "counts of floats": lambda s: s.update(counts=s["counts"].float()),
    "a table": lambda s: s.update(counts=s["counts"][:, None]),
    "a number": lambda s: s.update(parents=s["parents"][0]),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_are_no_counts_is_refused(how: str) -> None:
    state = {name: tensor.clone() for name, tensor in weights_of(counted([_text(60)[0].tolist()], 3)).items()}
    BROKEN[how](state)
    with pytest.raises(RunFormatError, match=r"mixed up|not finite"):
        load_weights(NGramModel(V), state)


@few
@given(st.data())
def test_no_arrays_at_all_are_read_beyond(data: st.DataObject) -> None:
    state = {name: tensor.clone() for name, tensor in weights_of(counted([_text(60)[0].tolist()], 3)).items()}
    for _ in range(data.draw(st.integers(1, 3))):
        column = state[data.draw(st.sampled_from(["parents", "ngrams", "counts"]))]
        column[data.draw(st.integers(0, len(column) - 1))] = data.draw(st.integers(-(2**31), 2**31 - 1))
    model = NGramModel(V)
    try:
        load_weights(model, state)
    except RunFormatError:
        return
    assert abs(float(model.distribution(model.read(_text(3))).sum()) - 1) < 1e-12


def test_what_is_no_text_is_refused() -> None:
    model = NGramModel(V)
    for method in (model.learn, model.score_and_count, model.log_prob):
        with pytest.raises(ArgumentError, match="numbered from 0 to 2, got 3"):
            method(torch.tensor([[3]]))
        with pytest.raises(ShapeError, match="int64 symbols"):
            method(torch.zeros(1, 2))
    with pytest.raises(ArgumentError, match="`order` is 0"):
        NGramModel(V, 0)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_an_order_sees_one_symbol_fewer(order: int) -> None:
    model = NGramModel(symbols=3, order=order)
    assert model.encoder.receptive_field == order - 1
    model.restart(order + 1)
    assert model.encoder.receptive_field == order
