"""No page has what axe knows to keep people from reading it: tables open, on a narrow screen, light and dark."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch

from chainrule import lens
from chainrule.display import Shown
from tests.display.interactive.conftest import Open
from tests.display.interactive.test_layers import look
from tests.display.interactive.test_through_time import found
from tests.display.interactive.test_unrolled import unrolled

if TYPE_CHECKING:
    from playwright.sync_api import Page

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

PAGES: dict[str, Callable[[], Shown]] = {
    "a convolution in one dimension": lambda: lens.convolution(torch.ones(2, 1, 2), torch.ones(2, 1, 4)),
    "a convolution in two dimensions": lambda: lens.convolution(torch.ones(2, 2, 2, 2), torch.ones(2, 3, 3)),
    "through time": lambda: found("rnn_tanh"),
    "unrolled": unrolled,
    "layers": lambda: look("small"),
}


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_fault(name: str, open_page: Open) -> None:
    page = open_page(PAGES[name](), 320)
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true })")
    page.locator("td").first.wait_for()
    assert faults_of(page) == []
    page.emulate_media(color_scheme="dark")  # which changes colours alone
    assert faults_of(page, runOnly=["color-contrast"]) == []


def faults_of(page: "Page", **options: Any) -> list[tuple[str, str, str]]:
    asked = {"resultTypes": ["violations"], **options}
    faults = axe_playwright.Axe().run(page, options=asked).response["violations"]
    return [(fault["id"], fault["impact"], fault["nodes"][0]["html"]) for fault in faults]
