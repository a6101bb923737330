"""Every way of calling a module."""

from tests.contract.ways.deriving import DERIVING
from tests.contract.ways.handling import HANDLING
from tests.contract.ways.processes import PROCESSES
from tests.contract.ways.recording import RECORDING
from tests.contract.ways.views import TENSORS

__all__ = ["WAYS"]

WAYS = [*HANDLING, *TENSORS, *DERIVING, *RECORDING, *PROCESSES]
