"""The entrants, by the names that the command takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.learning import library
from benchmarks.learning.budgets import Budget, Clock
from benchmarks.learning.entering import NotRun, Outcome
from benchmarks.learning.peers import transformer, twenty_lines
from benchmarks.learning.peers.n_gram import NGram
from benchmarks.learning.scoring import carried, fingerprint, slid
from benchmarks.learning.texts import Text
from chainrule import nn as chainrule_nn

__all__ = ["ENTRANTS", "OF_NINETY", "TWENTY_LINES", "Entrant"]

OF_NINETY = (20, 35, 50)  # seconds, of the 90 of a whole budget
TWENTY_LINES = "lstm"  # the entrant that the targets are set against
_ROWS = 16  # of the test part, where it is scored on the way


@dataclass(frozen=True)
class Entrant:
    """How it is called in tables, how it is run once, and which share of the budget it gets."""

    label: str
    enter: Callable[[Text, Budget, int], Outcome]
    share: float = 1.0

    def run(self, text: Text, budget: Budget, seed: int) -> Outcome:
        """Train it once, from scratch, and score it.

        Raises:
            NotRun: it is not installed.
        """
        torch.manual_seed(seed)
        return self.enter(text, budget.part(self.share), seed)


def _recurrent(text: Text, budget: Budget, seed: int, *, layers: Any, cell: str) -> Outcome:
    network = twenty_lines.Network(layers, cell, text.alphabet)
    symbols = torch.from_numpy(text.symbols)
    clock = Clock(budget, lambda: carried(network, symbols, text.scored, _ROWS))
    twenty_lines.train(network, torch.from_numpy(text.learned), clock)
    return _outcome(network, clock, carried(network, symbols, text.scored), text)


def _transformer(text: Text, budget: Budget, seed: int, *, batch: int) -> Outcome:
    if not transformer.is_installed():
        raise NotRun("x-transformers is not installed; the extra `bench` brings it")
    network = transformer.make(text.alphabet)
    symbols = torch.from_numpy(text.symbols)

    def evaluate() -> float:
        network.eval()
        nats = slid(network, symbols, text.scored, transformer.BLOCK)
        network.train()
        return nats

    clock = Clock(budget, evaluate)
    transformer.train(network, torch.from_numpy(text.learned), clock, batch)
    return _outcome(network, clock, evaluate(), text)


def _outcome(network: nn.Module, clock: Clock, nats: float, text: Text) -> Outcome:
    tensors: dict[str, Tensor] = network.state_dict()
    return Outcome(
        nats,
        clock.seconds,
        scored=text.scored,
        learned=fingerprint(tensors),
        parameters=sum(p.numel() for p in network.parameters()),
        curve=clock.curve,
        steps=clock.steps,
    )


def _counted(text: Text, budget: Budget, seed: int, *, order: int) -> Outcome:
    """Counted once, whatever the budget and the seed."""
    characters = "".join(map(chr, text.symbols.tolist()))
    model = NGram(order, text.alphabet)
    began = time.perf_counter()
    model.count(characters, 0, len(text.learned))
    model.settle()
    seconds = time.perf_counter() - began
    learned = model.fingerprint()
    frozen = model.nats(characters, text.scored, counting=False)
    adaptive = {"counts": model.nats(characters, text.scored, counting=True)}
    return Outcome(frozen, seconds, scored=text.scored, learned=learned, adaptive=adaptive)


def _library_ngram(text: Text, budget: Budget, seed: int) -> Outcome:
    return library.fit(text, None, None, adapts=True, model="ngram")


ENTRANTS: dict[str, Entrant] = {
    "lstm": Entrant("LSTM(256), torch's twenty lines", partial(_recurrent, layers=nn, cell="LSTM")),
    "gru": Entrant("GRU(256), torch's twenty lines", partial(_recurrent, layers=nn, cell="GRU")),
    "lstm-layers": Entrant("the same, chainrule.nn.LSTM", partial(_recurrent, layers=chainrule_nn, cell="LSTM")),
    "gru-layers": Entrant("the same, chainrule.nn.GRU", partial(_recurrent, layers=chainrule_nn, cell="GRU")),
    "transformer": Entrant("transformer, nanoGPT's recipe", partial(_transformer, batch=12)),
    "transformer-32": Entrant("the same, batches of 32", partial(_transformer, batch=32)),
    "6-gram": Entrant("6-gram, a few lines of Python", partial(_counted, order=6)),
    "chainrule-ngram": Entrant("chainrule's ngram", _library_ngram),
    "chainrule-network": Entrant(
        "chainrule's network alone", partial(library.fit, adapts=True, drawn=True, mix="none")
    ),
    "chainrule": Entrant("chainrule's defaults", partial(library.fit, adapts=True, drawn=True)),
    **{
        f"chainrule-{seconds}": Entrant(f"defaults, in {seconds}/90 of the time", library.fit, share=seconds / 90)
        for seconds in OF_NINETY
    },
}
