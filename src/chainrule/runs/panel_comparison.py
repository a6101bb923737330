"""Comparing models of a panel: all at the same origins, beside an ensemble of the best and the baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule._choices import counted, listed, whole
from chainrule.errors import ArgumentError, RunFormatError
from chainrule.runs.folder.contents import COMPARISON
from chainrule.runs.folder.json_files import read_json
from chainrule.runs.kinds.panels.ahead import LEVELS, baselines_beside, named_baselines
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.run import Intervals, Source
from chainrule.runs.scoring.panels import PanelBacktest, PanelForecast, ensemble, score_panel
from chainrule.training import BEST, saved_progress

__all__ = ["compare_panel", "ensemble_members", "ensemble_size", "forecast_ensemble"]

_ENSEMBLE = 3  # members, where no number is said
_NAME = "ensemble"


def ensemble_size(asked: int | bool | None, models: Sequence[str]) -> int:
    """How many members there are to be; 0 for no ensemble.

    Raises:
        ArgumentError: a number that the models cannot give.
    """
    if asked is None or asked is False:
        return 0
    size = min(_ENSEMBLE, len(models)) if asked is True else whole("`ensemble`", asked)
    if not 2 <= size <= len(models):
        raise ArgumentError(
            f"`ensemble` is {size}, of {counted(len(models), 'model')}; expected a number from 2 to that of the models."
        )
    return size


def compare_panel(
    runs: Sequence[PanelRun],
    facts: Mapping[str, Mapping[str, float]],
    *,
    members: int = 0,
    baselines: Sequence[str] | None = None,
) -> PanelBacktest:
    """Fitted models of one panel, the ensemble of the ``members`` of least validation loss, and baselines.

    Every run has its result, from the same origins, since the cut depends on the data and the horizon alone.
    """
    results = {run.config.model.name: run.result for run in runs}
    forecasts = {name: result.forecasts[name] for name, result in results.items() if result is not None}
    losses = {run.config.model.name: saved_progress(run.path / BEST).best or 0.0 for run in runs}
    remarks = ["; ".join(_told(name, facts[name]) for name in forecasts)]
    known = {name: {**facts[name], "validation": losses[name]} for name in forecasts}
    if members:
        chosen = sorted(losses, key=losses.__getitem__)[:members]
        forecasts[_NAME] = ensemble([forecasts[name] for name in chosen])
        known[_NAME] = {name: float(name in chosen) for name in losses}
        told = ", ".join(f"{name} {losses[name]:.4f}" for name in chosen)
        remarks.append(f"ensemble: mean quantiles of the models of least validation loss: {told}")
    models = len(forecasts)
    at = next(result.origins for result in results.values() if result is not None)
    others = baselines_beside(forecasts, at, named_baselines(at.panel, baselines))
    forecasts |= others.forecasts
    return score_panel(
        at.panel,
        at.series,
        at.rows,
        forecasts,
        LEVELS,
        at.horizon,
        remarks=[*remarks, *others.remarks],
        models=models,
        facts=known,
    )


def _told(name: str, facts: Mapping[str, float]) -> str:
    return f"{name}: {counted(int(facts['parameters']), 'parameter')}, {facts['seconds']:.0f} s"


def ensemble_members(folder: Path) -> list[Path]:
    """The runs of the ensemble of the comparison in a folder; none where the folder holds no comparison.

    Raises:
        ArgumentError: it has no ensemble.
        RunFormatError: it is broken.
    """
    table = folder / COMPARISON
    if not table.is_file():
        return []
    about: Any = read_json(table)
    try:
        facts = about.get("facts", {}).get(_NAME, {})
        members = [folder / str(name) for name, taken in facts.items() if taken]
    except AttributeError as error:
        raise RunFormatError(f"{table} is not the table of a comparison. Compare the models again.") from error
    if not members:
        raise ArgumentError(
            f"the comparison in {folder} has no ensemble. Name the folder of one of its models, or compare again "
            "with `ensemble`."
        )
    return members


def forecast_ensemble(
    runs: Sequence[PanelRun],
    horizon: int | None = None,
    *,
    quantiles: Sequence[float] = (0.1, 0.5, 0.9),
    data: Source | None = None,
    intervals: Intervals = "model",
) -> PanelForecast:
    """The mean quantiles of runs of one panel, after its end; the arguments are those of ``PanelRun.forecast``.

    Raises:
        ArgumentError: no runs, some that are of no panel, or runs that forecast different series or steps.
    """
    if not runs or not all(isinstance(run, PanelRun) for run in runs):
        raise ArgumentError("an ensemble forecasts by one or several runs of panels. Give these.")
    made = [run.forecast(horizon, quantiles=quantiles, data=data, intervals=intervals) for run in runs]
    first = made[0]
    for run, each in zip(runs, made, strict=True):
        same_ends = [
            np.array_equal(a, b, equal_nan=True) for a, b in zip(each.histories, first.histories, strict=False)
        ]
        if each.ids != first.ids or each.horizon != first.horizon or not all(same_ends):
            raise ArgumentError(
                f"{run.path} disagrees on what is forecast with {runs[0].path}. Give runs of one panel, one horizon "
                f"and the same updates; they are {listed(str(run.path) for run in runs)}."
            )
    return replace(first, quantiles=ensemble([each.quantiles for each in made]), model=_NAME)
