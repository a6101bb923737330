"""The trie in Python counts and tells what the compiled one does, whatever they are given."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chainrule.models.ngram import _counts, trie
from tests.tolerances import close

V = 3
ORDER = 4
DISCOUNTS = torch.tensor([[0.5, 0.9, 1.4, 0.3], [0.7, 1.1, 1.7, 0.0], [0.9, 1.5, 2.5, 0.6], [0.2, 0.4, 0.1, 1.5]])
DISCOUNTS = DISCOUNTS.double()
Counted = _counts.Trie | trie.Trie
Pair = tuple[Counted, Counted]

chunks = st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=12), min_size=1, max_size=4)
few = settings(deadline=None, max_examples=30)


def both(order: int = ORDER, limit: int = 1000) -> Pair:
    return _counts.Trie(order, V, limit), trie.Trie(order, V, limit)


def fresh(rows: int) -> Tensor:
    """Windows that begin a document."""
    return torch.full((rows, ORDER - 1), V)


def written(counted: Counted) -> list[Tensor]:
    columns = [torch.empty(len(counted), dtype=torch.int32) for _ in range(3)]
    counted.write(*columns)
    return columns


def check_same(pair: Pair) -> None:
    compiled, plain = pair
    assert (len(plain), plain.left_out) == (len(compiled), compiled.left_out)
    assert all(map(torch.equal, written(plain), written(compiled)))
    assert plain.counts_of_counts() == [list(row) for row in compiled.counts_of_counts()]


@few
@given(chunks, st.integers(1, ORDER), st.integers(5, 60), st.booleans(), st.data())
def test_they_count_and_tell_the_same(
    texts: list[list[int]], order: int, limit: int, counting: bool, data: st.DataObject
) -> None:
    pair = both(order, limit)
    found: list[list[Tensor]] = [[], []]
    starts = [data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text))) for text in texts]
    for counted, told in zip(pair, found, strict=True):
        window = fresh(1)
        for text, resets in zip(texts, starts, strict=True):
            x = torch.tensor([text])
            log_prob = torch.empty(x.shape, dtype=torch.float64)
            counted.predict(DISCOUNTS[:order], x, window, torch.tensor([resets]), log_prob, counting)
            counted.learn(x, window, None)
            statistics = torch.zeros(*x.shape, order, 5, dtype=torch.float64)
            counted.statistics(x, fresh(1), statistics)
            told += [log_prob, window.clone(), statistics]
    for plain, compiled in zip(found[1], found[0], strict=True):
        close(plain, compiled)
    check_same(pair)


@few
@given(chunks, st.booleans())
def test_distributions_are_the_same(texts: list[list[int]], counting: bool) -> None:
    pair = both()
    windows = torch.randint(V + 1, (9, ORDER - 1))
    following = torch.randint(V, (9,)) if counting else None
    found = []
    for counted in pair:
        for text in texts:
            counted.learn(torch.tensor([text]), fresh(1), None)
        p = torch.empty(len(windows), V, dtype=torch.float64)
        known = torch.empty(len(windows), 2, 3, dtype=torch.float64)
        counted.distributions(DISCOUNTS, windows, p, known, following)
        found.append((p, known))
    for plain, compiled in zip(found[1], found[0], strict=True):
        close(plain, compiled)
    check_same(pair)


@few
@given(st.lists(st.tuples(st.integers(-1, 6), st.integers(-1, V), st.integers(-1, 3)), max_size=6), st.booleans())
def test_they_read_and_refuse_the_same(rows: list[tuple[int, int, int]], is_sorted: bool) -> None:
    given_rows = sorted(rows) if is_sorted else rows
    columns = torch.tensor(given_rows, dtype=torch.int32).reshape(-1, 3).T.contiguous().unbind()
    refused = []
    pair = both(order=2)
    for counted in pair:
        try:
            counted.read(*columns)
            refused.append("")
        except ValueError as error:
            refused.append(str(error))
    assert refused[0] == refused[1]
    if not refused[0]:
        check_same(pair)


@pytest.mark.parametrize(("order", "symbols"), [(0, V), (33, V), (2, 0), (2, 2**31 - 1)])
def test_they_refuse_the_same_sizes(order: int, symbols: int) -> None:
    messages = []
    for kind in (_counts.Trie, trie.Trie):
        with pytest.raises(ValueError, match="out of range") as refusal:
            kind(order, symbols, 10)
        messages.append(str(refusal.value))
    assert messages[0] == messages[1]
    assert trie.MOST_ORDER == _counts.MOST_ORDER


def test_a_copy_counts_on_alone() -> None:
    _, counted = both()
    counted.learn(torch.tensor([[0, 1, 0]]), fresh(1), None)
    copied = copy.deepcopy(counted)
    copied.learn(torch.tensor([[2, 2]]), fresh(1), None)
    assert len(copied) > len(counted)
    assert int(written(counted)[1].max()) == 1
