"""Which of chainrule's layers takes the place of which of torch.nn's: each layer says so itself."""

from collections.abc import Callable
from typing import TypeVar

from torch.nn import Module

__all__ = ["OURS", "THEIRS", "Replacement", "replaces"]

OURS: dict[type[Module], type[Module]] = {}
"""By torch.nn's layers, those of chainrule that take their place."""
THEIRS: dict[type[Module], type[Module]] = {}
"""The other way round."""

_Layer = TypeVar("_Layer", bound=Module)


class Replacement(Module):
    """A layer of chainrule's that is derived from one of torch.nn's."""

    def why_not_torchs(self) -> str | None:
        """Why no layer of torch.nn computes the same; None if the one that it is derived from does."""
        return None


def replaces(theirs: type[Module]) -> Callable[[type[_Layer]], type[_Layer]]:
    """The class below takes the place of ``theirs``: :func:`chainrule.swap` and ``unswap`` turn one into the other."""

    def register(ours: type[_Layer]) -> type[_Layer]:
        OURS[theirs] = ours
        THEIRS[ours] = theirs
        return ours

    return register
