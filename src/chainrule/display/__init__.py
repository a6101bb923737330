"""How results are shown: each as a line, a table, a dictionary, a frame, a figure and a page."""

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
from chainrule.display.shown import Shown, page_of
from chainrule.display.table import Table
from chainrule.display.terminal import clipped, printable
from chainrule.display.writing import writing

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
