"""Figures hold the numbers they were given, name them, and leave matplotlib's global state alone."""

import base64
import io
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chainrule.display import new_figure, page
from chainrule.errors import ArgumentError, ShapeError
from chainrule.runs.figures import comparison, confusion, loss_curve
from chainrule.runs.figures.fan import forecast_fan

LEVELS = [0.1, 0.25, 0.5, 0.75, 0.9]


def drawn(function: Callable[..., None], *args: Any, **options: Any) -> Figure:
    """What a function draws on a figure, of as many panels as a forecast has columns."""
    fans = function is forecast_fan
    figure = new_figure(4.5, len(args[4]) if fans else 1)
    function(figure.axes if fans else figure.axes[0], *args, **options)
    return figure


def texts(axes: Axes) -> dict[str, float]:
    """Each annotation's words and its height in data units."""
    return {text.get_text(): text.xy[1] for text in axes.texts if hasattr(text, "xy")}


def lines(axes: Axes) -> list[NDArray[np.float64]]:
    return [np.asarray(line.get_ydata(), dtype=np.float64) for line in axes.lines]


def saved(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def fan(columns: int = 2, H: int = 5, levels: list[float] = LEVELS, T: int = 100) -> tuple[NDArray[np.float64], ...]:
    rng = np.random.default_rng(0)
    history = rng.standard_normal((T, columns))
    quantiles = np.sort(rng.standard_normal((len(levels), H, columns)), axis=0)
    return history, quantiles, rng.standard_normal((H, columns))


def draw_all() -> list[Figure]:
    history, quantiles, actual = fan()
    return [
        drawn(loss_curve, [1, 2, 3], [4.0, 3.0, 2.0], [2, 3], [3.5, 3.0], baselines={"bigram": 2.5}),
        drawn(forecast_fan, history, None, LEVELS, quantiles, ["open", "close"], None, actual),
        drawn(confusion, [[9, 1], [0, 10]], ["cat", "dog"]),
        drawn(comparison, ["ar", "gru"], [0.1, 0.2], [0.01, 0.02], unit="nats per step", baseline="i.i.d."),
    ]


def test_every_figure_is_800_pixels_wide_labelled_and_drawn_alike_twice() -> None:
    for figure, again in zip(draw_all(), draw_all(), strict=True):
        assert figure.get_figwidth() * figure.dpi == 800
        assert all(axes.get_ylabel() or axes.get_yticklabels() for axes in figure.axes)
        assert figure.axes[0].get_title("left")
        assert saved(figure) == saved(again)


def test_counts_on_light_cells_stay_dark_in_a_dark_page() -> None:
    """A page in dark lightens all that is black; a cell's own colour stays."""
    figure = drawn(confusion, [[9, 1], [2, 10]], ["cat", "dog"])
    colours = {text.get_text(): mpl.colors.to_hex(text.get_color()) for text in figure.axes[0].texts}
    assert colours["9"] == colours["10"] == "#ffffff"
    assert colours["1"] == colours["2"]
    rules = page.picture(figure, "").split("base64,")[1].rstrip('">')
    svg = base64.b64decode(rules).decode()
    lightened = re.findall(r'"fill: (#[0-9a-f]{6})"', svg.split("prefers-color-scheme: dark")[1].split("</style>")[0])
    assert colours["1"] not in lightened


@pytest.mark.parametrize("joined", [2, 17])
def test_the_words_on_what_joins_stand_above_all_curves(joined: int) -> None:
    steps = np.arange(1, 21)
    losses = 3 - steps / 20
    valid = losses[: joined - 1]
    figure = drawn(loss_curve, steps, losses, steps[: joined - 1], valid, joined=joined, baselines={"unigram": 3.1})
    axes = figure.axes[0]
    note = next(text for text in axes.texts if text.get_text() == "held out joins")
    saved(figure)
    box = note.get_window_extent()
    frame = axes.get_window_extent()
    assert frame.x0 <= box.x0 < box.x1 <= frame.x1
    lowest = axes.transData.inverted().transform((box.x0, box.y0))[1]
    assert lowest > max(float(line.max()) for line in lines(axes) if line[0] != 0)  # but for the line up the axes
    assert note.get_rotation() == 0


def test_rcparams_and_pyplots_figures_are_left_alone() -> None:
    before = dict(mpl.rcParams)
    for figure in draw_all():
        saved(figure)
    assert dict(mpl.rcParams) == before


def test_loss_curve_of_a_mixture_has_the_network_s_own_loss_too() -> None:
    figure = drawn(loss_curve, [1, 2, 3], [4.0, 3.0, 2.0], [2, 3], [3.5, 3.0], alone=[3.75, 3.25])
    assert [3.75, 3.25] in [line.tolist() for line in lines(figure.axes[0])]
    assert texts(figure.axes[0])["held-out, network alone"] == 3.25


def test_loss_curve_holds_both_curves_and_names_the_baselines() -> None:
    losses = [4.0, 3.0, 2.0]
    held_out = [3.5, 2.9, 3.1]
    baselines = {"unigram": 3.3, "bigram": 2.5}
    figure = drawn(loss_curve, [1, 2, 3], losses, [1, 2, 3], held_out, unit="bits", baselines=baselines)
    axes = figure.axes[0]
    train, valid, chosen, unigram, bigram = lines(axes)
    assert train.tolist() == losses
    assert valid.tolist() == held_out
    assert chosen.tolist() == [2.9]
    assert set(unigram) == {3.3}
    assert set(bigram) == {2.5}
    assert list(texts(axes)) == ["training", "bigram 2.500", "held-out", "unigram 3.300"]
    assert axes.get_title("left") == "Weights of step 2 chosen: held-out loss 2.900 bits"
    assert axes.get_ylabel() == "loss (bits)"


def test_names_of_near_lines_are_kept_apart_and_far_ones_stay_put() -> None:
    figure = drawn(loss_curve, [1], [1.0], [], [], baselines={"a": 2.0, "b": 2.001, "c": 2.002})
    named = texts(figure.axes[0])
    assert named["training"] == 1.0
    a = named["a 2.000"]
    b = named["b 2.001"]
    c = named["c 2.002"]
    assert b == pytest.approx(2.001)
    assert b - a == pytest.approx(c - b)
    saved(figure)
    boxes = sorted((t.get_window_extent() for t in figure.axes[0].texts), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 2 for below, above in pairwise(boxes))


def test_early_training_losses_do_not_flatten_the_rest() -> None:
    losses = [1e6, *np.linspace(3, 2, 99)]
    low, high = drawn(loss_curve, range(100), losses, [], []).axes[0].get_ylim()
    assert low < 2
    assert 3 < high < 4


def test_a_held_out_loss_that_rises_far_beyond_all_else_leaves_the_axes_and_says_so() -> None:
    axes = drawn(loss_curve, [1, 2, 3], [4.0, 3.0, 2.0], [1, 2, 3], [3.5, 2.5, 52.0], baselines={"a": 3.0}).axes[0]
    low, high = axes.get_ylim()
    assert low < 2
    assert 4 < high < 12
    assert texts(axes)["held-out, up to 52"] <= high
    assert [3.5, 2.5, 52.0] in [line.tolist() for line in lines(axes)]


def test_the_last_training_loss_stays_within_the_axes() -> None:
    axes = drawn(loss_curve, [1, 2], [1.3, 2.2], [0, 1, 2], [0.8, 0.81, 0.82]).axes[0]
    assert axes.get_ylim()[1] > 2.2


def test_a_held_out_loss_that_rises_a_little_stays_within_the_axes() -> None:
    axes = drawn(loss_curve, [1, 2, 3], [4.0, 3.0, 2.0], [1, 2, 3], [3.5, 2.5, 6.0]).axes[0]
    assert axes.get_ylim()[1] > 6
    assert texts(axes)["held-out"] == 6.0


def test_many_training_losses_are_drawn_pale_beneath_their_running_mean() -> None:
    losses = np.random.default_rng(0).normal(2, 1, 50)
    axes = drawn(loss_curve, range(50), losses, [], []).axes[0]
    raw, smooth = axes.lines
    np.testing.assert_array_equal(raw.get_ydata(), losses)
    means = [losses[max(0, k - 1) : k + 2].mean() for k in range(50)]
    np.testing.assert_allclose(np.asarray(smooth.get_ydata(), dtype=float), means)
    assert (raw.get_alpha() or 1) < 0.6 < smooth.get_linewidth()
    assert list(texts(axes)) == ["training, mean of 3"]


def test_fan_holds_history_bands_median_and_outcome() -> None:
    history, quantiles, actual = fan()
    figure = drawn(forecast_fan, history, None, LEVELS, quantiles, ["open", "close"], None, actual)
    assert [axes.get_ylabel() for axes in figure.axes] == ["open", "close"]
    for c, axes in enumerate(figure.axes):
        past, median, future = lines(axes)
        np.testing.assert_array_equal(past, history[-40:, c])
        np.testing.assert_array_equal(median, [history[-1, c], *quantiles[2, :, c]])
        np.testing.assert_array_equal(future, actual[:, c])
        assert axes.lines[1].get_xdata().tolist() == [0, 1, 2, 3, 4, 5]  # type: ignore[union-attr]
        for band, (low, high) in zip(axes.collections, ((0, 4), (1, 3)), strict=True):
            corners = np.asarray(band.get_paths()[0].vertices)
            for h in range(5):
                at = corners[corners[:, 0] == h + 1, 1]
                assert {at.min(), at.max()} == {quantiles[low, h, c], quantiles[high, h, c]}
        assert set(texts(axes)) == {"10 %", "25 %", "50 %", "75 %", "90 %", "actual"}
    assert figure.axes[0].get_title("left") == "Forecast, 5 steps ahead: 10 % to 90 %"


def test_fan_sorts_levels_and_draws_no_middle_line_for_an_even_number() -> None:
    history, quantiles, _ = fan(levels=[0.1, 0.9])
    axes = drawn(forecast_fan, history, None, [0.9, 0.1], quantiles[::-1], ["open", "close"], None).axes[0]
    assert len(axes.lines) == 1
    assert list(texts(axes)) == ["10 %", "90 %"]


def test_fan_over_dates() -> None:
    history, quantiles, _ = fan(columns=1, T=3)
    days = np.arange("2024-01-01", "2024-01-09", dtype="datetime64[D]")
    axes = drawn(forecast_fan, history, days[:3], LEVELS, quantiles, ["price"], days[3:]).axes[0]
    assert axes.get_xlabel() == "date"
    first_day = (days[0] - np.datetime64("1970-01-01")).astype(float)  # matplotlib's own unit
    past, median = (line.get_xdata(orig=False) for line in axes.lines)
    np.testing.assert_array_equal(past, first_day + np.arange(3))
    np.testing.assert_array_equal(median, first_day + np.arange(2, 8))


def test_confusion_colours_rows_and_counts_cells() -> None:
    axes = drawn(confusion, [[30, 10, 0], [0, 5, 0], [0, 0, 0]], ["a", "b", "c"]).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 0]])
    assert {text.get_position(): text.get_text() for text in axes.texts} == {
        (0, 0): "30",
        (1, 0): "10",
        (1, 1): "5",
    }
    assert axes.get_title("left") == "Accuracy 77.8 % (35 of 45)"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]


