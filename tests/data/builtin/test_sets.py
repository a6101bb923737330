"""The built-in sets are there, with the shapes that the list promises, and are the same each time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from chainrule.data import Labelled, Panel, Reading, Series, Symbols, builtins, read
from chainrule.data.builtin.sets import Builtin
from chainrule.errors import ArgumentError, DataError


def arrays_of(data: Symbols | Series | Panel | Labelled) -> Sequence[Any]:
    if isinstance(data, Symbols):
        return data.documents
    return [data.inputs if isinstance(data, Labelled) else data.values]


@pytest.mark.parametrize("entry", builtins(), ids=lambda entry: entry.name)
def test_each_says_what_it_is_and_reads_the_same_twice(entry: Builtin) -> None:
    assert all([entry.description, entry.size, entry.source, entry.licence])
    first = read(entry.name)
    second = read(entry.name, Reading(kind=entry.kind))  # type: ignore[arg-type]
    assert first.name == entry.name
    for a, b in zip(arrays_of(first), arrays_of(second), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_english() -> None:
    english = read("english")
    assert isinstance(english, Symbols)
    assert len(english.documents) > 70
    assert english.length > 400_000
    text = "".join(str(english.alphabet.decode(document)) for document in english.documents)
    assert 'The "for" statement' in text
    raw = read("english", Reading(unit="bytes"))
    assert isinstance(raw, Symbols)
    assert len(raw.alphabet) == 256
    assert raw.length == len(text.encode())


def test_google() -> None:
    google = read("google")
    assert isinstance(google, Series)
    assert (google.values.shape, google.columns, google.season) == ((1047, 1), ("adj_close",), 5)
    assert google.dates is not None
    assert google.dates[0] == np.datetime64("2004-08-19")
    both = read("google", Reading(columns=("open", "volume")))
    assert isinstance(both, Series)
    assert both.values[0].tolist() == [100.0, 22351900.0]


def test_sunspots() -> None:
    sunspots = read("sunspots")
    assert isinstance(sunspots, Series)
    assert (sunspots.values.shape, sunspots.season) == ((309, 1), 11)
    assert sunspots.dates is not None
    assert sunspots.dates[0] == np.datetime64("1700-01-01")


def test_co2() -> None:
    co2 = read("co2")
    assert isinstance(co2, Series)
    assert (co2.values.shape, co2.season) == ((2284, 1), 52)
    dropped = read("co2", Reading(fill="drop"))
    assert isinstance(dropped, Series)
    assert len(dropped.values) == 2284 - 59


def test_digits() -> None:
    digits = read("digits")
    assert isinstance(digits, Labelled)
    inputs = np.asarray(digits.inputs)
    assert inputs.shape == (1797, 1, 8, 8)
    assert inputs.dtype == np.float32
    assert (inputs.min(), inputs.max()) == (0, 1)
    assert digits.classes == tuple("0123456789")
    assert read("digits", classes=digits.classes).name == "digits"
    with pytest.raises(DataError, match=r"digits has the classes 0, 1, .*; the model has yes, no"):
        read("digits", classes=("yes", "no"))


def test_tone() -> None:
    tone = read("tone")
    assert isinstance(tone, Symbols)
    assert (tone.rate, tone.length, tone.alphabet.kind) == (8000, 51_200, "mu-law")
    assert len(np.unique(tone.documents[0])) > 200
    slower = read("tone", Reading(rate=4000))
    assert isinstance(slower, Symbols)
    assert (slower.rate, slower.length) == (4000, 25_600)


def test_the_first_note_is_c4() -> None:
    tone = read("tone")
    assert isinstance(tone, Symbols)
    note = np.asarray(tone.alphabet.decode(tone.documents[0][:3200]))
    peak = np.argmax(np.abs(np.fft.rfft(note, n=80_000))) / 10
    assert abs(peak - 261.63) < 0.5


def test_options_that_a_set_does_not_have_are_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r'`kind="text"` does not apply to the built-in set digits, which is `kind=.images'
    ):
        read("digits", Reading(kind="text"))
    with pytest.raises(ArgumentError, match="`labels=True` does not apply to the built-in set tone"):
        read("tone", Reading(labels=True))
    with pytest.raises(ArgumentError, match=r"`fill=.drop.` applies to tables, but english is read as text"):
        read("english", Reading(fill="drop"))
