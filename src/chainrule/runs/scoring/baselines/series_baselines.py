"""The baselines of one series, fitted to its training part."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.data import Transform
from chainrule.runs.scoring.baselines.naive import Iid, RandomWalk, SeasonalNaive
from chainrule.runs.scoring.metrics import mase_scale

__all__ = ["Baselines"]

_Floats = NDArray[np.float64]
_EXACT = 1e-12  # change over range: below it, a season repeats itself but for rounding


@dataclass(frozen=True, eq=False)
class Baselines:
    """What a model of a series is compared with, all fitted to the training part alone.

    Attributes:
        iid: one law for every step, of transformed values.
        naive: the random walk, and the seasonal naive forecast where there is a season.
        scale: what MASE divides by, a number for each column.
    """

    iid: Iid
    naive: tuple[RandomWalk | SeasonalNaive, ...]
    scale: _Floats

    @property
    def season(self) -> int:
        """Steps in a season; 1 without one."""
        return self.naive[-1].season

    @classmethod
    def fit(cls, train: _Floats, season: int, head: str, transform: Transform) -> Self:
        """Fit to values (T, C) with T > season.

        A season that repeats itself exactly leaves no errors to fit a density to, or to scale by: then the random
        walk stands alone.
        """
        changes = np.abs(train[season:] - train[:-season]).max(axis=0, initial=0.0)
        if len(train) > season and (changes <= _EXACT * np.ptp(train, axis=0)).any():
            season = 1
        naive: list[RandomWalk | SeasonalNaive] = [RandomWalk.fit(train, head)]
        if season > 1:
            naive.append(SeasonalNaive.fit(train, season, head))
        iid = Iid.fit(transform.apply(torch.from_numpy(train)).numpy(), head)
        return cls(iid, tuple(naive), mase_scale(train, season))

    def log_prob(self, values: _Floats, begin: int, transform: Transform) -> dict[str, _Floats]:
        """log p(x_t | x_<t) of steps ``begin``.. by each, in the data's units; ``begin`` is at least a season."""
        x = torch.from_numpy(values)
        z = transform.apply(x)[begin - transform.lag :].numpy()
        jacobian = transform.log_jacobian(x)[begin:].numpy()
        naive = {baseline.name: baseline.log_density(values, begin) for baseline in self.naive}
        return {self.iid.name: self.iid.log_density(z) + jacobian, **naive}
