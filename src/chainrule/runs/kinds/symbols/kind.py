"""Text and quantised sound, as a kind of data."""

from typing import Literal

from chainrule._choices import counted
from chainrule.data import Symbols
from chainrule.models import LATENT, AlphabetModel, ModelConfig, build_symbol_model
from chainrule.models.build import OF_SYMBOLS
from chainrule.runs.folder.data_config import DataConfig, digest_of
from chainrule.runs.kinds.kind import DataKind
from chainrule.runs.kinds.symbols.run import SymbolRun
from chainrule.runs.kinds.symbols.task import SymbolTask

__all__ = ["SymbolKind"]

_UNITS = {"characters": "character", "bytes": "byte", "mu-law": "sample"}


class SymbolKind(DataKind):
    """Sequences of symbols from one alphabet."""

    name = "symbols"
    words = ("text", "sound")
    has = OF_SYMBOLS
    run = SymbolRun
    task = SymbolTask
    solution = "an ngram is counted"
    refits = True
    goes_on = True

    def describe(self, data: Symbols, transform: str, model: ModelConfig) -> DataConfig:
        return DataConfig(
            self.name,
            data.name,
            unit=_UNITS[data.alphabet.kind],
            digest=digest_of(data),
            alphabet=data.alphabet,
            rate=data.rate,
            end=data.end,
        )

    def build(self, about: DataConfig, model: ModelConfig) -> AlphabetModel:
        assert about.alphabet is not None
        return build_symbol_model(model, len(about.alphabet), about.end)

    def solves(self, model: str, head: str | None) -> bool:
        return model == "ngram"

    def read_as(self, data: Symbols) -> str:
        return self.noun(data)

    def noun(self, data: Symbols) -> str:
        return "text" if data.rate is None else "sound"

    def summary(self, data: Symbols) -> str:
        if data.rate is not None:
            return f"{data.name}: sound of {data.length / data.rate:,.1f} s, {data.rate:,} samples per second."
        documents = counted(len(data.documents), "document")
        unit = counted(data.length, _UNITS[data.alphabet.kind])
        return f"{data.name}: text of {unit} in {documents}, {len(data.alphabet)} different."

    def steps(self, data: Symbols) -> int:
        return data.length

    def model(self, data: Symbols) -> str:
        return "lstm" if data.rate is None else "gru"

    def hidden(self, data: Symbols, model: str) -> int:
        return 256

    def widens(self, data: Symbols, model: str) -> bool:
        return self._is_recurrent_on_text(data, model)

    def dropout(self, data: Symbols, model: str) -> float:
        """Networks see a text many times over within minutes, and learn it by heart."""
        if model in ("ar", "ngram"):
            return 0.0
        return 0.1 if self._is_recurrent_on_text(data, model) else 0.2

    def mix(self, data: Symbols, model: str) -> Literal["ngram", "none"]:
        return "none" if data.rate is not None or model == "ngram" else "ngram"

    def ngram_embedding(self, data: Symbols, model: str) -> int:
        return 4 if self._is_recurrent_on_text(data, model) else 1

    def tries_bfloat16(self, data: Symbols, model: str) -> bool:
        return self._is_recurrent_on_text(data, model)

    def optimiser(self, data: Symbols, model: str) -> str:
        return "muon" if self._is_recurrent_on_text(data, model) else "adamw"

    def schedule(self, data: Symbols, model: str) -> str:
        return "wsd" if self._is_recurrent_on_text(data, model) else "cosine"

    def _is_recurrent_on_text(self, data: Symbols, model: str) -> bool:
        return data.rate is None and model in LATENT
