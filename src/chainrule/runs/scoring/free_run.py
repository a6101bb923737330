"""Free runs: paths that feed on themselves, far enough to see whether they drift off."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.display import number
from chainrule.models import SeriesModel

__all__ = ["FreeRun", "free_run"]

_STEPS = (60, 300)  # of a free run: five seasons within these
_PATHS = 200
_FAR = np.finfo(np.float64).max / 2  # the difference of any two such is a float too, as quantiles need


@dataclass(frozen=True)
class FreeRun:
    """Where paths go that feed on themselves: the widest 95 % band of each column, beside the data's own range."""

    horizon: int
    columns: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    data_low: tuple[float, ...]
    data_high: tuple[float, ...]

    def leaves(self) -> list[str]:
        """The columns whose band lies beyond the data's range by more than the range's own width."""
        bands = zip(self.columns, self.low, self.high, self.data_low, self.data_high, strict=True)
        return [
            name
            for name, low, high, data_low, data_high in bands
            if not 2 * data_low - data_high <= low <= high <= 2 * data_high - data_low
        ]

    def __str__(self) -> str:
        leaves = self.leaves()
        k = self.columns.index(leaves[0]) if leaves else 0
        of = ""
        where = ""
        if len(self.columns) > 1:
            of = f" of {self.columns[k]}"
            where = f", in {listed(leaves)}"
        words = (
            f"free-running {counted(self.horizon, 'step')}: 95 % of the paths{of} stay within {number(self.low[k])} "
            f"and {number(self.high[k])}; the data lie within {number(self.data_low[k])} "
            f"and {number(self.data_high[k])}"
        )
        if not leaves:
            return words
        return f"{words}. That is beyond the data's range by more than its own width{where}."

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def free_run(model: SeriesModel, values: NDArray[np.float64], season: int, columns: tuple[str, ...]) -> FreeRun:
    """Sample paths from the end of values (T, C); a NaN counts as far above the data."""
    least, most = _STEPS
    horizon = min(max(5 * season, least), most)
    context = torch.from_numpy(values).to(model.device)
    paths = model.forecast(context, horizon, paths=_PATHS).cpu().numpy()
    within = np.clip(np.nan_to_num(paths, nan=np.inf, posinf=np.inf, neginf=-np.inf), -_FAR, _FAR)
    low, high = np.quantile(within, (0.025, 0.975), axis=0)
    return FreeRun(
        horizon,
        columns,
        low=tuple(low.min(axis=0).tolist()),
        high=tuple(high.max(axis=0).tolist()),
        data_low=tuple(values.min(axis=0).tolist()),
        data_high=tuple(values.max(axis=0).tolist()),
    )
