"""The sound formats that libsndfile decodes: wav and flac."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.data.decoding_errors import decoding_of
from chainrule.data.reading import HIGHEST_RATE
from chainrule.data.sounds import waveforms
from chainrule.data.sounds.waveforms import Waveform, check_length
from chainrule.errors import DataError

__all__ = ["load_sound"]

_BLOCK = 1 << 20
_SIZES = re.compile(r"^ *(?:data|SSND|riff|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_FRAMES = ("does not match value from 'ds64'", "not equal to frame count")
_UNKNOWN = 2**31 - 2**16  # bytes, from which on a size stands for one that was not known, as of what went to a pipe


def load_sound(path: Path) -> Waveform:
    """Load a file of one channel.

    Raises:
        DataError: a file that is not sound, has several channels, or has samples outside [-1, 1].
    """
    soundfile = require("soundfile")
    with decoding_of(path, "sound"), soundfile.SoundFile(path) as file:
        _check_header(file, path)
        _check_whole(file, path)
        return Waveform(_samples(file, path), file.samplerate)


def _check_header(file: Any, path: Path) -> None:
    """Refuse what is not one channel at a rate that sound has, before anything is decoded."""
    if file.channels != 1:
        raise DataError(
            f"{path} has {counted(file.channels, 'channel')}; expected one. Mix it down or choose a channel first, "
            "for example: sox in.wav out.wav channels 1"
        )
    if not 1 <= file.samplerate <= HIGHEST_RATE:
        raise DataError(
            f"{path} has {file.samplerate:,} samples a second; expected 1 to {HIGHEST_RATE:,}. Its header is broken, "
            "or the rate in it has to be corrected."
        )


def _check_whole(file: Any, path: Path) -> None:
    """Refuse a file that ends before its header says: libsndfile reads what there is, and tells it in its log alone."""
    log = file.extra_info
    sizes = [(int(promised), int(there)) for promised, there in _SIZES.findall(log)]
    if any(there < promised < _UNKNOWN for promised, there in sizes) or any(words in log for words in _FRAMES):
        raise _cut(path, f"the {counted(file.frames, 'sample')} that it has")


def _cut(path: Path, there: str) -> DataError:
    return DataError(
        f"{path} cannot be read as sound: its header promises more than {there}. It is broken, or was cut short: get "
        "it again, or save what there is as a new file."
    )


def _samples(file: Any, path: Path) -> NDArray[np.float32]:
    """All samples of a file. The header may promise any number of them: memory is used only for those that come."""
    samples = np.empty(min(max(file.frames, 0), waveforms.MOST_SAMPLES), np.float32)
    count = 0
    while len(block := file.read(_BLOCK, dtype="float32")):
        check_length(count + len(block), path)
        if not (np.abs(block) <= 1).all():  # NaN fails too
            raise DataError(
                f"{path} has samples that are not numbers from -1 to 1. Scale it down, or save it as 16-bit."
            )
        samples[count : count + len(block)] = block
        count += len(block)
    if count < file.frames:
        raise _cut(path, f"the {counted(count, 'sample')} that can be read")
    if count == len(samples):
        return samples
    return samples[:count].copy()
