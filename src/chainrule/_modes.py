"""Evaluation mode for a while."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluating"]


@contextmanager
def evaluating(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Put modules in evaluation mode, and afterwards each of them back in its own mode.

    Pass ``model.modules()``: parts of a model may be frozen in evaluation mode while the rest is in training.

    >>> model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2).eval())
    >>> with evaluating(model.modules()):
    ...     model.training
    False
    >>> model.training, model[1].training
    (True, False)
    """
    modes = [(module, module.training) for module in modules]
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training
