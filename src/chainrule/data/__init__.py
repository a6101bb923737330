"""Data: text, tables, sound and images read from files, and the sets that installed packages carry."""

from chainrule.data.builtin.exporting import export
from chainrule.data.builtin.sets import builtins
from chainrule.data.containers import Labelled, Series, Symbols
from chainrule.data.dates.frequency import Frequency
from chainrule.data.panels.panel import Panel
from chainrule.data.reading import Reading
from chainrule.data.sounds.waveforms import write_wav
from chainrule.data.sources.source import read
from chainrule.data.splits import split_labelled, split_note, split_steps
from chainrule.data.text.alphabet import Alphabet
from chainrule.data.transforms import Transform

__all__ = [
    "Alphabet",
    "Frequency",
    "Labelled",
    "Panel",
    "Reading",
    "Series",
    "Symbols",
    "Transform",
    "builtins",
    "export",
    "read",
    "split_labelled",
    "split_note",
    "split_steps",
    "write_wav",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
