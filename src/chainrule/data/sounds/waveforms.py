"""Waveforms: samples and their rate, resampled and written to files."""

from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.errors import ArgumentError, DataError

__all__ = ["Waveform", "check_length", "resample", "write_wav"]

MOST_SAMPLES = 1 << 28  # of a file: a GiB as float32, and nine hours at 8 kHz
_LONGEST_RATIO = 200_000


@dataclass(frozen=True, eq=False)
class Waveform:
    """The samples of one file, float32 from -1 to 1, and how many of them there are in a second."""

    samples: NDArray[np.float32]
    rate: int


def check_length(samples: float, path: Path | str) -> None:
    """Refuse more samples than memory should be used for."""
    if samples > MOST_SAMPLES:
        raise DataError(f"{path} has more than {MOST_SAMPLES:,} samples. Cut it into several files, or resample it.")


def resample(waveform: Waveform, rate: int | None) -> Waveform:
    """The waveform at another rate, by a polyphase filter; what overshoots [-1, 1] is clipped.

    Raises:
        DataError: rates that have too little in common, or more samples than memory should be used for.

    >>> len(resample(Waveform(np.zeros(800, np.float32), 8000), 4000).samples)
    400
    """
    if rate is None or rate == waveform.rate:
        return waveform
    check_length(len(waveform.samples) * rate / waveform.rate, f"the sound at {rate} samples a second")
    common = gcd(rate, waveform.rate)
    up = rate // common
    down = waveform.rate // common
    if max(up, down) > _LONGEST_RATIO:  # the filter is twenty times as long
        raise DataError(
            f"sound of {waveform.rate:,} samples a second cannot be resampled to {rate:,}: the two rates have too "
            "little in common. Choose a rate that divides the file's, or a rounder one."
        )
    samples = require("scipy.signal").resample_poly(waveform.samples.astype(np.float64), up, down)
    return Waveform(np.clip(samples, -1, 1).astype(np.float32), rate)


def write_wav(path: str | Path | BinaryIO, waveform: NDArray[np.floating], rate: int) -> None:
    """Write samples (T,) from -1 to 1 as a 16-bit wav file of one channel, ``rate`` samples a second.

    Raises:
        ArgumentError: samples that are not one row, or are not all from -1 to 1.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_wav(Path(folder, "a.wav"), np.zeros(80), 8000)
    ...     Path(folder, "a.wav").stat().st_size
    204
    """
    if waveform.ndim != 1 or not (np.abs(waveform) <= 1).all():
        raise ArgumentError(
            f"the waveform has shape {waveform.shape} and peaks at {np.abs(waveform).max(initial=0):g}; "
            "expected one row of samples from -1 to 1."
        )
    require("soundfile").write(path, waveform, rate, format="WAV", subtype="PCM_16")
