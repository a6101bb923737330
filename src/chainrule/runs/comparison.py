"""Comparing models on one source: the same cut, the same scores, the same baselines."""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainrule._wording import takes_options
from chainrule.data import Labelled, Reading, Series, Symbols, read
from chainrule.errors import ArgumentError, RunExistsError
from chainrule.models import MODELS
from chainrule.runs.comparison_result import Comparison, ComparisonRow
from chainrule.runs.fitting.defaults import solved_exactly
from chainrule.runs.fitting.fit import fit
from chainrule.runs.fitting.summary import saying_once
from chainrule.runs.folder.contents import is_run, refuse_existing
from chainrule.runs.folder.json_files import write_json
from chainrule.runs.peak_memory import peak_memory
from chainrule.runs.run import Source
from chainrule.runs.scoring.scores import Score

__all__ = ["compare"]

_AS_FOUND = Reading()
_TABLE = "comparison.json"


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
    overwrite: bool = False,
    quiet: bool = False,
) -> Comparison:
    """Fit each model to the same training part and score all on the same test part.

    Args:
        source: as for ``fit``, but a sequence, with no labels.
        models: names, of ``chainrule.models.MODELS``.
        minutes: the budget of each model, 1 unless ``steps`` are given.
        out: a folder for the runs, one inside it for each model; None takes runs/compare-SOURCE.
        overwrite: replace the comparison in ``out``: its table and figure, and the runs of these models.

    The other arguments are those of ``fit``, for the models that have a use for them.
    """
    unknown = [name for name in models if name not in MODELS]
    if unknown or not models or len(set(models)) < len(models):
        raise ArgumentError(f"models must be different ones of {', '.join(MODELS)}; got {', '.join(models) or 'none'}.")
    data = source if isinstance(source, Symbols | Series | Labelled) else read(source, reading)
    if isinstance(data, Labelled):
        raise ArgumentError("compare is for sequences; fit and score classifiers one by one.")
    folder = Path(out) if out is not None else Path("runs") / f"compare-{Path(data.name).stem}"
    _refuse_existing(folder, models, overwrite=overwrite)
    training: dict[str, Any] = {"minutes": minutes, "steps": steps, "batch": batch, "learning_rate": learning_rate}
    trained = [name for name in models if not solved_exactly(data, name, head)]
    if trained:
        training["minutes"] = 1.0 if minutes is None and steps is None else minutes
        _warm_up()
    rows: list[ComparisonRow] = []
    score: Score | None = None
    with saying_once():
        for name in models:
            began = time.monotonic()
            with peak_memory() as peak:
                run = fit(
                    source,
                    name,
                    hidden=None if name == "ar" and len(models) > 1 else hidden,
                    window=window,
                    head=head,
                    seed=seed,
                    refit=False,
                    reading=reading,
                    out=folder / name,
                    overwrite=overwrite,
                    quiet=quiet,
                    **(training if name in trained or not trained else {}),  # which ar by itself refuses
                )
            assert isinstance(run.result, Score)
            score = run.result
            gained, gained_95 = score.gain(next(iter(score.baselines)), _compared(score, models))
            seconds = time.monotonic() - began
            errors = score.errors.get("model")
            rows.append(ComparisonRow(name, score.nats, gained, gained_95, errors, run.parameters, seconds, peak.bytes))
    assert score is not None
    result = Comparison(score.of, score.unit, score.count, (*_baseline_rows(score, _compared(score, models)), *rows))
    write_json(folder / _TABLE, result.to_dict())
    result.plot().savefig(folder / "comparison.png")
    return result


def _refuse_existing(folder: Path, models: Sequence[str], *, overwrite: bool) -> None:
    """Refuse a folder that is there already, but for a comparison to overwrite.

    Raises:
        RunExistsError: it is none, or a run in it could not be replaced.
    """
    runs = [folder / name for name in MODELS if is_run(folder / name)]
    if not (runs or (folder / _TABLE).is_file()):
        refuse_existing(folder)
    elif not overwrite:
        raise RunExistsError(
            f"{folder} exists, and a comparison overwrites nothing. Choose another folder with `out`, or replace it "
            "with `overwrite=True`."
        )
    for name in models:
        refuse_existing(folder / name, overwrite=overwrite)


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
