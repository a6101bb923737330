"""Letters that matplotlib's own fonts lack are drawn by a font that has them, wherever on a figure they stand."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from chainrule.display import new_figure, title
from chainrule.display.drawing import fonts

LETTER = "가"
FAMILY = "One Letter Sans"


@pytest.fixture
def one_letter(tmp_path: Path) -> Iterator[None]:
    """A font that has one letter of Hangul, a filled square, installed for as long as the test runs."""
    pen = TTGlyphPen(None)
    for corner in ((0, 0), (0, 1000), (1000, 1000), (1000, 0)):
        pen.lineTo(corner) if pen.points else pen.moveTo(corner)
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(LETTER): "square"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": FAMILY, "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    path = tmp_path / "one.ttf"
    builder.save(path)
    before = list(fontManager.ttflist)
    fontManager.addfont(str(path))
    forget()
    yield
    fontManager.ttflist[:] = before
    forget()


def forget() -> None:
    fonts._installed.cache_clear()
    fonts._font_with.cache_clear()


@pytest.mark.usefixtures("one_letter")
def test_titles_labels_and_ticks_fall_back_on_a_font_that_has_the_letter(caplog: pytest.LogCaptureFixture) -> None:
    figure = new_figure(3)
    (axes,) = figure.axes
    title(axes, f"price {LETTER}")
    axes.set_ylabel(LETTER)
    axes.barh([0, 1], [1, 2])
    axes.set_yticks([0, 1], [LETTER, "plain"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png, _ = figure._repr_png_()
        again, _ = figure._repr_png_()
    heading = axes.title if axes.title.get_text() else axes._left_title  # type: ignore[attr-defined]
    ticks = axes.get_yticklabels()
    for text in (heading, axes.yaxis.label, ticks[0]):
        assert text.get_fontfamily()[-1] == FAMILY
        assert text.get_fontfamily().count(FAMILY) == 1
    assert FAMILY not in ticks[1].get_fontfamily()
    assert png == again
    assert caplog.records == []  # though the title is bold, and the font is not


def test_what_no_font_has_is_a_box_and_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_font_with", lambda letter: None)
    figure = new_figure(3)
    title(figure.axes[0], LETTER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png, _ = figure._repr_png_()
    title(figure.axes[0], "")
    assert figure._repr_png_()[0] != png
