"""When a recorder looks, by a clock of the test's own."""

import itertools

import pytest

from chainrule.errors import ArgumentError
from chainrule.lens.recorder.pacing import Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("chainrule.lens.recorder.pacing.time.perf_counter", found)
    return found


def looks(
    pace: Pace, clock: Clock, steps: int, look: float, step: float = 0.1, told: bool = True, start: float = 0.0
) -> list[int]:
    """The steps that are looked at where a step and a look take so many seconds."""
    found = []
    pace.begin()
    for n in range(1, steps + 1):
        clock.now += step
        if pace.due(64):
            clock.now += look
            pace.took(look)
            found.append(n)
        if told:
            pace.progress(start + (1 - start) * n / steps)
    pace.pause()
    return found


@pytest.mark.parametrize("look", [0.001, 0.03, 0.1, 0.3])
@pytest.mark.parametrize("steps", [300, 2000])
def test_the_last_look_is_near_the_end_and_the_share_is_kept(clock: Clock, look: float, steps: int) -> None:
    pace = Pace(None, 0.01)
    found = looks(pace, clock, steps, look)
    assert found[-1] > 0.95 * steps
    assert found[0] >= 100
    assert pace.seconds <= (0.01 if look <= 0.1 else 0.02) * clock.now  # the first is taken to last as long as a step
    many = 0.01 * steps * 0.1 / look
    assert len(found) >= max(1, min(0.5 * many, 0.3 * steps))


def test_the_first_look_leaves_room_for_the_last(clock: Clock) -> None:
    assert looks(Pace(None, 0.01), clock, 180, look=0.1) == [173]
    assert len(looks(Pace(None, 0.01), clock, 250, look=0.1)) == 2


def test_looks_are_spread(clock: Clock) -> None:
    found = looks(Pace(None, 0.01), clock, 3000, look=0.02)
    apart = [b - a for a, b in itertools.pairwise(found)]
    assert sorted(apart)[1] == pytest.approx(0.02 / 0.01 / 0.1, abs=1)
    assert max(apart) <= 41


@pytest.mark.parametrize("steps", [3, 10, 40])
def test_a_short_training_is_looked_at_once_at_its_end(clock: Clock, steps: int) -> None:
    (found,) = looks(Pace(None, 0.01), clock, steps, look=0.1)
    assert steps - found <= 2
    assert found > 1


def test_a_resumed_training_counts_what_is_left_of_it(clock: Clock) -> None:
    found = looks(Pace(None, 0.01), clock, 100, look=0.05, start=0.6)
    assert found == [89]  # 0.95 of all is 0.875 of what is left; its cost is all that the share has
    assert looks(Pace(None, 0.01), clock, 1000, look=0.05, start=0.9)[0] == 100


def test_of_unknown_length_it_begins_at_the_fifth_step(clock: Clock) -> None:
    pace = Pace(None, 0.02)
    found = looks(pace, clock, 100, look=0.03, told=False)
    assert found[0] == 5
    assert len(found) == 6
    assert pace.seconds <= 0.02 * clock.now


def test_time_away_does_not_count(clock: Clock) -> None:
    pace = Pace(None, 0.02)
    assert looks(pace, clock, 10, look=1.0, told=False) == [5]
    clock.now += 1000
    assert looks(pace, clock, 10, look=1.0, told=False) == []
    assert len(looks(pace, clock, 1000, look=1.0, told=False)) == 1


def test_short_sequences_are_passed_over_until_they_are_the_rule() -> None:
    pace = Pace(3, 0.01)
    due = [pace.due(10 if n % 3 == 2 else 64) for n in range(12)]  # every third is a tail
    assert [n + 1 for n, is_due in enumerate(due) if is_due] == [4, 7, 10]
    assert not pace.due(16)
    assert any(pace.due(16) for _ in range(100))


def test_what_it_refuses() -> None:
    with pytest.raises(ArgumentError, match="spent is nan"):
        Pace(None, 0.01).progress(float("nan"))
    with pytest.raises(ArgumentError, match="share is 2"):
        Pace(None, 2)
