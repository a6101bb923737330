"""How results are shown: one object as a table, a dictionary, a figure and a page."""

from chainrule.display.figure import (
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
from chainrule.display.shown import Shown, page_of
from chainrule.display.table import Cell, Table, number

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
