"""The labels that a classifier gives to files and arrays, and how they are shown."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import BLUE, GREY, Shown, Table, title
from chainrule.runs.figures import bars, bars_height

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Classification", "Classifications"]

_RANKED = 3  # classes that a table names
_DRAWN = 40  # bars of a figure


@dataclass(frozen=True, repr=False)
class Classification(Shown):
    """The likeliest class of a file, and the probability of every class, likeliest first.

    >>> Classification("x.png", "3", {"3": 0.9, "8": 0.1})
    <Classification of x.png: 3, 90.0%>
    """

    file: str
    label: str
    probabilities: dict[str, float]

    def summary(self) -> str:
        return f"of {self.file}: {self.label}, {self.probabilities[self.label]:.1%}"

    def table(self) -> Table:
        """Every class, likeliest first."""
        rows = list(self.probabilities.items())
        return Table(self.file, ("class", "probability"), rows, formats={"probability": ".1%"}, strong=[0])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def draw_on(self, ax: "Axes") -> None:
        """The probabilities of the likeliest classes, as bars."""
        ranked = list(self.probabilities.items())[:_DRAWN][::-1]
        _draw_shares(ax, [name for name, _ in ranked], [share for _, share in ranked], self.label)
        title(ax, f"{self.file}: {self.label}")

    @property
    def figure_height(self) -> float:
        return bars_height(min(_DRAWN, len(self.probabilities)))


class Classifications(Shown, Sequence[Classification]):
    """The classification of each of several files, in their order: a list of them, and a table.

    >>> three = Classification("x.png", "3", {"3": 0.9, "8": 0.1})
    >>> found = Classifications([three, three])
    >>> found, found[0].label, len(found)
    (<Classifications of 2 files: 3>, '3', 2)
    """

    def __init__(self, results: Sequence[Classification]) -> None:
        self._results = tuple(results)

    @overload
    def __getitem__(self, index: int) -> Classification: ...
    @overload
    def __getitem__(self, index: slice) -> "Classifications": ...
    def __getitem__(self, index: int | slice) -> "Classification | Classifications":
        if isinstance(index, slice):
            return Classifications(self._results[index])
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def summary(self) -> str:
        labels = list(dict.fromkeys(result.label for result in self))
        return f"of {counted(len(self), 'file')}: {', '.join(labels)}"

    def table(self) -> Table:
        """Each file's label with its probability, and the next likeliest classes."""
        rows = []
        for result in self:
            first, *others = list(result.probabilities.items())[:_RANKED]
            then = ", ".join(f"{name} {probability:.1%}" for name, probability in others)
            rows.append((result.file, result.label, first[1], then))
        heading = f"{counted(len(self), 'file')} classified"
        return Table(heading, ("file", "label", "probability", "then"), rows, formats={"probability": ".1%"})

    def to_frame(self) -> "pd.DataFrame":
        """A row for each file: its label, and the probability of every class."""
        classes = sorted(self[0].probabilities) if self else []
        rows = [(each.file, each.label, *(each.probabilities[name] for name in classes)) for each in self]
        frame: pd.DataFrame = require("pandas").DataFrame(rows, columns=["file", "label", *classes])
        return frame

    def to_dict(self) -> dict[str, Any]:
        return {"files": [result.to_dict() for result in self]}

    def draw_on(self, ax: "Axes") -> None:
        """The label of each file and its probability, as bars."""
        drawn = list(self)[:_DRAWN][::-1]
        names = [f"{Path(result.file).name}: {result.label}" for result in drawn]
        _draw_shares(ax, names, [result.probabilities[result.label] for result in drawn])
        more = "" if len(self) <= _DRAWN else f", the first {_DRAWN}"
        title(ax, f"{counted(len(self), 'file')} classified{more}")

    @property
    def figure_height(self) -> float:
        return bars_height(min(_DRAWN, len(self)))


def _draw_shares(ax: "Axes", names: Sequence[str], shares: Sequence[float], label: str | None = None) -> None:
    colours = [BLUE if label in (None, name) else GREY for name in names]
    bars(ax, names, shares, "{:.1%}", colours)
    ax.set_xlim(0, 1.1)
    ax.set_xlabel("probability")
