"""Choosing order and discounts by what is held out."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from chainrule.models import NGramModel
from chainrule.models.ngram.fitting import chen_goodman, fit_ngram, log_prob
from tests.runs.cases import symbols


def markov(steps: int, order: int, seed: int = 0) -> NDArray[np.int64]:
    """Symbols of which each depends on the ``order`` before it."""
    random = np.random.default_rng(seed)
    table = np.random.default_rng(9).dirichlet([0.2] * 3, size=3**order)
    x = [0] * order
    for _ in range(steps):
        context = sum(symbol * 3**k for k, symbol in enumerate(x[-order:]))
        x.append(int(random.choice(3, p=table[context])))
    return np.array(x[order:])


@pytest.mark.parametrize("order", [1, 3])
def test_the_order_is_the_text_s_own(order: int) -> None:
    x = markov(4000, order)
    model = NGramModel(3)
    fit_ngram(model, [(x[:3500], 0)], [(x[3000:], 500)])
    assert order < model.order <= order + 2
    whole = NGramModel(3, model.order)
    whole.learn(torch.from_numpy(x[:3500])[None])
    assert torch.equal(model.state_dict()["counts"], whole.state_dict()["counts"])  # without what was held out


def test_chosen_discounts_predict_better_than_estimated_ones() -> None:
    data = symbols(3000)
    x = data.documents[0]
    fitted = NGramModel(len(data.alphabet))
    fit_ngram(fitted, [(x[:300], 0)], [(x[:800], 300)], order=5)
    counted = NGramModel(len(data.alphabet), 5)
    counted.learn_documents([(x[:300], 0)])
    scores = []
    for discounts in (fitted.discounts, chen_goodman(counted.trie)):
        counted.discounts = discounts
        scores.append(float(counted.log_prob(torch.from_numpy(x[:800].astype(np.int64))[None])[0, 300:].mean()))
    assert scores[0] > scores[1] + 0.01


def test_statistics_tell_the_same_as_the_counts() -> None:
    model = NGramModel(3, 4)
    model.learn(torch.from_numpy(markov(300, 2))[None])
    model.discounts = torch.tensor([[0.4, 0.8, 1.2, 0.3]] * 4, dtype=torch.float64)
    x = torch.from_numpy(markov(50, 2, seed=1))[None]
    torch.testing.assert_close(log_prob(model.statistics(x), model.discounts, 3), model.log_prob(x)[0])


def test_estimated_discounts_are_those_of_chen_and_goodman() -> None:
    model = NGramModel(4, 1)  # one symbol once, one twice, one three times, one four times
    model.learn(torch.tensor([[0, 1, 1, 2, 2, 2, 3, 3, 3, 3]]))
    Y = 1 / 3
    torch.testing.assert_close(
        chen_goodman(model.trie),
        torch.tensor([[1 - 2 * Y, 2 - 3 * Y, 3 - 4 * Y, 0.0]], dtype=torch.float64),
    )


def test_with_nothing_held_out_the_order_is_the_usual_one() -> None:
    model = NGramModel(3, 2)
    fit_ngram(model, [(markov(100, 1), 0)], [])
    assert model.order == NGramModel.usual_order
