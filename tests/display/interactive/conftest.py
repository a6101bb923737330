"""Pages opened in a browser without the network, none of which may complain."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chainrule.display import Shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def tab(browser: "Browser") -> Iterator["Page"]:
    """A tab without the network, which one test after another uses: to open one takes longer than a page."""
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        page.set_default_timeout(10_000)
        yield page


@pytest.fixture
def open_page(tab: "Page", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens the page of a result, without its figures: so wide, in this colour scheme."""
    monkeypatch.setattr(Shown, "drawable", False)
    complaints: list[str] = []

    def complain(about: Any) -> None:
        complaints.append(str(about))

    def opened(shown: Shown, width: int = 1000, scheme: Any = "light") -> "Page":
        path = tmp_path / "page.html"
        shown.to_html(path)
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.goto(path.as_uri())
        return tab

    tab.on("console", complain)
    tab.on("pageerror", complain)
    yield opened
    tab.remove_listener("console", complain)
    tab.remove_listener("pageerror", complain)
    assert complaints == []
