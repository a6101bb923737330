"""The ways to run a recurrence, in the order in which a call is offered to them."""

from typing import Protocol

from torch import Tensor

from chainrule.ops.choices import Description
from chainrule.ops.recurrence.backends import cpu, exported, formula, reference
from chainrule.ops.recurrence.backends import torch as torch_backend
from chainrule.ops.recurrence.backends import triton as triton_backend
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["BACKENDS", "RecurrenceBackend"]


class RecurrenceBackend(Protocol):
    """What a module of this folder has. Calls are checked before."""

    def obstacle(self, call: RecurrenceCall, asked_for: bool) -> str | None:
        """Why it cannot run this call, or, where it is not asked for by name, should not; None if it can."""

    def run(self, call: RecurrenceCall) -> tuple[Tensor, State]:
        """The outputs (B, T, H), T >= 1, and the last state."""

    def describe(self, call: RecurrenceCall) -> Description:
        """What runs the call, for :func:`chainrule.explain`."""


BACKENDS: dict[str, RecurrenceBackend] = {
    "cpu": cpu,
    "triton": triton_backend,
    "torch": torch_backend,
    "exported": exported,
    "formula": formula,
    "reference": reference,
}
"""By the names that they are asked for by; "exported" is for recordings alone."""
