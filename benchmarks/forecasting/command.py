"""``python -m benchmarks forecasting``."""

import json
import platform
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import torch
import typer

import chainrule
from benchmarks.forecasting.sets import SETS, read_set, without_end
from chainrule.runs.kinds.panels.run import PanelRun
from chainrule.runs.scoring.panels import Origins, ensemble, panel_baseline, score_panel

__all__ = ["forecasting"]


def forecasting(
    files: Annotated[list[str], typer.Argument(help=f"SET=FILE, where SET is one of {', '.join(SETS)}.")],
    minutes: Annotated[float, typer.Option(help="Minutes of each fit, its refit included.")] = 10.0,
    models: Annotated[str, typer.Option(help="Models, separated by commas.")] = "gru",
    baselines: Annotated[str, typer.Option(help="Baselines, separated by commas.")] = "naive,seasonal naive,theta",
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    threads: Annotated[int, typer.Option(help="Number of threads.", min=1)] = 2,
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file, as JSON.")] = None,
) -> None:
    """Forecast the last steps of every series, which no fit has seen.

    Each model is fitted from scratch to what is before them, and fitted again to all of that. The ensemble of several
    is the mean of their quantiles. Metrics are means over
    each series first; MASE is scaled as the set's publications do, which used other test parts.
    """
    torch.set_num_threads(threads)
    found = {}
    for each in files:
        name, _, path = each.partition("=")
        if name not in SETS or not Path(path).is_file():
            raise typer.BadParameter(f"{each!r} is not SET=FILE with a SET of {', '.join(SETS)} and a FILE there is.")
        found[name] = _measured(name, Path(path), minutes, models.split(","), baselines.split(","), seed)
        if out is not None:
            out.write_text(json.dumps({"machine": platform.processor(), "sets": found}, indent=2))


def _measured(
    name: str, path: Path, minutes: float, models: list[str], baselines: list[str], seed: int
) -> dict[str, object]:
    about = SETS[name]
    panel = read_set(name, path)
    known = without_end(panel, about.horizon)
    series = np.arange(len(panel.ids))
    ends = panel.ends - about.horizon
    origins = Origins(panel, series, ends, about.horizon)
    forecasts = {}
    seconds = {}
    levels: tuple[float, ...] = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
    for model in models:
        began = time.monotonic()
        with TemporaryDirectory() as folder:
            run = chainrule.fit(
                known, model, horizon=about.horizon, minutes=minutes, seed=seed, out=f"{folder}/run", quiet=True
            )
            assert isinstance(run, PanelRun)
            forecasts[model] = run.forecast(quantiles=levels).quantiles
        seconds[model] = time.monotonic() - began
    if len(models) > 1:
        forecasts["ensemble"] = ensemble(list(forecasts.values()))
    own = len(forecasts)
    for baseline in baselines:
        began = time.monotonic()
        forecasts[baseline] = panel_baseline(baseline, origins, levels).quantiles
        seconds[baseline] = time.monotonic() - began
    result = score_panel(panel, series, ends, forecasts, levels, about.horizon, season=about.season, models=own)
    typer.echo(str(result))
    typer.echo(", ".join(f"{each} {taken:.0f} s" for each, taken in seconds.items()))
    if about.published:
        typer.echo(f"published, on another test part: {about.published}")
    return {"rows": {each: asdict(row) for each, row in result.rows.items()}, "seconds": seconds}
