"""Every number of a forward and backward pass, on one's own layer and data: computed once, shown anywhere."""

from chainrule.lens.convolved import Convolution
from chainrule.lens.convolving import convolution
from chainrule.lens.gating import Gates, GateUse
from chainrule.lens.reach import Reach
from chainrule.lens.recording import Recorder
from chainrule.lens.records import Record
from chainrule.lens.sizes import ConvolutionSizes, sizes
from chainrule.lens.steps import Steps
from chainrule.lens.sums import Sum
from chainrule.lens.terms import Term
from chainrule.lens.truncation import Truncation
from chainrule.lens.unrolled import ThroughTime
from chainrule.lens.unrolling import through_time
from chainrule.lens.windows import ThroughWindow

__all__ = [
    "Convolution",
    "ConvolutionSizes",
    "GateUse",
    "Gates",
    "Reach",
    "Record",
    "Recorder",
    "Steps",
    "Sum",
    "Term",
    "ThroughTime",
    "ThroughWindow",
    "Truncation",
    "convolution",
    "sizes",
    "through_time",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
