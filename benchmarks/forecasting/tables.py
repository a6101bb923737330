"""The table of a set, plain text within 80 columns."""

from benchmarks.forecasting.jobs import Done
from benchmarks.forecasting.results import OnSet
from chainrule.runs.scoring.panels import PanelBacktest, PanelRow

__all__ = ["table"]

_BUSY = 0.05  # of the processors: other work that slows an entrant


def table(on: OnSet, score: PanelBacktest | None) -> str:
    """A row an entrant, whether it was run or not."""
    lines = [
        f"{on.name}: {len(on.panel.ids)} series, the last {on.about.horizon} steps of each",
        "80 %: outcomes inside these intervals, their width; steps of training; seconds",
        "of training, of forecasting, and those that processors worked for both",
        f"{'':<22}{'MASE':>6}{'WQL':>8}{'80 %':>5}{'width':>8}{'steps':>7}{'trained':>8}{'forecast':>9}{'worked':>7}",
    ]
    rows = {} if score is None else score.rows
    for name in dict.fromkeys([*on.models, *rows, *on.peers]):
        lines.append(_row(name, on.found.get(name), rows.get(name)))
    if score is not None:
        lines += [note for note in score.table().notes if note.startswith(f"{score.model} against")]
    if on.about.published:
        lines.append(f"published, on another test part: {on.about.published}")
    busiest = max((done.others for done in on.found.values()), default=0.0)
    if busiest > _BUSY:
        lines.append(f"NOT QUIET: other processes took up to {busiest:.0%} of the processors.")
    return "\n".join(lines)


def _row(name: str, done: Done | None, row: PanelRow | None) -> str:
    label = f"{name:<22}"
    if done is not None and done.failed is not None:
        return f"{label} FAILED: {done.failed}"
    if done is not None and done.not_run is not None:
        return f"{label} not run: {done.not_run}"
    assert row is not None
    cells = [f"{_number(row.mase, '.3f'):>6}{_number(row.wql, '.4f'):>8}"]
    cells.append(f"{_number(row.coverage_80, '.0%'):>5}{_number(row.width_80, '.4g'):>8}")
    if done is not None and done.outcome is not None:
        spent = done.outcome
        cells.append(f"{spent.steps:>7}{spent.training:>8.0f}{spent.forecasting:>9.0f}{spent.processor:>7.0f}")
    return label + "".join(cells)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
