"""Is this installation sound? What is installed, what the machine has, and a test of the kernels in a few seconds."""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule.doctor.diagnosis import Diagnosis, diagnose
    from chainrule.doctor.self_test import Tried
else:
    __getattr__ = on_demand(__name__)

__all__ = ["Diagnosis", "Tried", "diagnose"]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
