"""The same data in random order: what is put in order stays what it is, and data without order loses nothing."""

from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule import Run
from chainrule.errors import ArgumentError
from chainrule.runs import Shuffled
from tests.runs.cases import ar1

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.mark.parametrize("fixture", ["text_run", "series_run", "digits_run"])
def test_what_came_in_order_is_the_score(fixture: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(fixture)
    found = run.score_shuffled(times=3)
    assert found.ordered == pytest.approx(run.score().nats, rel=1e-5)
    assert found.count == run.score().count
    assert len(found.shuffled) == 3
    np.testing.assert_array_equal(found.shuffled, run.score_shuffled(times=3).shuffled)
    assert not np.array_equal(found.shuffled, run.score_shuffled(times=3, seed=1).shuffled)


def test_order_matters_in_an_ar1_and_not_in_noise(tmp_path: Path) -> None:
    for coefficient, matters in ((0.95, True), (0.0, False)):
        values = ar1(600, coefficient)
        run = chainrule.fit(values, "ar", window=1, out=tmp_path / str(coefficient), quiet=True)
        found = run.score_shuffled()
        assert found.verdict().startswith("Order matters") == matters
        assert (found.p <= 0.05) == matters


def test_the_p_value_is_the_rank_among_the_random_orders_and_the_own() -> None:
    about = {"of": "x", "unit": "step", "count": 9, "model": "ar", "what": "steps"}
    for shuffled, p in (([2.0] * 19, 1 / 20), ([1.0, 2.0, 3.0], 0.5), ([0.5] * 3, 1.0)):
        assert Shuffled(ordered=1.0, shuffled=np.array(shuffled), **about).p == pytest.approx(p)  # type: ignore[arg-type]
    few = Shuffled(ordered=1.0, shuffled=np.array([2.0, 3.0]), **about)  # type: ignore[arg-type]
    assert "no more than p = 0.33. Draw 19 or more." in few.verdict()
    assert few.lost == pytest.approx(1.5)


def test_only_what_is_scored_moves(text_run: Run, here: Path) -> None:
    """Of one scored symbol alone there is a single order."""
    (here / "one.txt").write_text("t")
    found = text_run.score_shuffled("one.txt", times=2)
    np.testing.assert_array_equal(found.shuffled, [found.ordered, found.ordered])


def test_unknown_characters_count_in_no_order(text_run: Run, here: Path) -> None:
    (here / "new.txt").write_text("the § cat sat on the mat")
    found = text_run.score_shuffled("new.txt", times=2, unknown="replace")
    assert found.count == len("the  cat sat on the mat")
    assert found.ordered == pytest.approx(text_run.score("new.txt", unknown="replace").nats)


def test_the_numbers_of_orders_and_seeds_are_checked(series_run: Run) -> None:
    with pytest.raises(ArgumentError, match="`shuffled` is 0"):
        series_run.score_shuffled(times=0)
    with pytest.raises(ArgumentError, match="`seed` is -1"):
        series_run.score_shuffled(seed=-1)
