"""The same layer in every engine: each module has ``build(point, threads) -> Built``.

An engine may offer several ways of doing the work; its best one counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Built", "Call", "SkipPoint"]

Call = Callable[[], Any]  # returns an array, or several


@dataclass
class Built:
    """The ways by name, the plainest first; ``memory`` is called in their place to watch it, after
    ``release``, which gives back what the engine keeps from call to call; ``notes`` are printed."""

    ways: dict[str, Call]
    memory: Call | None = None
    release: Call | None = None
    notes: list[str] = field(default_factory=list)


class SkipPoint(Exception):  # noqa: N818 (no error: the engine does not have what the point asks for)
    """The engine cannot do this point, for the reason given."""
