"""The Gaussian and Student-t laws of the naive baselines, fitted to data by maximum likelihood."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import choose
from chainrule._optional import require
from chainrule.errors import DataError

__all__ = ["Law"]

_Floats = NDArray[np.float64]

_DF = (2.0, 1e4)  # below, the variance is infinite; above, the law is Gaussian to four digits
_STEPS = 10_000  # of the search for a Student-t: at most so many, and what ends it
_GAIN = 1e-13
_SINGULAR = 1e-10  # of a correlation matrix: a smaller eigenvalue is rounding


@dataclass(frozen=True, eq=False)
class Law:
    """One distribution of C columns together: Gaussian (df None) or Student-t, of location (C,) and shape (C, C).

    >>> law = Law.fit(np.array([[-1.0], [1.0]]), "gaussian", "the values", centred=False)
    >>> law.loc.tolist(), law.scale.tolist()
    ([0.0], [1.0])
    """

    loc: _Floats
    shape: _Floats
    df: float | None

    @classmethod
    def fit(cls, x: _Floats, head: str, of: str, *, centred: bool) -> Self:
        """Maximum likelihood over x (N, C), finite, of head "gaussian" or "student".

        ``centred`` holds the location at zero. Raises `DataError`, calling the data ``of``, where
        the likelihood has no maximum.
        """
        choose("`head`", head, ("gaussian", "student"))
        level = 0.0 if centred else x[0]
        flat = np.flatnonzero((x == level).all(axis=0))
        if flat.size:
            raise DataError(
                f"{of} are all equal in column {flat[0] + 1}, so no density fits them; leave that column out, "
                "or train on a part in which it varies."
            )
        loc = np.zeros(x.shape[1]) if centred else x.mean(axis=0)
        shape = (x - loc).T @ (x - loc) / len(x)
        _check_shape(shape, of)
        if head == "gaussian":
            return cls(loc, shape, None)
        return cls(*_fit_student(x, of, centred=centred))

    @property
    def scale(self) -> _Floats:
        """Of each column by itself: (C,)."""
        return np.asarray(np.sqrt(self.shape.diagonal()))

    @property
    def standard(self) -> Any:
        """The distribution of (x - loc) / scale of one column, as scipy's object."""
        stats = require("scipy.stats")
        return stats.norm() if self.df is None else stats.t(self.df)

    @property
    def _joint(self) -> Any:
        """The distribution of (x - loc) / scale of all columns: scipy takes very different scales for singular."""
        stats = require("scipy.stats")
        correlation = _correlation(self.shape)
        if self.df is None:
            return stats.multivariate_normal(cov=correlation)
        return stats.multivariate_t(shape=correlation, df=self.df)

    def log_density(self, x: _Floats) -> _Floats:
        """log p(x) of x (T, C): (T,), in nats."""
        standard = np.asarray(self._joint.logpdf((x - self.loc) / self.scale), dtype=np.float64)
        log_density: _Floats = standard.reshape(len(x)) - np.log(self.scale).sum()
        return log_density

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> _Floats:
        """Independent draws (*shape, C)."""
        standard = np.asarray(self._joint.rvs(size=int(np.prod(shape)), random_state=rng), dtype=np.float64)
        drawn: _Floats = self.loc + self.scale * standard.reshape(*shape, len(self.loc))
        return drawn


def _correlation(shape: _Floats) -> _Floats:
    scale = np.sqrt(shape.diagonal())
    return np.asarray(shape / np.outer(scale, scale))


def _check_shape(shape: _Floats, of: str) -> None:
    if np.linalg.eigvalsh(_correlation(shape))[0] < _SINGULAR:
        raise DataError(
            f"{of} move in step exactly, so no joint density fits them; leave out a column that follows from the "
            "others."
        )


def _fit_student(x: _Floats, of: str, *, centred: bool) -> tuple[_Floats, _Floats, float]:
    """Location, shape and df in [2, 1e4] of greatest likelihood for x (N, C).

    With df free the likelihood is unbounded as soon as values coincide; from df = 2 on it is bounded unless a share of
    (C + 1) / (C + 2) of a column does. Location and shape are weighted means, the weights' scale a parameter of its
    own (Kent, Tyler & Vardi 1994, "A curious likelihood identity for the multivariate t-distribution"); df is searched
    for at each step, as in ECME (Liu & Rubin 1995). scipy fits one column only, bounds nothing, and its tolerances are
    absolute.
    """
    _check_ties(x, of, centred=centred)
    columns = x.shape[1]
    centre = np.zeros(columns) if centred else np.median(x, axis=0)
    unit = np.sqrt(np.square(x - centre).mean(axis=0))
    z = (x - centre) / unit
    loc = np.zeros(columns)
    shape = 0.5 * np.corrcoef(z.T).reshape(columns, columns)
    df = 5.0
    best = -np.inf
    for _ in range(_STEPS):
        weights = (df + columns) / (df + _squared(z - loc, shape))
        if not centred:
            loc = weights @ z / weights.sum()
        shape = (weights * (z - loc).T) @ (z - loc) / weights.sum()
        _check_shape(shape, of)
        df, likelihood = _likeliest_df(_squared(z - loc, shape), columns)
        likelihood -= 0.5 * float(np.linalg.slogdet(shape)[1])
        if likelihood <= best + _GAIN:
            break
        best = likelihood
    return centre + unit * loc, shape * np.outer(unit, unit), df


def _check_ties(x: _Floats, of: str, *, centred: bool) -> None:
    """Refuse values of which so many coincide that the likelihood of a Student-t has no bound."""
    rows, columns = x.shape
    for column in x.T:
        ties = np.count_nonzero(column == 0) if centred else np.unique(column, return_counts=True)[1].max()
        if (columns + 2) * ties >= (columns + 1) * rows:
            share = "two thirds" if columns == 1 else f"{columns + 1} of {columns + 2}"
            raise DataError(
                f"{ties} of {rows} of {of} coincide, and a Student-t's likelihood has no maximum once "
                f'{share} do; use `head="gaussian"`.'
            )


def _squared(e: _Floats, shape: _Floats) -> _Floats:
    """The squared Mahalanobis distance of errors e (N, C)."""
    white = np.linalg.solve(np.linalg.cholesky(shape), e.T)
    return np.asarray(np.square(white).sum(axis=0))


def _likeliest_df(squared: _Floats, columns: int) -> tuple[float, float]:
    """The df of greatest likelihood for squared distances, and the mean log-likelihood but for the shape's part."""
    gammaln = require("scipy.special").gammaln

    def loss(log_df: float) -> float:
        df = np.exp(log_df)
        normaliser = gammaln(df / 2) - gammaln((df + columns) / 2) + columns / 2 * np.log(np.pi * df)
        return float(normaliser + (df + columns) / 2 * np.log1p(squared / df).mean())

    found = require("scipy.optimize").minimize_scalar(
        loss, bounds=np.log(_DF), method="bounded", options={"xatol": 1e-10}
    )
    return float(np.exp(found.x)), -float(found.fun)
