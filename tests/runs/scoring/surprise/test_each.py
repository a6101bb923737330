"""The score taken apart: its parts add up to it, for every kind of run, and each stands beside what it is of."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import chainrule
from chainrule import Run
from chainrule.display import VERMILLION
from chainrule.errors import ArgumentError
from chainrule.runs import ClassScore, Each
from chainrule.runs.scoring.surprise.strip import coloured
from tests.runs.cases import ar1, panel, text

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.mark.parametrize("fixture", ["text_run", "series_run", "digits_run"])
def test_the_parts_are_those_of_the_score(fixture: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(fixture)
    score = run.score()
    each = run.score_each()
    assert len(each.what) == len(each.log_prob) == score.count
    if isinstance(score, ClassScore):
        assert -each.log_prob.mean() == pytest.approx(score.nats, rel=1e-5)
    else:
        np.testing.assert_array_equal(each.log_prob, score.log_prob)
    assert each.running[-1] == pytest.approx(each.log_prob.sum())
    last = each.table().rows[-1]
    assert last[2] == each.log_prob[-1]
    assert last[4] == pytest.approx(float(last[5]) * np.log(2))  # type: ignore[arg-type]


def test_symbols_stand_in_their_order(text_run: Run) -> None:
    own = "".join(text_run.score_each().what)
    assert own == text()[-len(own) :]


def test_unknown_characters_are_left_out(text_run: Run, here: Path) -> None:
    (here / "new.txt").write_text("the cat §at on the mat", encoding="utf-8")
    replaced = text_run.score_each("new.txt", unknown="replace")
    np.testing.assert_array_equal(replaced.log_prob, text_run.score("new.txt", unknown="replace").log_prob)  # type: ignore[union-attr]
    assert "".join(replaced.what) == "the cat at on the mat"
    assert "§" in str(replaced)


def test_steps_stand_beside_their_dates_and_values(series_run: Run) -> None:
    each = series_run.score_each()
    value = f"{ar1()[-1, 0]:.5g}"
    assert each.what[-1] == f"2020-10-26: {value}"


def test_examples_say_what_they_were_taken_for(digits_run: Run) -> None:
    each = digits_run.score_each()
    score = digits_run.score()
    assert isinstance(score, ClassScore)
    wrong = sum("taken for" in what for what in each.what)
    assert 1 - wrong / len(each.what) == pytest.approx(score.accuracy)


def test_no_symbol_steers_the_terminal() -> None:
    strip = coloured(["a", "\x1b[2J", "\x07", "\n"], np.ones(4), separator="")
    assert "\x1b" not in strip.plain
    assert strip.plain.startswith(r"a\x1b[2J\x07⏎")


def test_a_terminal_shows_the_surprise_in_colour_and_a_pipe_none() -> None:
    strip = coloured(list("ab\n"), np.array([0.0, 8.0, 4.0]), separator="")
    grounds = [span.style for span in strip.spans]
    red, green, blue = (int(VERMILLION[k : k + 2], 16) for k in (1, 3, 5))
    assert "rgb(255,255,255)" in str(grounds[0])
    assert f"rgb({red},{green},{blue})" in str(grounds[1])
    for terminal, colours in ((True, True), (False, False)):
        console = Console(force_terminal=terminal, width=80, color_system="truecolor" if terminal else None)
        with console.capture() as captured:
            console.print(strip)
        assert ("\x1b[" in captured.get()) == colours


def test_the_figure_of_a_text_writes_each_symbol_on_its_colour(text_run: Run) -> None:
    each = text_run.score_each()
    axes = each.plot().axes[0]
    assert len(axes.texts) == len(each.what)
    assert [text.get_text().replace("⏎", "\n") for text in axes.texts] == list(each.what)
    shown = axes.images[0].get_array()
    assert shown is not None
    grid = np.ma.filled(shown, np.nan).ravel()
    np.testing.assert_allclose(grid[: len(each.what)], each.surprise)


def test_a_panel_has_no_score_to_take_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("panel") / "run"
    run = chainrule.fit(panel(3, 40), "gru", hidden=2, horizon=4, steps=1, out=folder, quiet=True)
    with pytest.raises(ArgumentError, match="cannot tell the score of each step"):
        run.score_each()
    with pytest.raises(ArgumentError, match="cannot score in random order"):
        run.score_shuffled()


@pytest.mark.parametrize("is_text", [True, False])
def test_what_had_no_probability_at_all_is_shown_too(is_text: bool) -> None:
    each = Each("x", "step", ["a", "b"], np.array([-1.0, -np.inf]), is_text=is_text)
    assert json.loads(json.dumps(each.to_dict(), allow_nan=False))["log_prob"] == [-1.0, None]
    each.plot()._repr_png_()
    assert "orange: 1.4 bits" in each.strip().plain
    assert "-inf" in str(each)
