"""Alphabets: encoding and decoding are inverse, and what cannot be encoded is named."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule._schema import structured
from chainrule.data import Alphabet
from chainrule.errors import ArgumentError, DataError, ShapeError, UnseenSymbolError

TEXTS = st.text(min_size=1)


@given(TEXTS)
@settings(deadline=None)
def test_characters_round_trip(text: str) -> None:
    alphabet = Alphabet.of([text])
    index = alphabet.encode(text)
    assert index.dtype == alphabet.dtype
    assert alphabet.decode(index) == text
    assert len(alphabet) == len(set(text))


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_an_index_is_the_rank_of_its_character(first: str, second: str) -> None:
    alphabet = Alphabet.of([first, second])
    assert alphabet.symbols == "".join(sorted(set(first + second)))
    assert alphabet.encode(first).tolist() == [alphabet.symbols.index(character) for character in first]


@given(st.binary())
@settings(deadline=None)
def test_bytes_round_trip(raw: bytes) -> None:
    index = Alphabet("bytes").encode(raw)
    assert index.tolist() == list(raw)
    assert Alphabet("bytes").decode(index) == raw


def test_text_becomes_utf_8_bytes() -> None:
    assert Alphabet("bytes").decode(Alphabet("bytes").encode("é")) == "é".encode()


def test_mu_law_levels_round_trip() -> None:
    alphabet = Alphabet("mu-law")
    waveform = alphabet.decode(np.arange(256))
    assert isinstance(waveform, np.ndarray)
    assert waveform.dtype == np.float32
    assert (np.diff(waveform) > 0).all()
    np.testing.assert_array_equal(alphabet.encode(waveform), np.arange(256))


@given(st.floats(-1, 1))
@settings(deadline=None)
def test_mu_law_is_off_by_at_most_half_a_level(x: float) -> None:
    alphabet = Alphabet("mu-law")

    def companded(values: object) -> np.ndarray:
        v = np.asarray(values, dtype=np.float64)
        return np.asarray(np.sign(v) * np.log(1 + 255 * np.abs(v)) / np.log(256))

    decoded = alphabet.decode(alphabet.encode(np.array([x])))
    assert abs(companded(decoded) - companded([x]))[0] <= 1 / 256 + 1e-6


def test_mu_law_reaches_both_ends() -> None:
    assert Alphabet("mu-law").encode(np.array([-1.0, 0.0, 1.0])).tolist() == [0, 128, 255]


@given(TEXTS)
@settings(deadline=None)
def test_an_alphabet_survives_json(text: str) -> None:
    for alphabet in (Alphabet.of([text]), Alphabet("bytes"), Alphabet("mu-law")):
        assert structured(Alphabet, json.loads(json.dumps(alphabet.to_dict())), "it") == alphabet


def test_unseen_symbols_are_counted_named_and_located() -> None:
    alphabet = Alphabet.of(["abc\n"])
    with pytest.raises(
        UnseenSymbolError,
        match=r"3 of the 8 characters of new.txt are not among the 4 .*: 'ü' \(2\), 'é' \(1\); .*line 2, column 3",
    ):
        alphabet.encode("ab\nabüéü", "new.txt")


def test_at_most_five_unseen_symbols_are_shown() -> None:
    with pytest.raises(UnseenSymbolError, match=r"'0' \(1\), '1' \(1\), .* and 5 more; .*line 1, column 1"):
        Alphabet.of(["abc"]).encode("0123456789")


@pytest.mark.parametrize("waveform", [[1.5], [np.nan], [-np.inf]])
def test_a_waveform_outside_its_range_is_refused(waveform: list[float]) -> None:
    with pytest.raises(DataError, match=r"loud.wav has samples up to .*; expected finite ones from -1 to 1"):
        Alphabet("mu-law").encode(np.array(waveform), "loud.wav")


NO_ROWS = [np.zeros((2, 9)), np.zeros(()), np.zeros(9, complex), np.full(9, "a"), np.ones(9, bool)]


@pytest.mark.parametrize("waveform", NO_ROWS)
def test_what_is_not_one_row_of_samples_is_refused(waveform: np.ndarray) -> None:
    with pytest.raises(
        ShapeError, match=rf"loud.wav has shape .* of {re.escape(str(waveform.dtype))}; expected one row of samples"
    ):
        Alphabet("mu-law").encode(waveform, "loud.wav")


@pytest.mark.parametrize(
    ("alphabet", "document"),
    [(Alphabet.of(["a"]), b"a"), (Alphabet("bytes"), np.zeros(3)), (Alphabet("mu-law"), "a")],
)
def test_a_document_of_another_kind_is_refused(alphabet: Alphabet, document: str | bytes | np.ndarray) -> None:
    with pytest.raises(ArgumentError, match=r"the text is of type .*; expected"):
        alphabet.encode(document)


@pytest.mark.parametrize("indices", [[-1], [3], [0, 256]])
def test_indices_outside_the_alphabet_are_refused(indices: list[int]) -> None:
    with pytest.raises(ArgumentError, match="this alphabet has 0 to 2"):
        Alphabet.of(["abc"]).decode(indices)


@pytest.mark.parametrize(
    ("kind", "symbols", "message"),
    [
        ("letters", "", "kind is 'letters'"),
        ("characters", "", "at least one"),
        ("characters", "ba", "sorted"),
        ("characters", "aab", "distinct"),
        ("bytes", "ab", "takes no symbols"),
    ],
)
def test_an_alphabet_that_cannot_be_is_refused(kind: str, symbols: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Alphabet(kind, symbols)
