"""What was measured, beside its target."""

from benchmarks.studio.timings import Timing, table


def test_the_median_is_held_to_the_target_and_the_spread_is_told() -> None:
    met = Timing("a page", 0.1, (0.02, 0.03, 0.25))
    missed = Timing("another", 0.1, (0.11,))
    only_told = Timing("a look", None, (2.0,))
    assert (met.median, met.met, missed.met, only_told.met) == (0.03, True, False, True)
    assert table([met, missed, only_told]).splitlines() == [
        "milliseconds   target   median      quartiles   turns",
        "a page            100       30      25 to 140       3  met",
        "another           100      110     110 to 110       1  MISSED",
        "a look              –     2000   2000 to 2000       1",
    ]
    assert missed.to_dict()["quartiles"] == (0.11, 0.11)
