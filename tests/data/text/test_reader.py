"""Text files: documents, encodings, line ends, and errors that name the place."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import Alphabet, Reading, Symbols, read
from chainrule.data.text.reader import text_symbols
from chainrule.errors import DataError, TooShortError, UnseenSymbolError


def documents(symbols: object) -> list[str | bytes]:
    assert isinstance(symbols, Symbols)
    decoded = [symbols.alphabet.decode(document) for document in symbols.documents]
    assert symbols.length == sum(len(document) for document in decoded)
    return decoded  # type: ignore[return-value]


@given(st.text(st.characters(exclude_characters="\r\ufeff", exclude_categories=["Cs"]), min_size=1))
@settings(deadline=None)
def test_one_document_is_the_text_itself(text: str) -> None:
    assert documents(text_symbols({"a.txt": text.encode()}, Reading(), "a.txt")) == [text]


@given(st.binary(min_size=1))
@settings(deadline=None)
def test_bytes_are_the_file_itself(raw: bytes) -> None:
    assert documents(text_symbols({"a.txt": raw}, Reading(unit="bytes"), "a.txt")) == [raw]


@given(st.lists(st.text("ab \t", min_size=1), min_size=1))
@settings(deadline=None)
def test_each_line_is_a_document_that_keeps_its_end(lines: list[str]) -> None:
    raw = "\n".join(lines).encode()
    expected = [line + "\n" for line in lines]
    assert documents(text_symbols({"a.txt": raw}, Reading(documents="line"), "a.txt")) == expected


@pytest.mark.parametrize("unit", ["characters", "bytes"])
def test_blank_lines_part_documents_however_many_they_are(tmp_path: Path, unit: Any) -> None:
    path = tmp_path / "poems.txt"
    path.write_bytes(b"\n\na rose\r\nis\r\n\r\n \t\r\n\r\n  a rose\n\nis\n\n\n")
    expected = ["a rose\nis\n\n", "  a rose\n\n", "is\n\n"]
    found = documents(read(path, Reading(documents="blank-line", unit=unit)))
    assert found == (expected if unit == "characters" else [text.encode() for text in expected])


def test_windows_line_ends_become_one_character(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\r\nb\rc\r\n")
    assert documents(read(path)) == ["a\nb\rc\n"]


def test_a_byte_order_mark_is_no_symbol(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("été".encode("utf-8-sig"))
    assert documents(read(path)) == ["été"]
    path.write_bytes("été".encode("utf-16"))
    assert documents(read(path, Reading(encoding="utf-16"))) == ["été"]


def test_a_folder_is_a_document_a_file_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name, text in {
        "b.txt": "bee",
        "a.txt": "ant",
        "inner/c.txt": "cat",
        "empty.txt": "",
        ".hidden/d.txt": "dog",
    }.items():
        (tmp_path / name).write_text(text)
    assert documents(read(tmp_path)) == ["ant", "bee", "cat"]
    assert documents(read(tmp_path, Reading(documents="line"))) == ["ant\n", "bee\n", "cat\n"]


def test_a_given_alphabet_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("cab")
    symbols = read(path, alphabet=Alphabet.of(["abcdef"]))
    assert isinstance(symbols, Symbols)
    assert symbols.alphabet.symbols == "abcdef"
    assert symbols.documents[0].tolist() == [2, 0, 1]


def test_unseen_characters_are_located_in_the_file_not_in_the_document(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("ann\nbob\nzoé\n", encoding="utf-8")
    with pytest.raises(UnseenSymbolError, match=r"2 of the 12 characters of .*names.txt .* line 3, column 1"):
        read(path, Reading(documents="line"), alphabet=Alphabet.of(["annbob\n"]))


@pytest.mark.parametrize("reading", [Reading(), Reading(documents="line"), Reading(unit="bytes")])
def test_empty_text_is_too_short(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("")
    with pytest.raises(TooShortError, match=r"empty.txt is empty; expected at least one document"):
        read(path, reading)


def test_undecodable_text_names_the_byte_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "menu.txt"
    path.write_bytes("tea\ncafé\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"menu.txt is not utf-8 .* byte 7 \(line 2\) is 0xe9.*`encoding=.latin-1.`"):
        read(path)
    assert documents(read(path, Reading(encoding="latin-1"))) == ["tea\ncafé\n"]
