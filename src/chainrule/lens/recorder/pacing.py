"""When a recorder looks: every so many training steps, or so often that it takes no more than a share of the time."""

import time

from chainrule._choices import finite, whole

__all__ = ["Pace"]

_SETTLED = 5  # training steps, before which everything takes longer
_END = 0.05  # of the training, within which the last look is taken,
_STEPS_TO_END = 2.5  # or as many steps, where they are longer
_FORGETS = 0.99  # a step, the longest sequence; windows may become shorter for good


class Pace:
    """Counts training steps, and what the looks at them took.

    Attributes:
        step: the training steps so far.
        seconds: what the looks took.
    """

    def __init__(self, every: int | None, share: float) -> None:
        self._every = None if every is None else whole("every", every)
        self._share = finite("share", share, 0, 1)
        self.step = 0
        self.seconds = 0.0
        self._cost = 0.0  # of the last look
        self._chosen = 0  # the last step that was
        self._longest = 0.0
        self._began = self._looked = self._paused = time.perf_counter()
        self._spent: float | None = None  # of the training
        self._leap = 0.0  # the most that a step has added to it
        self._from = 0.0, 0.0  # what was spent when it was first told, and the time
        self._ended = False  # the last look is taken

    def begin(self) -> None:
        """Go on counting the time."""
        away = time.perf_counter() - self._paused
        self._began = self._began + away
        self._looked = self._looked + away
        self._from = self._from[0], self._from[1] + away

    def pause(self) -> None:
        self._paused = time.perf_counter()

    def progress(self, spent: float) -> None:
        """This share of the training is done."""
        spent = finite("spent", spent, 0)
        if self._spent is None:
            self._from = spent, time.perf_counter()
        else:
            self._leap = max(self._leap, spent - self._spent)
        self._spent = spent

    def due(self, length: int) -> bool:
        """Count a training step, on sequences of this length, and say whether to look at it."""
        self.step += 1
        self._longest = max(length, _FORGETS * self._longest)
        due = 2 * length >= self._longest and self._is_time()
        if due:
            self._chosen = self.step
        return due

    def took(self, seconds: float) -> None:
        """A look was taken."""
        self.seconds = self.seconds + seconds
        self._cost = seconds
        self._looked = time.perf_counter()
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
            reserved = cost - self._share * self._left(now)  # for the last look, of what is still to be earned
        spaced = cost <= self._share * (now - self._looked)
        return spaced and self.seconds + cost + max(reserved, 0.0) <= self._share * (now - self._began)

    @property
    def _ending(self) -> bool:
        return self._spent is not None and 1 - self._spent <= max(_END, _STEPS_TO_END * self._leap)

    def _left(self, now: float) -> float:
        """The seconds to the end of the training, as fast as it went so far."""
        spent, at = self._from
        if self._spent is None or self._spent <= spent:
            return 0.0
        return (now - at) * max(1 - self._spent, 0.0) / (self._spent - spent)
