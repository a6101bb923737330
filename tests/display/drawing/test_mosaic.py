"""Pictures beside each other: where they stand, what is written, and the scale."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from chainrule.display import mosaic, mosaic_height, new_figure, paint

SHAPES = [(1, 3, 3), (5, 3, 3), (32, 8, 8), (7, 1, 2), (64, 1, 1), (3, 28, 20), (4, 40, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("named", [True, False])
def test_every_picture_is_drawn_once_with_square_pixels(shape: tuple[int, int, int], named: bool) -> None:
    pictures = np.arange(1, 1 + np.prod(shape), dtype=np.float64).reshape(shape)
    axes = Figure().subplots()
    mosaic(axes, pictures, "values", [f"picture {k}" for k in range(len(pictures))] if named else ())
    (image,) = axes.images
    canvas = np.ma.filled(np.ma.asarray(image.get_array()).astype(float), np.nan)
    np.testing.assert_array_equal(np.sort(canvas[~np.isnan(canvas)]), pictures.ravel())
    assert axes.get_aspect() == 1.0
    (frames,) = axes.collections
    assert isinstance(frames, LineCollection)
    for picture, frame in zip(pictures, frames.get_segments(), strict=True):
        left, top = (round(edge + 0.5) for edge in frame[0])
        np.testing.assert_array_equal(canvas[top : top + shape[1], left : left + shape[2]], picture)
    names = [text.get_text() for text in axes.texts]
    assert names == ([f"picture {k}" for k in range(len(pictures))] if named else [])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_figure_is_as_high_as_its_pictures_need(shape: tuple[int, int, int]) -> None:
    assert 2.0 <= mosaic_height(*shape) <= 8.0
    assert mosaic_height(*shape, named=False) <= mosaic_height(*shape) + 1.0


def test_the_scale_is_symmetric_or_has_the_limits_that_are_asked_for() -> None:
    figure = new_figure(3.0)
    paint(figure.axes[0], np.array([[-1.0, 0.5], [0.25, np.nan]]), "values")
    assert figure.axes[0].images[0].get_clim() == (-1.0, 1.0)
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == ["-1", "-0.5", "0", "0.5", "1"]
    axes = Figure().subplots()
    paint(axes, np.array([[0.25, 0.5]]), "grey", limits=(0.0, 1.0))
    assert axes.images[0].get_clim() == (0.0, 1.0)
    assert axes.images[0].get_cmap().name == "gray"


def test_numbers_are_written_where_there_is_room_and_can_be_read() -> None:
    texts = np.array([[["9", "1"]]], dtype=object)
    axes = Figure().subplots()
    mosaic(axes, np.array([[[9.0, 1.0]]]), "values", texts=texts)
    assert [(text.get_text(), text.get_color()) for text in axes.texts] == [("9", "white"), ("1", "#111111")]
    axes = Figure().subplots()
    mosaic(axes, np.ones((9, 20, 20)), "values", texts=np.full((9, 20, 20), "1", dtype=object))
    assert not axes.texts


def test_rows_and_columns_are_numbered_without_names() -> None:
    axes = Figure().subplots()
    mosaic(axes, np.ones((6, 3, 3)), "values", across=3)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1"]
