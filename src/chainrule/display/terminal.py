"""Text in a terminal: its width, its lines, and what of it can be printed."""

import unicodedata

__all__ = ["clipped", "padded", "printable", "width_of", "wrapped"]

_UNSEEN = {"Mn", "Me", "Cf"}  # marks that stand on the letter before them
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}


def printable(text: str, kept: str = "") -> str:
    r"""The text with line ends, escapes and lone surrogates spelt out: they would break a line or a terminal.

    ``kept`` are those that stay as they are.

    >>> printable("a\tb\x1b[31m")
    'a\\tb\\x1b[31m'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character in kept else _spelt(character) for character in text)


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes: two for a Chinese, Japanese or Korean character.

    >>> width_of("price"), width_of("가격")
    (5, 4)
    """
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def padded(text: str, width: int, left: bool) -> str:
    """The text with spaces up to ``width``, after it if it is aligned left."""
    blanks = " " * (width - width_of(text))
    if left:
        return text + blanks
    return blanks + text


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
    """Lines of at most ``width`` columns, broken between words, and within a word that is longer than a line.

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
    for character in word:
        if pieces[-1] and width_of(pieces[-1]) + _columns(character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _spelt(character: str) -> str:
    if unicodedata.category(character) in _CONTROL:
        return repr(character)[1:-1]
    return character


def _columns(character: str) -> int:
    if unicodedata.category(character) in _UNSEEN:
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 1
