"""Characters that a model does not know: counted, placed, left out or read as another."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import Alphabet, Reading, Symbols, read
from chainrule.data.text import decoding
from chainrule.data.text.reader import text_symbols
from chainrule.data.text.unknown import Unknown
from chainrule.errors import ArgumentError, UnseenSymbolError

ALPHABET = Alphabet.of(["ab \n"])
TEXTS = st.text("ab \né漢")


def symbols(text: str, size: int, **reading: str) -> Symbols:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "BLOCK", size)
        return text_symbols({"a.txt": (text + "b").encode()}, Reading(**reading), "a.txt", ALPHABET)  # type: ignore[arg-type]


@given(TEXTS, st.sampled_from(["one", "line", "blank-line"]), st.integers(4, 20))
@settings(deadline=None)
def test_skipped_ones_are_as_if_they_were_never_there(text: str, how: str, size: int) -> None:
    skipped = symbols(text, size, documents=how, unknown="skip")
    without = symbols(text.replace("é", "").replace("漢", ""), size, documents=how)
    assert [d.tolist() for d in skipped.documents] == [d.tolist() for d in without.documents]
    assert (skipped.unknown is None) == (text.isascii())
    assert skipped.unscored is None


@given(TEXTS, st.sampled_from(["one", "line", "blank-line"]), st.integers(4, 20))
@settings(deadline=None)
def test_replaced_ones_are_read_as_a_blank_and_marked(text: str, how: str, size: int) -> None:
    replaced = symbols(text, size, documents=how, unknown="replace")
    reading = Reading(documents=how)  # type: ignore[arg-type]
    marked = text_symbols({"a.txt": (text + "b").encode()}, reading, "a.txt", Alphabet.of(["ab \né漢"]))
    whole = "".join(str(marked.alphabet.decode(document)) for document in marked.documents)
    read_as = "".join(str(ALPHABET.decode(document)) for document in replaced.documents)
    assert read_as == whole.replace("é", " ").replace("漢", " ")
    expected = [i for i, character in enumerate(whole) if character in "é漢"]
    assert (np.zeros(0) if replaced.unscored is None else replaced.unscored).tolist() == expected


@given(TEXTS, st.integers(1, 20))
@settings(deadline=None)
def test_they_are_counted_and_placed_wherever_blocks_end(text: str, size: int) -> None:
    blocks = [text[i : i + size] for i in range(0, len(text), size)]
    found = Unknown.among([("a.txt", blocks)], ALPHABET.symbols, "a.txt")
    expected = {symbol: text.count(symbol) for symbol in "é漢" if symbol in text}
    assert (found.counts, found.length) == (expected, len(text))
    if expected:
        before = text[: min(map(text.index, expected))]
        assert found.place == f"line {before.count(chr(10)) + 1}, column {len(before.rpartition(chr(10))[2]) + 1}"


def test_an_alphabet_without_a_blank_takes_the_commonest_of_the_text() -> None:
    replaced = text_symbols({"a": b"cba\nb!\n"}, Reading(unknown="replace"), "a", Alphabet.of(["abc\n"]))
    assert replaced.alphabet.decode(replaced.documents[0]) == "cba\nbb\n"
    assert str(replaced.unknown).endswith("They are read as 'b', and not scored.")


def test_an_alphabet_of_256_has_room_for_what_it_lacks(tmp_path: Path) -> None:
    alphabet = Alphabet.of([bytes(range(256)).decode("latin-1")])
    (tmp_path / "a.txt").write_text("aé漢", encoding="utf-8")
    for how in ("skip", "replace"):
        found = read(tmp_path / "a.txt", Reading(unknown=how), alphabet=alphabet)
        assert isinstance(found, Symbols)
        assert found.documents[0].dtype == np.uint8
        assert found.alphabet.decode(found.documents[0]) == ("aé" if how == "skip" else "aé ")


def test_of_a_folder_all_files_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    for name, text in (("a", "ab"), ("b", "a\nbé"), ("c", "éé漢")):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    with pytest.raises(
        UnseenSymbolError, match=r"4 of the 9 .*: 'é' \(3\), '漢' \(1\); .* line 2, column 2 of .*b.txt"
    ):
        read(tmp_path, alphabet=ALPHABET)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("english", {"unknown": "skip"}, "is not read for a model"),
        ("sunspots", {"unknown": "skip"}, "but sunspots is read as a table"),
        ("tone", {"unknown": "skip"}, "but tone is read as sound"),
        ("english", {"unknown": "drop"}, "expected one of skip, replace"),
        ("english", {"unknown": "skip", "unit": "bytes"}, "every byte is known"),
    ],
)
def test_where_it_means_nothing_it_is_refused(source: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        read(source, Reading(**options))  # type: ignore[arg-type]
