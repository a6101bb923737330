"""No page has what axe knows to keep people from reading it: all tables open, on a screen where they scroll."""

from collections.abc import Callable

import pytest

from chainrule.display import Shown
from tests.display.interactive.conftest import Open
from tests.display.interactive.test_convolution import batched
from tests.display.interactive.test_layers import look
from tests.display.interactive.test_through_time import found
from tests.display.interactive.test_unrolled import unrolled

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

PAGES: dict[str, tuple[Callable[[], Shown], str]] = {
    "a convolution": (batched, "dark"),
    "through time": (lambda: found("rnn_tanh"), "light"),
    "unrolled": (unrolled, "dark"),
    "layers": (lambda: look("small"), "light"),
}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_fault(name: str, open_page: Open) -> None:
    shown, scheme = PAGES[name]
    page = open_page(shown(), 320, scheme)
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true })")
    page.locator("td").first.wait_for()
    faults = axe_playwright.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(fault["id"], fault["impact"], fault["nodes"][0]["html"]) for fault in faults] == []
