"""Every number of a forward and backward pass, on one's own layer and data: computed once, shown anywhere."""

from chainrule.lens.bptt.look import through_time
from chainrule.lens.bptt.result import ThroughTime
from chainrule.lens.bptt.steps import Steps
from chainrule.lens.bptt.terms import Term
from chainrule.lens.bptt.truncation import Truncation
from chainrule.lens.bptt.windows import ThroughWindow
from chainrule.lens.convolutions.look import convolution
from chainrule.lens.convolutions.result import Convolution
from chainrule.lens.convolutions.sizes import ConvolutionSizes, sizes
from chainrule.lens.convolutions.sums import Sum
from chainrule.lens.reach.result import Reach
from chainrule.lens.recorder.record import Record
from chainrule.lens.recorder.recorder import Recorder
from chainrule.lens.recurrences.gates import Gates, GateUse

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
