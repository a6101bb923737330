"""Fitting and using models of symbols: text and quantised sound."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import whole
from chainrule.data import Alphabet, Symbols
from chainrule.data.blockwise import blocks
from chainrule.errors import ArgumentError, TooShortError, UnseenSymbolError
from chainrule.lens import ThroughTime, ThroughWindow
from chainrule.models import Carry, SymbolModel
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import DataConfig, digest_of
from chainrule.runs.kinds.cut import split_in_time
from chainrule.runs.kinds.task import Task
from chainrule.runs.kinds.training_streams import stream_feed
from chainrule.runs.looking import look_at
from chainrule.runs.run import Run, Source
from chainrule.runs.scoring.baselines import Bigram, Unigram
from chainrule.runs.scoring.scores import Score
from chainrule.training import ALONE, Feed, Group, Piece, log_probs, split_documents

__all__ = ["SymbolRun", "SymbolTask"]

CONTEXT = 1024  # symbols before a cut that the next part reads and does not score
_CHUNK = 8192  # symbols read at once before a sample
_UNITS = {"characters": "character", "bytes": "byte", "mu-law": "sample"}


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
        self.feed = stream_feed(self._train, config.training.batch, config, group)

    def feed_everything(self) -> Feed:
        return stream_feed(self._documents, self.config.training.batch, self.config, self._group)

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
        seen = np.zeros(self.symbols, np.bool_)
        for block in blocks(self._train):
            seen[block] = True
        scored = blocks(piece.x[piece.context :] for piece in test)
        unseen = sum(int((~seen[block]).sum()) for block in scored)
        score = _score(model, test, f"{self.name}, last tenth (test)", self.unit)
        score = replace(score, unseen=unseen, model=self._model)
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
    _can = "score, sample or be inspected"

    def score(self, data: Source | None = None, *, context: int | None = None, unknown: str | None = None) -> Score:
        context = None if context is None else whole("context", context)
        symbols = self._to_score(data, unknown)
        if data is None:
            task = SymbolTask(symbols, self.config)
            score = task.score(self.model)
            pieces = task.test(self.model)
        else:
            pieces = [Piece(document) for document in symbols.documents]
            score = _score(self.model, pieces, f"{symbols.name}, all", self.config.data.unit, symbols)
            score = replace(score, model=self.config.model.name)
        if context is None:
            return score
        cut = [block for piece in pieces for block in _blocks(piece, context)]
        cold = np.concatenate(log_probs(self.model, cut))
        return replace(score, cold={context: _known(cold, symbols)})

    def _to_score(self, data: Source | None, unknown: str | None) -> Symbols:
        if unknown is not None and self._alphabet.kind != "characters":
            raise self._cannot(f"{unknown} what is unknown, which is for characters")
        if unknown is not None and data is None:
            raise ArgumentError(
                f"unknown is {unknown!r}, and the run knows all of its own data. Give new data with it."
            )
        try:
            symbols = self._own() if data is None else self.read(data, unknown)
        except UnseenSymbolError as error:
            raise UnseenSymbolError(
                f"{error.message} To score the rest: --unknown skip, or --unknown replace."
            ) from error
        assert isinstance(symbols, Symbols)
        return symbols

    def sample(
        self,
        length: int = 500,
        *,
        prompt: Any = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
        data: Source | None = None,
    ) -> str | bytes | NDArray[np.float32]:
        """What follows ``prompt`` (str, bytes or a waveform), without the prompt, as text, bytes or a waveform.

        Where documents have an end, a new one follows each, and what the prompt has before its last end has no effect.
        """
        self._refuse_both(prompt, data)
        alphabet = self._alphabet
        if data is not None:
            symbols = self.read(data)
            assert isinstance(symbols, Symbols)
            context = symbols.documents[-1].astype(np.int64)
        elif prompt is not None:
            context = alphabet.encode(prompt, "the prompt").astype(np.int64)
        else:
            context = np.empty(0, dtype=np.int64)
        carry = self._read(self._unfinished(context))
        drawn = self._newest.continue_from(carry, length, temperature=temperature, top_k=top_k, seed=seed)[0]
        return alphabet.decode(drawn.numpy())

    def _read(self, symbols: NDArray[np.int64]) -> Carry:
        """Where the model stands after the symbols, read in chunks: it would keep the states of all of a long text."""
        carry: Carry = self._newest.start(1)
        for begin in range(0, len(symbols), _CHUNK):
            carry = self._newest.read(torch.from_numpy(symbols[begin : begin + _CHUNK])[None], carry)
        return carry

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


def _score(model: SymbolModel, pieces: Sequence[Piece], of: str, unit: str, symbols: Symbols | None = None) -> Score:
    """The exact log-likelihood of the pieces, which are all of ``symbols`` if they are given."""
    log_prob = np.concatenate(log_probs(model, pieces))
    if symbols is None:
        return Score(of, unit, log_prob)
    log_prob = _known(log_prob, symbols)
    if not len(log_prob):
        raise TooShortError(f"{symbols.name} has no character that the model knows, so that there is nothing to score.")
    return Score(of, unit, log_prob, unknown=symbols.unknown)


def _known(log_prob: NDArray[np.float64], symbols: Symbols) -> NDArray[np.float64]:
    """Those of the symbols that stand for no unknown one."""
    return log_prob if symbols.unscored is None else np.delete(log_prob, symbols.unscored)
