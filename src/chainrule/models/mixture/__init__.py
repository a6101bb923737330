"""Mixtures: a network and an n-gram, weighed by what is known before each symbol."""

from chainrule.models.mixture.gate import Gate
from chainrule.models.mixture.model import MixtureModel, Seen

__all__ = ["Gate", "MixtureModel", "Seen"]
