"""Comparing models on one source: the same cut, the same scores, the same baselines."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainrule._wording import takes_options
from chainrule.data import Labelled, Reading, Series, Symbols, read
from chainrule.errors import ArgumentError
from chainrule.models import MODELS
from chainrule.runs.figures import comparison
from chainrule.runs.files import write_json
from chainrule.runs.fitting import fit, solved_exactly
from chainrule.runs.folder import refuse_existing
from chainrule.runs.memory import peak_memory
from chainrule.runs.results import Errors, Score
from chainrule.runs.run import Source

__all__ = ["Comparison", "ComparisonRow", "compare"]

_AS_FOUND = Reading()


@dataclass(frozen=True)
class ComparisonRow:
    """One model or baseline on the test part.

    ``gained`` is in nats per unit over the i.i.d. baseline, give or take ``gained_95`` (95 %); ``seconds`` and
    ``memory_bytes`` (peak, above what was there before) are of fitting and scoring, None for baselines.
    """

    name: str
    nats: float
    gained: float
    gained_95: float
    errors: Errors | None = None
    parameters: int | None = None
    seconds: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Comparison:
    """Models and baselines on the same held-out data; the first row is the i.i.d. baseline."""

    of: str
    unit: str
    count: int
    rows: tuple[ComparisonRow, ...]

    @property
    def best(self) -> ComparisonRow:
        """The row of greatest likelihood."""
        return min(self.rows, key=lambda row: row.nats)

    def verdict(self) -> str:
        """Whether order matters here, in one sentence: it does if any interval of gains lies above zero."""
        surest = max(self.rows, key=lambda row: row.gained - row.gained_95)
        best = self.best
        if surest.gained - surest.gained_95 > 0:
            return f"Order matters here: {surest.name} {self._gain(surest)} over i.i.d."
        if best is self.rows[0]:
            return "Order was not shown to matter here: nothing is likelier than i.i.d."
        return f"Order was not shown to matter here: the best, {best.name}, {self._gain(best)} over i.i.d."

    def _gain(self, row: ComparisonRow) -> str:
        return f"gains {row.gained:.3f} +- {row.gained_95:.3f} nats per {self.unit}"

    def to_dict(self) -> dict[str, Any]:
        """The rows and the verdict as JSON-able values; an interval without bounds is None."""
        rows = [
            {**asdict(row), "gained_95": row.gained_95 if math.isfinite(row.gained_95) else None} for row in self.rows
        ]
        return {**asdict(self), "rows": rows, "verdict": self.verdict()}


@takes_options
def compare(
    source: Source,
    models: Sequence[str] = MODELS,
    *,
    hidden: int | None = None,
    window: int | None = None,
    head: str = "gaussian",
    minutes: float | None = None,
    steps: int | None = None,
    batch: int = 32,
    learning_rate: float | None = None,
    seed: int = 0,
    reading: Reading = _AS_FOUND,
    out: str | Path | None = None,
    quiet: bool = False,
) -> Comparison:
    """Fit each model to the same training part and score all on the same test part.

    Args:
        source: as for ``fit``, but a sequence, with no labels.
        models: names, of ``chainrule.models.MODELS``.
        minutes: the budget of each model, 1 unless ``steps`` are given.
        out: a folder for the runs, one inside it for each model; None takes runs/compare-SOURCE.

    The other arguments are those of ``fit``.
    """
    unknown = [name for name in models if name not in MODELS]
    if unknown or not models or len(set(models)) < len(models):
        raise ArgumentError(f"models must be different ones of {', '.join(MODELS)}; got {', '.join(models) or 'none'}.")
    data = source if isinstance(source, Symbols | Series | Labelled) else read(source, reading)
    if isinstance(data, Labelled):
        raise ArgumentError("compare is for sequences; fit and score classifiers one by one.")
    folder = Path(out) if out is not None else Path("runs") / f"compare-{Path(data.name).stem}"
    refuse_existing(folder)
    budget = 1.0 if minutes is None and steps is None else minutes
    if any(not solved_exactly(data, name, head) for name in models):
        _warm_up()
    rows: list[ComparisonRow] = []
    score: Score | None = None
    for name in models:
        solved = solved_exactly(data, name, head)
        began = time.monotonic()
        with peak_memory() as peak:
            run = fit(
                source,
                name,
                hidden=None if name == "ar" else hidden,
                window=window,
                head=head,
                minutes=None if solved else budget,
                steps=None if solved else steps,
                batch=batch,
                learning_rate=learning_rate,
                seed=seed,
                reading=reading,
                out=folder / name,
                quiet=quiet,
            )
        assert isinstance(run.result, Score)
        score = run.result
        gained, gained_95 = score.gain(next(iter(score.baselines)), _compared(score, models))
        seconds = time.monotonic() - began
        errors = score.errors.get("model")
        rows.append(ComparisonRow(name, score.nats, gained, gained_95, errors, run.parameters, seconds, peak.bytes))
    assert score is not None
    result = Comparison(score.of, score.unit, score.count, (*_baseline_rows(score, _compared(score, models)), *rows))
    write_json(folder / "comparison.json", result.to_dict())
    names = [row.name for row in result.rows[1:]]
    gains = [row.gained for row in result.rows[1:]]
    comparison(names, gains, f"nats per {result.unit}", result.rows[0].name).savefig(folder / "comparison.png")
    return result


def _warm_up() -> None:
    """One step on a small set: what only the first fit in a process pays is then in no model's figures."""
    with TemporaryDirectory() as folder:
        fit("builtin:sunspots", "rnn", hidden=1, window=1, steps=1, out=Path(folder) / "run", quiet=True)


def _compared(score: Score, models: Sequence[str]) -> int:
    """How many gains over i.i.d. are looked at: the models', and those of the other baselines."""
    return len(models) + len(score.baselines) - 1


def _baseline_rows(score: Score, comparisons: int) -> list[ComparisonRow]:
    """The baselines, i.i.d. first, as every model's score has them."""
    rows = []
    iid = next(iter(score.baselines))
    for name, nats in score.baseline_nats().items():
        over = Score(score.of, score.unit, score.baselines[name], score.baselines)
        rows.append(ComparisonRow(name, nats, *over.gain(iid, comparisons), score.errors.get(name)))
    return rows
