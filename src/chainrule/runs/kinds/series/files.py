"""A series in a run's folder, so that forecasts need no other file."""

from pathlib import Path

import numpy as np
import torch

from chainrule.data import Series
from chainrule.errors import RunFormatError
from chainrule.training import load_tensors, save_tensors

__all__ = ["load_series", "save_series"]


def save_series(series: Series, path: Path) -> None:
    """Write the series to the file."""
    tensors = {"values": torch.from_numpy(series.values)}
    if series.dates is not None:
        tensors["dates"] = torch.from_numpy(series.dates.astype("datetime64[ns]").astype(np.int64))
    about = {
        "columns": series.columns,
        "season": series.season,
        "freq": None if series.frequency is None else series.frequency.alias,
        "timezone": series.timezone,
    }
    save_tensors(path, tensors, about)


def load_series(path: Path, name: str) -> Series:
    """What ``save_series`` wrote, under this name.

    Raises:
        RunFormatError: the file holds something else.
    """
    tensors, about = load_tensors(path)
    try:
        return Series(
            tensors["values"].numpy(),
            tuple(about["columns"]),
            tensors["dates"].numpy().astype("datetime64[ns]") if "dates" in tensors else None,
            name,
            about["season"],
            about.get("freq"),
            about.get("timezone"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunFormatError(
            f"{path} holds no series ({error!r}). The run's files were mixed up; restore them from a copy, "
            "or fit again."
        ) from error
