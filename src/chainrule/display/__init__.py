"""How results are shown: each as a line, a table, a dictionary, a frame, a figure and a page."""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule.display.drawing.figure import (
        BLACK,
        BLUE,
        GREY,
        ON_MAP,
        SKY,
        VERMILLION,
        logarithmic,
        name_ends,
        new_figure,
        signed,
        title,
        whole_ticks,
    )
    from chainrule.display.drawing.mosaic import mosaic, mosaic_height, paint
    from chainrule.display.drawing.strips import draw_strips
    from chainrule.display.interactive import View, exact
    from chainrule.display.numbers import Cell, fixed, listed, number
    from chainrule.display.saving import writing
    from chainrule.display.shown import Shown, page_of
    from chainrule.display.table import Table
    from chainrule.display.terminal import clipped, printable
else:
    __getattr__ = on_demand(__name__)

__all__ = [
    "BLACK",
    "BLUE",
    "GREY",
    "ON_MAP",
    "SKY",
    "VERMILLION",
    "Cell",
    "Shown",
    "Table",
    "View",
    "clipped",
    "draw_strips",
    "exact",
    "fixed",
    "listed",
    "logarithmic",
    "mosaic",
    "mosaic_height",
    "name_ends",
    "new_figure",
    "number",
    "page_of",
    "paint",
    "printable",
    "signed",
    "title",
    "whole_ticks",
    "writing",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
