"""Global models of panels: one network for many series, which forecasts a whole horizon from every step."""

from chainrule.models.panels.behind import Behind
from chainrule.models.panels.chance import standard_error
from chainrule.models.panels.horizon_heads import HEADS, QUANTILE_LEVELS, HorizonForecast
from chainrule.models.panels.inputs import PanelInputs
from chainrule.models.panels.panel_model import PanelModel
from chainrule.models.panels.tensors import PanelTensors

__all__ = [
    "HEADS",
    "QUANTILE_LEVELS",
    "Behind",
    "HorizonForecast",
    "PanelInputs",
    "PanelModel",
    "PanelTensors",
    "standard_error",
]
