"""The part of a reading that loading a table needs."""

from dataclasses import dataclass

from chainrule.data.table.loaded import MOST_COLUMNS

__all__ = ["TableOptions"]


@dataclass(frozen=True)
class TableOptions:
    """How a table is loaded; see `chainrule.data.Reading` for the first three.

    Attributes:
        encoding: of tables of text.
        header: whether the table has a header; None finds it.
        sheet: the name of one of several.
        text: the names of columns to be left as they are written, such as dates with leading zeros.
        marked: whether marks in numbers are named, so that no cell may be read as a number before they are known.
        points: whether dots are known to be points before decimals, unless marks are named.
        most_columns: how many columns it may have.
        most_unpacked: how many bytes it may unpack to; None for the bound of its format.
    """

    encoding: str = "utf-8"
    header: bool | None = None
    sheet: str | None = None
    text: tuple[str, ...] = ()
    marked: bool = False
    points: bool = False
    most_columns: int = MOST_COLUMNS
    most_unpacked: int | None = None
