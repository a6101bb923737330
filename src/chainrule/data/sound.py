"""Sound: wav and flac files, as mu-law symbols to model or as labelled waveforms to classify."""

from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule._optional import require
from chainrule.data.container_checks import HIGHEST_RATE
from chainrule.data.containers import Labelled, Symbols
from chainrule.data.decoding_errors import decoding_of
from chainrule.data.labelled.groups import groups_of_files
from chainrule.data.labelled.labels import index_labels
from chainrule.data.text.alphabet import Alphabet
from chainrule.errors import ArgumentError, DataError, TooShortError

__all__ = [
    "Waveform",
    "read_labelled_sound",
    "read_sound",
    "read_waveform",
    "resample",
    "sound_symbols",
    "write_wav",
]

_BLOCK = 1 << 20
_LONGEST_RATIO = 200_000
_MOST_SAMPLES = 1 << 28  # of a file: a GiB as float32, and nine hours at 8 kHz


@dataclass(frozen=True, eq=False)
class Waveform:
    """One file's samples, float32 from -1 to 1, and how many there are in a second."""

    samples: NDArray[np.float32]
    rate: int


def read_waveform(path: Path, rate: int | None = None) -> Waveform:
    """Read a file of one channel, resampled to ``rate`` if one is given.

    Raises:
        DataError: a file that is not sound, has several channels, or has samples that leave [-1, 1].
        TooShortError: a file without samples.
    """
    soundfile = require("soundfile")
    with decoding_of(path, "sound"), soundfile.SoundFile(path) as file:
        _check_sound(file, path)
        samples = _samples(file, path)
        found = file.samplerate
    if not len(samples):
        raise TooShortError(f"{path} has no samples; expected at least one.")
    return resample(Waveform(samples, found), rate)


def _samples(file: Any, path: Path) -> NDArray[np.float32]:
    """All samples of a file; the number in its header is a promise, for which no memory is used before they come."""
    room = np.empty(min(max(file.frames, 0), _MOST_SAMPLES), np.float32)
    count = 0
    while len(block := file.read(_BLOCK, dtype="float32")):
        _check_length(count + len(block), path)
        if not (np.abs(block) <= 1).all():  # NaN fails too
            raise DataError(
                f"{path} has samples that are not numbers from -1 to 1. Scale it down, or save it as 16-bit."
            )
        room[count : count + len(block)] = block
        count += len(block)
    return room if count == len(room) else room[:count].copy()


def _check_sound(file: Any, path: Path) -> None:
    """Refuse by its header what is not one channel of sound at a rate that sound has."""
    if file.channels != 1:
        raise DataError(
            f"{path} has {counted(file.channels, 'channel')}; expected one. Mix it down or choose a channel first, "
            "for example: sox in.wav out.wav channels 1"
        )
    if not 1 <= file.samplerate <= HIGHEST_RATE:
        raise DataError(
            f"{path} has {file.samplerate:,} samples a second; expected 1 to {HIGHEST_RATE:,}. Its header is broken, "
            "or the rate is to be corrected."
        )


def _check_length(samples: float, path: Path | str) -> None:
    if samples > _MOST_SAMPLES:
        raise DataError(f"{path} has more than {_MOST_SAMPLES:,} samples. Cut it in several files, or resample it.")


def resample(waveform: Waveform, rate: int | None) -> Waveform:
    """The waveform at another rate, by a polyphase filter; what overshoots [-1, 1] is clipped."""
    if rate is None or rate == waveform.rate:
        return waveform
    _check_length(len(waveform.samples) * rate / waveform.rate, f"the sound at {rate} samples a second")
    common = gcd(rate, waveform.rate)
    up = rate // common
    down = waveform.rate // common
    if max(up, down) > _LONGEST_RATIO:  # the filter is twenty times as long
        raise DataError(
            f"sound of {waveform.rate:,} samples a second cannot be resampled to {rate:,}: the two have too little in "
            "common. Choose a rate that divides the file's, or a rounder one."
        )
    samples = require("scipy.signal").resample_poly(waveform.samples.astype(np.float64), up, down)
    return Waveform(np.clip(samples, -1, 1).astype(np.float32), rate)


def read_sound(paths: list[Path], name: str, rate: int | None = None, alphabet: Alphabet | None = None) -> Symbols:
    """Read files as symbols of the mu-law, one document a file."""
    return sound_symbols(_read_all(paths, rate), name, alphabet)


def sound_symbols(waveforms: dict[str, Waveform], name: str, alphabet: Alphabet | None = None) -> Symbols:
    """Waveforms as symbols of the mu-law, 8 bits a sample.

    Raises:
        DataError: files of different rates, or nothing but silence.
    """
    rate = _one_rate(waveforms)
    if not any(waveform.samples.any() for waveform in waveforms.values()):
        raise DataError(f"{name} is silent: every sample is 0, so there is nothing to model.")
    alphabet = alphabet or Alphabet("mu-law")
    return Symbols([alphabet.encode(w.samples, file) for file, w in waveforms.items()], alphabet, name, rate)


def read_labelled_sound(
    root: Path,
    paths: list[Path],
    rate: int | None = None,
    classes: tuple[str, ...] | None = None,
    group: str | None = None,
) -> Labelled:
    """Read files as labelled waveforms; the label is the sub-folder of ``root``, else the name up to "_".

    ``group`` tells which files belong together, as of `Reading`.

    Raises:
        DataError: a name without a label, a label not among ``classes``, a single class.
    """
    names = [_label(root, path) for path in paths]
    by, groups = groups_of_files(paths, root, group) if group else ("group", ())
    waveforms = _read_all(paths, rate)
    labels, classes = index_labels(names, root.name, classes)
    inputs = [waveform.samples for waveform in waveforms.values()]
    rate = _one_rate(waveforms)
    return Labelled(inputs, labels, classes, "sound", root.name, rate, groups=groups, grouped_by=by)


def write_wav(path: str | Path, waveform: NDArray[np.floating], rate: int) -> None:
    """Write samples from -1 to 1 as a 16-bit wav file of one channel.

    Raises:
        ArgumentError: samples that are not one row, or leave [-1, 1].
    """
    if waveform.ndim != 1 or not (np.abs(waveform) <= 1).all():
        raise ArgumentError(
            f"the waveform has shape {waveform.shape} and peaks at {np.abs(waveform).max(initial=0):g}; "
            "expected one row of samples from -1 to 1."
        )
    require("soundfile").write(path, waveform, rate, format="WAV", subtype="PCM_16")


def _read_all(paths: list[Path], rate: int | None) -> dict[str, Waveform]:
    return {str(path): read_waveform(path, rate) for path in paths}


def _one_rate(waveforms: dict[str, Waveform]) -> int:
    by_rate = {waveform.rate: file for file, waveform in reversed(waveforms.items())}
    if len(by_rate) > 1:
        found = ", ".join(f"{file} has {rate}" for rate, file in sorted(by_rate.items()))
        raise DataError(f"the files' rates differ: {found} samples a second. Resample all, for example --rate 8000.")
    return next(iter(by_rate))


def _label(root: Path, path: Path) -> str:
    inside = path.relative_to(root).parts if root.is_dir() else (path.name,)
    if len(inside) > 1:
        return inside[0]
    label, mark, _ = path.name.partition("_")
    if not (label and mark):
        raise DataError(
            f"{path} has no label: expected files in a folder a class, or names such as yes_01.wav, "
            "with the label before the first '_'."
        )
    return label
