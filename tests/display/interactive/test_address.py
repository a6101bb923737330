"""Every view has an address that restores it: one law for all modules, held when it is opened, gone to and reloaded."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from chainrule import lens
from chainrule.display import Shown
from tests.display.interactive.conftest import Open
from tests.display.interactive.test_bundle import VIEWS
from tests.display.interactive.test_convolution import batched, cell
from tests.display.interactive.test_layers import look
from tests.display.interactive.test_through_time import found, pick, section
from tests.display.interactive.test_unrolled import unrolled

if TYPE_CHECKING:
    from playwright.sync_api import Page

NONSENSE = (
    "t=999&unit=99&pass=up&pair=9,x&k=0&look=7&layer=99&cell=9,9,9&input=0,9&row=5&sum=zz,1&added=-1&flip=2&entry=y,0&changes=q,1,2;w,999,1;w,0,NaN;"
    "x&%E0%A4%A&=&1.t=3"
)

# what is shown, and chosen, in words
SHOWN = """() => {
  const fields = [...document.querySelectorAll(".view :is(input, select)")];
  const cells = [...document.querySelectorAll(".view :is(.chosen, .added, .heatmap [role=gridcell])")];
  const chosen = fields.map(({ type, checked, value }) => (type === "radio" ? checked : value));
  return [document.querySelector(".view").innerText, chosen, cells.map((cell) => cell.ariaLabel)];
}"""


def move_convolution(page: "Page") -> None:
    page.get_by_label("cross-correlation").check()
    page.get_by_label("Row").select_option("1")
    cell(page, "w[1,0,1]").dblclick()
    page.keyboard.type("-0.75")
    page.keyboard.press("Enter")
    cell(page, "x[1,2,5]").click()
    page.get_by_role("slider", name="Products added").fill("1")


def move_through_time(page: "Page") -> None:
    page.get_by_label("GRU", exact=True).check()
    page.get_by_label("backward, down to t").check()
    page.get_by_role("slider", name="Step t").fill("4")
    pick(page, 8, 2)
    step_down(page, "h")
    step_down(page, "Product of the Jacobians")
    section(page, "Truncated backpropagation").get_by_role("slider").fill("3")


def move_unrolled(page: "Page") -> None:
    page.get_by_label("forward, up to t").check()
    page.get_by_role("slider", name="Step t").fill("4")
    page.get_by_role("grid", name="h_t", exact=True).locator("[tabindex='0']").press("ArrowDown")


def step_down(page: "Page", picture: str) -> None:
    """Move the cell of a heat map one row down."""
    page.get_by_role("grid", name=picture, exact=True).get_by_role("gridcell").press("ArrowDown")


def move_layers(page: "Page") -> None:
    page.locator(".layers select").select_option("2")
    page.get_by_role("grid", name="Output of layer 2").get_by_role("gridcell").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.get_by_role("grid", name=", input").get_by_role("gridcell").press("ArrowDown")


CASES: dict[str, tuple[Callable[[], Shown], Callable[["Page"], None], str]] = {
    "convolution": (batched, move_convolution, "added=1&changes=w,7,-0.75&entry=x,23&flip=0&row=1&sum=dx,23"),
    "through_time": (
        lambda: lens.side_by_side({"LSTM": found(), "GRU": found("torch's gru")}),
        move_through_time,
        "entry=1,0&k=4&look=1&pair=8,2&pass=backward&t=4&unit=1",
    ),
    "unrolled": (unrolled, move_unrolled, "pass=forward&t=4&unit=1"),
    "layers": (lambda: look("small"), move_layers, "cell=2&input=0,1,0&layer=2"),
}


def test_every_module_is_held_to_the_law() -> None:
    assert set(CASES) == set(VIEWS)


@pytest.mark.sampled(0)
@pytest.mark.parametrize("module", CASES)
def test_an_address_restores_what_is_shown(module: str, open_page: Open) -> None:
    made, move, fragment = CASES[module]
    page = open_page(made())
    alone = page.url
    usual = page.evaluate(SHOWN)
    move(page)
    page.wait_for_url(re.compile(r"#."))
    moved = page.evaluate(SHOWN)
    assert moved != usual
    page.wait_for_timeout(300)  # for moves to rest
    assert unquote(page.url).partition("#")[2] == fragment
    kept = page.url
    page.goto(f"{alone}#{NONSENSE}")
    assert page.evaluate(SHOWN) == usual
    page.evaluate("hash => { location.hash = hash }", fragment)
    page.wait_for_function("(text) => document.querySelector('.view').innerText === text", arg=moved[0])
    assert page.evaluate(SHOWN) == moved
    page.goto(kept)
    page.reload()
    assert page.evaluate(SHOWN) == moved


@pytest.mark.sampled(0)
@pytest.mark.parametrize("module", CASES)
def test_every_control_can_be_moved_and_is_restored(module: str, open_page: Open) -> None:
    page = open_page(CASES[module][0]())
    for radio in page.locator(".view fieldset label:last-of-type input[type=radio]").all():
        radio.check()
    for select in page.locator(".view select").all():
        select.select_option(index=1)
    for stop in page.locator(".view [role=grid] [role=gridcell][tabindex='0']:visible").all():
        stop.press("ArrowDown")
        page.locator(":focus").press("ArrowRight")
    for slider in page.locator(".view input[type=range]").all():
        slider.focus()
        slider.press("ArrowRight")
        slider.press("ArrowRight")
        slider.press("ArrowLeft")
    page.wait_for_timeout(300)  # for moves to rest
    moved = page.evaluate(SHOWN)
    page.reload()
    assert page.evaluate(SHOWN) == moved


def test_each_view_of_a_page_has_its_own_part_of_the_address(open_page: Open) -> None:
    class Both(lens.Unrolled):
        def parts(self) -> list[Shown]:
            return [unrolled(), unrolled()]

    page = open_page(Both(**vars(unrolled())))
    page.get_by_role("slider", name="Step t").last.fill("3")
    page.wait_for_url(re.compile(r"#1\.t=3$"))
    page.reload()
    assert [slider.input_value() for slider in page.get_by_role("slider", name="Step t").all()] == ["0", "3"]
