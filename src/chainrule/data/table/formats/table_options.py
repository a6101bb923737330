"""The part of a reading that loading a table needs."""

from dataclasses import dataclass

from chainrule.errors import ArgumentError

__all__ = ["TableOptions"]


@dataclass(frozen=True)
class TableOptions:
    """How a table is loaded; see `chainrule.data.Reading` for each.

    Attributes:
        text: the names of columns to be left as they are written, such as dates with leading zeros.
        marked: whether marks in numbers are named, so that no cell may be read as a number before they are known.
    """

    encoding: str = "utf-8"
    header: bool | None = None
    sheet: str | None = None
    text: tuple[str, ...] = ()
    marked: bool = False

    def refuse(self, name: str, *options: str) -> None:
        """Refuse options that say nothing about a kind of file, rather than ignore them."""
        for option in options:
            if getattr(self, option) != getattr(TableOptions, option):
                raise ArgumentError(f"{option} is given, but {name} has none. Leave --{option} out.")
