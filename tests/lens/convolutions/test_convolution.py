"""Convolutions, product by product: tables by hand, and laws over drawn shapes against torch's own op."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from chainrule import lens, nn
from chainrule.errors import ArgumentError, DisagreementError, ShapeError
from chainrule.ops import convolution as op
from tests.tolerances import RELATIVE

CLOSE = RELATIVE[torch.float64]
TORCH = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@dataclass(frozen=True)
class Case:
    """Sizes of a convolution; the numbers follow the seed."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    options: dict[str, Any]
    bias: bool
    flip: bool
    seed: int

    def draw(self) -> tuple[Tensor, Tensor, Tensor | None]:
        generator = torch.Generator().manual_seed(self.seed)
        shapes = self.x, self.weight, self.weight[:1]
        x, weight, bias = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
        return x, weight, bias if self.bias else None

    def by_torch(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        dims = tuple(range(2, weight.ndim))
        return TORCH[len(dims)](x, weight.flip(dims) if self.flip else weight, bias, **self.options)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    dims = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(low, high), min_size=dims, max_size=dims)))

    groups, c, o, batch = (draw(st.integers(1, n)) for n in (2, 2, 2, 2))
    kernel = each(1, 3)
    stride = each(1, 3)
    dilation = each(1, 2)
    padding = each(0, 2)
    least = [max(1, d * (k - 1) + 1 - 2 * p) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    size = tuple(n + draw(st.integers(0, 3)) for n in least)
    options = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    flags = draw(st.booleans()), draw(st.booleans())
    return Case((batch, groups * c, *size), (groups * o, c, *kernel), options, *flags, draw(st.integers(0, 99)))


@settings(max_examples=40, deadline=None)
@given(cases(), st.data())
def test_any_sum_is_the_number_that_torch_finds(case: Case, data: st.DataObject) -> None:
    x, weight, bias = case.draw()
    leaves = [t.requires_grad_() for t in (x, weight, bias) if t is not None]
    y = case.by_torch(x, weight, bias)
    dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(case.seed), dtype=torch.float64)
    dx, dw, *_ = torch.autograd.grad(y, leaves, dy)
    look = lens.convolution(weight, x, dy, bias=bias, flip=case.flip, **case.options)
    assert look.sizes.output == tuple(y.shape[2:])
    for found, expected in ((look.output, y.detach()), (look.input_gradient, dx), (look.kernel_gradient, dw)):
        at = tuple(data.draw(st.integers(0, n - 1)) for n in expected.shape)
        total = found(*at)
        scale = max(1.0, float(np.abs(total.products).sum()))
        assert total.value == pytest.approx(float(expected[at]), rel=CLOSE, abs=CLOSE * scale)
        assert total.value == pytest.approx(total.offset + total.products.sum(), rel=CLOSE, abs=CLOSE * scale)
        arrays = {"w": look.weight, "x": look.x, "dy": look.dy}
        for name, values, index in zip(
            total.of, (total.left, total.right), (total.left_index, total.right_index), strict=True
        ):
            for value, place, inside in zip(values, index, total.inside, strict=True):
                assert value == (arrays[name][tuple(place)] if name == "w" or name == total.of[0] or inside else 0)


@settings(max_examples=25, deadline=None)
@given(cases())
def test_sizes_count_what_is_there(case: Case) -> None:
    x, weight, bias = case.draw()
    found = lens.convolution(weight, x, bias=bias, **case.options).sizes
    given_sizes = found.input, found.kernel, found.in_channels, found.out_channels
    padding = case.options["padding"]
    assert lens.sizes(*given_sizes, **case.options | {"padding": padding}, bias=case.bias).to_dict() == found.to_dict()
    assert found.parameters == weight.numel() + (len(weight) if case.bias else 0)
    outputs = len(weight) * int(np.prod(found.output))
    assert found.dense_parameters == outputs * x[0].numel() + case.bias * outputs
    ones = torch.ones(1, 1, *found.input, dtype=torch.float64, requires_grad=True)
    kernel = torch.ones(1, 1, *found.kernel, dtype=torch.float64)
    y = TORCH[len(found.kernel)](ones, kernel, **case.options | {"groups": 1})
    (readers,) = torch.autograd.grad(y.sum(), ones)
    np.testing.assert_array_equal(found.readers(), readers[0, 0].numpy())