def test_confusion_of_many_classes_has_no_counts_and_names_a_part() -> None:
    axes = drawn(confusion, np.eye(100, dtype=int), [f"class {k}" for k in range(100)]).axes[0]
    assert not axes.texts
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["class 0", "class 3"]


def test_comparison_sorts_bars_and_tells_losses_from_gains() -> None:
    gained = [0.1, 0.4, -0.2]
    about = {"unit": "nats per step", "baseline": "the i.i.d. Gaussian"}
    figure = drawn(comparison, ["ar", "gru", "rnn"], gained, [0.05, np.inf, 0.1], **about)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["rnn", "ar", "gru"]
    bars = axes.patches
    assert [bar.get_width() for bar in bars] == [-0.2, 0.1, 0.4]  # type: ignore[attr-defined]
    assert bars[0].get_facecolor() != bars[1].get_facecolor() == bars[2].get_facecolor()
    assert [text.get_text() for text in axes.texts] == ["-0.200 ± 0.100", "+0.100 ± 0.050", "+0.400 ± inf"]
    (intervals,) = axes.collections
    ends = [segment[:, 0].tolist() for segment in intervals.get_segments()]  # type: ignore[attr-defined]
    np.testing.assert_allclose(ends, [[-0.3, -0.1], [0.05, 0.15], [0.4, 0.4]], atol=1e-12)
    assert axes.get_xlabel() == "nats per step, with 95 % intervals"
    assert axes.get_title("left") == "Likelihood gained over the i.i.d. Gaussian"


