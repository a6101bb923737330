"""A fit that is started from the form, watched and stopped; its curve moves while it trains in another process."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from chainrule import load
from tests.studio.browser.conftest import Open

if TYPE_CHECKING:
    from playwright.sync_api import Page

# collects every shape that the curve of the training loss has had
WATCH = """() => {
  window.shapes = new Set();
  setInterval(() => {
    const line = document.querySelector("path.line.training:not(.raw)");
    line && window.shapes.add(line.getAttribute("d"));
  }, 50);
}"""


def start(page: "Page", name: str) -> None:
    page.get_by_label("Name of the run").fill(name)
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name=name).wait_for()


def test_a_fit_from_the_form_to_its_end(open_room: Open, runs: Path) -> None:
    page = open_room("#/fit?model=gru&hidden=3&steps=600&skip=false&refit=false")
    page.get_by_label("sunspots").check()
    page.evaluate(WATCH)
    start(page, "from-the-form")
    expect(page.get_by_text("The fit has ended.")).to_be_visible(timeout=120_000)
    assert page.evaluate("window.shapes.size") >= 3
    expect(page.locator(".facts")).to_contain_text("finished")
    expect(page.get_by_role("link", name="Forecast")).to_be_visible()
    assert load(runs / "from-the-form").config.model.hidden == 3
    page.get_by_text("Log", exact=True).click()
    expect(page.locator(".job code")).to_contain_text("--hidden=3")
    expect(page.locator(".job code")).to_contain_text("--no-refit")


@pytest.mark.slow
def test_a_fit_that_is_stopped_can_go_on(open_room: Open) -> None:
    page = open_room("#/fit?data=sunspots&model=gru&hidden=3&skip=false&minutes=5")
    start(page, "stopped")
    page.locator("path.line.training").first.wait_for(timeout=120_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("The fit was stopped")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Go on with it").click()
    expect(page.get_by_text("The fit is running.")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("The fit was stopped")).to_be_visible(timeout=60_000)


@pytest.mark.sampled(0)
@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("가격 표.csv", "가격-표.csv-gru"),
        ("../-x.csv", "x.csv-gru"),
        ("a/b.csv", "a-b.csv-gru"),
        ("sunspots", "sunspots-gru"),
    ],
)
def test_a_name_is_suggested_in_any_script(open_room: Open, data: str, name: str) -> None:
    page = open_room(f"#/fit?data={quote(data)}&model=gru")
    expect(page.get_by_label("Name of the run")).to_have_value(name)


@pytest.mark.slow
def test_a_fit_that_is_refused_says_why(open_room: Open) -> None:
    page = open_room("#/fit?data=sunspots&hidden=-1")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("The fit failed: --hidden is -1")).to_be_visible(timeout=60_000)


def test_what_cannot_be_started_is_said_beside_the_button(open_room: Open) -> None:
    page = open_room("#/fit?data=sunspots")
    name = page.get_by_label("Name of the run")
    start = page.get_by_role("button", name="Start")
    told = page.locator(".foot .error")
    name.fill("")
    start.click()
    expect(told).to_contain_text("Name of the run is empty.")
    expect(name).to_be_focused()
    name.fill("new")
    page.get_by_label("minutes", exact=True).fill("-1")
    start.click()
    expect(told).to_contain_text("minutes is -1.")
    assert told.count() == 1
    page.get_by_label("minutes", exact=True).fill("")
    page.locator("details", has_text="Training").last.evaluate("details => { details.open = false }")
    assert "#/fit" in page.url
