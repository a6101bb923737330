"""``chainrule forecast``, ``update`` and ``backtest``: what runs of series and of panels can be asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

import chainrule
from chainrule._choices import choose, counted, listed
from chainrule.cli import options as o
from chainrule.cli.commands.using import loaded
from chainrule.cli.console import check_out, emit, progress, say, show, show_json
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from chainrule.runs import PanelForecast

__all__ = ["backtest_command", "forecast_command", "update_command"]

_Horizon = Annotated[
    int | None,
    Option(
        help="Number of steps in each forecast (default 30; of a panel as many as its model learned).",
        show_default=False,
    ),
]
_Intervals = Annotated[
    str,
    Option(
        help="Intervals of forecasts: those of the model, or conformal, calibrated on held-out data so that they hold "
        "as often as they say."
    ),
]


def forecast_command(
    run: o.RunFolder,
    data: o.NewSource = None,
    horizon: _Horizon = None,
    paths: Annotated[
        int | None, Option(help="Number of sampled paths of one series (default 1000).", show_default=False)
    ] = None,
    quantiles: Annotated[str, Option(help="Quantile levels, separated by commas.")] = ".1,.5,.9",
    intervals: _Intervals = "model",
    seed: o.Seed = None,
    plot: Annotated[Path | None, Option(help="Plot the forecast to this .png file.", show_default=False)] = None,
    out: Annotated[
        Path | None, Option(help="Write the forecast in full precision to this .csv file.", show_default=False)
    ] = None,
    device: o.LoadedOn = "auto",
    json: o.Json = False,
) -> None:
    """Forecast the steps after the end of the data, as quantiles: of one series those of sampled paths.

    The forecast starts from the end of the fitted file as it is now (of a panel, as it was fitted or updated), or of
    new DATA that continues the run's own data and may repeat it. What a panel's model has to know ahead of time, such
    as prices, is given as DATA too: rows of the horizon with the target left blank.

    With the folder of a comparison that has an ensemble, it is the ensemble that forecasts.
    """
    check_out("--plot", plot, ".png")
    check_out("--out", out, ".csv")
    try:
        levels = [float(level) for level in quantiles.split(",")]
    except ValueError:
        raise ArgumentError(f"`quantiles` is {quantiles!r}; expected numbers like .1,.5,.9.") from None
    if sorted(set(levels)) != levels:
        rising = ",".join(f"{level:g}" for level in sorted(set(levels)))
        raise ArgumentError(
            f"`quantiles` is {quantiles!r}; expected rising levels, each once. Give `quantiles={rising}`."
        )
    members = chainrule.runs.ensemble_members(run)
    if members:
        if paths is not None or seed is not None:
            raise ArgumentError("`paths` and `seed` draw futures of one series. Leave them out of an ensemble.")
        forecast: Any = _by_ensemble(members, device, horizon, quantiles=levels, data=data, intervals=intervals)
    else:
        opened = loaded(run, device)
        forecast = opened.forecast(
            horizon,
            paths=paths,
            quantiles=levels,
            seed=seed,
            data=data,
            intervals=intervals,  # type: ignore[arg-type]
        )
        if opened.refit is not None:
            say(f"{opened.config.model.name}, {opened.refit}")
    if out is None or json:
        show(forecast, as_json=json)
    if out is not None:
        emit(forecast.to_csv(), out)
        if isinstance(forecast, chainrule.runs.Forecast):
            for remark in forecast.remarks():
                say(remark)
    if plot is not None:
        forecast.plot().savefig(plot)
        say(f"drawn to {plot}")


def _by_ensemble(members: Sequence[Path], device: str, horizon: int | None, **settings: Any) -> "PanelForecast":
    """The forecast of an ensemble, whose members are told."""
    opened = [loaded(member, device) for member in members]
    panels = [member for member in opened if isinstance(member, chainrule.runs.PanelRun)]
    forecast = chainrule.runs.forecast_ensemble(panels, horizon, **settings)
    say(f"ensemble of {listed(each.config.model.name for each in panels)}")
    return forecast


def update_command(run: o.RunFolder, data: o.NewData) -> None:
    """Add new data to a run of a series or a panel, so that forecasts and samples continue from its end.

    DATA continues the run's own data and may repeat it. Weights and scores stay the same.
    """
    opened = chainrule.load(run, device="cpu").update(data)
    assert isinstance(opened, chainrule.runs.SeriesRun | chainrule.runs.PanelRun)
    say(f"{run} goes on {opened.since}; its weights are as they were.")


def backtest_command(
    run: o.RunFolder,
    data: o.NewSource = None,
    horizon: _Horizon = None,
    paths: Annotated[
        int | None, Option(help="Number of sampled paths per forecast of one series (default 200).", show_default=False)
    ] = None,
    stride: Annotated[
        int | None,
        Option(
            help="Steps between forecasts (default as many as leave at most 100 of them, of a panel for each series).",
            show_default=False,
        ),
    ] = None,
    seed: o.Seed = None,
    intervals: _Intervals = "model",
    baselines: o.Baselines = None,
    refit_every: Annotated[
        int | None,
        Option(
            help="Train a panel's model again before every so many times of forecasts, on all known by then.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        Option(help="Write every forecast of a panel, with what happened, to this .csv file.", show_default=False),
    ] = None,
    by: Annotated[
        str | None, Option(help="Show errors of a panel by horizon or by series.", show_default=False)
    ] = None,
    device: o.LoadedOn = "auto",
    json: o.Json = False,
) -> None:
    """Score the forecasts that would have been made over the last tenth of the data, or over new DATA.

    MASE is the mean absolute error relative to that of the seasonal naive forecast on the training part, and CRPS
    scores the whole distribution. The last columns are the coverage of the 80 % and 95 % intervals. Of a panel, errors
    are means over each series first, sMAPE is that of the M4 competition (0 to 200), and the width is of 80 %
    intervals.
    """
    check_out("--out", out, ".csv")
    if by is not None:
        choose("`by`", by, ("horizon", "series"))
    opened = loaded(run, device)
    if (out is not None or by is not None) and not isinstance(opened, chainrule.runs.PanelRun):
        raise ArgumentError(f"`out` and `by` are for panels, and {run} is a run of one series. Leave them out.")
    if refit_every is not None and isinstance(opened, chainrule.runs.PanelRun):
        refits = opened.count_refits(refit_every, data, horizon=horizon, stride=stride)
        say(f"{counted(refits, 'refit')}, each of as many steps as the fit's best weights took")
    with progress("backtest") as advance:
        result = opened.backtest(
            data,
            horizon=horizon,
            paths=paths,
            stride=stride,
            seed=seed,
            intervals=intervals,  # type: ignore[arg-type]
            baselines=None if baselines is None else o.names_in(baselines),
            refit_every=refit_every,
            advance=advance,
        )
    if not isinstance(result, chainrule.runs.PanelBacktest):
        show(result, as_json=json)
        return
    apart = None
    if by is not None:
        apart = result.by_horizon() if by == "horizon" else result.by_series()
    if json:
        rows = {} if apart is None else {"by": {by: apart.to_dict("records")}}
        show_json(result.to_dict() | rows)
    else:
        show(result)
    if apart is not None and not json:
        show(apart.to_string(index=False))
    if out is not None:
        emit(result.to_frame().to_csv(index=False, lineterminator="\n"), out)
