"""Panel fits in the forms of other libraries: scikit-learn's estimators and sktime's forecasters.

Nothing else imports this room, so that the core needs neither library.
"""

from typing import TYPE_CHECKING, Any

from chainrule.adapters.panel_forecaster import PanelForecaster

if TYPE_CHECKING:
    from chainrule.adapters.sktime_forecaster import SktimeForecaster

__all__ = ["PanelForecaster", "SktimeForecaster"]


def __getattr__(name: str) -> Any:
    """`SktimeForecaster` is imported when first asked for, since it needs sktime."""
    if name == "SktimeForecaster":
        from chainrule.adapters.sktime_forecaster import SktimeForecaster

        return SktimeForecaster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
