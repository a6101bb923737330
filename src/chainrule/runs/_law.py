"""The Gaussian and Student-t laws of the naive baselines, fitted to data by maximum likelihood."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.errors import ArgumentError, DataError

__all__ = ["Law"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Law:
    """One location-scale distribution for each of C independent columns: Gaussian (df None) or Student-t.

    >>> law = Law.fit(np.array([[-1.0], [1.0]]), "gaussian", "the values", centred=False)
    >>> law.loc.tolist(), law.scale.tolist()
    ([0.0], [1.0])
    """

    loc: _Floats
    scale: _Floats
    df: _Floats | None

    @classmethod
    def fit(cls, x: _Floats, head: str, of: str, *, centred: bool) -> Self:
        """Maximum likelihood over x (N, C), finite, of head "gaussian" or "student".

        ``centred`` holds the location at zero. Raises `DataError`, calling the data ``of``, where
        the likelihood has no maximum.
        """
        if head not in ("gaussian", "student"):
            raise ArgumentError(f"head must be 'gaussian' or 'student', got {head!r}")
        flat = np.flatnonzero((x == (0.0 if centred else x[0])).all(axis=0))
        if flat.size:
            raise DataError(
                f"{of} are all equal in column {flat[0] + 1}, so no density fits them; leave that column out, "
                "or train on a part in which it varies"
            )
        if head == "gaussian":
            loc = np.zeros(x.shape[1]) if centred else x.mean(axis=0)
            return cls(loc, np.sqrt(np.square(x - loc).mean(axis=0)), None)
        return cls(*np.array([_fit_student(column, of, centred=centred) for column in x.T]).T)

    @property
    def standard(self) -> Any:
        """The distribution of (x - loc) / scale, as scipy's object over C columns."""
        stats = require("scipy.stats")
        return stats.norm() if self.df is None else stats.t(self.df)

    def log_density(self, x: _Floats) -> _Floats:
        """log p(x) of x (T, C), summed over columns: (T,), in nats."""
        z = (x - self.loc) / self.scale
        log_p: _Floats = (self.standard.logpdf(z) - np.log(self.scale)).sum(axis=-1)
        return log_p


def _fit_student(x: _Floats, of: str, *, centred: bool) -> tuple[float, float, float]:
    """Location, scale and df in [2, 1e4] of greatest likelihood for one column, x (N,).

    Below df = 2 the variance is infinite, and with df free the likelihood is unbounded as soon as two
    values coincide; from 2 on it is bounded unless two thirds do. At 1e4 the law is Gaussian to four
    digits. (scipy.stats.t.fit bounds nothing, and its tolerances are absolute.)
    """
    ties = np.count_nonzero(x == 0) if centred else np.unique(x, return_counts=True)[1].max()
    if 3 * ties >= 2 * len(x):
        raise DataError(
            f"{ties} of {len(x)} of {of} coincide, and a Student-t's likelihood has no maximum once "
            "two thirds do; use head 'gaussian'"
        )
    t = require("scipy.stats").t
    centre = 0.0 if centred else float(np.median(x))
    unit = float(np.sqrt(np.square(x - centre).mean()))
    z = (x - centre) / unit

    def loss(theta: _Floats) -> float:
        loc, log_scale, log_df = theta
        return -float(t.logpdf(z, np.exp(log_df), loc, np.exp(log_scale)).mean())

    bounds = [(0.0, 0.0) if centred else (None, None), (None, None), (np.log(2.0), np.log(1e4))]
    start = [0.0, -0.5, np.log(5.0)]
    fit = require("scipy.optimize").minimize(loss, start, method="L-BFGS-B", bounds=bounds, tol=1e-12)
    loc, log_scale, log_df = fit.x
    return centre + unit * float(loc), unit * float(np.exp(log_scale)), float(np.exp(log_df))
