"""Text in a terminal's cells: how wide it is, how it is broken into lines, and what of it can be shown at all."""

import unicodedata

__all__ = ["clipped", "padded", "printable", "width_of", "wrapped"]

_UNSEEN = {"Mn", "Me", "Cf"}  # marks that stand on the letter before them
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    r"""The text with line ends, escapes and halves of characters written out, which would break a line or a terminal.

    >>> printable("a\tb\x1b[31m")
    'a\\tb\\x1b[31m'
    """
    return "".join(repr(c)[1:-1] if unicodedata.category(c) in _CONTROL else c for c in text)


def width_of(text: str) -> int:
    """How many cells of a terminal the text takes: two for a character of Chinese, Japanese or Korean.

    >>> width_of("price"), width_of("가격")
    (5, 4)
    """
    return len(text) if text.isascii() else sum(map(_cells, text))


def padded(text: str, width: int, left: bool) -> str:
    """The text with blanks up to ``width``, on its right if it stands to the left."""
    blanks = " " * (width - width_of(text))
    return text + blanks if left else blanks + text


def clipped(text: str, width: int) -> str:
    """The text, cut in the middle if it is wider than ``width``, which is at least 5.

    >>> clipped("a name that goes on and on", 11)
    'a nam…nd on'
    """
    if width_of(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{_pieces(text, half)[0]}…{_pieces(text[::-1], half)[0][::-1]}"


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` cells, broken between words, and within a word that is longer than a line.

    >>> wrapped("one two three-and-a-half", 8)
    ['one two', 'three-an', 'd-a-half']
    """
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(longer) <= width:
            lines[-1] = longer
        else:
            lines += _pieces(word, width)
    return lines if lines[0] or len(lines) == 1 else lines[1:]


def _pieces(word: str, width: int) -> list[str]:
    pieces = [""]
    for c in word:
        if pieces[-1] and width_of(pieces[-1]) + _cells(c) > width:
            pieces.append("")
        pieces[-1] += c
    return pieces


def _cells(c: str) -> int:
    if unicodedata.category(c) in _UNSEEN:
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1
