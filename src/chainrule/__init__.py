"""chainrule: sequence models by the two chain rules.

The chain rule of probability, p(x_1..x_T) = prod_t p(x_t | x_<t), says what to model; the chain rule of calculus,
backwards through convolutions and through time, says how to learn it.
"""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule import data, errors, export, functional, lens, nn, training
    from chainrule import runs as runs  # in reach, though its main names stand here
    from chainrule.data import Reading
    from chainrule.models import ModelSettings
    from chainrule.nn import explain, swap, unswap
    from chainrule.runs import Run, compare, fit, load
    from chainrule.training import TrainingSettings
else:
    __getattr__ = on_demand(__name__)

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


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
