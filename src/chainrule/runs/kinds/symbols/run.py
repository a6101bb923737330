"""Using models of symbols: text and quantised sound."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import choose, whole
from chainrule.data import Alphabet, Symbols
from chainrule.data.text.unknown import UNKNOWN
from chainrule.errors import ArgumentError, UnseenSymbolError
from chainrule.lens import ThroughTime, ThroughWindow
from chainrule.models import AlphabetModel, Carry, MixtureModel, NGramModel
from chainrule.runs.folder.data_config import Data
from chainrule.runs.kinds.symbols.surprise import each_symbol, shuffled_symbols
from chainrule.runs.kinds.symbols.task import SymbolTask, known_symbols, score_pieces
from chainrule.runs.looking import look_at
from chainrule.runs.run import Run, Source
from chainrule.runs.scoring.scores import Score
from chainrule.runs.scoring.surprise import Each, Shuffled
from chainrule.training import Learner, Piece, adaptive_log_probs, hedged, log_probs

__all__ = ["SymbolRun"]

_CHUNK = 8192  # symbols read at once before a sample


class SymbolRun(Run):
    """A fitted model of text or sound."""

    model: AlphabetModel
    _can = "score, sample or be inspected"

    def _difference(self, data: Data) -> str | None:
        own = self.config.data
        assert isinstance(data, Symbols)
        if data.alphabet != own.alphabet:
            return f"has another alphabet of {data.alphabet.kind}"
        if data.rate != own.rate:
            return f"has {data.rate} samples per second, not {own.rate}"
        return None

    @property
    def _fitted_to(self) -> str:
        return f"{len(self._alphabet)} {self._alphabet.kind}"

    def score(
        self,
        data: Source | None = None,
        *,
        context: int | None = None,
        unknown: str | None = None,
        adapt: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Score:
        context = None if context is None else whole("`context`", context)
        learner = None if adapt is None else Learner(self.model, adapt)
        symbols = self._to_score(data, unknown)
        if data is None:
            task = SymbolTask(symbols, self.config)
            score = task.score(self.model)
            pieces = task.test(self.model)
        else:
            pieces, of = self._scored(data, symbols)
            score = score_pieces(self.model, pieces, of, self.config, symbols)
        if learner is not None:
            assert adapt is not None
            adapted = known_symbols(adaptive_log_probs(learner, pieces, advance), symbols)
            score = replace(score, adapted={adapt: hedged(score.log_prob, adapted)})
        if context is not None:
            cut = [block for piece in pieces for block in _blocks(piece, context)]
            cold = np.concatenate(log_probs(self.model, cut))
            score = replace(score, cold={context: known_symbols(cold, symbols)})
        return score

    def score_each(self, data: Source | None = None, *, unknown: str | None = None) -> Each:
        symbols = self._to_score(data, unknown)
        pieces, of = self._scored(data, symbols)
        return each_symbol(self.model, pieces, of, self.config.data.unit, symbols)

    def score_shuffled(
        self,
        data: Source | None = None,
        *,
        times: int = 19,
        seed: int = 0,
        unknown: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Shuffled:
        symbols = self._to_score(data, unknown)
        pieces, of = self._scored(data, symbols)
        unit = self.config.data.unit
        about = {"of": of, "unit": unit, "model": self.config.model.title, "what": f"{unit}s"}
        return shuffled_symbols(self.model, pieces, symbols, about=about, times=times, seed=seed, advance=advance)

    def _scored(self, data: Source | None, symbols: Symbols) -> tuple[list[Piece], str]:
        """The pieces that are scored, and what they are, in words."""
        if data is None:
            task = SymbolTask(symbols, self.config)
            return task.test(self.model), task.of
        return [Piece(document) for document in symbols.documents], f"{symbols.name}, all"

    def _to_score(self, data: Source | None, unknown: str | None) -> Symbols:
        if unknown is not None:
            choose("`unknown`", unknown, UNKNOWN)
        if unknown is not None and self._alphabet.kind != "characters":
            raise self._cannot(f"{unknown} what is unknown, which is for characters")
        if unknown is not None and data is None:
            raise ArgumentError(
                f"`unknown` is {unknown!r}, and the run knows all of its own data. Give new data with it."
            )
        try:
            symbols = self._own() if data is None else self.read(data, unknown)
        except UnseenSymbolError as error:
            raise UnseenSymbolError(f'{error} To score the rest: `unknown="skip"`, or `unknown="replace"`.') from error
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
        return alphabet.decode(drawn.cpu().numpy())

    def _read(self, symbols: NDArray[np.int64]) -> Carry:
        """Where the model stands after the symbols, read in chunks: it would keep the states of all of a long text."""
        carry: Carry = self._newest.start(1)
        for begin in range(0, len(symbols), _CHUNK):
            carry = self._newest.read(
                torch.from_numpy(symbols[begin : begin + _CHUNK])[None].to(carry.last.device), carry
            )
        return carry

    def look(
        self,
        data: Source | None = None,
        steps: int | None = None,
        *,
        example: int | None = None,
        label: int | str | None = None,
        score: int | str | None = None,
    ) -> ThroughTime | ThroughWindow:
        self._refuse_of_examples(example, label, score)
        if isinstance(self.model, NGramModel):
            raise ArgumentError(
                f"{self.path} has an ngram, which counts: it has no gradients to look at. Look at the run of a network."
            )
        symbols = self._own() if data is None else self.read(data)
        assert isinstance(symbols, Symbols)
        documents = symbols.documents if data is not None else SymbolTask(symbols, self.config).test_documents()
        network = self.model.network if isinstance(self.model, MixtureModel) else self.model
        return look_at(network, documents, self.config.model.window, steps)

    def _unfinished(self, symbols: NDArray[np.int64]) -> NDArray[np.int64]:
        """What follows the last end of a document."""
        end = self.model.end
        for after in range(len(symbols), len(end) - 1, -1):
            if end and tuple(symbols[after - len(end) : after]) == end:
                return symbols[after:]
        return symbols

    @property
    def parameters(self) -> int:
        counted = sum(part.ngrams for part in self.model.modules() if isinstance(part, NGramModel))
        return super().parameters + counted

    @property
    def _alphabet(self) -> Alphabet:
        assert self.config.data.alphabet is not None
        return self.config.data.alphabet


def _blocks(piece: Piece, context: int) -> Iterator[Piece]:
    """The scored steps of a piece in blocks of ``context`` steps, each with the step before it to read."""
    for begin in range(piece.context, len(piece.x), context):
        reads = min(begin, 1)
        yield Piece(piece.x[begin - reads : begin + context], reads)
