"""The curves of several fits in one figure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chainrule.display import (
    BLACK,
    BLUE,
    GREY,
    SKY,
    VERMILLION,
    Cell,
    Shown,
    Table,
    clipped,
    name_ends,
    title,
    whole_ticks,
)
from chainrule.errors import ArgumentError
from chainrule.runs.watching.curves import TrainingCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CurvesBeside"]

_NAME = 20  # columns of a name beside its line
_COLOURS = (BLUE, VERMILLION, BLACK, SKY, GREY)


class CurvesBeside(Shown):
    """Fits side by side: ``curves`` by their names, and the loss of each on its test part where it is known."""

    def __init__(self, curves: Mapping[str, TrainingCurves], tests: Mapping[str, float | None]) -> None:
        if len(curves) < 2:
            raise ArgumentError(f"{len(curves)} of two runs were given to compare; expected two of different names.")
        self.curves = dict(curves)
        self.tests = dict(tests)

    def summary(self) -> str:
        return f"of {', '.join(self.curves)}"

    def table(self) -> Table:
        """Of each the steps, the seconds, and the losses of the weights that were chosen."""
        rows: list[tuple[Cell, ...]] = []
        for name, each in self.curves.items():
            chosen = each.chosen
            last = each.records[-1] if each.records else {}
            loss = None if chosen is None else chosen["validation"]
            rows.append((name, each.title, last.get("step"), last.get("seconds"), loss, self.tests.get(name)))
        units = {each.unit for each in self.curves.values()}
        notes = [f"{name}: losses are in {each.unit}." for name, each in self.curves.items()]
        if len(units) == 1:
            notes = [f"Losses are in {units.pop()}."]
        columns = ("", "what", "steps", "seconds", "validation", "test")
        formats = {"seconds": ",.1f", "validation": ".4f", "test": ".4f"}
        return Table(f"Side by side: {', '.join(self.curves)}", columns, rows, tuple(notes), formats)

    def to_dict(self) -> dict[str, Any]:
        return {name: each.to_dict() | {"test": self.tests.get(name)} for name, each in self.curves.items()}

    def draw_on(self, ax: "Axes") -> None:
        """The validation loss of each over its steps; the training loss, where it never validated."""
        ends = []
        for k, (name, each) in enumerate(self.curves.items()):
            key = "validation" if each.validated else "loss"
            records = each.validated or each.trained
            if not records:
                continue
            losses = [record[key] for record in records]
            colour = _COLOURS[k % len(_COLOURS)]
            marker = "o" if len(losses) < 50 else None
            ax.plot([record["step"] for record in records], losses, color=colour, marker=marker, markersize=3)
            ends.append((clipped(name, _NAME), losses[-1], colour))
        whole_ticks(ax.xaxis)
        ax.set_xlabel("training step")
        ax.set_ylabel(f"validation loss ({next(iter(self.curves.values())).unit})", parse_math=False)
        title(ax, "Validation loss, side by side")
        name_ends(ax, ends)

    @property
    def drawable(self) -> bool:
        """Whether any has losses to draw."""
        return any(each.drawable for each in self.curves.values())
