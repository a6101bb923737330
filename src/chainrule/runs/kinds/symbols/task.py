"""Fitting models of symbols: text and quantised sound."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.data import Symbols
from chainrule.data.blockwise import blocks
from chainrule.errors import TooShortError
from chainrule.models import AlphabetModel, MixtureModel, NGramModel, fit_ngram
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.cut import split_in_time
from chainrule.runs.kinds.symbols.blocks import spread
from chainrule.runs.kinds.task import Task
from chainrule.runs.kinds.training_streams import check_shuffle, stream_feed
from chainrule.runs.scoring.baselines import Bigram, Unigram
from chainrule.runs.scoring.scores import Score
from chainrule.training import (
    ALONE,
    Feed,
    Group,
    JoinedFeed,
    Piece,
    StreamFeed,
    Validation,
    fit_gate,
    log_probs,
    log_probs_apart,
    split_documents,
)

__all__ = ["CONTEXT", "SymbolTask", "known_symbols", "score_pieces"]

CONTEXT = 1024  # symbols before a cut that the test part reads and does not score
_CONTEXT_OF_BLOCK = 256  # the same of a block that validates, often, and is compared with itself alone


class SymbolTask(Task):
    """One source of symbols: its last tenth tests, blocks spread over what is before it validate, the rest trains."""

    def __init__(self, data: Symbols, config: RunConfig, group: Group = ALONE) -> None:
        window = config.model.window
        unit = config.data.unit
        _, valid, test = split_in_time(data.length, window, data.name, unit)
        self._documents = data.documents
        begin_test = data.length - test
        starts = [0, *accumulate(map(len, data.documents[:-1]))]
        blocks = spread([start for start in starts if start <= begin_test], begin_test, valid)
        self._bounds = [*chain.from_iterable(blocks), begin_test]
        valid = sum(end - begin for begin, end in blocks)
        self.parts = begin_test - valid, valid, test
        self.held_out = f"in {counted(len(blocks), 'block')} spread among them"
        self.name = data.name
        self.unit = unit
        self.symbols = len(data.alphabet)
        train, held_out, _ = self._parts(0)
        self._train = [piece.x for piece in train]
        self._held_out = [piece.x for piece in held_out]
        self.config = config
        self._group = group
        self._counted: NGramModel | None = None
        check_shuffle(sum(start < begin_test for start in starts), config)
        self.feed: StreamFeed = stream_feed(self._train, config.training.batch, config, group)

    def feed_everything(self) -> Feed:
        """Of all but the test part."""
        rows = min(self.config.training.batch, self.parts[1] // (2 * self._group.size))
        if not rows:  # too little for streams of its own
            everything = [*self._train, *self._held_out]
            return stream_feed(everything, self.config.training.batch, self.config, self._group)
        return JoinedFeed(self.feed, stream_feed(self._held_out, rows, self.config, self._group))

    def solve(self, model: AlphabetModel, *, everything: bool = False) -> bool:
        """Count the n-grams of the training part, with the order and discounts that the validation part chooses."""
        counts = _counts_of(model)
        if counts is None:
            return False
        train, valid, _ = self._parts(_context(counts))
        fit_ngram(counts, train, valid, self.config.model.order)
        self._counted = counts
        return counts is model

    def trained(self, model: AlphabetModel) -> AlphabetModel:
        return model.network if isinstance(model, MixtureModel) else model

    def take_everything(self, model: AlphabetModel) -> None:
        """Count the validation part too."""
        counts = _counts_of(model)
        if counts is not None:
            counts.learn_documents(self._parts(_context(counts))[1])

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
    def use_of_parts(self) -> str:
        chosen = "the discounts" if self.config.model.order else "order and discounts"
        then = " and then are too" if self.config.refit else ""
        return f"{{0}} are counted, {{1}} {self.held_out} choose {chosen}{then}, {{2}} are scored."

    def validate(self, model: AlphabetModel) -> float | Validation:
        """Mean nats per symbol of the validation part; of a mixture once its gate is fitted to it."""
        valid = self._parts(_context(model, _CONTEXT_OF_BLOCK))[1]
        if not isinstance(model, MixtureModel):
            return -float(np.concatenate(log_probs(model, valid)).mean())
        mixed, alone, _ = (-fit_gate(model, valid).mean(0)).tolist()
        return Validation(mixed, alone=alone)

    def score(self, model: AlphabetModel) -> Score:
        """The score of the test part, which no choice depended on, and of the baselines."""
        test = self.test(model)
        learned = [*self._train, *self._held_out] if self.config.refit else self._train
        seen = np.zeros(self.symbols, np.bool_)
        for block in blocks(learned):
            seen[block] = True
        scored = blocks(piece.x[piece.context :] for piece in test)
        unseen = sum(int((~seen[block]).sum()) for block in scored)
        score = score_pieces(model, test, self.of, self.config)
        for baseline in (Unigram.fit(learned, self.symbols), Bigram.fit(learned, self.symbols)):
            scores = [baseline.log_prob(piece.x)[piece.context :] for piece in test]
            score.baselines[baseline.name] = np.concatenate(scores)
        return replace(score, unseen=unseen)

    @property
    def of(self) -> str:
        """The test part, in words."""
        return f"{self.name}, last tenth (test)"

    def test(self, model: AlphabetModel) -> list[Piece]:
        """The test part."""
        return self._parts(_context(model))[2]

    def test_documents(self) -> list[NDArray[np.int64]]:
        """The test part by itself."""
        return [piece.x for piece in self._parts(0)[2]]

    def _parts(self, context: int) -> tuple[list[Piece], list[Piece], list[Piece]]:
        """Training, validation and test, with so many steps to read before a cut."""
        *parts, test = split_documents(self._documents, self._bounds, context)
        return [*chain.from_iterable(parts[::2])], [*chain.from_iterable(parts[1::2])], test


def _context(model: AlphabetModel, least: int = CONTEXT) -> int:
    """What is read before a cut: by a window model all that it sees, by a latent one the least."""
    return max(least, model.encoder.receptive_field or 0)


def _counts_of(model: AlphabetModel) -> NGramModel | None:
    """What of the model counts."""
    if isinstance(model, MixtureModel):
        return model.ngram
    return model if isinstance(model, NGramModel) else None


def score_pieces(
    model: AlphabetModel, pieces: Sequence[Piece], of: str, config: RunConfig, symbols: Symbols | None = None
) -> Score:
    """The exact log-likelihood of the pieces, which are all of ``symbols`` if they are given."""
    names = [config.model.title]
    if isinstance(model, MixtureModel):
        names += [f"{config.model.name} alone", config.model.mix]
        found = log_probs_apart(model, pieces)
    else:
        found = (np.concatenate(log_probs(model, pieces)),)
    if symbols is not None:
        found = tuple(known_symbols(log_prob, symbols) for log_prob in found)
        if not len(found[0]):
            raise TooShortError(
                f"{symbols.name} has no character that the model knows, so that there is nothing to score."
            )
    predictors = dict(zip(names[1:], found[1:], strict=True))
    unknown = None if symbols is None else symbols.unknown
    return Score(of, config.data.unit, found[0], predictors=predictors, unknown=unknown, model=names[0])


def known_symbols(of_symbols: NDArray[Any], symbols: Symbols) -> NDArray[Any]:
    """What there is of each symbol, without those that stand for an unknown one."""
    return of_symbols if symbols.unscored is None else np.delete(of_symbols, symbols.unscored)
