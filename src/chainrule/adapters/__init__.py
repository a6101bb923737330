"""Panel fits in the form of other libraries: scikit-learn's estimators.

Nothing else imports this room, so that the core does not need scikit-learn.
"""

from chainrule.adapters.panel_forecaster import PanelForecaster

__all__ = ["PanelForecaster"]
