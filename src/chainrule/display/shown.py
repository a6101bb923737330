"""What every result of the lens can do: be a table, a dictionary, a figure, a page."""

import html
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.display.page import page, picture, styled
from chainrule.display.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import RenderableType

__all__ = ["Shown", "page_of"]


class Shown(ABC):
    """A result that was computed once, with its faces: in a terminal, a figure, a notebook, a file."""

    @abstractmethod
    def table(self) -> Table:
        """The numbers, for a terminal of 80 columns."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The numbers in lists and dictionaries, as json writes them."""

    @abstractmethod
    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw on ``ax``, or on new axes; ``axes.figure.savefig("x.png")`` keeps it. Nothing is displayed."""

    def parts(self) -> "Sequence[Shown]":
        """What the page shows, in order."""
        return (self,)

    def to_html(self, path: str | Path | None = None) -> str:
        """A page of its own, light or dark as the reader's screen is; written to ``path`` as well if one is given."""
        document = page_of(self.parts())
        if path is not None:
            Path(path).write_text(document, encoding="utf-8")
        return document

    def __str__(self) -> str:
        return str(self.table())

    def __rich__(self) -> "RenderableType":
        return self.table().__rich__()

    def _repr_html_(self) -> str:
        return styled("\n".join(map(_section, self.parts())))


def page_of(results: Sequence[Shown]) -> str:
    """One page of several results, named after the first."""
    first, *others = map(_section, results)
    return page(results[0].table().title, "\n".join([first.partition("\n")[2], *others]))


def _section(result: Shown) -> str:
    """Heading, figure and table; the heading is a line of its own."""
    table, figure = result.table(), result.plot().get_figure(root=True)
    assert figure is not None
    heading = f"<h2>{html.escape(table.title)}</h2>"
    return f'{heading}\n{picture(figure, table.title)}\n<div class="scroll">{table.to_html()}</div>'
