"""Panel fits in the forms of other libraries: scikit-learn's estimators, and `sktime_forecaster`, sktime's.

Nothing else imports this room, so that the core needs neither library.
"""

from chainrule.adapters.panel_forecaster import PanelForecaster

__all__ = ["PanelForecaster"]
