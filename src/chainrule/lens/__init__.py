"""Every number of a forward and backward pass, on one's own layer and data: computed once, shown anywhere."""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule.lens.bptt.side_by_side import SideBySide, side_by_side
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
    from chainrule.lens.layers.results.cell_sum import CellSum
    from chainrule.lens.layers.results.feature_maps import FeatureMaps
    from chainrule.lens.layers.results.kernels import Kernels
    from chainrule.lens.layers.results.layer_table import LayerTable
    from chainrule.lens.layers.results.receptive_field import ReceptiveField
    from chainrule.lens.layers.results.saliency import Saliency
    from chainrule.lens.layers.through_layers import through_layers
    from chainrule.lens.layers.through_layers_result import ThroughLayers
    from chainrule.lens.notation import one_based
    from chainrule.lens.reach.reach import Reach
    from chainrule.lens.recorder.record import Record
    from chainrule.lens.recorder.recorder import Recorder
    from chainrule.lens.recurrences.gates import Gates, GateUse
else:
    __getattr__ = on_demand(__name__)

__all__ = [
    "CellSum",
    "Convolution",
    "ConvolutionLaws",
    "ConvolutionSizes",
    "FeatureMaps",
    "GateUse",
    "Gates",
    "Kernels",
    "LayerTable",
    "Reach",
    "ReceptiveField",
    "Record",
    "Recorder",
    "Saliency",
    "SideBySide",
    "Steps",
    "Sum",
    "Term",
    "ThroughLayers",
    "ThroughTime",
    "ThroughWindow",
    "Truncation",
    "Unrolled",
    "convolution",
    "convolution_laws",
    "one_based",
    "side_by_side",
    "sizes",
    "through_layers",
    "through_time",
]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
