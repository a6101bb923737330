"""Scores against a loop that predicts one character after the other."""

from typing import Any

import pytest
import torch
from benchmarks.learning.peers.twenty_lines import Network
from benchmarks.learning.scoring import carried, slid
from torch import Tensor, nn


@pytest.mark.parametrize("scored", [1, 37, 400])
def test_carried_is_one_step_after_the_other(scored: int) -> None:
    torch.manual_seed(0)
    network = Network(nn, "GRU", alphabet=7)
    symbols = torch.randint(7, (scored + 90,))
    network.eval()
    state: Any = None
    losses = []
    with torch.no_grad():
        for t in range(len(symbols) - 1):
            logits, state = network(symbols[t : t + 1, None].T, state)
            losses.append(-float(logits.log_softmax(-1)[0, 0, symbols[t + 1]]))
    expected = sum(losses[-scored:]) / scored
    assert carried(network, symbols, scored) == pytest.approx(expected, rel=1e-5)
    assert carried(network, symbols, scored, rows=4) == pytest.approx(expected, rel=0.05)
    assert network.training


@pytest.mark.parametrize("scored", [1, 16, 61])
def test_slid_shows_half_a_block_before_each(scored: int) -> None:
    torch.manual_seed(0)
    symbols = torch.randint(5, (scored + 50,))
    table = torch.randn(5, 5)

    def logits_of(x: Tensor) -> Tensor:
        """Depends on all that the window has shown so far, and where it began."""
        return table[x].cumsum(1)

    total = 0.0
    begin = len(symbols) - scored
    for t in range(begin, len(symbols)):
        shown = 9 + (t - begin) % 8  # of blocks of 16
        logits = logits_of(symbols[t - shown : t][None])[0, -1]
        total -= float(logits.log_softmax(-1)[symbols[t]])
    assert slid(logits_of, symbols, scored, block=16) == pytest.approx(total / scored, rel=1e-5)
