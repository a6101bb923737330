"""When a recorder inspects: every so many training steps, or so often that it takes at most a share of the time."""

import time

from chainrule._choices import finite, whole
from chainrule.lens.conversion import if_given

__all__ = ["Pace"]

_SETTLED = 5  # training steps, before which everything takes longer
_END = 0.05  # of the training, within which the last inspection is made
_STEPS_TO_END = 2.5  # as many steps before the end, where they are longer than that
_FORGETS = 0.99  # a step, of the longest sequence: windows may become shorter for good


class Pace:
    """Counts training steps and the time that inspections of them took.

    Attributes:
        step: the training steps so far.
        seconds: the time that the inspections took.
    """

    def __init__(self, every: int | None, share: float) -> None:
        self._every = if_given(lambda steps: whole("every", steps), every)
        self._share = finite("share", share, 0, 1)
        self.step = 0
        self.seconds = 0.0
        self._cost = 0.0  # of the last inspection
        self._chosen = 0  # the last step that was inspected
        self._longest = 0.0
        now = time.perf_counter()
        self._began = now
        self._inspected = now  # when the last inspection ended
        self._paused = now
        self._spent: float | None = None  # of the training
        self._leap = 0.0  # the most that a step has added to it
        self._first_spent = 0.0  # of the training, when it was first told
        self._first_told = 0.0  # and when that was
        self._ended = False  # the last inspection is made

    def begin(self) -> None:
        """Resume counting the time."""
        away = time.perf_counter() - self._paused
        self._began = self._began + away
        self._inspected = self._inspected + away
        self._first_told = self._first_told + away

    def pause(self) -> None:
        self._paused = time.perf_counter()

    def progress(self, spent: float) -> None:
        """This share of the training is done."""
        spent = finite("spent", spent, 0)
        if self._spent is None:
            self._first_spent = spent
            self._first_told = time.perf_counter()
        else:
            self._leap = max(self._leap, spent - self._spent)
        self._spent = spent

    def due(self, length: int) -> bool:
        """Count a training step, on sequences of this length, and say whether to inspect it."""
        self.step += 1
        self._longest = max(length, _FORGETS * self._longest)
        due = 2 * length >= self._longest and self._is_time()
        if due:
            self._chosen = self.step
        return due

    def took(self, seconds: float) -> None:
        """An inspection was made."""
        self.seconds = self.seconds + seconds
        self._cost = seconds
        self._inspected = time.perf_counter()
        self._ended = self._ending

    def _is_time(self) -> bool:
        if self._every is not None:
            return self.step // self._every > self._chosen // self._every
        if self._ending and not self._ended:
            return True
        if self.step < _SETTLED:
            return False
        now = time.perf_counter()
        cost = self._cost
        reserved = 0.0
        if self._spent is not None and not self._ended:
            cost = cost or (now - self._began) / self.step  # the first takes about as long as a step
            reserved = cost - self._share * self._left(now)  # for the last one, beyond the time still to be earned
        spaced = cost <= self._share * (now - self._inspected)
        return spaced and self.seconds + cost + max(reserved, 0.0) <= self._share * (now - self._began)

    @property
    def _ending(self) -> bool:
        return self._spent is not None and 1 - self._spent <= max(_END, _STEPS_TO_END * self._leap)

    def _left(self, now: float) -> float:
        """The seconds to the end of the training, at its pace so far."""
        if self._spent is None or self._spent <= self._first_spent:
            return 0.0
        pace = (now - self._first_told) / (self._spent - self._first_spent)
        return pace * max(1 - self._spent, 0.0)
