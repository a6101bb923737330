"""N-grams: a model that counts."""

from chainrule.models.ngram._counts import MOST_ORDER
from chainrule.models.ngram.fitting import fit_ngram
from chainrule.models.ngram.model import NGramModel

__all__ = ["MOST_ORDER", "NGramModel", "fit_ngram"]
