"""Tables of many series as panels, whatever their layout."""

from dataclasses import replace

from chainrule.data.dates.calendars import parse_rule
from chainrule.data.panels.calendar import automatic
from chainrule.data.panels.calendar_names import AUTO
from chainrule.data.panels.laying import laid
from chainrule.data.panels.layouts.layout import layout_of
from chainrule.data.panels.layouts.long import long_rows
from chainrule.data.panels.layouts.wide import rows_of_columns, rows_of_rows
from chainrule.data.panels.panel import Covariates, Panel
from chainrule.data.panels.rows import PanelRows, panel_of
from chainrule.data.reading import Reading
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import TooShortError

__all__ = ["table_panel", "table_rows"]


def table_panel(table: LoadedTable, reading: Reading, covariates: Covariates | None = None) -> Panel:
    """The panel of a table.

    Args:
        table: the table.
        reading: how it is read; its settings apply to its layout.
        covariates: of a run, whose columns and levels the panel is to have.

    Raises:
        DataError: what was read cannot be used as it is.
    """
    rows = _with_calendar(_rows(table, reading, covariates), reading, covariates)
    return panel_of(rows, fill=reading.fill, season=reading.season)


def table_rows(table: LoadedTable, reading: Reading, panel: Panel) -> PanelRows:
    """New rows for a panel, which may lack the target: with its frequency, covariates and levels.

    Raises:
        DataError: what was read cannot be used as it is.
    """
    if panel.freq is not None:
        reading = replace(reading, freq=panel.freq)
    rows = _rows(table, reading, panel.covariates, panel)
    return replace(rows, target=panel.target, covariates=panel.covariates)


def _rows(table: LoadedTable, reading: Reading, fitted: Covariates | None, panel: Panel | None = None) -> PanelRows:
    """The rows of a table, which for a ``panel`` may lack its target and have its steps."""
    if not len(table.frame):
        raise TooShortError(f"{table.name} has no rows; expected at least one for each series.")
    layout = layout_of(reading)
    if layout == "rows":
        return laid(rows_of_rows(table, reading), reading.freq)
    numbered = panel is not None and panel.first_steps is not None
    step = panel.step if panel is not None and numbered else None
    if layout == "columns":
        return laid(rows_of_columns(table, reading, numbered=numbered), reading.freq, step)
    may_lack = None if panel is None else panel.target
    return laid(long_rows(table, reading, fitted=fitted, may_lack=may_lack, numbered=numbered), reading.freq, step)


def _with_calendar(rows: PanelRows, reading: Reading, fitted: Covariates | None) -> PanelRows:
    calendar = reading.calendar
    if fitted is not None:
        calendar = fitted.calendar
    elif calendar == (AUTO,) and rows.freq is not None:
        calendar = automatic(parse_rule(rows.freq).unit)
    return replace(rows, covariates=replace(rows.covariates, calendar=calendar))
