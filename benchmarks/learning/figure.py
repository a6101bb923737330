"""Score against seconds: a panel a text, for the README."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.learning.entrants import OF_NINETY, TWENTY_LINES
from benchmarks.learning.results import OnText
from chainrule.display.drawing.figure import BLACK, BLUE, GREY, SKY, VERMILLION, name_ends, new_figure, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["save_figure"]

_GREEN = "#009E73"
_PURPLE = "#CC79A7"
_ORANGE = "#E69F00"
# Names at the ends of the lines, and colours. Of those that differ in little one is drawn.
_DRAWN = {
    "chainrule": ("chainrule", VERMILLION),
    "chainrule-network": ("its network alone", _ORANGE),
    "lstm": ("torch LSTM", BLUE),
    "gru": ("torch GRU", SKY),
    "transformer": ("transformer", _PURPLE),
    "transformer-32": ("transformer, 32 rows", _GREEN),
    "chainrule-ngram": ("chainrule's ngram", BLACK),
    "6-gram": ("6-gram", GREY),
}
_ABOVE = 0.6  # nats above the torch loop's final score that are shown


def save_figure(texts: Sequence[OnText], path: Path) -> None:
    """Curves of means over the seeds; what is counted in seconds, and not trained, is a level line from there on."""
    figure = new_figure(3.6 * len(texts), panels=len(texts))
    for on, axes in zip(texts, figure.axes, strict=True):
        _draw(on, axes)
    figure.axes[-1].set_xlabel("seconds")
    figure.savefig(path)


def _draw(on: OnText, axes: "Axes") -> None:
    runs = {name: on.ran(name) for name in _DRAWN}
    drawn = {name: found for name, found in runs.items() if found is not None}
    latest = max((found.seconds for found in drawn.values()), default=1.0)
    ends = []
    for name, found in drawn.items():
        label, colour = _DRAWN[name]
        curve = found.curve()
        seconds = [at for at, _ in curve]
        nats = [reached for _, reached in curve]
        if len(curve) == 1:
            axes.plot(
                [*seconds, latest], nats * 2, color=colour, linestyle="--", linewidth=1.2, marker="o", markersize=3
            )
        else:
            axes.plot(seconds, nats, color=colour, linewidth=1.8, marker="o", markersize=3)
        ends.append((f"{label} {found.nats:.3f}", found.nats, colour))
    budgets = [on.ran(f"chainrule-{of}") for of in OF_NINETY]
    shorter = [found for found in budgets if found is not None]
    if shorter:
        seconds = [found.seconds for found in shorter]
        nats = [found.nats for found in shorter]
        axes.plot(
            seconds, nats, "D", color=_DRAWN["chainrule"][1], fillstyle="none", label="chainrule, smaller budgets"
        )
        axes.legend(loc="best", fontsize=9)
    shown = on.ran(TWENTY_LINES) or next(iter(drawn.values()), None)
    if shown is not None:
        lowest = min(found.nats for found in [*drawn.values(), *shorter])
        axes.set_ylim(lowest - 0.05, max(shown.nats, lowest) + _ABOVE)
    axes.set_xlim(0, 1.01 * latest)
    axes.set_ylabel("nats per character")
    title(axes, f"{on.text.name}: unseen last tenth, by seconds of training")
    if ends:
        name_ends(axes, ends)
