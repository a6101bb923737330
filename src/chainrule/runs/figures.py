"""The figures of a run: loss curve, forecast fan, confusion matrix, comparison of models.

Each function returns a matplotlib Figure, which the caller saves. They look as those of chainrule.lens do; lines are
named where they end, without a legend.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.display import BLACK, BLUE, GREY, SKY, VERMILLION, new_figure, title
from chainrule.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["comparison", "confusion", "forecast_fan", "loss_curve"]

_LINE = 0.17  # inches from one line of small text to the next
_Floats = NDArray[np.float64]


def loss_curve(
    steps: ArrayLike,
    train_loss: ArrayLike,
    valid_steps: ArrayLike,
    valid_loss: ArrayLike,
    unit: str = "nats per character",
    baselines: Mapping[str, float] | None = None,
) -> "Figure":
    """Training and held-out loss over the steps of training; each baseline's loss is a dashed line.

    ``steps`` and ``train_loss`` are (N,), N >= 1; ``valid_steps`` and ``valid_loss`` (M,), M >= 0. The
    highest twentieth of the training losses, mostly the first, may lie above the frame, to tell the rest
    apart.

    >>> curve = loss_curve([1, 2, 3], [4.0, 3.0, 2.5], [3], [2.6], baselines={"unigram": 3.3})
    >>> curve.axes[0].get_title("left")
    'Best held-out loss: 2.600 nats per character, at step 3'
    """
    x, y = _curve("steps", steps, "train_loss", train_loss)
    valid_x, valid_y = _curve("valid_steps", valid_steps, "valid_loss", valid_loss)
    if not x.size:
        raise ArgumentError("a loss curve needs at least one training loss, got none")
    figure, (axes,) = new_figure(4.5)
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
    _name_ends(axes, ends, 4.5)
    return figure


def forecast_fan(
    history: ArrayLike,
    dates: ArrayLike | None,
    levels: ArrayLike,
    quantiles: ArrayLike,
    columns: Sequence[str],
    future_dates: ArrayLike | None,
    actual: ArrayLike | None = None,
) -> "Figure":
    """The end of the history and the quantiles of what follows: one panel a column, bands between quantiles.

    ``history`` is (T, C), ``levels`` (Q,) between 0 and 1, ``quantiles`` (Q, H, C), ``actual`` (H, C), all in
    the data's units; ``dates`` (T,) and ``future_dates`` (H,), as datetime64, are given both or neither.

    >>> quantiles = [[[1.0]], [[2.0]], [[3.0]]]
    >>> fan = forecast_fan([[1.0], [2.0]], None, [0.1, 0.5, 0.9], quantiles, ["price"], None)
    >>> fan.axes[0].get_title("left")
    'Forecast, 1 step ahead: 10 % to 90 %'
    """
    past, level, q, future = _checked_fan(history, levels, quantiles, columns, actual)
    H = q.shape[1]
    past_x, future_x = _fan_times(dates, future_dates, len(past), H)
    tail = slice(-max(3 * H, 40), None)
    height = max(3.4, 1.0 + 2.0 * len(columns))
    figure, panels = new_figure(height, len(columns))
    for c, (axes, column) in enumerate(zip(panels, columns, strict=True)):
        axes.plot(past_x[tail], past[tail, c], color=BLACK, linewidth=1.2)
        joined = np.column_stack([np.full(len(level), past[-1, c]), q[:, :, c]])
        _fan(axes, np.concatenate([past_x[-1:], future_x]), level, joined)
        ends = [(_percent(p), row[-1], BLUE) for p, row in zip(level, joined, strict=True)]
        if future is not None:
            axes.plot(future_x, future[:, c], color=VERMILLION, linewidth=1.2, marker="o", markersize=2.5)
            ends.append(("actual", future[-1, c], VERMILLION))
        axes.margins(x=0)
        axes.set_ylabel(column, parse_math=False)
        _name_ends(axes, ends, height / len(columns))
    panels[-1].set_xlabel("steps after the last observation" if dates is None else "date")
    ahead = f"Forecast, {counted(H, 'step')} ahead"
    title(panels[0], f"{ahead}: {_percent(level[0])} to {_percent(level[-1])}")
    return figure


def confusion(matrix: ArrayLike, classes: Sequence[str]) -> "Figure":
    """Counts of true class (rows) against predicted class (columns), coloured by their share of the row.

    ``matrix`` is (K, K), of integers >= 0; for K <= 20 the counts above zero are written.

    >>> confusion([[9, 1], [0, 10]], ["cat", "dog"]).axes[0].get_title("left")
    'Accuracy 95.0 % (19 of 20)'
    """
    counts, K = np.asarray(matrix), len(classes)
    if counts.shape != (K, K) or K == 0 or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise ShapeError(
            f"matrix must hold integers >= 0, one row and one column for each of the {K} classes (at least "
            f"one), got shape {counts.shape} of {counts.dtype}"
        )
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, (axes,) = new_figure(7.0)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
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
    correct, total = int(np.trace(counts)), int(counts.sum())
    title(axes, f"Accuracy {100 * correct / max(total, 1):.1f} % ({correct:,} of {total:,})")
    return figure


def comparison(names: Sequence[str], values: ArrayLike, unit: str, baseline: str) -> "Figure":
    """Likelihood that each model gains over ``baseline``, in ``unit``, as bars with the best on top.

    ``values`` is (N,), N >= 1, one for each of ``names``; a negative one is a model worse than the baseline.

    >>> comparison(["ar", "gru"], [0.1, 0.4], "nats per step", "i.i.d.").axes[0].get_title("left")
    'Likelihood gained over i.i.d.'
    """
    gained = np.asarray(values, dtype=np.float64)
    if gained.shape != (len(names),) or not len(names) or not np.isfinite(gained).all():
        raise ShapeError(
            f"values must be {counted(len(names), 'finite number')}, one a name (at least one), got {gained.tolist()}"
        )
    order = np.argsort(gained, kind="stable")
    colours = [BLUE if gained[i] >= 0 else VERMILLION for i in order]
    figure, (axes,) = new_figure(1.2 + 0.4 * len(names))
    bars = axes.barh(range(len(names)), gained[order], height=0.65, color=colours)
    axes.bar_label(bars, fmt="{:+.3f}", padding=4, fontsize=9)
    axes.axvline(0, color=BLACK, linewidth=1)
    axes.set_yticks(range(len(names)), [names[i] for i in order], parse_math=False)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.15)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(unit, parse_math=False)
    title(axes, f"Likelihood gained over {baseline}")
    return figure


def _name_ends(axes: "Axes", ends: Sequence[tuple[str, float, str]], height: float) -> None:
    """Write each (name, level, colour) right of the frame, as near its level as the others let it be.

    ``height`` is the panel's in inches. The least squared shifts that keep the names a line of text apart
    are an isotonic regression.
    """
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    names, levels, colours = zip(*sorted(ends, key=lambda end: end[1]), strict=True)
    apart = (high - low) * _LINE / (0.75 * height) * np.arange(len(ends))
    placed = require("scipy.optimize").isotonic_regression(np.array(levels) - apart).x + apart
    for name, y, colour in zip(names, placed, colours, strict=True):
        axes.annotate(
            name,
            (1.0, y),
            xycoords=axes.get_yaxis_transform(),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=9,
            annotation_clip=False,
            parse_math=False,
        )


def _fan(axes: "Axes", x: NDArray[np.generic], level: _Floats, q: _Floats) -> None:
    """Shade between the outermost quantiles, then the next pair inwards; draw the middle one, if any."""
    Q = len(level)
    for i in range(Q // 2):
        axes.fill_between(x, q[i], q[Q - 1 - i], color=BLUE, alpha=0.22, linewidth=0)
    if Q % 2:
        axes.plot(x, q[Q // 2], color=BLUE, linewidth=2)


def _fan_times(
    dates: ArrayLike | None, future_dates: ArrayLike | None, T: int, H: int
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    if dates is None and future_dates is None:
        return np.arange(1 - T, 1), np.arange(1, H + 1)
    if dates is None or future_dates is None:
        raise ArgumentError("dates and future_dates must be given both or neither, got one of them")
    past, future = (np.asarray(d, dtype="datetime64[us]") for d in (dates, future_dates))
    if past.shape != (T,) or future.shape != (H,):
        raise ShapeError(f"dates must be ({T},) and future_dates ({H},), got shapes {past.shape} and {future.shape}")
    return past, future


def _checked_fan(
    history: ArrayLike,
    levels: ArrayLike,
    quantiles: ArrayLike,
    columns: Sequence[str],
    actual: ArrayLike | None,
) -> tuple[_Floats, _Floats, _Floats, _Floats | None]:
    """The four as float64 arrays, levels and quantiles in ascending order of level."""
    past, level, q = (np.asarray(a, dtype=np.float64) for a in (history, levels, quantiles))
    future = None if actual is None else np.asarray(actual, dtype=np.float64)
    C = len(columns)
    good = past.ndim == 2 and past.shape[1] == C and past.size and q.ndim == 3 and q.size
    if not good or q.shape[::2] != (*level.shape, C) or (future is not None and future.shape != q.shape[1:]):
        raise ShapeError(
            f"expected history (T, {C}), levels (Q,), quantiles (Q, H, {C}) and actual (H, {C}) or None for "
            f"{C} columns, got shapes {past.shape}, {level.shape}, {q.shape} and "
            f"{None if future is None else future.shape}"
        )
    if not ((level > 0) & (level < 1)).all():
        raise ArgumentError(f"levels must lie between 0 and 1, got {level.tolist()}")
    order = np.argsort(level)
    return past, level[order], q[order], future


def _curve(x_name: str, x: ArrayLike, y_name: str, y: ArrayLike) -> tuple[_Floats, _Floats]:
    steps, losses = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if steps.ndim != 1 or steps.shape != losses.shape:
        raise ShapeError(
            f"{x_name} and {y_name} must be lists of one length, got shapes {steps.shape} and {losses.shape}"
        )
    if not np.isfinite(losses).all():
        raise ArgumentError(f"{y_name} must be finite, got {losses[~np.isfinite(losses)][0]}")
    return steps, losses


def _percent(level: float) -> str:
    return f"{100 * level:.3g} %"
