"""The judge itself: it would be worth nothing if it let pass what it is to find."""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from chainrule.errors import ArgumentError
from tests.fuzz import judge as judging
from tests.fuzz.judge import Case, Try, bounded_memory, judge
from tests.fuzz.run import one, tries


def _raise(error: BaseException) -> None:
    raise error


def _hang() -> None:
    while True:
        time.sleep(1)


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (lambda: _raise(ArgumentError("hidden is 0; expected at least 1.")), None),
        (lambda: 1, None),
        (lambda: _raise(ArgumentError(" ")), "an error without words"),
        (lambda: _raise(TypeError("an int is not iterable")), "TypeError: an int"),
        (lambda: warnings.warn("of another's", DeprecationWarning, stacklevel=1), "warns: DeprecationWarning"),
        (lambda: np.log(np.array([-1.0])), "warns: RuntimeWarning"),
    ],
)
def test_what_keeps_the_rule(run: Callable[[], object], kind: str | None) -> None:
    failure = judge(Case(run, "about"))
    assert failure is None if kind is None else failure is not None and failure.kind.startswith(kind)


def test_memory_is_bounded() -> None:
    with bounded_memory(10**8):
        failure = judge(Case(lambda: np.ones(10**9), "about"))
    assert failure is not None
    assert failure.kind.startswith("MemoryError")
    assert np.ones(2 * 10**7).sum() == 2 * 10**7


def test_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SECONDS", 0.0)
    failure = judge(Case(lambda: sum(range(10**5)), "about"))
    assert failure is not None
    assert "more than 0 s" in failure.kind


def test_a_try_depends_on_its_number_alone() -> None:
    seen: list[float] = []

    def draw(random: Random) -> Case:
        seen.append(random.random() + float(np.random.random()))
        return Case(lambda: None, "")

    for k in (0, 1, 0):
        one(draw, "x", 7, k)
    assert seen[0] == seen[2] != seen[1]


def test_workers_that_die_or_hang_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.run.SECONDS", 0.5)

    def target(folder: Path) -> Try:
        def draw(random: Random) -> Case:
            kind = random.choice("abcde")
            return Case({"a": lambda: _raise(SystemExit(3)), "b": _hang}.get(kind, lambda: None), kind)

        return draw

    tally = tries(target, "x", 0, tmp_path, seconds=60, most=12)
    kinds = {failure.kind for _, failure in tally.failures}
    assert tally.tries == 12
    assert kinds == {"dies with exit code 3", "hangs for 1 s"}
