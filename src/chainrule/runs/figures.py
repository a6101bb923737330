"""The figures of a run: losses while training and along the data, confusion matrix, comparisons.

Each function draws on the axes that it is given. Lines are named where they end, without a legend.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import BLACK, BLUE, GREY, SKY, VERMILLION, name_ends, title
from chainrule.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bars", "bars_height", "comparison", "confusion", "loss_curve", "losses_along"]

_BLOCKS = 60  # of losses along the data
_Floats = NDArray[np.float64]


def loss_curve(
    axes: "Axes",
    steps: ArrayLike,
    train_loss: ArrayLike,
    valid_steps: ArrayLike,
    valid_loss: ArrayLike,
    unit: str = "nats per character",
    baselines: Mapping[str, float] | None = None,
) -> None:
    """Training and held-out loss over the steps of training; each baseline's loss is a dashed line.

    ``steps`` and ``train_loss`` are (N,), N >= 1; ``valid_steps`` and ``valid_loss`` (M,), M >= 0. The
    highest twentieth of the training losses, mostly the first, may lie above the frame, to tell the rest
    apart.

    >>> from chainrule.display import new_figure
    >>> curve = new_figure(4.5)
    >>> loss_curve(curve.axes[0], [1, 2, 3], [4.0, 3.0, 2.5], [3], [2.6], baselines={"unigram": 3.3})
    >>> curve.axes[0].get_title("left")
    'Best held-out loss: 2.600 nats per character, at step 3'
    """
    x, y = _curve("steps", steps, "train_loss", train_loss)
    valid_x, valid_y = _curve("valid_steps", valid_steps, "valid_loss", valid_loss)
    if not x.size:
        raise ArgumentError("a loss curve needs at least one training loss, got none")
    axes.plot(x, y, color=SKY, linewidth=1.2, marker="o" if x.size == 1 else None, markersize=4)
    ends = [("training", y[-1], SKY)]
    heading = "Training loss"
    if valid_x.size:
        axes.plot(valid_x, valid_y, color=BLUE, linewidth=2, marker="o", markersize=4)
        ends.append(("held-out", valid_y[-1], BLUE))
        best = int(valid_y.argmin())
        heading = f"Best held-out loss: {valid_y[best]:.3f} {unit}, at step {valid_x[best]:,.0f}"
    for name, loss in (baselines or {}).items():
        axes.axhline(loss, color=GREY, linewidth=1, linestyle="--")
        ends.append((f"{name} {loss:.3f}", loss, GREY))
    shown = [*y[y <= np.quantile(y, 0.95)], *valid_y, *(level for _, level, _ in ends)]
    margin = 0.05 * (max(shown) - min(shown)) or 0.05
    axes.set_ylim(min(shown) - margin, max(shown) + margin)
    axes.set_xlim(0, 1.01 * max(*x, *valid_x, 1))
    axes.xaxis.set_major_locator(require("matplotlib.ticker").MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("training step")
    axes.set_ylabel(f"loss ({unit})", parse_math=False)
    title(axes, heading)
    name_ends(axes, ends)


def confusion(axes: "Axes", matrix: ArrayLike, classes: Sequence[str]) -> None:
    """Counts of true class (rows) against predicted class (columns), coloured by their share of the row.

    ``matrix`` is (K, K), of integers >= 0; for K <= 20 the counts above zero are written.

    >>> from chainrule.display import new_figure
    >>> figure = new_figure(7.0)
    >>> confusion(figure.axes[0], [[9, 1], [0, 10]], ["cat", "dog"])
    >>> figure.axes[0].get_title("left")
    'Accuracy 95.0 % (19 of 20)'
    """
    counts = np.asarray(matrix)
    K = len(classes)
    if counts.shape != (K, K) or K == 0 or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise ShapeError(
            f"matrix must hold integers >= 0, one row and one column for each of the {K} classes (at least "
            f"one), got shape {counts.shape} of {counts.dtype}"
        )
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    shown = range(0, K, -(-K // 40))
    names = [classes[k] for k in shown]
    turn = 90 if max(map(len, names)) > 3 and K > 8 else 0
    axes.set_xticks(shown, names, rotation=turn, parse_math=False)
    axes.set_yticks(shown, names, parse_math=False)
    axes.grid(visible=False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    if K <= 20:
        for i, j in np.argwhere(counts):
            colour = "white" if share[i, j] > 0.5 else BLACK
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=9 if K <= 12 else 7)
    correct = int(np.trace(counts))
    total = int(counts.sum())
    title(axes, f"Accuracy {100 * correct / max(total, 1):.1f} % ({correct:,} of {total:,})")


def comparison(axes: "Axes", names: Sequence[str], values: ArrayLike, unit: str, baseline: str) -> None:
    """Likelihood that each model gains over ``baseline``, in ``unit``, as bars with the best on top.

    ``values`` is (N,), N >= 1, one for each of ``names``; a negative one is a model worse than the baseline.

    >>> from chainrule.display import new_figure
    >>> figure = new_figure(2.0)
    >>> comparison(figure.axes[0], ["ar", "gru"], [0.1, 0.4], "nats per step", "i.i.d.")
    >>> figure.axes[0].get_title("left")
    'Likelihood gained over i.i.d.'
    """
    gained = np.asarray(values, dtype=np.float64)
    if gained.shape != (len(names),) or not len(names) or not np.isfinite(gained).all():
        raise ShapeError(
            f"values must be {counted(len(names), 'finite number')}, one a name (at least one), got {gained.tolist()}"
        )
    order = np.argsort(gained, kind="stable")
    colours = [BLUE if gained[i] >= 0 else VERMILLION for i in order]
    bars(axes, [names[i] for i in order], gained[order], "{:+.3f}", colours)
    axes.axvline(0, color=BLACK, linewidth=1)
    axes.set_xlabel(unit, parse_math=False)
    title(axes, f"Likelihood gained over {baseline}")


def bars(axes: "Axes", names: Sequence[str], values: ArrayLike, label: str, colours: Sequence[str]) -> None:
    """A bar for each name, the first at the bottom, with its value written by ``label``, as "{:.3f}"."""
    drawn = axes.barh(range(len(names)), np.asarray(values), height=0.65, color=colours)
    axes.bar_label(drawn, fmt=label, padding=4, fontsize=9)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.15)
    axes.set_ylim(-0.6, len(names) - 0.4)


def bars_height(count: int) -> float:
    """In inches, of a figure of so many bars."""
    return 1.2 + 0.4 * count


def losses_along(axes: "Axes", losses: Mapping[str, NDArray[np.float64]], unit: str) -> None:
    """Nats a unit along the data, the means of at most 60 blocks of it, for a model, which comes first, and baselines.

    ``losses`` are (n,) each, n >= 1. What is infinite is left out.
    """
    model = next(iter(losses))
    ends = []
    count = len(losses[model])
    blocks = min(count, _BLOCKS)
    middle = [float(at.mean()) for at in np.array_split(np.arange(1, count + 1), blocks)]
    for name, values in reversed(list(losses.items())):  # the model's own line over the others
        colour, width = (BLUE, 2.0) if name == model else (GREY, 1.0)
        means = np.array([part.mean() for part in np.array_split(values, blocks)])
        means[~np.isfinite(means)] = np.nan
        axes.plot(middle, means, color=colour, linewidth=width, marker="o" if blocks == 1 else None, markersize=4)
        if np.isfinite(means[-1]):
            ends.append((name, float(means[-1]), colour))
    axes.margins(x=0)
    axes.set_xlabel(f"{unit} that is scored")
    axes.set_ylabel(f"nats per {unit}", parse_math=False)
    title(axes, "Loss along the data" + (f", means of {blocks} blocks" if blocks < count else ""))
    if ends:
        name_ends(axes, ends)


def _curve(x_name: str, x: ArrayLike, y_name: str, y: ArrayLike) -> tuple[_Floats, _Floats]:
    steps = np.asarray(x, dtype=np.float64)
    losses = np.asarray(y, dtype=np.float64)
    if steps.ndim != 1 or steps.shape != losses.shape:
        raise ShapeError(
            f"{x_name} and {y_name} must be lists of one length, got shapes {steps.shape} and {losses.shape}"
        )
    if not np.isfinite(losses).all():
        raise ArgumentError(f"{y_name} must be finite, got {losses[~np.isfinite(losses)][0]}")
    return steps, losses
