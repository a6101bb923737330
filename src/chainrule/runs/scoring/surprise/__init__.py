"""What a score is made of: how likely each symbol, step or example was; and what is left of it in random order."""

from chainrule.runs.scoring.surprise.each import Each
from chainrule.runs.scoring.surprise.shuffled import Shuffled, shuffles

__all__ = ["Each", "Shuffled", "shuffles"]
