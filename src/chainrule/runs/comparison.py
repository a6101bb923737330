"""Comparing models on one source: the same cut, the same scores, the same baselines."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from chainrule._devices import Device, asked_for
from chainrule.data import Panel, Reading
from chainrule.errors import ArgumentError, RunExistsError
from chainrule.models import MODELS
from chainrule.runs.comparison_result import Comparison, ComparisonRow
from chainrule.runs.fitting.asked import Asked, reading_of
from chainrule.runs.fitting.fit import fit
from chainrule.runs.fitting.plan import data_of
from chainrule.runs.fitting.summary import saying_once
from chainrule.runs.folder.contents import COMPARISON, holds_nothing, is_run, refuse_existing
from chainrule.runs.folder.data_config import Data
from chainrule.runs.folder.holding import holding
from chainrule.runs.folder.json_files import write_json
from chainrule.runs.kinds.kind import DataKind
from chainrule.runs.kinds.panels.ahead import named_baselines
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.kinds.registry import KINDS
from chainrule.runs.panel_comparison import compare_panel, ensemble_size
from chainrule.runs.peak_memory import peak_memory
from chainrule.runs.run import Run, Source
from chainrule.runs.scoring.panels import PanelBacktest
from chainrule.runs.scoring.scores import Score
from chainrule.training import TrainingSettings

__all__ = ["compare"]

_AS_FOUND = Reading()
_AS_CHOSEN = TrainingSettings()


def compare(
    source: Source,
    models: Sequence[str] | None = None,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    device: Device = "auto",
    training: TrainingSettings | Mapping[str, Any] = _AS_CHOSEN,
    reading: Reading | Mapping[str, Any] = _AS_FOUND,
    ensemble: int | bool | None = None,
    baselines: Sequence[str] | None = None,
    **settings: Any,
) -> Comparison | PanelBacktest:
    """Fit each model to the same training part and score all on the same test part.

    Args:
        source: as for ``fit``, but a sequence, with no labels.
        models: names, of ``chainrule.models.MODELS``; None takes all that the data can be fitted by.
        minutes: the budget of each model, 1 unless ``steps`` are given.
        out: a folder for the runs, one inside it for each model; None takes runs/compare-SOURCE.
        overwrite: replace the comparison in ``out``: its table and figure, and the runs of these models.
        ensemble: of a panel, also score the mean quantiles of this many models, those of least validation loss; True
            takes three. ``chainrule.runs.forecast_ensemble`` forecasts by their runs.
        baselines: of a panel, what stands beside the models, of naive, seasonal naive, drift, ets, theta and ar; by
            default the first three, which take no time.

    Of a panel the result is a backtest of all models, the ensemble and the baselines at the same origins of the test
    part. The other arguments are those of ``fit``. Each model takes the settings that apply to it; one that applies to
    none of the models is refused. An ngram counts on the CPU beside networks on a GPU.
    """
    asked_for(device)
    unknown = [name for name in models or () if name not in MODELS]
    if unknown or (models is not None and not 0 < len(set(models)) == len(models)):
        raise ArgumentError(
            f"`models` must be different ones of {', '.join(MODELS)}; got {', '.join(models or ()) or 'none'}."
        )
    data = data_of(source, reading_of(reading))
    kind = KINDS[data.kind]
    if "stream" not in kind.has:
        raise ArgumentError("compare is for sequences; fit and score classifiers one by one.")
    models = kind.models if models is None else models
    asked = Asked.of(settings, training)
    _check_for_kind(data, models, asked, ensemble, baselines)
    budgets = _budgets(kind, models, asked, minutes=minutes, steps=steps, seed=seed)
    folder = Path(out) if out is not None else Path("runs") / f"compare-{Path(data.name).stem}"
    _refuse_existing(folder, models, overwrite=overwrite)
    if any(budgets.values()):
        _warm_up(device)
    fits: list[_Fit] = []
    with holding(folder), saying_once():
        for name in models:
            began = time.monotonic()
            own = asked.only_for(kind, name)
            with peak_memory() as peak:
                run = fit(
                    source,
                    name,
                    training=own.training_given if kind.goes_on else {**own.training_given, "refit": False},
                    reading=reading,
                    out=folder / name,
                    overwrite=overwrite,
                    quiet=quiet,
                    device="auto" if name == "ngram" and len(models) > 1 else device,
                    **budgets[name],
                    **own.model_given,
                )
            fits.append(_Fit(run, time.monotonic() - began, peak.on(run.device)))
        result = _result(fits, ensemble_size(ensemble, models), baselines)
        write_json(folder / COMPARISON, result.to_dict())
        result.plot().savefig(folder / "comparison.png")
    return result


class _Fit(NamedTuple):
    """A run with what it cost: seconds and, where it is known, bytes."""

    run: Run
    seconds: float
    memory: int | None


def _check_for_kind(
    data: Data,
    models: Sequence[str],
    asked: Asked,
    ensemble: int | bool | None,
    baselines: Sequence[str] | None,
) -> None:
    """Refuse what a comparison of this data cannot have.

    Raises:
        ArgumentError: a refit, or what only panels have.
    """
    kind = KINDS[data.kind]
    what = " or ".join(kind.words)
    if asked.training.refit and not kind.goes_on:
        raise ArgumentError(
            f"`refit` does not apply to a comparison of {what}, whose models are fitted again after "
            "they are scored, and here are scored alone. Leave it out."
        )
    if isinstance(data, Panel):
        ensemble_size(ensemble, models)
        named_baselines(data, baselines)
        return
    for name, value in (("ensemble", ensemble), ("baselines", baselines)):
        if value is not None and value is not False:
            raise ArgumentError(f"`{name}` applies to panels, not to {what}. Leave it out.")


def _result(fits: Sequence[_Fit], members: int, baselines: Sequence[str] | None) -> Comparison | PanelBacktest:
    panels = [each.run for each in fits if isinstance(each.run, PanelRun)]
    if panels:
        facts = {each.run.config.model.name: _facts(each) for each in fits}
        return compare_panel(panels, facts, members=members, baselines=baselines)
    names = [each.run.config.model.name for each in fits]
    rows = [_model_row(each.run, _score(each.run), names, each.seconds, each.memory) for each in fits]
    score = _score(fits[-1].run)
    return Comparison(score.of, score.unit, score.count, (*_baseline_rows(score, _compared(score, names)), *rows))


def _facts(each: _Fit) -> dict[str, float]:
    facts: dict[str, float] = {"parameters": each.run.parameters, "seconds": each.seconds}
    return facts if each.memory is None else facts | {"memory_bytes": each.memory}


def _score(run: Run) -> Score:
    assert isinstance(run.result, Score)
    return run.result


def _budgets(
    kind: DataKind,
    models: Sequence[str],
    asked: Asked,
    *,
    minutes: float | None,
    steps: int | None,
    seed: int | None,
) -> dict[str, dict[str, Any]]:
    """The budget and seed of each model, none for those that are solved exactly.

    Raises:
        ArgumentError: something is given that applies to none of the models.
    """
    given: dict[str, Any] = {"minutes": minutes, "steps": steps, "seed": seed}
    trained = [name for name in models if not kind.solves(name, asked.model.head)]
    if not trained:
        asked.check(kind, models[0], budget=given)
    for name in asked.given:
        if not any(asked.applies(name, kind, model) for model in models):
            asked.check(kind, models[0], budget={})
    if minutes is None and steps is None:
        given["minutes"] = 1.0
    return {name: given if name in trained else {} for name in models}


def _model_row(run: Run, score: Score, models: Sequence[str], seconds: float, memory: int | None) -> ComparisonRow:
    gained, gained_95 = score.gain(next(iter(score.baselines)), _compared(score, models))
    errors = score.errors.get("model")
    return ComparisonRow(
        run.config.model.title,
        score.nats,
        gained,
        gained_95,
        errors,
        parameters=run.parameters,
        seconds=seconds,
        memory_bytes=memory,
    )


def _refuse_existing(folder: Path, models: Sequence[str], *, overwrite: bool) -> None:
    """Refuse a folder that is there already, but for a comparison to overwrite.

    Raises:
        RunExistsError: it is none, or a run in it could not be replaced.
    """
    runs = [folder / name for name in MODELS if is_run(folder / name)]
    is_comparison = runs or (folder / COMPARISON).is_file()
    if not is_comparison and not holds_nothing(folder):
        holds = "is a run" if is_run(folder) else "holds other files"
        raise RunExistsError(
            f"{folder} {holds}, and a comparison has a folder of its own. Choose another one with `out`."
        )
    if is_comparison and not overwrite:
        raise RunExistsError(
            f"{folder} exists, and a comparison overwrites nothing. Choose another folder with `out`, or replace it "
            "with `overwrite=True`."
        )
    for name in models:
        refuse_existing(folder / name, overwrite=overwrite)


def _warm_up(device: Device) -> None:
    """One step on a small set: what only the first fit in a process pays is then in no model's figures."""
    if str(device) == "mps":  # which cannot compute a series
        device = "cpu"
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        fit("builtin:sunspots", "rnn", hidden=1, window=1, steps=1, out=out, quiet=True, device=device)


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