def test_what_an_input_receives_written_by_hand() -> None:
    """x_3 receives d_3 w_1 + d_2 w_2 + d_1 w_3."""
    look = lens.convolution([2.0, 3.0, 5.0], x=[1.0, 0.5, -1.0, 4.0, 7.0], dy=[10.0, 100.0, 1000.0])
    total = look.input_gradient(2)
    assert total.left.tolist() == [2.0, 3.0, 5.0]
    assert total.right.tolist() == [1000.0, 100.0, 10.0]
    assert total.right_index.tolist() == [[0, 2], [0, 1], [0, 0]]
    assert total.running.tolist() == [2000.0, 2300.0, 2350.0]
    assert total.overlay.source.ravel().tolist() == [0, 0, 10, 100, 1000, 0, 0]  # drawn as the second convolution it is
    assert total.overlay.kernel.ravel().tolist() == [5, 3, 2]
    assert total.overlay.columns.tolist() == [2, 3, 4]
    assert look.input_gradient(0).products.tolist() == [20.0]
    assert look.dx.tolist() == [[20.0, 230.0, 2350.0, 3500.0, 5000.0]]


def test_what_a_weight_receives_written_by_hand() -> None:
    look = lens.convolution([2.0, 3.0], x=[1.0, 4.0, 9.0], dy=[10.0, 100.0])
    assert look.kernel_gradient(1).products.tolist() == [40.0, 900.0]
    assert look.dweight.tolist() == [[[410.0, 940.0]]]


def test_an_output_with_padding_written_by_hand() -> None:
    look = lens.convolution([2.0, 3.0, 5.0], x=[1.0, 4.0], padding=1, bias=[0.5])
    total = look.output(0)
    assert (total.offset, total.products.tolist(), total.inside.tolist()) == (
        0.5,
        [0.0, 3.0, 20.0],
        [False, True, True],
    )
    assert total.value == 23.5
    rows = total.table().rows
    assert rows[:2] == [("bias", "", 0.5, 0.5), ("w[0,0,0] * padding", "2 * 0", 0.0, 0.5)]


def test_true_convolution_stands_beside_cross_correlation() -> None:
    look = lens.convolution([1.0, 2.0], x=[1.0, 3.0, 5.0])
    assert look.table().columns == ("", "cross-correlation", "true convolution")
    assert [row[1:] for row in look.table().rows] == [(7.0, 5.0), (13.0, 11.0)]
    assert look.flipped().y.tolist() == [[5.0, 11.0]]
    assert look.flipped().output(0).left_index.tolist() == [[0, 0, 1], [0, 0, 0]]
    assert look.flipped().table().columns == ("", "true convolution", "cross-correlation")


def test_the_arithmetic_of_the_sizes() -> None:
    found = lens.sizes((28, 28), (3, 5), 1, 8, stride=(2, 1), padding=1, dilation=(1, 2))
    assert found.output == (14, 22)
    assert found.receptive_field == (3, 9)
    text = str(found.table())
    for line in ("floor((28 + 1 + 1 - 3)/2) + 1 = 14", "2*(5 - 1) + 1 = 9", "8*1*3*5 + 8 = 128"):
        assert line in text
    assert lens.sizes((10,), (4,), padding="causal").output == (10,)


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2),
        torch.nn.Conv1d(2, 4, 3, padding="same", bias=False),
        nn.Conv2d(1, 2, (2, 3), dilation=(1, 2)),
        nn.Conv3d(1, 2, 2),
        nn.CausalConv1d(2, 3, 2, dilation=2),
    ],
)
def test_layers_bring_their_options(layer: _ConvNd) -> None:
    dims = layer.weight.ndim - 2
    x = torch.randn(2, layer.in_channels, *(7,) * dims)
    look = lens.convolution(layer, x)
    result = layer(x)
    expected = result[0] if isinstance(layer, nn.CausalConv1d) else result
    np.testing.assert_allclose(look.y, expected.detach().numpy(), atol=1e-5)
    assert (look.bias is None) == (layer.bias is None)


