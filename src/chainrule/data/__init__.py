"""Data: text, tables, sound and images read from files, and the sets that installed packages carry."""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule.data.builtin.exporting import export
    from chainrule.data.builtin.sets import builtins
    from chainrule.data.containers import Labelled, Series, Symbols
    from chainrule.data.dates.frequency import Frequency
    from chainrule.data.panels.ahead import check_known_ahead, extended
    from chainrule.data.panels.calendar import calendar_columns, calendar_features
    from chainrule.data.panels.joining import joined
    from chainrule.data.panels.panel import Covariate, Covariates, Panel
    from chainrule.data.panels.rows import PanelRows
    from chainrule.data.reading import Reading
    from chainrule.data.sounds.waveforms import write_wav
    from chainrule.data.sources.source import read, read_rows, with_future
    from chainrule.data.splits import split_labelled, split_note, split_steps
    from chainrule.data.text.alphabet import Alphabet
    from chainrule.data.transforms import Transform
else:
    __getattr__ = on_demand(__name__)

__all__ = [
    "Alphabet",
    "Covariate",
    "Covariates",
    "Frequency",
    "Labelled",
    "Panel",
    "PanelRows",
    "Reading",
    "Series",
    "Symbols",
    "Transform",
    "builtins",
    "calendar_columns",
    "calendar_features",
    "check_known_ahead",
    "export",
    "extended",
    "joined",
    "read",
    "read_rows",
    "split_labelled",
    "split_note",
    "split_steps",
    "with_future",
    "write_wav",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
