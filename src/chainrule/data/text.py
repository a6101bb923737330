"""Text: files and folders of them, as documents of characters or bytes."""

import codecs
import re
from pathlib import Path

from chainrule.data.alphabet import Alphabet
from chainrule.data.containers import Symbols
from chainrule.data.reading import Reading
from chainrule.errors import DataError, TooShortError

__all__ = ["decode", "load_text", "text_symbols"]

_ENDS = {"one": "", "line": "\n", "blank-line": "\n\n"}
_MARKS = {  # the longer first: utf-32 begins as utf-16 does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")


def load_text(paths: list[Path]) -> dict[str, bytes]:
    """The files' bytes, by name."""
    return {str(path): path.read_bytes() for path in paths}


def text_symbols(files: dict[str, bytes], reading: Reading, name: str, alphabet: Alphabet | None = None) -> Symbols:
    r"""Documents of symbols from the bytes of files.

    Characters are the text with "\r\n" read as "\n"; bytes are as in the file. A document of
    ``documents="line"`` ends in "\n", one of "blank-line" in "\n\n": a model can so tell where one ends.
    Empty documents are left out.

    Raises:
        DataError: text that is not in the encoding.
        UnseenSymbolError: characters that a given alphabet does not have.
        TooShortError: no symbol at all.
    """
    if reading.unit == "bytes":  # latin-1 is one character a byte, so that one splitter serves both units
        texts = {file: raw.decode("latin-1") for file, raw in files.items()}
    else:
        texts = {file: _lines(decode(raw, reading.encoding, file)) for file, raw in files.items()}
        if alphabet is not None:  # whole files first: an error then names the file's own line
            for file, text in texts.items():
                alphabet.encode(text, file)
    documents = [document for text in texts.values() for document in _split(text, reading.documents)]
    if not documents:
        raise TooShortError(f"{name} is empty; expected at least one document of text.")
    if reading.unit == "bytes":
        alphabet = alphabet or Alphabet("bytes")
        symbols = [alphabet.encode(text.encode("latin-1")) for text in documents]
    else:
        alphabet = alphabet or Alphabet.of(documents)
        symbols = [alphabet.encode(text, name) for text in documents]
    end = tuple(alphabet.encode(_ENDS[reading.documents]).tolist())
    return Symbols(symbols, alphabet, name, end=end)


def decode(raw: bytes, encoding: str, name: str) -> str:
    """The text of a file's bytes, without a byte order mark.

    >>> decode(b"caf\\xe9", "utf-8", "menu.txt")
    Traceback (most recent call last):
    ...
    chainrule.errors.DataError: menu.txt is not utf-8 text: byte 3 (line 1) is 0xe9, unexpected end of data. \
Name its encoding, for example Reading(encoding="latin-1").
    """
    mark = next((mark for mark in _MARKS if raw.startswith(mark)), b"")
    if mark and not codecs.lookup(encoding).name.startswith(_MARKS[mark]):
        raise DataError(
            f"{name} begins with {mark.hex(' ')}, the mark of {_MARKS[mark]}, but is read as {encoding}. "
            f"Give --encoding {_MARKS[mark]}."
        )
    has_mark = raw.startswith(codecs.BOM_UTF8) and codecs.lookup(encoding).name == "utf-8"
    try:
        return raw.decode(encoding).removeprefix("\ufeff" if has_mark else "")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name} is not {encoding} text: byte {error.start} (line {line}) is 0x{raw[error.start]:02x}, "
            f"{error.reason}. Name its encoding, for example --encoding latin-1."
        ) from error


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _split(text: str, documents: str) -> list[str]:
    if documents == "one":
        return [text] if text else []
    text = _lines(text)
    if documents == "line":
        return [line + "\n" for line in text.split("\n") if line]
    return [part.strip("\n") + "\n\n" for part in _BLANK_LINES.split(text) if part.strip()]