def test_a_formula_that_is_wrong_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    right = op.convolution
    monkeypatch.setattr(op, "convolution", lambda x, *rest, **options: right(x * (1 + 1e-8), *rest, **options))
    with pytest.raises(DisagreementError, match="y as derived by hand and as found by autograd differ"):
        lens.convolution([1.0, 2.0], x=[1.0, 3.0, 5.0])


REFUSED: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    (torch.nn.Linear(2, 2), [1.0], {}, ArgumentError, "the layer is a Linear; expected Conv1d"),
    (torch.nn.ConvTranspose1d(1, 1, 2), np.ones((1, 4)), {}, ArgumentError, "the layer is a ConvTranspose1d"),
    (torch.nn.Conv1d(1, 1, 2, padding_mode="circular"), np.ones((1, 4)), {}, ArgumentError, "pads with 'circular'"),
    (torch.nn.Conv1d(1, 1, 2), np.ones((1, 4)), {"stride": 2}, ArgumentError, "leave them out"),
    ([1.0] * 9, [1.0] * 3, {}, ShapeError, "the kernel is larger than the padded input"),
    ([1.0, 2.0], [1.0] * 4, {"dy": [1.0]}, ShapeError, r"dy has shape \(1, 1\); .* it must be \(1, 3\)"),
    ([1.0, 2.0], [1.0, np.nan, 2.0], {}, ArgumentError, "x contains NaN or infinity"),
    ([1.0, 2.0], None, {}, ArgumentError, "x is NoneType"),
    (np.ones((1, 1, 2)), np.ones((0, 1, 4)), {}, ShapeError, "expected a batch of at least one row"),
    ([1.0, 2.0], "abc", {}, ArgumentError, "x is str; expected a tensor or an array"),
    ([1.0, 2.0], torch.ones(4, dtype=torch.complex64), {}, ShapeError, "x is torch.complex64"),
    (np.ones((64, 64, 9)), np.ones((9, 64, 5000)), {}, ArgumentError, r"Give 5 rows"),
    (np.ones((512, 512, 9)), np.ones((512, 5000)), {}, ArgumentError, "Crop x to 1/12 of its size"),
]


@pytest.mark.parametrize(("layer", "x", "options", "error", "message"), REFUSED)
def test_what_is_refused(layer: Any, x: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lens.convolution(layer, x, **options)


@pytest.mark.parametrize("index", [(3,), (0, 0, 0), (0.5,), ()])
def test_an_index_that_is_not_there(index: tuple[Any, ...]) -> None:
    look = lens.convolution([1.0, 2.0], x=[1.0, 3.0, 5.0])
    with pytest.raises(ArgumentError, match=r"of y; expected|outside of y"):
        look.output(*index)


def test_indices_count_from_the_end_too() -> None:
    look = lens.convolution([1.0, 2.0], x=[1.0, 3.0, 5.0])
    assert look.output(-1).value == look.output(0, 1).value == 13.0


def test_sizes_that_are_no_sizes_or_more_than_can_be_counted() -> None:
    with pytest.raises(ArgumentError, match=r"`input` is 28; expected its sizes, one for each dimension"):
        lens.sizes(28, 3)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="more than 1,000,000,000,000,000 numbers"):
        lens.sizes((10**12, 10**12), (3, 3))
    with pytest.raises(ArgumentError, match="expected 50,000,000 at most"):
        lens.sizes((10**5, 10**5), (3, 3)).readers()


def test_sums_of_many_products_are_listed_and_drawn_at_once() -> None:
    total = lens.convolution(np.ones((1, 1, 3, 3)), np.ones((1, 1, 200, 200))).kernel_gradient(0, 0, 1, 1)
    assert len(total.table().rows) == 198 * 198
    assert len(total.plot().axes[0].patches) == 1  # around all that dy lies on


def test_all_positions_of_a_small_case_add_up() -> None:
    """Each product of the forward pass is in one output, and its factors meet in both gradients."""
    look = lens.convolution(np.arange(1.0, 5.0).reshape(2, 2), np.arange(12.0).reshape(3, 4))
    count = sum(len(look.output(i, j).left) for i, j in product(range(2), range(3)))
    assert (
        count == look.sizes.products == sum(len(look.input_gradient(i, j).left) for i, j in product(range(3), range(4)))
    )
    assert count == sum(len(look.kernel_gradient(i, j).left) for i, j in product(range(2), range(2)))
