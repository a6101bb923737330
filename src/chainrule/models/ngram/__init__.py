"""N-grams: a model that counts."""

from typing import TYPE_CHECKING

from chainrule._optional import on_demand

if TYPE_CHECKING:
    from chainrule.models.ngram.counts import MOST_ORDER
    from chainrule.models.ngram.fitting import fit_ngram
    from chainrule.models.ngram.model import NGramModel
else:
    __getattr__ = on_demand(__name__)

__all__ = ["MOST_ORDER", "NGramModel", "fit_ngram"]


def __dir__() -> list[str]:
    """The public names alone, for tab completion."""
    return __all__
