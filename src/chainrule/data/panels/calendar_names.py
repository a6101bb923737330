"""The names of the features of dates."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["AUTO", "CALENDAR"]

AUTO = "auto"
CALENDAR: Mapping[str, str] = MappingProxyType(
    {
        "minute": "of the hour",
        "hour": "of the day",
        "weekday": "Monday to Sunday",
        "weekend": "1 on Saturdays and Sundays, else 0",
        "monthday": "the day of the month",
        "yearday": "the day of the year",
        "week": "of the year, as ISO 8601 counts",
        "month": "of the year",
        "quarter": "of the year",
    }
)
"""The features and what they are: all but the weekend go round, and are given as a sine and a cosine."""
