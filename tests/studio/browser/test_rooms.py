"""The rooms: what addresses restore, what the keyboard reaches, what axe finds, and names that are hostile."""

import itertools
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.studio.browser.conftest import HOSTILE, Open, framed

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOMS = ("#/", "#/run/sunspots", "#/run/sunspots/forecast", "#/fit", "#/explore", "#/compare/sunspots/digits")


# what has the focus, by its own words or those of its label
FOCUSED = """() => {
  const { ariaLabel, labels, textContent } = document.activeElement;
  return (ariaLabel ?? labels?.[0]?.textContent ?? textContent).trim();
}"""


def tab_to(page: "Page", name: str) -> None:
    """Press Tab until what has the focus has this name."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"Tab does not reach {name!r}")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_any_room(scheme: str, open_room: Open) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    faults = []
    for room in ROOMS:
        page = open_room(room, 320 if scheme == "dark" else 1200, scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true })")
        found = axe.run(page, options={"iframes": False, "resultTypes": ["violations"]}).response["violations"]
        faults += [(room, fault["id"], fault["impact"], fault["nodes"][0]["html"]) for fault in found]
    assert faults == []


def test_an_address_restores_what_is_shown(open_room: Open) -> None:
    page = open_room("#/run/sunspots?smoothing=strong&log=1&from=10&to=30")
    expect(page.get_by_label("Smoothing")).to_have_value("strong")
    expect(page.get_by_label("Logarithmic")).to_be_checked()
    expect(page.get_by_role("slider", name="Step")).to_have_attribute("max", "30")
    page.get_by_role("button", name="All steps").click()
    page.get_by_role("link", name="Forecast").click()
    page.get_by_label("Steps ahead").fill("7")
    page.keyboard.press("Enter")
    page.wait_for_url("**forecast?horizon=7")
    page.reload()
    expect(page.get_by_label("Steps ahead")).to_have_value("7")
    assert "horizon=7" in framed(page).url
    page.go_back()
    expect(page.get_by_label("Smoothing")).to_have_value("strong")
    assert "from=" not in page.url


@pytest.mark.slow
def test_the_keyboard_alone_walks_through(open_room: Open) -> None:
    page = open_room("#/")
    tab_to(page, "Held out")
    page.keyboard.press("Enter")
    expect(page.locator("th.validation")).to_have_attribute("aria-sort", "ascending")
    tab_to(page, "sunspots")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="sunspots").wait_for()
    tab_to(page, "Step 40")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".scrubber .words")).not_to_have_text("40")
    tab_to(page, "Through time")
    page.keyboard.press("Enter")
    tab_to(page, "Steps")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**look?steps=*")
    framed(page)


def test_two_runs_are_chosen_and_seen_side_by_side(open_room: Open) -> None:
    page = open_room("#/?words=sun")
    page.get_by_label("sunspots side by side", exact=True).check()
    page.get_by_label(f"{HOSTILE} side by side").check()
    page.get_by_role("link", name="Side by side").click()
    expect(page.locator("path.run-0.validation")).to_be_visible()
    expect(page.locator("path.run-1.validation")).to_be_visible()


def test_the_names_of_baselines_do_not_stand_on_one_another(open_room: Open) -> None:
    page = open_room("#/run/sunspots")
    page.locator(".baseline + text").first.wait_for()
    names = page.locator(".baseline + text")
    tops = names.evaluate_all("all => all.map((name) => name.getBoundingClientRect().top).sort((a, b) => a - b)")
    assert len(tops) > 1
    assert all(below - above > 12 for above, below in itertools.pairwise(tops))


def value_of(page: "Page", name: str) -> str:
    """What the legend tells of a curve."""
    key = page.locator(".legend .key").filter(has_text=re.compile(f"^{name} "))
    return key.locator("b").inner_text()


def test_a_horizon_beyond_what_was_looked_at_is_said_to_be_and_marked(open_room: Open) -> None:
    page = open_room("#/run/records")
    line = page.locator("path.line.horizon")
    line.wait_for(state="attached")  # a level one has no height, which is called hidden
    assert value_of(page, "horizon") == "beyond what was looked at"
    slider = page.get_by_role("slider", name="Step")
    slider.fill("42")
    assert value_of(page, "horizon") == "5"
    slider.fill("61")
    assert value_of(page, "horizon") == "beyond what was looked at"
    assert str(line.get_attribute("d")).count("L") == 3  # from the first look to the fourth
    assert str(page.locator("path.beyond.horizon").get_attribute("d")).count("M") == 4  # of the others with a gradient
    chart = page.get_by_role("img", name=re.compile("^Horizon of the gradients:"))
    assert "horizon beyond what was looked at at step 80" in str(chart.get_attribute("aria-label"))


def test_a_held_out_loss_that_explodes_leaves_the_chart_and_says_how_far_it_goes(open_room: Open) -> None:
    page = open_room("#/run/records")
    figure = page.locator("figure", has=page.locator("path.line.validation"))
    expect(figure.locator("figcaption small")).to_contain_text("held out goes up to 1000, out of sight")
    training = figure.locator("path.line.training").last.bounding_box()
    assert training is not None
    assert training["height"] > 10  # and is no line along the bottom
    page.get_by_label("Logarithmic").check()
    expect(figure.locator("figcaption small")).not_to_contain_text("out of sight")


def test_a_model_that_was_counted_has_no_curves_and_no_settings_of_others(open_room: Open) -> None:
    page = open_room("#/run/counted")
    expect(page.get_by_text("it has no curves")).to_be_visible()
    expect(page.get_by_role("slider", name="Step")).to_be_hidden()
    settings = page.locator("details", has_text="Settings")
    settings.locator("summary").click()
    rows = settings.locator("tbody th").all_text_contents()
    assert "name" in rows
    assert not {"hidden", "dropout", "learning rate", "batch", "optimiser", "minutes", "head"} & set(rows)
    beside = open_room("#/compare/counted/sunspots")
    beside.locator(".settings tbody tr").first.wait_for()
    hidden = beside.locator(".settings tr", has=beside.get_by_role("rowheader", name="hidden", exact=True))
    assert hidden.locator("td").all_text_contents() == ["–", "3"]


def test_a_hostile_name_is_a_text(open_room: Open) -> None:
    page = open_room("#/")
    page.get_by_role("link", name=HOSTILE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.locator("path.line").first.wait_for()
    framed(open_room(f"#/run/{quote(HOSTILE, safe='')}/forecast"))
    assert page.locator("main img").count() == 0


def test_a_broken_run_is_listed_with_its_error(open_room: Open) -> None:
    page = open_room("#/")
    expect(page.get_by_role("row", name="broken")).to_contain_text("is not a config that chainrule wrote")


def test_a_page_out_of_sight_keeps_no_stream(open_room: Open) -> None:
    """A browser keeps six to one server: the seventh tab would wait for ever."""
    page = open_room("#/")
    page.evaluate(
        """() => {
          window.ended = 0;
          const close = EventSource.prototype.close;
          EventSource.prototype.close = function () { window.ended += 1; close.call(this); };
          window.hide = (hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
          };
        }"""
    )
    page.evaluate("hide(true)")
    assert page.evaluate("window.ended") == 1
    with page.expect_request("**/api/events*"):
        page.evaluate("hide(false)")
