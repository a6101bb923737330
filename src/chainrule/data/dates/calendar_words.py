"""Days, weeks and months as aliases name them, and as words."""

from chainrule._choices import listed
from chainrule._optional import require

__all__ = ["DAY", "MONTHS", "WEEKDAYS", "ordinal", "week_in_words", "with_anchor"]

DAY = 86_400_000_000_000  # nanoseconds
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def with_anchor(where: str, anchor: str) -> str:
    """The words with what the anchor of an alias says: FRI, 3FRI, DEC.

    >>> with_anchor("on the {nth} {weekday}", "3FRI"), with_anchor("on the 1st of {month}", "DEC")
    ('on the 3rd Friday', 'on the 1st of December')
    """
    if not anchor or "{" not in where:
        return where
    pandas = require("pandas")
    if anchor in MONTHS:
        return where.format(month=pandas.Timestamp(2000, MONTHS.index(anchor) + 1, 1).month_name())
    weekday = WEEKDAYS.index(anchor[-3:].title())
    weekday_name = pandas.Timestamp(2024, 1, 1 + weekday).day_name()  # 2024 began on a Monday
    nth = ordinal(int(anchor[0])) if anchor[0].isdigit() else ""
    return where.format(weekday=weekday_name, nth=nth)


def week_in_words(days: tuple[str, ...]) -> str:
    """A run of days by its first and last, other days one by one.

    >>> week_in_words(("Mon", "Tue", "Sun")), week_in_words(("Mon", "Fri"))
    ('Sun to Tue', 'Mon, Fri')
    """
    for first in range(len(WEEKDAYS)):
        run = tuple(WEEKDAYS[(first + i) % 7] for i in range(len(days)))
        if len(days) > 2 and set(run) == set(days):
            return f"{run[0]} to {run[-1]}"
    return listed(days)


def ordinal(number: int) -> str:
    """A number of a day, as in "the 1st".

    >>> [ordinal(number) for number in (1, 12, 22, 23)]
    ['1st', '12th', '22nd', '23rd']
    """
    ending = "th"
    if number not in (11, 12, 13):
        ending = _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"
