"""Losses while training, and along the data that is scored."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.display import BLUE, GREY, SKY, VERMILLION, name_ends, title, whole_ticks
from chainrule.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["loss_curve", "losses_along"]

_BLOCKS = 60  # of losses along the data
_SMOOTHED = 20  # training losses from which on their running mean is drawn too, over a twentieth of them
_HEADROOM = 0.08  # of the axes, above all curves, for the words on where what was held out joins
_MOST = 4  # times the range of all other losses, to which a held-out loss may rise within the axes
_Floats = NDArray[np.float64]
_End = tuple[str, float, str]  # of a line: its name, level and colour


def loss_curve(
    axes: "Axes",
    steps: ArrayLike,
    train_loss: ArrayLike,
    valid_steps: ArrayLike,
    valid_loss: ArrayLike,
    unit: str = "nats per character",
    baselines: Mapping[str, float] | None = None,
    *,
    alone: ArrayLike | None = None,
    joined: float | None = None,
    criterion: ArrayLike | None = None,
    chosen: int | None = None,
) -> None:
    """Training and validation loss over the steps of training; each baseline's loss is a dashed line.

    ``alone`` are the validation losses (M,) of what is trained by itself, where more is validated: a mixture.
    ``joined`` is the step from which what was held out trains too; a line up the axes marks it. ``criterion`` is what
    chooses the weights (M,), where that is not the validation loss alone, and ``chosen`` the index of the step whose
    weights are chosen, to be kept or to be trained on with all, by default that of the least: a ring marks it.

    ``steps`` and ``train_loss`` are (N,), N >= 1; ``valid_steps`` and ``valid_loss`` (M,), M >= 0. From 20 training
    losses on their running mean is drawn over them. The highest twentieth, mostly the first ones, may lie above the
    frame, so that the rest can be told apart.

    >>> from chainrule.display import new_figure
    >>> curve = new_figure(4.5)
    >>> loss_curve(curve.axes[0], [1, 2, 3], [4.0, 3.0, 2.5], [3], [2.6], baselines={"unigram": 3.3})
    >>> curve.axes[0].get_title("left")
    'Weights of step 3 chosen: held-out loss 2.600 nats per character'
    """
    x, y = _curve("steps", steps, "train_loss", train_loss)
    valid_x, valid_y = _curve("valid_steps", valid_steps, "valid_loss", valid_loss)
    if not x.size:
        raise ArgumentError("a loss curve needs at least one training loss, got none")
    ends = [_training(axes, x, y)]
    heading = "Training loss"
    curves: dict[str, _Floats] = {}
    if valid_x.size:
        given = {"held-out": valid_loss, "held-out, network alone": alone, "selection criterion": criterion}
        for name, values in given.items():
            if values is not None:
                _, curves[name] = _curve("valid_steps", valid_steps, name, values)
        ends += _held_out(axes, valid_x, curves)
        least = int(curves.get("selection criterion", valid_y).argmin())
        at = least if chosen is None else chosen
        axes.plot(
            valid_x[at], valid_y[at], color=VERMILLION, marker="o", markersize=11, fillstyle="none", clip_on=False
        )
        then = " chosen" if joined is None else " trained on"
        heading = f"Weights of step {valid_x[at]:,.0f}{then}: held-out loss {valid_y[at]:z.3f} {unit}"
    for name, loss in (baselines or {}).items():
        axes.axhline(loss, color=GREY, linewidth=1, linestyle="--")
        ends.append((f"{name} {loss:z.3f}", loss, GREY))
    if joined is not None:
        _mark_joining(axes, joined, of=max(*x, *valid_x))
    levels = [*y[y <= np.quantile(y, 0.95)], ends[0][1], *(baselines or {}).values()]
    low, high = _limits(np.array(levels), np.concatenate([*curves.values(), []]))
    if joined is not None:
        high += _HEADROOM * (high - low)
    if valid_y.max(initial=low) > high:
        ends = _within(ends, low, high, valid_y.max())
    axes.set_ylim(low, high)
    axes.set_xlim(0, 1.01 * max(*x, *valid_x, 1))
    whole_ticks(axes.xaxis)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("training step")
    axes.set_ylabel(f"loss ({unit})", parse_math=False)
    title(axes, heading)
    name_ends(axes, ends)


def _mark_joining(axes: "Axes", joined: float, of: float) -> None:
    """A line up the axes, and its words above the curves, on the side of it that has room for them."""
    axes.axvline(joined, color=GREY, linewidth=1, linestyle=":")
    is_late = joined > of / 2
    note = axes.annotate(
        "held out joins",
        (joined, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if is_late else 4, -3),
        textcoords="offset points",
        color=GREY,
        fontsize=10,
    )
    note.set(ha="right" if is_late else "left", va="top")


def _held_out(axes: "Axes", steps: _Floats, curves: Mapping[str, _Floats]) -> list[_End]:
    """Draw the held-out losses, the first one with its points and others dotted; the ends of the lines."""
    for name, losses in curves.items():
        if name == "held-out":
            axes.plot(steps, losses, color=BLUE, linewidth=2, marker="o", markersize=4)
        else:
            axes.plot(steps, losses, color=BLUE, linewidth=1.2, linestyle=":")
    return [(name, float(losses[-1]), BLUE) for name, losses in curves.items()]


def _limits(levels: _Floats, held_out: _Floats) -> tuple[float, float]:
    """Where the axis begins and ends: a held-out loss that rises far above its first one and all else leaves it."""
    every = np.append(levels, held_out)
    low = float(every.min())
    high = float(every.max())
    known = float(np.append(levels, held_out[:1]).max())
    if known > low:
        high = min(high, low + _MOST * (known - low))
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin


def _within(ends: Sequence[_End], low: float, high: float, most: float) -> list[_End]:
    """The ends of lines of which the held-out one leaves the axes, below the title; it tells how far it goes."""
    highest = high - 0.08 * (high - low)  # two names fit above it
    told = {"held-out": f"held-out, up to {most:.3g}"}
    return [(told.get(name, name), min(level, highest), colour) for name, level, colour in ends]


def _training(axes: "Axes", steps: _Floats, losses: _Floats) -> _End:
    """Draw the training losses, pale beneath their running mean where there are enough; the end of the line."""
    if losses.size < _SMOOTHED:
        axes.plot(steps, losses, color=SKY, linewidth=1.2, marker=_marker(losses.size), markersize=4)
        return "training", float(losses[-1]), SKY
    width = max(3, losses.size // 20 | 1)
    smooth = running_mean(losses, width)
    axes.plot(steps, losses, color=SKY, linewidth=0.8, alpha=0.55)
    axes.plot(steps, smooth, color=SKY, linewidth=2)
    return f"training, mean of {width}", float(smooth[-1]), SKY


def running_mean(values: _Floats, width: int) -> _Floats:
    """The mean of each value and its neighbours, ``width`` in all, an odd number; of as many as there are at the ends.

    >>> running_mean(np.array([2.0, 4.0, 9.0, 8.0]), 3).tolist()
    [3.0, 5.0, 7.0, 8.5]
    """
    around = np.ones(width)
    sums = np.convolve(values, around, mode="same")
    means: _Floats = sums / np.convolve(np.ones(len(values)), around, mode="same")
    return means


def losses_along(axes: "Axes", losses: Mapping[str, NDArray[np.float64]], unit: str) -> None:
    """The loss along the data in nats per unit, as means of at most 60 blocks; the model comes first, then baselines.

    ``losses`` are (n,) each, n >= 1. Infinite means are left out.
    """
    model = next(iter(losses))
    ends = []
    count = len(losses[model])
    blocks = min(count, _BLOCKS)
    middle = [float(at.mean()) for at in np.array_split(np.arange(1, count + 1), blocks)]
    styles = {model: (BLUE, 2.0)}
    for name, values in reversed(list(losses.items())):  # the model's own line over the others
        colour, width = styles.get(name, (GREY, 1.0))
        means = np.array([part.mean() for part in np.array_split(values, blocks)])
        means[~np.isfinite(means)] = np.nan
        axes.plot(middle, means, color=colour, linewidth=width, marker=_marker(blocks), markersize=4)
        if np.isfinite(means[-1]):
            ends.append((name, float(means[-1]), colour))
    axes.margins(x=0)
    whole_ticks(axes.xaxis)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(f"scored {unit}")
    axes.set_ylabel(f"nats per {unit}", parse_math=False)
    averaged = f", means of {blocks} blocks" if blocks < count else ""
    title(axes, f"Loss along the data{averaged}")
    if ends:
        name_ends(axes, ends)


def _marker(points: int) -> str | None:
    """Of one point no line is seen."""
    return "o" if points == 1 else None


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
