"""Backpropagation through time, derived by hand in plain torch."""

from chainrule.ops.choices import Description
from chainrule.ops.recurrence.backends.formula.passes import run
from chainrule.ops.recurrence.call import RecurrenceCall

__all__ = ["describe", "obstacle", "run"]


def obstacle(call: RecurrenceCall, asked_for: bool) -> str | None:
    """The formula runs everything."""
    return None


def describe(call: RecurrenceCall) -> Description:
    """Torch's operations."""
    return Description.of_torch()
