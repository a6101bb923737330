"""Decoding by blocks: as decoding the whole, wherever a block ends, in every encoding that Python has."""

import codecs
import encodings
import encodings.aliases
import io
import pkgutil

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chainrule.data import Reading
from chainrule.data.text import decoding
from chainrule.data.text.decoding import check_encoding, decode, decoded, with_line_feeds
from chainrule.errors import ArgumentError, DataError

MODULES = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
NAMES = sorted(MODULES | set(encodings.aliases.aliases) | set(encodings.aliases.aliases.values()))
SIZES = st.integers(4, 12)  # from as many bytes as a mark has
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\r\néß漢字𝄞\ufeff"))


def is_text_encoding(name: str) -> bool:
    try:
        check_encoding(name)
    except ArgumentError:
        return False
    return True


TEXT_ENCODINGS = [name for name in NAMES if is_text_encoding(name)]


def in_blocks(raw: bytes, encoding: str, size: int) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "BLOCK", size)
        return decode(raw, encoding, "a.txt")


@given(TEXTS, SIZES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-7", "gb18030"]))
@settings(deadline=None)
def test_text_is_what_was_written_wherever_blocks_end(text: str, size: int, encoding: str) -> None:
    assume(encoding != "utf-16" or not text.startswith("\0"))  # its first bytes are the mark of utf-32
    expected = text.removeprefix("\ufeff") if encoding == "utf-8" else text
    assert in_blocks(text.encode(encoding), encoding, size) == expected


@given(TEXTS, SIZES)
@settings(deadline=None)
def test_line_ends_do_not_depend_on_blocks(text: str, size: int) -> None:
    blocks = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(with_line_feeds(blocks)) == text.replace("\r\n", "\n")


@given(st.binary(), SIZES, st.sampled_from(TEXT_ENCODINGS))
@example(b"\xef", 4, "utf_8")
@example(b"\xef\xbb", 4, "utf_8_sig")
@example(b"\xef\xbb\xbfa", 4, "utf_8")
@example(b"\xef\xbb\xbf", 4, "utf_8_sig")
@settings(deadline=None, max_examples=500)
def test_every_encoding_of_text_gives_what_python_gives_or_an_error_of_ours(
    raw: bytes, size: int, encoding: str
) -> None:
    try:
        whole = decode(raw, encoding, "a.txt")
    except DataError:
        with pytest.raises(DataError):
            in_blocks(raw, encoding, size)
        return
    assert in_blocks(raw, encoding, size) == whole
    is_utf_8 = codecs.lookup(encoding).name == "utf-8"
    assert whole == raw.decode(encoding).removeprefix("\ufeff" if is_utf_8 else "")


def test_what_is_no_encoding_of_text_is_refused() -> None:
    refused = set(NAMES) - set(TEXT_ENCODINGS)
    named = {"idna", "punycode", "rot_13", "hex_codec", "base64_codec", "zlib_codec", "undefined", "unicode_escape"}
    assert named | {"raw_unicode_escape", "uu_codec", "bz2_codec", "quopri_codec"} <= refused
    assert {"utf_8", "latin_1", "cp1252", "utf_16", "shift_jis", "cp037", "koi8_r", "utf_7"} <= set(TEXT_ENCODINGS)
    for encoding in (*refused, "", "utf-9", "a\0b", "\ud800", "x" * 9999):
        with pytest.raises(
            ArgumentError, match=r"is not an encoding of text files; expected one that Python has, such as utf-8"
        ):
            Reading(encoding=encoding)


@given(TEXTS, st.integers(0), SIZES)
@settings(deadline=None)
def test_an_error_names_the_byte_and_the_line_wherever_blocks_end(text: str, at: int, size: int) -> None:
    raw = text.encode()
    at = len(text[: at % (len(text) + 1)].encode())
    broken = raw[:at] + b"\xff" + raw[at:]
    if broken.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    line = raw[:at].count(b"\n") + 1
    with pytest.raises(DataError, match=rf"a.txt is not utf-8 text: byte {at} \(line {line}\) is 0xff"):
        in_blocks(broken, "utf-8", size)


def test_a_text_is_not_held_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BLOCK", 4)
    stream = io.BytesIO(b"abcdefgh")
    next(decoded(stream, "utf-8", "a.txt"))
    assert stream.tell() == 4
