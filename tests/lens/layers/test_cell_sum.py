"""One cell as a sum over all input channels: what is printed adds up to what is printed."""

import re
from decimal import Decimal
from math import prod

import numpy as np
import pytest
import torch
from torch import nn

from chainrule.lens import CellSum, through_layers
from chainrule.lens.layers.results.cells import has_sums
from tests.lens.layers.cases import CASES, looked


def check_printed(cell: CellSum) -> None:
    """Add up the products of the printed table, in decimals."""
    title = str(cell).splitlines()[0]
    value = Decimal(re.match(r".* = (-?[\d,]*\.?\d*)", title)[1].replace(",", ""))  # type: ignore[index]
    table = cell.table()
    columns = [name for name in table.columns if name.startswith("column")] or ["product"]
    has_parts = "sum" in table.columns
    total = Decimal(0)
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        written = {
            name: Decimal(format(cells[name], table.formats[name]).replace(",", ""))
            for name in (*columns, "running sum", *(["sum"] if has_parts else []))
            if cells[name] is not None
        }
        added = written["sum"] if has_parts else written["product"]
        if has_parts and any(name in written for name in columns):
            assert sum(written[name] for name in columns if name in written) == added
        total += added
        assert total == written["running sum"]
    assert total == value


@pytest.mark.parametrize("name", CASES)
def test_cells_of_every_layer_are_what_the_layer_gave(name: str) -> None:
    look = looked(name)
    random = np.random.default_rng(0)
    for layer in look._network.layers:
        if not has_sums(layer):
            continue
        y = look.maps(layer.number).y
        for _ in range(4):
            at = tuple(int(random.integers(size)) for size in y.shape)
            cell = look.cell(layer.number, *at)
            assert cell.value == pytest.approx(y[at], rel=1e-12, abs=1e-12)
            assert cell.bias + cell.products.sum() == cell.value
            assert len(cell.to_frame()) == cell.weights.size == prod(cell.weights.shape)
            check_printed(cell)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
@pytest.mark.parametrize("layer", [nn.Conv2d(50, 2, 3, padding=1), nn.Conv2d(1, 2, 1), nn.Conv2d(4, 2, (1, 5))])
def test_what_is_printed_adds_up_whatever_the_size(layer: nn.Conv2d, scale: float) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(2))
    x = scale * torch.randn(1, int(layer.weight.shape[1]), 6, 6)
    network(x)
    cell = through_layers(network, x).cell(0, 1, 0, 1)
    assert max(map(len, str(cell).splitlines())) <= 80
    assert len(cell.table().rows) <= 48  # which a terminal shows without leaving any out
    check_printed(cell)


def test_a_cell_without_an_index_is_the_largest_and_a_channel_may_be_left_out() -> None:
    look = looked("images")
    y = np.abs(look.maps(3).y)
    assert abs(look.cell(3).value) == pytest.approx(y.max())
    assert abs(look.cell(3, 1, 2).value) == pytest.approx(y[:, 1, 2].max())


def test_the_figure_has_every_channel_and_its_sums_are_the_value() -> None:
    cell = looked("images").cell(3, 1, 2, 2)
    axes = cell.plot().axes[0]
    names = [text.get_text() for text in axes.texts if re.fullmatch(r"\d+: -?[\d.]+", text.get_text())]
    assert [int(name.split(":")[0]) for name in names] == [0, 1, 2]
    sums = [float(name.split(": ")[1]) for name in names]
    assert cell.bias + sum(sums) == pytest.approx(cell.value, abs=1e-3 * max(map(abs, sums)))
    assert axes.get_aspect() == 1.0


def test_padding_is_blank() -> None:
    cell = looked("images").cell(0, 0, 0, 0)
    assert cell.inside.sum() == 4
    blanks = sum(value is None for row in cell.table().rows[1:4] for value in row[2:5])
    assert blanks == 5
