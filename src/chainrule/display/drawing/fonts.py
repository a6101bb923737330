"""Fonts for letters that matplotlib's own lacks, such as Hangul: found among those that are installed."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, FontProperties, findfont, findSystemFonts, fontManager, get_font
from matplotlib.text import Text

__all__ = ["give_fallbacks", "quietly"]

_PLAIN = ("Sans", "Gothic", "YaHei", "Dotum")  # in the names of families without serifs
_MINUS = "\u2212"  # of tick labels, which matplotlib's own fonts have
_LOGGER = logging.getLogger("matplotlib.font_manager")
_BOXES = "Last Resort"  # has every letter, as a box


def give_fallbacks(figure: Figure) -> None:
    """Let every text of the figure fall back on installed fonts for what its own lacks; what none has stays a box."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # which are not made before somebody asks
    for text in figure.findobj(Text, include_self=False):
        if not text.get_text().replace(_MINUS, "").isascii():
            families = text.get_fontfamily()
            text.set_fontfamily([*families, *_fallbacks(text.get_text(), families)])


@contextmanager
def quietly() -> Iterator[None]:
    """A while in which matplotlib says neither that no font has a letter nor that one which has it is not bold."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        _LOGGER.addFilter(_is_no_matter_of_weight)
        try:
            yield
        finally:
            _LOGGER.removeFilter(_is_no_matter_of_weight)


def _is_no_matter_of_weight(record: logging.LogRecord) -> bool:
    return "font weight" not in record.msg


def _fallbacks(words: str, families: list[str]) -> list[str]:
    """The families that have what these lack, none of them twice."""
    paths: list[str] = [findfont(FontProperties(family=[family])) for family in families]
    found: list[str] = []
    for letter in words:
        if letter.isspace() or any(_has(path, letter) for path in paths):
            continue
        font = _font_with(letter)
        if font is not None:
            found.append(font.name)
            paths.append(font.fname)
    return found


@cache
def _font_with(letter: str) -> FontEntry | None:
    return next((font for font in _installed() if _has(font.fname, letter)), None)


@cache
def _installed() -> tuple[FontEntry, ...]:
    """All fonts, upright and plain ones first; those included that came after matplotlib listed them."""
    listed = {font.fname for font in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in listed:
            _add(path)
    return tuple(sorted(_readable(), key=_by_plainness))


def _readable() -> Iterator[FontEntry]:
    return (font for font in fontManager.ttflist if _BOXES not in font.name)


def _by_plainness(font: FontEntry) -> tuple[bool, bool, str]:
    is_regular = font.style == "normal" and font.weight in (400, "normal", "regular")
    return not is_regular, not any(word in font.name for word in _PLAIN), font.name


def _add(path: str) -> None:
    try:
        fontManager.addfont(path)
    except (OSError, RuntimeError):
        return  # a file that is no font for matplotlib


def _has(path: str, letter: str) -> bool:
    return get_font(path).get_char_index(ord(letter)) != 0
