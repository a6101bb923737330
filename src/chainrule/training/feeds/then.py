"""What training goes on with once its weights are chosen."""

from collections.abc import Callable
from dataclasses import dataclass

from chainrule.training.feeds.feed import Feed

__all__ = ["Then"]


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Then:
    """The last stage of training: over what was held out to choose the weights too.

    Attributes:
        feed: makes the feed of everything that may be learned from, where the stage begins or is gone on with.
        begins: is called once, before the stage's first step, when the model has the weights that were chosen.
    """

    feed: Callable[[], Feed]
    begins: Callable[[], None] = _nothing
