"""The n-gram: probabilities, and counts by Kneser and Ney's definition."""

import math

from benchmarks.learning.peers.n_gram import NGram
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text("abc", min_size=1, max_size=40)


def counted(text: str, order: int) -> NGram:
    model = NGram(order, alphabet=3)
    model.count(text, 0, len(text))
    model.settle()
    return model


@given(TEXTS, TEXTS, st.integers(1, 5))
def test_probabilities_sum_to_one(text: str, history: str, order: int) -> None:
    model = counted(text, order)
    total = sum(model.probability(history + symbol, len(history)) for symbol in "abc")
    assert math.isclose(total, 1, rel_tol=1e-12)


@given(TEXTS, st.integers(1, 4))
def test_shorter_contexts_count_different_continuations(text: str, order: int) -> None:
    text = "~" * order + text  # so that every character has contexts of all lengths
    model = NGram(order, alphabet=4)
    model.count(text, order, len(text))
    for n in range(order - 1):
        longer = {(text[t - n - 1 : t], text[t]) for t in range(order, len(text))}
        expected: dict[str, dict[str, int]] = {}
        for context, symbol in longer:
            found = expected.setdefault(context[1:], {})
            found[symbol] = found.get(symbol, 0) + 1
        assert model.followers[n] == expected


def test_counting_on_learns_what_it_has_scored() -> None:
    text = "abcabcabcabc" + "cbacba" * 30
    model = counted(text[:12], 3)
    learned = model.fingerprint()
    frozen = model.nats(text, 180, counting=False)
    assert model.fingerprint() == learned
    assert model.nats(text, 180, counting=True) < frozen
