"""Every way of calling a module."""

from tests.contract.deriving import DERIVING
from tests.contract.handling import HANDLING
from tests.contract.processes import PROCESSES
from tests.contract.recording import RECORDING
from tests.contract.views import TENSORS

__all__ = ["WAYS"]

WAYS = [*HANDLING, *TENSORS, *DERIVING, *RECORDING, *PROCESSES]
