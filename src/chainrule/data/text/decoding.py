"""Bytes decoded to text, a block at a time: encodings, byte order marks, and errors that name the place."""

import codecs
import io
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from chainrule._settings import option
from chainrule.errors import ArgumentError, DataError

__all__ = ["BLOCK", "check_encoding", "decode", "decoded", "with_line_feeds"]

BLOCK = 1 << 20  # bytes, at least the four of a mark
_MARKS = {  # the longer first: utf-32 begins as utf-16 does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BYTE_ORDERS = {"little": "le", "big": "be"}
_REMEDY = f"Name its encoding, for example {option('encoding', 'latin-1')}."
# Encodings of Python's that no text file has: for host names, for its own source, for nothing at all.
_NOT_OF_FILES = ("charmap", "idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape")


def check_encoding(encoding: object) -> None:
    """Refuse what is not an encoding of text files, such as idna or hex, which Python has among its codecs.

    >>> check_encoding("punycode")
    Traceback (most recent call last):
    ...
    chainrule.errors.ArgumentError: `encoding` is 'punycode', which is not an encoding of text files; expected one \
that Python has, such as utf-8, latin-1, cp1252 or utf-16.
    """
    if not (isinstance(encoding, str) and _is_known(encoding)):
        raise ArgumentError(
            f"`encoding` is {encoding!r}, which is not an encoding of text files; expected one that Python has, such "
            "as utf-8, latin-1, cp1252 or utf-16."
        )


def _is_known(encoding: str) -> bool:
    try:
        b"text".decode(encoding, errors="replace")  # which Python refuses for hex and the like, as they decode to bytes
        return codecs.lookup(encoding).name.replace("-", "_") not in _NOT_OF_FILES
    except (LookupError, ValueError):  # a ValueError for a name that no codec could have
        return False


def decode(raw: bytes, encoding: str, name: str) -> str:
    """The text of a file's bytes, without a byte order mark.

    >>> decode(b"caf\\xe9", "utf-8", "menu.txt")
    Traceback (most recent call last):
    ...
    chainrule.errors.DataError: menu.txt is not utf-8 text: byte 3 (line 1) is 0xe9, unexpected end of data. \
Name its encoding, for example `encoding="latin-1"`.
    """
    return "".join(decoded(io.BytesIO(raw), encoding, name))


def decoded(stream: BinaryIO, encoding: str, name: str) -> Iterator[str]:
    """The text of a stream without a byte order mark, a block at a time; characters may span two blocks.

    Raises:
        DataError: bytes that are not text of this encoding, with the byte and the line.
    """
    raw = stream.read(BLOCK)
    codec = _codec(raw, encoding, name)
    read = 0
    lines = 0
    if codec == "utf-8" and raw.startswith(codecs.BOM_UTF8):
        read = len(codecs.BOM_UTF8)
        raw = raw[read:] + stream.read(read)
    decoder = codecs.getincrementaldecoder(codec)()
    while True:
        read += len(raw)
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            found = error.object  # this block, after the bytes that the decoder kept of the one before
            lines += found[: error.start].decode(codec, "replace").count("\n")
            raise DataError(
                f"{name} is not {encoding} text: byte {read - len(found) + error.start} (line {lines + 1}) is "
                f"0x{found[error.start]:02x}, {error.reason}. {_REMEDY}"
            ) from error
        except UnicodeError as error:  # which some decoders raise for a sequence that does not end
            raise DataError(
                f"{name} is not {encoding} text: up to byte {read} (about line {lines + 1}), {error}. {_REMEDY}"
            ) from error
        yield text
        if not raw:
            return
        lines += text.count("\n")
        raw = stream.read(BLOCK)


def with_line_feeds(text: Iterable[str]) -> Iterator[str]:
    r"""The text with "\r\n" as "\n", wherever blocks are cut.

    >>> list(with_line_feeds(["a\r", "\nb\r", "c\r"]))
    ['a', '\nb', '\rc', '\r']
    """
    held = ""
    for block in text:
        block = held + block
        held = "\r" if block.endswith("\r") else ""
        yield block.removesuffix(held).replace("\r\n", "\n")
    if held:
        yield held


def _codec(first: bytes, encoding: str, name: str) -> str:
    """The codec for a stream with these first bytes; except for utf-8, it takes the mark off itself."""
    codec = codecs.lookup(encoding).name
    mark = next((mark for mark in _MARKS if first.startswith(mark)), b"")
    if mark and not codec.startswith(_MARKS[mark]):
        raise DataError(
            f"{name} begins with {mark.hex(' ')}, the byte order mark of {_MARKS[mark]}, but is read as {encoding}. "
            f"Give {option('encoding', _MARKS[mark])}."
        )
    if codec == "utf-8-sig":  # whose decoder silently drops a stream that ends within the mark
        return "utf-8"
    if codec in _MARKS.values() and not mark:
        return f"{codec}-{_BYTE_ORDERS[sys.byteorder]}"
    return codec
