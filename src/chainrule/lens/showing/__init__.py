"""How results are shown: one object as a table, a dictionary, a figure and a page."""

from chainrule.lens.showing.figure import (
    BLACK,
    BLUE,
    GREY,
    ON_MAP,
    SKY,
    VERMILLION,
    axes_on,
    logarithmic,
    new_figure,
    signed,
    title,
)
from chainrule.lens.showing.shown import Shown, page_of
from chainrule.lens.showing.table import Cell, Table, number

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
    "axes_on",
    "logarithmic",
    "new_figure",
    "number",
    "page_of",
    "signed",
    "title",
]
