"""Built-in data sets, which come with installed packages and are never downloaded."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.data.containers import Labelled, Series, Symbols
from chainrule.data.labelled.images import labelled_images
from chainrule.data.reading import Reading
from chainrule.data.sounds.sequences import sound_symbols
from chainrule.data.sounds.waveforms import Waveform, resample
from chainrule.data.table.loaded import LoadedTable
from chainrule.data.table.to_series import table_series
from chainrule.data.text.alphabet import Alphabet
from chainrule.data.text.reader import text_symbols

__all__ = ["Builtin", "builtins"]


@dataclass(frozen=True)
class Builtin:
    """A built-in data set, as `chainrule data` lists it.

    Attributes:
        name: what `chainrule.data.read` takes.
        kind: its kind, as in `Reading`.
        description: what it is, and what is done to it unless the reading says otherwise.
        size: how large it is, in words.
        source: the package that carries it, and where it is from.
        licence: the licence of the data.
        read: the function that reads it, with an alphabet if one is given.
    """

    name: str
    kind: str
    description: str
    size: str
    source: str
    licence: str
    read: Callable[[Reading, Alphabet | None], Symbols | Series | Labelled]


def builtins() -> list[Builtin]:
    """The built-in data sets.

    >>> [entry.name for entry in builtins()]
    ['english', 'google', 'sunspots', 'co2', 'digits', 'tone']
    """
    return list(_BUILTINS)


def _english(reading: Reading, alphabet: Alphabet | None) -> Symbols:
    topics: dict[str, str] = require("pydoc_data.topics").topics
    files = {f"the topic {title!r}": text.encode() for title, text in sorted(topics.items())}
    return text_symbols(files, reading, "english", alphabet)


def _google(reading: Reading, _: Alphabet | None) -> Series:
    path = require("matplotlib.cbook").get_sample_data("goog.npz", asfileobj=False)
    with np.load(path, allow_pickle=False) as archive:
        prices = archive["price_data"]
    frame = require("pandas").DataFrame({field: prices[field] for field in prices.dtype.names})
    return table_series(LoadedTable(frame, "google"), replace(reading, columns=reading.columns or ("adj_close",)))


def _sunspots(reading: Reading, _: Alphabet | None) -> Series:
    frame = require("statsmodels.datasets.sunspots").load_pandas().data
    return table_series(LoadedTable(frame, "sunspots"), reading)


def _co2(reading: Reading, _: Alphabet | None) -> Series:
    frame = require("statsmodels.datasets.co2").load_pandas().data.rename_axis("date").reset_index()
    return table_series(LoadedTable(frame, "co2"), replace(reading, fill=reading.fill or "linear"))


def _digits(_: Reading, __: Alphabet | None) -> Labelled:
    digits = require("sklearn.datasets").load_digits()
    return labelled_images((digits.images / 16).astype(np.float32), digits.target, "digits")


def _tone(reading: Reading, alphabet: Alphabet | None) -> Symbols:
    return sound_symbols({"tone": resample(_melody(), reading.rate)}, "tone", alphabet)


_RATE = 8000
_MELODY = "C4 D4 E4 G4 E4 D4 C4 A3 C4 E4 G4 C5 B4 G4 E4 C4"
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def _melody() -> Waveform:
    """Decaying notes of five harmonics: the k-th has 1/k of the first's amplitude and decays k times as fast."""
    time = np.arange(_RATE * 2 // 5) / _RATE
    notes = [_note(time, _frequency(name)) for name in _MELODY.split()]
    samples = np.concatenate(notes)
    return Waveform((0.9 * samples / np.abs(samples).max()).astype(np.float32), _RATE)


def _frequency(note: str) -> float:
    """Hertz, in equal temperament with A4 at 440."""
    return float(440 * 2 ** ((_SEMITONES[note[0]] - 9) / 12 + int(note[1]) - 4))


def _note(time: NDArray[np.float64], frequency: float) -> NDArray[np.float64]:
    attack = np.minimum(time / 0.01, 1)
    k = np.arange(1, 6)[:, None]
    harmonics = np.sin(2 * np.pi * k * frequency * time) * np.exp(-6 * k * time) / k
    return np.asarray(attack * harmonics.sum(axis=0))


_BUILTINS = (
    Builtin(
        name="english",
        kind="text",
        description="Python's help topics: English prose with code, one document a topic",
        size="about 80 documents, 470,000 characters",
        source="CPython, pydoc_data.topics",
        licence="PSF-2.0",
        read=_english,
    ),
    Builtin(
        name="google",
        kind="table",
        description="Google's share price on trading days, 2004 to 2008; adj_close unless other columns are asked for",
        size="1,047 days, 6 columns",
        source="matplotlib, goog.npz",
        licence="as matplotlib, PSF-based",
        read=_google,
    ),
    Builtin(
        name="sunspots",
        kind="table",
        description="Sunspot numbers of each year, 1700 to 2008",
        size="309 years",
        source="statsmodels; National Geophysical Data Center",
        licence="public domain",
        read=_sunspots,
    ),
    Builtin(
        name="co2",
        kind="table",
        description="Weekly CO2 in the air at Mauna Loa, 1958 to 2001; 59 missing weeks are filled linearly unless "
        "another fill is asked for",
        size="2,284 weeks",
        source="statsmodels; Keeling and Whorf, Scripps Institution of Oceanography",
        licence="public domain",
        read=_co2,
    ),
    Builtin(
        name="digits",
        kind="images",
        description="Handwritten digits, 8 x 8 grey pixels from 0 to 1",
        size="1,797 images, 10 classes",
        source="scikit-learn; Alpaydin and Kaynak, UCI Machine Learning Repository",
        licence="CC BY 4.0",
        read=_digits,
    ),
    Builtin(
        name="tone",
        kind="sound",
        description="A synthesised melody of decaying harmonics",
        size="6.4 seconds at 8 kHz",
        source="computed",
        licence="MIT, as chainrule",
        read=_tone,
    ),
)
