"""Results as tables of at most 80 columns."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table

from chainrule._choices import counted
from chainrule.data import builtins
from chainrule.runs import Backtest, Classification, ClassScore, Comparison, Errors, Forecast, Score

__all__ = [
    "backtest_table",
    "builtins_table",
    "class_table",
    "classification_table",
    "comparison_table",
    "errors_table",
    "forecast_tables",
    "score_table",
]


def _table(title: str, *columns: str) -> Table:
    """A plain table: the first column to the left, numbers to the right."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    return table


def score_table(score: Score, model: str) -> Table:
    """The model beside the baselines, best first."""
    unit = score.unit
    table = _table(f"{score.of}: {counted(score.count, unit)}", "", f"nats/{unit}", f"bits/{unit}", "log-likelihood")
    rows = {model: score.nats, **score.baseline_nats()}
    rows |= {f"{model}, cold every {n}": -float(nats.mean()) for n, nats in score.cold.items()}
    for name, nats in sorted(rows.items(), key=lambda row: row[1]):
        cells = (f"{nats:.4f}", f"{nats / _NAT:.4f}", f"{-nats * score.count:,.1f}")
        table.add_row(name, *cells, style="bold" if name == model else None)
    return table


_NAT = 0.6931471805599453  # nats in a bit


def _errors(errors: Errors) -> list[str]:
    return [
        f"{errors.mae:.5g}",
        f"{errors.rmse:.5g}",
        f"{errors.mase:.3f}",
        f"{errors.coverage_80:.0%}",
        f"{errors.coverage_95:.0%}",
    ]


def errors_table(score: Score, model: str) -> Table:
    """One-step errors of medians and intervals."""
    table = _table("one step ahead", "", "MAE", "RMSE", "MASE", "in 80 %", "in 95 %")
    for name, errors in score.errors.items():
        is_model = name == "model"
        table.add_row(model if is_model else name, *_errors(errors), style="bold" if is_model else None)
    return table


def class_table(score: ClassScore) -> Table:
    """Accuracy, beside always answering the best single answer."""
    table = _table(f"{score.of}: {counted(score.count, 'example')}", "", "accuracy", "nats/example")
    table.add_row("model", f"{score.accuracy:.2%}", f"{score.nats:.4f}", style="bold")
    table.add_row("best single answer", f"{score.majority:.2%}", "")
    return table


def forecast_tables(forecast: Forecast) -> Iterator[Table]:
    """A table a column of the series, one row a step."""
    header, rows = forecast.rows()
    levels = len(forecast.levels)
    for i, column in enumerate(forecast.columns):
        table = _table(f"forecast of {column}", header[0], *(f"{level:g}" for level in forecast.levels))
        for when, *values in rows:
            table.add_row(str(when), *(f"{value:.5g}" for value in values[i * levels : (i + 1) * levels]))
        yield table


def backtest_table(backtest: Backtest, model: str) -> Table:
    """The model beside the naive forecasts."""
    title = f"{backtest.of}: {counted(backtest.origins, 'forecast')} of {counted(backtest.horizon, 'step')}"
    table = _table(title, "", "MAE", "RMSE", "MASE", "CRPS", "in 80 %", "in 95 %")
    for name, row in backtest.rows.items():
        cells = (f"{row.mae:.5g}", f"{row.rmse:.5g}", f"{row.mase:.3f}", f"{row.crps:.5g}")
        coverage = (f"{row.coverage_80:.0%}", f"{row.coverage_95:.0%}")
        is_model = name == "model"
        table.add_row(model if is_model else name, *cells, *coverage, style="bold" if is_model else None)
    return table


def comparison_table(comparison: Comparison) -> Table:
    """Models and baselines, likeliest first."""
    real = any(row.errors for row in comparison.rows)
    errors = ("MAE", "in 80 %") if real else ("bits",)
    title = f"{comparison.of}: {counted(comparison.count, comparison.unit)}; nats and bits per {comparison.unit}"
    table = _table(title, "", "nats", "gained ± 95 %", *errors, "params", "time", "MB")
    for row in sorted(comparison.rows, key=lambda row: row.nats):
        shown: Sequence[str] = (f"{row.nats / _NAT:.3f}",)
        if real:
            shown = ("", "") if row.errors is None else (f"{row.errors.mae:.5g}", f"{row.errors.coverage_80:.0%}")
        table.add_row(
            row.name,
            f"{row.nats:.3f}",
            f"{row.gained:.3f} ± {row.gained_95:.3f}",
            *shown,
            "" if row.parameters is None else f"{row.parameters:,}",
            "" if row.seconds is None else f"{row.seconds:.0f} s",
            "" if row.memory_bytes is None else f"{row.memory_bytes / 1e6:.0f}",
            style="bold" if row.parameters is not None else None,
        )
    return table


def classification_table(results: Sequence[Classification], shown: int = 3) -> Table:
    """Each file's label, and its likeliest classes."""
    table = _table("", "file", "label", "probability", "then")
    for result in results:
        (_, first), *others = result.probabilities.items()
        then = ", ".join(f"{name} {p:.1%}" for name, p in others[: shown - 1])
        table.add_row(result.file, result.label, f"{first:.1%}", then)
    return table


def builtins_table() -> Table:
    """The built-in data sets."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "what", "source and licence"):
        table.add_column(column, overflow="fold", style="bold" if column == "name" else None)
    for entry in builtins():
        what = f"{entry.description} ({entry.kind}, {entry.size})"
        table.add_row(entry.name, what, f"{entry.source}; {entry.licence}")
    return table
