"""Which states to keep for a backward pass through a sequence, with room for few of them.

The sequence is cut into segments of equal length. The backward pass needs the state before each segment, the last one
first; a state that is not kept is computed again from the nearest earlier one that is. The best schedule is known: with
c kept states, the first among them, and r repetitions it goes through C(c + r, c) segments, and no other repeats fewer
(Griewank & Walther 2000, Algorithm 799, Revolve; through time, Gruslys et al. 2016, section 3).
"""

import math
from dataclasses import dataclass

from chainrule._choices import counted
from chainrule.errors import ArgumentError

__all__ = ["Plan", "plan", "split"]


@dataclass(frozen=True)
class Plan:
    """``segments`` of ``length`` steps each (the last may be shorter), with ``places`` for states between them."""

    length: int
    segments: int
    places: int

    @property
    def forward_segments(self) -> int:
        """Segments that are run forward in all; each is run at least once, with its graph, before its backward pass."""
        return self.segments + repeated(self.segments, self.places)

    def __str__(self) -> str:
        times = self.forward_segments / self.segments
        return (
            f"{self.segments:,} segments of {counted(self.length, 'step')}, {self.places:,} states kept between them; "
            f"every step is run forward {times:.2f} times"
        )


def plan(steps: int, memory: int, step_bytes: float, state_bytes: int, always: int = 0) -> Plan:
    """The plan that keeps ``steps`` within ``memory`` bytes.

    If room is left for the states between all segments, every segment is run forward twice, and is as long as that
    allows: the square-root rule of Chen et al. (2016), with sqrt(steps) segments where memory is least. If not, half
    of the memory is for a segment, and half for as many states as it holds.

    Args:
        steps: of the sequence.
        memory: in bytes.
        step_bytes: what a step's graph and its backward pass take.
        state_bytes: what one kept state takes.
        always: what any number of steps takes besides.

    Raises:
        ArgumentError: not even one step at a time fits.

    >>> print(plan(steps=1_000_000, memory=64_000_000, step_bytes=6000, state_bytes=300))
    94 segments of 10,660 steps, 93 states kept between them; every step is run forward 1.99 times
    """
    least = math.ceil(step_bytes + 2 * state_bytes) + always
    if memory < least:
        raise ArgumentError(
            f"a memory of {counted(memory, 'byte')} is too small for one step of this model and batch: that takes "
            f"about {least:,}. Expected more memory, or fewer rows."
        )
    memory -= always
    if steps * step_bytes <= memory:
        return Plan(steps, 1, 0)
    # the larger solution of length * step_bytes + steps / length * state_bytes = memory
    half = memory / (2 * step_bytes)
    square = half**2 - steps * state_bytes / step_bytes
    if square >= 0 and half + math.sqrt(square) >= 1:
        length = max(1, math.floor(half + math.sqrt(square)) - 1)
        segments = math.ceil(steps / length)
        if length * step_bytes + (segments - 1) * state_bytes <= memory:
            return Plan(length, segments, segments - 1)
    length = max(1, math.floor(half))
    segments = math.ceil(steps / length)
    room = int((memory - length * step_bytes) // state_bytes)
    return Plan(length, segments, places=min(segments - 1, max(1, room)))


def split(segments: int, places: int) -> int:
    """After how many of the segments the next state is to be kept, with ``places`` of them free; at least 1.

    >>> split(10, 9), split(10, 3), split(10, 1)
    (1, 1, 6)
    """
    r = _repetitions(segments, places)
    return max(1, _reach(places, r - 2), segments - _reach(places - 1, r))


def repeated(segments: int, places: int) -> int:
    """How many times segments are run forward without a graph, beside the one with it, to go back through all.

    >>> repeated(10, 9), repeated(10, 3), repeated(10, 1), repeated(10, 0)
    (9, 14, 20, 45)
    """
    if segments <= 1:
        return 0
    r = _repetitions(segments, places)
    return r * segments - _reach(places + 1, r - 1)


def _repetitions(segments: int, places: int) -> int:
    r = 0
    while _reach(places, r) < segments:
        r += 1
    return r


def _reach(places: int, repetitions: int) -> int:
    """Segments that can be gone through with so many repetitions of any of them: C(c + r, c) with c = places + 1."""
    if repetitions < 0:
        return 0
    return math.comb(places + 1 + repetitions, places + 1)
