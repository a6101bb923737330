"""The season of a series: from the frequency of its dates, else from its autocorrelation."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from chainrule.data.dates.frequency import Frequency

__all__ = ["TRAIN", "autocorrelation", "find_season", "first_peak"]

TRAIN = 0.8  # of the steps, as in `split_steps`
_ROUNDING = 1e-12  # a spread below this share of the largest value is what rounding leaves of a straight line


def find_season(frequency: Frequency | None, values: NDArray[np.float64]) -> int:
    """Steps in a season: from the dates' frequency, else from the autocorrelation; 1 where there is none.

    Steps below a day have the day as their season, days the week (five steps when weekends are absent),
    weeks, months and quarters the year. It is taken if the series has at least two of them. The autocorrelation is
    that of the first eight tenths of the steps, the training part: nothing held out is looked at.
    """
    if frequency is not None and frequency.season and 2 * frequency.season <= len(values):
        return frequency.season
    train = values[: math.floor(TRAIN * len(values) + 0.5)]
    r = autocorrelation(train)
    return 1 if r is None else first_peak(r, len(train))


def autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The autocorrelation of up to half as many lags as there are values, without a linear trend; None of a line."""
    T = len(values)
    largest = np.abs(values).max()
    if largest == 0:
        return None
    values = values / largest  # so that no square leaves float64
    time = np.arange(T) - (T - 1) / 2
    x = values - values.mean()
    if T > 1:
        x = x - time * (time @ x) / (time @ time)
    if np.ptp(x) <= _ROUNDING:
        return None
    r = np.fft.irfft(np.abs(np.fft.rfft(x, n=2 * T)) ** 2)[: T // 2 + 1]
    return np.asarray(r / r[0])


def first_peak(r: NDArray[np.float64], T: int) -> int:
    """The lag of the first clear peak of the autocorrelation of ``T`` values, 1 if there is none.

    A peak is the highest value between a rise through zero and the next
    fall. It is clear when it exceeds two 95 % bands: that of white noise, for all lags together, and
    Bartlett's, 1.96 sqrt((1 + 2 sum_{j<k} r_j^2) / T), which widens for series that merely wander. A period
    that is not a whole number of steps shows in the peaks at its multiples, so these decide between the lag and
    its neighbours.
    """
    noise = NormalDist().inv_cdf(1 - 0.05 / len(r)) / np.sqrt(T)
    bartlett = 1.96 * np.sqrt((1 + 2 * (np.cumsum(r**2) - r[0] ** 2)) / T)  # [k - 1] is that of lag k
    falls = np.flatnonzero((r[:-1] >= 0) & (r[1:] < 0)) + 1
    rises = np.flatnonzero((r[:-1] < 0) & (r[1:] >= 0)) + 1
    for rise, fall in zip(rises, [*falls[1:], len(r)], strict=False):
        peak = int(rise + np.argmax(r[rise:fall]))
        if r[peak] > max(noise, bartlett[peak - 1]) and peak + 1 < len(r):
            multiples = np.arange(1, (len(r) - 1) // (peak + 1) + 1)
            return max((peak, peak - 1, peak + 1), key=lambda lag: float(r[lag * multiples].sum()))
    return 1
