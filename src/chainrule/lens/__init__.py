"""Every number of a forward and backward pass, on one's own layer and data: computed once, shown anywhere."""

from chainrule.lens.bptt.steps import Steps
from chainrule.lens.bptt.term import Term
from chainrule.lens.bptt.through_time import through_time
from chainrule.lens.bptt.through_time_result import ThroughTime
from chainrule.lens.bptt.truncation import Truncation
from chainrule.lens.bptt.unrolled import Unrolled
from chainrule.lens.bptt.window_models import ThroughWindow
from chainrule.lens.convolutions.convolution import convolution
from chainrule.lens.convolutions.convolution_result import Convolution
from chainrule.lens.convolutions.convolution_sizes import ConvolutionSizes
from chainrule.lens.convolutions.laws import ConvolutionLaws, convolution_laws
from chainrule.lens.convolutions.sizes import sizes
from chainrule.lens.convolutions.sum import Sum
from chainrule.lens.notation import one_based
from chainrule.lens.reach.reach import Reach
from chainrule.lens.recorder.record import Record
from chainrule.lens.recorder.recorder import Recorder
from chainrule.lens.recurrences.gates import Gates, GateUse

__all__ = [
    "Convolution",
    "ConvolutionLaws",
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
    "Unrolled",
    "convolution",
    "convolution_laws",
    "one_based",
    "sizes",
    "through_time",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
