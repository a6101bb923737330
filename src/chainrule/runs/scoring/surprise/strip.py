"""A strip of text on a ground that is coloured by the surprise of each symbol: in a terminal, and as a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.display import ON_MAP, VERMILLION, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.text import Text

__all__ = ["ACROSS", "coloured", "draw_strip"]

ACROSS = 40  # symbols of a figure's row
_SHOWN = 2_000  # symbols of a terminal's strip
_SEEN = {"\n": "⏎", "\t": "⇥", "\r": "␍"}
_RED_GREEN_BLUE = tuple(int(VERMILLION[k : k + 2], 16) for k in (1, 3, 5))


def coloured(symbols: Sequence[str], surprise: NDArray[np.float64], separator: str) -> "Text":
    """The symbols as a rich text, from a white ground, 0 bits, to an orange one, the largest surprise among them."""
    shown: Text = require("rich.text").Text()
    largest = largest_of(surprise[:_SHOWN])
    for symbol, bits in zip(symbols[:_SHOWN], surprise, strict=False):
        share = float(np.clip(bits / largest, 0, 1))
        ground = ",".join(str(round(255 + share * (level - 255))) for level in _RED_GREEN_BLUE)
        shown.append(printable(_SEEN.get(symbol, symbol)), style=f"{ON_MAP} on rgb({ground})")
        shown.append("\n" if symbol == "\n" else separator)
    more = f", the first {_SHOWN:,} of {len(symbols):,}" if len(symbols) > _SHOWN else ""
    shown.append(f"\nwhite: 0 bits; orange: {largest:.1f} bits{more}")
    return shown


def largest_of(surprise: NDArray[np.float64]) -> float:
    """The largest surprise that is finite, which ends the scale: what had no probability has its colour too."""
    return float(surprise[np.isfinite(surprise)].max(initial=0)) or 1.0


def draw_strip(axes: "Axes", symbols: Sequence[str], surprise: NDArray[np.float64]) -> None:
    """The symbols in rows of forty, each on a ground of its surprise; ends of lines and tabs are marked."""
    rows = -(-len(symbols) // ACROSS)
    grid = np.full(rows * ACROSS, np.nan)
    grid[: len(symbols)] = np.minimum(surprise, largest_of(surprise))
    colours = require("matplotlib.colors").LinearSegmentedColormap.from_list("surprise", ["white", VERMILLION])
    axes.grid(visible=False)
    image = axes.imshow(grid.reshape(rows, ACROSS), cmap=colours, vmin=0, aspect="auto")
    axes.figure.colorbar(image, ax=axes, label="surprise, -log2 p (bits)")
    for place, symbol in enumerate(symbols):
        row, column = divmod(place, ACROSS)
        shown = _SEEN.get(symbol, symbol)
        axes.text(column, row, shown, ha="center", va="center", fontsize=10, color=ON_MAP, parse_math=False)
    axes.set_yticks(range(rows), [f"{1 + ACROSS * row:,}" for row in range(rows)])
    axes.set_xticks([])
    axes.set_ylabel("number of the row's first")
