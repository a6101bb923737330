"""What a model has to beat: for symbols unigram and bigram; for series i.i.d., random walk, seasonal naive.

All are honest forecasters: probabilities sum to one for every past and use the past alone. Log-probabilities are in
nats. Columns of a series are predicted together, as the models predict them.
"""

from chainrule.runs.scoring.baselines.naive import Iid, RandomWalk, SeasonalNaive
from chainrule.runs.scoring.baselines.ngrams import Bigram, Unigram
from chainrule.runs.scoring.baselines.series_baselines import Baselines

__all__ = ["Baselines", "Bigram", "Iid", "RandomWalk", "SeasonalNaive", "Unigram"]
