"""The part of a reading, and of the model it is for, that loading labelled images needs."""

from dataclasses import dataclass

__all__ = ["LabelledOptions"]


@dataclass(frozen=True)
class LabelledOptions:
    """How labelled images are loaded; see `chainrule.data.Reading` for the group.

    Attributes:
        classes: those of the model that the images are for.
        group: what tells which images belong together.
        most_unpacked: how many bytes a file may unpack to; None for the bound of its size.
    """

    classes: tuple[str, ...] | None = None
    group: str | None = None
    most_unpacked: int | None = None