def test_dollars_in_names_are_not_mathematics() -> None:
    name = r"US$ or \frac$"
    history, quantiles, _ = fan(columns=1)
    saved(drawn(forecast_fan, history, None, LEVELS, quantiles, [name], None))
    saved(drawn(confusion, [[1]], [name]))
    saved(drawn(comparison, [name], [1.0], [0.5], unit=name, baseline=name))
    saved(drawn(loss_curve, [1], [1.0], [], [], unit=name, baselines={name: 2.0}))


HISTORY, QUANTILES, ACTUAL = fan(columns=1)
BAD_CALLS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: drawn(loss_curve, [], [], [], []), ArgumentError, "at least one training loss"),
    (
        lambda: drawn(loss_curve, [1], [1.0, 2.0], [], []),
        ShapeError,
        "steps and train_loss must be lists of one length",
    ),
    (lambda: drawn(loss_curve, [1], [1.0], [1], [np.nan]), ArgumentError, "valid_loss must be finite, got nan"),
    (lambda: drawn(forecast_fan, HISTORY, None, [0.5], QUANTILES, ["a"], None), ShapeError, r"levels \(Q,\), quant"),
    (lambda: drawn(forecast_fan, HISTORY, None, LEVELS, QUANTILES, ["a", "b"], None), ShapeError, "for 2 columns"),
    (
        lambda: drawn(forecast_fan, HISTORY, None, LEVELS, QUANTILES, ["a"], None, ACTUAL[1:]),
        ShapeError,
        r"\(4, 1\)",
    ),
    (
        lambda: drawn(forecast_fan, HISTORY, None, [0, 1, 2, 3, 4], QUANTILES, ["a"], None),
        ArgumentError,
        "between 0",
    ),
    (lambda: drawn(forecast_fan, HISTORY, ["2024-01-01"], LEVELS, QUANTILES, ["a"], None), ArgumentError, "both or"),
    (
        lambda: drawn(forecast_fan, HISTORY, ["2024-01-01"], LEVELS, QUANTILES, ["a"], ["2024-01-02"]),
        ShapeError,
        r"dates must be \(100,\) and future_dates \(5,\), got shapes \(1,\) and \(1,\)",
    ),
    (lambda: drawn(confusion, [[1.0]], ["a"]), ShapeError, "must hold integers >= 0"),
    (lambda: drawn(confusion, [[1, 0]], ["a"]), ShapeError, r"got shape \(1, 2\)"),
    (
        lambda: drawn(comparison, ["a"], [1.0, 2.0], [1.0], unit="nats", baseline="i.i.d."),
        ShapeError,
        "must be 1 finite number",
    ),
    (
        lambda: drawn(comparison, ["a"], [1.0], [-1.0], unit="nats", baseline="i.i.d."),
        ShapeError,
        "intervals must be 1 number of at least 0",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_bad_calls(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
