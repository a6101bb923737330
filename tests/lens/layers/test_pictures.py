"""What figures of layers show, for kernels and maps of one to three dimensions."""

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from chainrule.display import Shown
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughLayers, through_layers
from tests.lens.layers.cases import looked

SHAPES = {
    "1-D, one channel": (nn.Conv1d(1, 4, 5), (1, 1, 12), 1),
    "1-D": (nn.Conv1d(3, 4, 5), (1, 3, 12), 5),
    "2-D, one channel": (nn.Conv2d(1, 4, 3), (1, 1, 8, 9), 4),
    "2-D": (nn.Conv2d(3, 4, 3), (1, 3, 8, 9), 12),
    "2-D, many": (nn.Conv2d(20, 18, 3), (1, 20, 4, 5), 256),
    "3-D": (nn.Conv3d(2, 4, 2), (1, 2, 4, 5, 6), 8),
}


def look_at(name: str) -> ThroughLayers:
    layer, shape, _ = SHAPES[name]
    torch.manual_seed(0)
    network = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(3))
    x = torch.rand(shape)
    network(x)
    return through_layers(network, x, label=1)


def drawn(figure: Figure) -> NDArray[np.float64]:
    """All numbers of the figure's first map."""
    array = np.ma.filled(np.ma.asarray(figure.axes[0].images[0].get_array()).astype(np.float64), np.nan)
    found: NDArray[np.float64] = array[~np.isnan(array)]
    return found


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", SHAPES)
def test_kernels_and_maps_of_all_dimensions_are_drawn(name: str) -> None:
    look = look_at(name)
    for part in (look, look.layers(), look.saliency(), *look.of_layer(0)):
        assert isinstance(part, Shown)
        assert part.plot().axes[0].get_title("left")
    kernels = look.kernels(0).plot().axes[0]
    frames = [len(each.get_segments()) for each in kernels.collections if isinstance(each, LineCollection)]
    assert sum(frames, start=not frames) == SHAPES[name][2]
    gradients = drawn(look.kernels(0, drawn="gradient").plot())
    assert set(gradients) <= set(look.gradients["0.weight"].ravel())


def test_a_figure_says_what_it_leaves_out() -> None:
    axes = look_at("2-D, many").kernels(0).plot().axes[0]
    assert "the first 16 of 18 outputs; the first 16 of 20 inputs" in axes.get_xlabel()


def test_an_image_in_colours_is_drawn_in_colours_and_its_gradient_by_channel() -> None:
    look = looked("images in colours")
    image = look.plot().axes[0].images[0].get_array()
    assert image is not None
    np.testing.assert_allclose(np.asarray(image), np.moveaxis(look.x, 0, -1))
    _, gradient, *_ = look.saliency().plot().axes
    assert [text.get_text() for text in gradient.texts] == ["channel 0", "channel 1", "channel 2"]


def test_maps_and_their_gradients_are_different_pictures() -> None:
    maps = looked("images").maps(0)
    for what, values in (("y", maps.y), ("dy", maps.dy)):
        np.testing.assert_array_equal(np.sort(drawn(maps.plot(what=what))), np.sort(values.ravel()))
    with pytest.raises(ArgumentError, match="expected one of y, dy"):
        maps.plot(what="dx")
