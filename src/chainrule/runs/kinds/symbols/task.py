"""Fitting models of symbols: text and quantised sound."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data import Symbols
from chainrule.data.blockwise import blocks
from chainrule.errors import TooShortError
from chainrule.models import AlphabetModel, NGramModel, fit_ngram
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.cut import split_in_time
from chainrule.runs.kinds.task import Task
from chainrule.runs.kinds.training_streams import stream_feed
from chainrule.runs.scoring.baselines import Bigram, Unigram
from chainrule.runs.scoring.scores import Score
from chainrule.training import ALONE, Feed, Group, Piece, log_probs, split_documents

__all__ = ["CONTEXT", "SymbolTask", "known_symbols", "score_pieces"]

CONTEXT = 1024  # symbols before a cut that the next part reads and does not score


class SymbolTask(Task):
    """One source of symbols, cut in time order into training, validation and test."""

    def __init__(self, data: Symbols, config: RunConfig, group: Group = ALONE) -> None:
        window = config.model.window
        unit = config.data.unit
        self.parts = split_in_time(data.length, window, data.name, unit)
        train, valid, _ = self.parts
        self._documents = data.documents
        self._bounds = [train, train + valid]
        self.name = data.name
        self.unit = unit
        self.symbols = len(data.alphabet)
        self._model = config.model.name
        self._train = [piece.x for piece in split_documents(self._documents, self._bounds, 0)[0]]
        self.config = config
        self._group = group
        self._counted: NGramModel | None = None
        self.feed = stream_feed(self._train, config.training.batch, config, group)

    def feed_everything(self) -> Feed:
        return stream_feed(self._documents, self.config.training.batch, self.config, self._group)

    def solve(self, model: AlphabetModel, *, everything: bool = False) -> bool:
        """Count n-grams; the validation part, once it has chosen order and discounts, among them."""
        if not isinstance(model, NGramModel):
            return False
        train, valid, test = self._parts(model)
        fit_ngram(model, train, valid, self.config.model.order)
        if everything:
            model.learn_documents(test)
        self._counted = model
        return True

    @property
    def solution(self) -> str:
        model = self._counted
        assert model is not None
        why = "" if self.config.model.order else " (the best for the validation part)"
        lost = ""
        if model.left_out:
            lost = f", full: {counted(model.left_out, 'time')} a new one was left out"
        return f"{counted(model.ngrams, 'n-gram')} of up to {counted(model.order, self.unit)}{why}{lost}"

    @property
    def held_out(self) -> str:
        chosen = "the discounts" if self.config.model.order else "order and discounts"
        return f"{{0}} are counted, {{1}} choose {chosen} and then are too, {{2}} are scored."

    def validate(self, model: AlphabetModel) -> float:
        """Mean nats per symbol of the validation part."""
        return -float(np.concatenate(log_probs(model, self._parts(model)[1])).mean())

    def score(self, model: AlphabetModel) -> Score:
        """The score of the test part, which no choice depended on, and of the baselines."""
        test = self.test(model)
        seen = np.zeros(self.symbols, np.bool_)
        for block in blocks(self._train):
            seen[block] = True
        scored = blocks(piece.x[piece.context :] for piece in test)
        unseen = sum(int((~seen[block]).sum()) for block in scored)
        score = score_pieces(model, test, f"{self.name}, last tenth (test)", self.unit)
        score = replace(score, unseen=unseen, model=self._model)
        for baseline in (Unigram.fit(self._train, self.symbols), Bigram.fit(self._train, self.symbols)):
            scores = [baseline.log_prob(piece.x)[piece.context :] for piece in test]
            score.baselines[baseline.name] = np.concatenate(scores)
        return score

    def test(self, model: AlphabetModel) -> list[Piece]:
        """The test part."""
        return self._parts(model)[2]

    def test_documents(self) -> list[NDArray[np.int64]]:
        """The test part by itself."""
        return [piece.x for piece in split_documents(self._documents, self._bounds, 0)[2]]

    def _parts(self, model: AlphabetModel) -> list[list[Piece]]:
        """Training, validation and test; before a cut, a window model reads all that it sees, a latent one CONTEXT."""
        context = max(CONTEXT, model.encoder.receptive_field or 0)
        return split_documents(self._documents, self._bounds, context)


def score_pieces(
    model: AlphabetModel, pieces: Sequence[Piece], of: str, unit: str, symbols: Symbols | None = None
) -> Score:
    """The exact log-likelihood of the pieces, which are all of ``symbols`` if they are given."""
    log_prob = np.concatenate(log_probs(model, pieces))
    if symbols is None:
        return Score(of, unit, log_prob)
    log_prob = known_symbols(log_prob, symbols)
    if not len(log_prob):
        raise TooShortError(f"{symbols.name} has no character that the model knows, so that there is nothing to score.")
    return Score(of, unit, log_prob, unknown=symbols.unknown)


def known_symbols(log_prob: NDArray[np.float64], symbols: Symbols) -> NDArray[np.float64]:
    """Those of the symbols that stand for no unknown one."""
    return log_prob if symbols.unscored is None else np.delete(log_prob, symbols.unscored)
