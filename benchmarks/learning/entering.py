"""What every entrant is asked for, and what it answers."""

from dataclasses import dataclass, field

from benchmarks.learning.budgets import Curve

__all__ = ["NotRun", "Outcome"]


class NotRun(Exception):  # noqa: N818 (no error: what is to be measured is not there)
    """The entrant cannot be run here, for the reason given."""


@dataclass(frozen=True)
class Outcome:
    """One run of an entrant.

    Attributes:
        nats: per character of the test part, frozen: nothing is learned from it.
        seconds: of training, scoring left out; of ``chainrule.fit``, from the call to the last weights on disk.
        scored: how many characters the score is of.
        learned: a digest of what was learned from the rest of the text.
        curve: scores on the way.
        adaptive: nats where each character is learned from once it is scored, by the way of doing so.
        whole: seconds of the whole call, where there is one that does everything.
        steps: of the optimiser, where they are counted.
        beside: the other rows of the run's own score.
    """

    nats: float
    seconds: float
    scored: int
    learned: str
    parameters: int | None = None
    curve: Curve = field(default_factory=list)
    adaptive: dict[str, float] = field(default_factory=dict)
    whole: float | None = None
    steps: int | None = None
    beside: dict[str, float] = field(default_factory=dict)
