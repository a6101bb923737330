"""Fitting and using models of symbols: text and quantised sound."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import whole
from chainrule.data import Alphabet, Symbols
from chainrule.lens import ThroughTime, ThroughWindow
from chainrule.models import SymbolModel
from chainrule.runs.baselines import Bigram, Unigram
from chainrule.runs.config import RunConfig
from chainrule.runs.dataset import DataConfig, digest_of
from chainrule.runs.feeding import stream_feed
from chainrule.runs.looking import look_at
from chainrule.runs.results import Score
from chainrule.runs.run import Run, Source
from chainrule.runs.splits import split_in_time
from chainrule.runs.task import Task
from chainrule.training import ALONE, Group, Piece, log_probs, split_documents

__all__ = ["SymbolRun", "SymbolTask"]

CONTEXT = 1024  # symbols before a cut that the next part reads and does not score
_UNITS = {"characters": "character", "bytes": "byte", "mu-law": "sample"}


class SymbolTask(Task):
    """One source of symbols, cut in time order into training, validation and test."""

    def __init__(self, data: Symbols, config: RunConfig, group: Group = ALONE) -> None:
        window, unit = config.model.window, config.data.unit
        train, valid, _ = split_in_time(data.length, window, data.name, unit)
        self._documents, self._bounds = data.documents, [train, train + valid]
        self.name, self.unit, self.symbols = data.name, unit, len(data.alphabet)
        self._train = [piece.x for piece in split_documents(self._documents, self._bounds, 0)[0]]
        self.feed = stream_feed(self._train, config.training.batch, config, group)

    @staticmethod
    def describe(data: Symbols) -> DataConfig:
        """What a model has to know of the data."""
        unit = _UNITS[data.alphabet.kind]
        return DataConfig(
            "symbols", data.name, unit, digest_of(data), alphabet=data.alphabet, rate=data.rate, end=data.end
        )

    def validate(self, model: SymbolModel) -> float:
        """Mean nats per symbol of the validation part."""
        return -float(np.concatenate(log_probs(model, self._parts(model)[1])).mean())

    def score(self, model: SymbolModel) -> Score:
        """The score of the test part, which no choice depended on, and of the baselines."""
        test = self.test(model)
        seen = np.bincount(np.concatenate(self._train), minlength=self.symbols) > 0
        unseen = sum(int((~seen[piece.x[piece.context :]]).sum()) for piece in test)
        score = _score(model, test, f"{self.name}, last tenth (test)", self.unit)
        score = replace(score, unseen=unseen)
        for baseline in (Unigram.fit(self._train, self.symbols), Bigram.fit(self._train, self.symbols)):
            scores = [baseline.log_prob(piece.x)[piece.context :] for piece in test]
            score.baselines[baseline.name] = np.concatenate(scores)
        return score

    def test(self, model: SymbolModel) -> list[Piece]:
        """The test part."""
        return self._parts(model)[2]

    def test_documents(self) -> list[NDArray[np.int64]]:
        """The test part by itself."""
        return [piece.x for piece in split_documents(self._documents, self._bounds, 0)[2]]

    def _parts(self, model: SymbolModel) -> list[list[Piece]]:
        """Training, validation and test; before a cut, a window model reads all that it sees, a latent one CONTEXT."""
        context = max(CONTEXT, model.encoder.receptive_field or 0)
        return split_documents(self._documents, self._bounds, context)


class SymbolRun(Run):
    """A fitted model of text or sound."""

    model: SymbolModel
    _can = "score, sample or be looked into"

    def score(self, data: Source | None = None, *, context: int | None = None) -> Score:
        context = None if context is None else whole("context", context)
        symbols = self._own() if data is None else self.read(data)
        assert isinstance(symbols, Symbols)
        if data is None:
            task = SymbolTask(symbols, self.config)
            score, pieces = task.score(self.model), task.test(self.model)
        else:
            pieces = [Piece(document) for document in symbols.documents]
            score = _score(self.model, pieces, f"{symbols.name}, all", self.config.data.unit)
        if context is None:
            return score
        blocks = [block for piece in pieces for block in _blocks(piece, context)]
        return replace(score, cold={context: np.concatenate(log_probs(self.model, blocks))})

    def sample(
        self,
        length: int = 500,
        *,
        prompt: Any = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> str | bytes | NDArray[np.float32]:
        """What follows ``prompt`` (str, bytes or a waveform), without the prompt, as text, bytes or a waveform.

        Where documents have an end, a new one follows each, and what the prompt has before its last end has no effect.
        """
        alphabet = self._alphabet
        context = None
        if prompt is not None and len(symbols := alphabet.encode(prompt, "the prompt")):
            context = torch.from_numpy(self._unfinished(symbols))
        drawn = self.model.sample(length, context, temperature=temperature, top_k=top_k, seed=seed)
        return alphabet.decode(drawn.numpy())

    def look(self, data: Source | None = None, steps: int | None = None) -> ThroughTime | ThroughWindow:
        symbols = self._own() if data is None else self.read(data)
        assert isinstance(symbols, Symbols)
        documents = symbols.documents if data is not None else SymbolTask(symbols, self.config).test_documents()
        return look_at(self.model, documents, self.config.model.window, steps)

    def _unfinished(self, symbols: NDArray[np.int64]) -> NDArray[np.int64]:
        """What follows the last end of a document."""
        end = self.model.end
        for after in range(len(symbols), len(end) - 1, -1):
            if end and tuple(symbols[after - len(end) : after]) == end:
                return symbols[after:]
        return symbols

    @property
    def _alphabet(self) -> Alphabet:
        assert self.config.data.alphabet is not None
        return self.config.data.alphabet


def _blocks(piece: Piece, context: int) -> Iterator[Piece]:
    """The scored steps of a piece in blocks of ``context`` steps, each with the step before it to read."""
    for begin in range(piece.context, len(piece.x), context):
        reads = min(begin, 1)
        yield Piece(piece.x[begin - reads : begin + context], reads)


def _score(model: SymbolModel, pieces: Sequence[Piece], of: str, unit: str) -> Score:
    """The exact log-likelihood of the pieces."""
    return Score(of, unit, np.concatenate(log_probs(model, pieces)))
