"""What every result can be shown as: a line, a table, a dictionary, a pandas frame, a figure, a page."""

import html
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from chainrule._optional import require
from chainrule.display.drawing.figure import new_figure
from chainrule.display.formula import typeset
from chainrule.display.interactive import View
from chainrule.display.page import page, picture, player, styled
from chainrule.display.saving import writing
from chainrule.display.table import Table
from chainrule.display.terminal import clipped, printable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from rich.console import RenderableType

    from chainrule.display.drawing.picture import Picture

__all__ = ["Shown", "page_of"]

_LINE = 150  # columns of a repr


class Shown(ABC):
    """A result, and how it is shown: at a prompt, in a terminal, in a notebook, as a file.

    A subclass defines ``summary()``, ``table()``, ``to_dict()`` and ``draw_on()``; with several tables also
    ``tables()``. A dataclass has to be made with ``repr=False``, or it would print its arrays.
    """

    @abstractmethod
    def summary(self) -> str:
        """A few words, quick to compute; the ``repr`` is <Class summary>."""

    @abstractmethod
    def table(self) -> Table:
        """The numbers, or the first table of them."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The numbers in lists and dictionaries, ready for ``json.dumps``."""

    @abstractmethod
    def draw_on(self, ax: "Axes", *args: Any, **options: Any) -> None:
        """Draw on the axes; each result has its own options."""

    def tables(self) -> Sequence[Table]:
        """All tables that ``str()``, the command line and a notebook show, in order."""
        return (self.table(),)

    def to_frame(self) -> "pd.DataFrame":
        """The numbers as a pandas DataFrame, unrounded."""
        return self.table().to_frame()

    @overload
    def plot(self, ax: None = None, **options: Any) -> "Picture": ...
    @overload
    def plot(self, ax: "Axes", **options: Any) -> "Axes": ...
    def plot(self, ax: "Axes | None" = None, **options: Any) -> "Picture | Axes":
        """Draw on ``ax`` and return it; without ``ax``, return a new figure, which a notebook displays.

        The options are those of ``draw_on``.
        """
        if ax is None:
            return self.figure(**options)
        self.draw_on(ax, **options)
        return ax

    def figure(self, **options: Any) -> "Picture":
        """What ``plot()`` returns if it is given no axes."""
        made = new_figure(self.figure_height)
        self.draw_on(made.axes[0], **options)
        return made

    @property
    def figure_height(self) -> float:
        """The height in inches of a figure 8 inches wide."""
        return 4.0

    @property
    def drawable(self) -> bool:
        """Whether there is anything to draw."""
        return True

    def formulas(self) -> Sequence[str]:
        """What was computed, in LaTeX, a formula a line; pages and notebooks typeset them."""
        return ()

    def parts(self) -> "Sequence[Shown]":
        """The results that the page shows, in order."""
        return (self,)

    def view(self) -> View | None:
        """What the page shows it by besides figure and tables, for the reader to explore; None for most results."""
        return None

    def wav(self) -> bytes | None:
        """The bytes of a wav file that the page plays; None for all but sounds."""
        return None

    def to_html(self, path: str | Path | None = None) -> str:
        """A self-contained page, light or dark as the reader's settings are; also written to ``path`` if given."""
        document = page_of(self.parts())
        if path is not None:
            with writing(path):
                Path(path).write_text(document, encoding="utf-8")
        return document

    def __repr__(self) -> str:
        return f"<{clipped(printable(f'{type(self).__name__} {self.summary()}'), _LINE)}>"

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.tables()))

    def __rich__(self) -> "RenderableType":
        first, *others = self.tables()
        spaced = [part for table in others for part in ("", table)]
        group: RenderableType = require("rich.console").Group(first, *spaced)
        return group

    def _repr_html_(self) -> str:
        return styled("\n".join(map(_section, self.parts())))


def page_of(results: Sequence[Shown], remarks: Sequence[str] = ()) -> str:
    """One page of several results, named after the first; what there is to remark stands above them."""
    views = [result.view() for result in results]
    levels = [1] + [2] * (len(results) - 1)  # the first one's heading is the page's
    first, *others = map(_section, results, views, levels)
    modules = [view.module for view in views if view is not None]
    said = [f"<p>{html.escape(printable(remark))}</p>" for remark in remarks]
    body = "\n".join([*said, first.partition("\n")[2], *others])
    return page(printable(results[0].table().title), body, modules)


def _section(result: Shown, view: View | None = None, level: int = 2) -> str:
    """Heading of a level, formulas, view, sound, figure and tables; the heading is a line of its own."""
    first, *others = result.tables()
    parts = [_heading(first, level), *_typeset(result.formulas())]
    if view is not None:
        parts.append(view.to_html())
    if (wav := result.wav()) is not None:
        parts.append(player(wav, printable(first.title)))
    if result.drawable:
        parts.append(picture(result.figure(), printable(first.title)))
    parts.append(_scrolled(first))
    for table in others:
        parts += [_heading(table, level + 1), _scrolled(table)]
    return "\n".join(parts)


def _heading(table: Table, level: int) -> str:
    return f"<h{level}>{html.escape(printable(table.title))}</h{level}>"


def _typeset(formulas: Sequence[str]) -> list[str]:
    """All formulas, which scroll together where one is too wide, with the keyboard, too."""
    if not formulas:
        return []
    lines = "".join(map(typeset, formulas))
    return [f'<div class="scroll" tabindex="0" role="group" aria-label="Formulas">{lines}</div>']


def _scrolled(table: Table) -> str:
    """A table that scrolls by itself where it is too wide, with the keyboard, too."""
    label = html.escape(printable(table.title))
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{label}">{table.to_html()}</div>'
