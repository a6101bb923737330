"""The page of a classifier, layer by layer: its maps, fields and sums against the lens's own, digit by digit."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from chainrule.lens import ThroughLayers, one_based, through_layers
from chainrule.lens.layers.results.cells import has_sums
from tests.display.interactive.conftest import Open
from tests.lens.layers.cases import Network, images, sequences, torchs

if TYPE_CHECKING:
    from playwright.sync_api import Page


@cache
def look(name: str = "torch's own") -> ThroughLayers:
    torch.manual_seed(0)
    cases: dict[str, Callable[[], Network]] = {
        "torch's own": torchs,
        "images": lambda: images(3, (7, 6)),
        "sequences": lambda: sequences("gru"),
        "small": lambda: (nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 3)), torch.rand(1, 1, 3, 3)),
    }
    return through_layers(*cases[name](), label=2)


def rows(page: "Page") -> list[list[str]]:
    """The sum, a row a channel."""
    return page.locator(".layers .listed tbody tr").evaluate_all(  # type: ignore[no-any-return]
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.innerText))"
    )


def heading(page: "Page") -> str:
    return page.locator(".sum h2").inner_text()


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", ["torch's own", "images", "sequences"])
def test_every_layer_has_pythons_largest_cell_its_field_and_its_sum(name: str, open_page: Open) -> None:
    found = look(name)
    page = open_page(found)
    for layer in found._layers:
        page.locator(".layers select").select_option(str(layer.number))
        cell = layer.index(())
        entry = f"y[{','.join(map(str, cell))}]"
        assert heading(page).startswith(f"{entry} = ")
        words = page.locator(".sum p").inner_text()
        if len(layer.size) > 1:
            spans = found.receptive_field(layer.number, *cell).spans
            assert all(f" {first} to {last}" in words for first, last in spans)
        if has_sums(layer):
            total = Decimal(heading(page).split(" = ")[1].split(",")[0])
            assert sum(Decimal(row[1]) for row in rows(page)) == Decimal(rows(page)[-1][2]) == total
            assert float(total) == pytest.approx(found.cell(layer.number).value, abs=1e-3)
            assert "agrees with Python's number" in words


def test_the_products_of_each_channel_add_up_to_its_sum(open_page: Open) -> None:
    found = look()
    page = open_page(found)
    page.locator(".layers select").select_option("4")  # four channels, dilated, in the padding's corner
    page.get_by_role("grid", name="Output of layer 4").get_by_role("gridcell").focus()
    page.keyboard.press("Control+Home")
    assert heading(page).startswith("y[0,0,0] = ")
    cell = found.cell(4, 0, 0, 0)
    sums = {row[0]: Decimal(row[1]) for row in rows(page)}
    planes = page.get_by_role("grid", name="Products").locator(".plane")
    for channel, plane in enumerate(planes.all()):
        products = [Decimal(text) for text in plane.locator(".cell").all_text_contents()]
        np.testing.assert_allclose(np.array(products, float), cell.products[channel].ravel(), atol=6e-4)
        assert plane.get_attribute("aria-label") == f"channel {channel}: {sum(products)}"
        assert sum(products) == sums[f"channel {channel}"]
    kernel = page.get_by_role("grid", name="Kernel")
    assert kernel.get_by_role("gridcell", name="w[0,3,1,2] · x[3,0,2]:").count() == 1
    assert kernel.get_by_role("gridcell", name="w[0,3,0,0] · padding:").count() == 1


def test_maps_have_every_number_and_frame_what_a_cell_sees(open_page: Open) -> None:
    found = look()
    page = open_page(found)
    page.locator(".layers select").select_option("3")
    figure = page.locator("figure.maps").nth(1)
    figure.locator("details").evaluate("details => { details.open = true }")
    figure.locator("td").first.wait_for()
    texts = figure.locator("td").all_text_contents()
    np.testing.assert_array_equal([float(text) for text in texts], found.maps(3).y.ravel())
    (top, bottom), (left, right) = found.receptive_field(3).spans
    box = (
        page.locator("figure.maps")
        .first.locator(".frames i")
        .first.evaluate(
            "each => ['top', 'height', 'left', 'width'].map((name) => Number(each.style.getPropertyValue(`--${name}`)))"
        )
    )
    assert box == [top, bottom - top + 1, left, right - left + 1]


def test_large_networks_and_solids_stay_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    solid = nn.Sequential(nn.Conv3d(1, 2, 2), nn.Flatten(), nn.Linear(16, 3))
    assert through_layers(solid, torch.rand(1, 1, 3, 3, 3)).view() is None
    monkeypatch.setattr("chainrule.lens.layers.explored._NUMBERS", 100)
    assert look().view() is None


def test_nothing_is_wider_than_the_screen(open_page: Open) -> None:
    page = open_page(look(), width=320)
    for layer in range(len(look()._layers)):
        page.locator(".layers select").select_option(str(layer))
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_entries_and_channels_count_from_one_where_that_is_asked(open_page: Open) -> None:
    with one_based():
        page = open_page(look("small"))
    page.get_by_role("grid", name="Output of layer 0").get_by_role("gridcell").focus()
    page.keyboard.press("Control+End")
    assert heading(page).startswith("y_{2,2,2} = ")
    assert "rows 2 to 3, columns 2 to 3." in page.locator(".sum p").inner_text()
    assert [row[0] for row in rows(page)][:2] == ["bias", "channel 1"]
    assert page.get_by_role("grid", name="Kernel").get_by_role("gridcell", name="w_{2,1,2,2} · x_{3,3}:").count() == 1


def test_what_a_cell_sees_at_most_and_that_it_sees_only_padding_is_said(open_page: Open) -> None:
    layers = [nn.Conv1d(1, 1, 1, padding=2), nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular")]
    torch.manual_seed(0)
    page = open_page(through_layers(nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 2)), torch.rand(1, 1, 4)))
    page.locator(".layers select").select_option("0")
    page.get_by_role("grid", name="Output of layer 0").get_by_role("gridcell").focus()
    page.keyboard.press("Control+Home")
    assert "It sees nothing of the input, only padding." in page.locator(".sum p").inner_text()
    page.locator(".layers select").select_option("1")
    assert "It sees at most 4 of the input: steps 0 to 3." in page.locator(".sum p").inner_text()
