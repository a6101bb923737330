"""chainrule: sequence models by the two chain rules.

The chain rule of probability, p(x_1..x_T) = prod_t p(x_t | x_<t), says what to model; the chain rule of calculus,
backwards through convolutions and through time, says how to learn it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule import data, errors, functional, nn, training
from chainrule.data import Reading
from chainrule.models import ModelSettings
from chainrule.nn import explain, swap, unswap
from chainrule.training import TrainingSettings

if TYPE_CHECKING:
    from chainrule import export, lens
    from chainrule.runs import Run, compare, fit, load

__all__ = [
    "ModelSettings",
    "Reading",
    "Run",
    "TrainingSettings",
    "compare",
    "data",
    "errors",
    "explain",
    "export",
    "fit",
    "functional",
    "lens",
    "load",
    "nn",
    "swap",
    "training",
    "unswap",
]


_ON_DEMAND = ("export", "lens", "runs")  # rooms that take a third of the time of all imports, and layers do without


def __getattr__(name: str) -> Any:
    """Import a room when it is first asked for."""
    if name in _ON_DEMAND:
        return import_module(f"chainrule.{name}")
    if name in __all__:
        return getattr(import_module("chainrule.runs"), name)
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
