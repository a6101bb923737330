"""The page of a convolution: every sum on it against NumPy's and the lens's own numbers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from chainrule import lens
from chainrule.display import Shown
from chainrule.lens import one_based
from chainrule.lens.notation import entry
from tests.display.interactive.conftest import Open

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

W = [1.0, 2.0, 3.0]
X = [1.0, 0.0, -1.0, 2.0, 4.0]
DY = [1.0, 10.0, 100.0]


def lecture() -> lens.Convolution:
    return lens.convolution(W, X, DY)


def channels(**options: Any) -> lens.Convolution:
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2)
    return lens.convolution(layer, torch.randn(2, 9, 8), torch.randn(4, 5, 4))


def batched() -> lens.Convolution:
    torch.manual_seed(1)
    w = torch.randn(2, 3, 2)
    return lens.convolution(w, torch.randn(2, 3, 9), bias=[1.0, -1.0], padding="causal", dilation=3, flip=True)


def solid() -> lens.Convolution:
    torch.manual_seed(2)
    return lens.convolution(torch.nn.Conv3d(1, 2, 2), torch.randn(1, 1, 3, 4, 4))


CASES: dict[str, Callable[[], lens.Convolution]] = {
    "1-D": lecture,
    "2-D, channels in groups, a stride": channels,
    "1-D, rows, causal, dilated, flipped": batched,
    "3-D": solid,
}


# what a canvas makes of the colours of text and background of each cell: [r, g, b] of both
COLOURS = """cells => {
  const drawing = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const shown = (colour) => {
    drawing.fillStyle = colour;
    drawing.fillRect(0, 0, 1, 1);
    return [...drawing.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  return cells.map((cell) => [getComputedStyle(cell).color, getComputedStyle(cell).backgroundColor].map(shown));
}"""


def contrast(*colours: list[int]) -> float:
    """As WCAG 2 defines it."""
    shares = np.array(colours) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    dark, light = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return float((light + 0.05) / (dark + 0.05))


def first_row(found: lens.Convolution, array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of x, y and their gradients, which have rows in a batch."""
    return array[0] if array.ndim == found.weight.ndim else array


def picture(page: "Page", name: str) -> "Locator":
    return page.locator(f"figure[data-array={name}]")


def cell(page: "Page", entry: str) -> "Locator":
    """The cell of an entry such as x[0,2]."""
    name = entry.partition("[")[0]
    return picture(page, name).locator(f'[role=gridcell][aria-label^="{entry}:"]')


def numbers(page: "Page", name: str) -> NDArray[np.float64]:
    """The table behind a picture."""
    behind = picture(page, name).locator("details")
    behind.evaluate("details => { details.open = true }")
    behind.locator("td").first.wait_for()
    return np.array([float(text) for text in behind.locator("td").all_text_contents()])


def headline(page: "Page") -> str:
    return page.locator(".sum h2").inner_text()


def products(page: "Page") -> list[list[str]]:
    """The rows of the sum that are shown."""
    rows = page.locator(".listed tbody tr:not([hidden])")
    texts: list[list[str]] = rows.evaluate_all("rows => rows.map((row) => [...row.cells].map((c) => c.innerText))")
    return texts


def focused(page: "Page") -> str:
    """What a screen reader says of the element that has the focus."""
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''"))


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", CASES)
def test_the_page_agrees_with_all_of_pythons_numbers(name: str, open_page: Open) -> None:
    found = CASES[name]()
    page = open_page(found)
    note = page.locator(".note").inner_text()
    assert re.search(r"agree with Python's (to the last bit|to \de-1[5-9])\.", note), note
    for array, values in {"x": found.x, "dy": found.dy, "y": found.y, "dx": found.dx}.items():
        np.testing.assert_array_equal(numbers(page, array), first_row(found, values).ravel())
    np.testing.assert_array_equal(numbers(page, "w"), found.weight.ravel())
    np.testing.assert_array_equal(numbers(page, "dw"), found.dweight.ravel())
    page.get_by_label("cross-correlation" if found.flip else "true convolution").check()
    np.testing.assert_array_equal(numbers(page, "y"), first_row(found, found.flipped().y).ravel())


def test_a_sum_of_many_channels_shows_all_of_its_products(open_page: Open) -> None:
    found = channels()
    page = open_page(found)
    cell(page, "y[3,1,2]").click()
    assert headline(page) == f"y[3,1,2] = {float(f'{found.y[3, 1, 2]:.6g}')}"
    rows = products(page)
    assert len(rows) == 1 + 9  # the bias, and one channel of the group
    assert sum(float(row[2]) for row in rows) == pytest.approx(found.y[3, 1, 2], abs=1e-3)
    assert float(rows[-1][3]) == pytest.approx(found.y[3, 1, 2], abs=1e-3)
    assert picture(page, "x").locator(".added").count() == 9
    assert picture(page, "w").locator(".added").count() == 9


def test_a_cell_of_x_shows_the_backward_sum(open_page: Open) -> None:
    page = open_page(lecture())
    cell(page, "x[0,2]").click()
    assert headline(page) == "dx[0,2] = 123"
    assert [row[:2] for row in products(page)] == [
        ["w[0,0,0] · dy[0,2]", "1 · 100"],
        ["w[0,0,1] · dy[0,1]", "2 · 10"],
        ["w[0,0,2] · dy[0,0]", "3 · 1"],
    ]
    cell(page, "w[0,0,1]").click()
    assert headline(page) == "dw[0,0,1] = 190"  # 1 * 0 + 10 * -1 + 100 * 2


def test_the_sum_grows_product_by_product(open_page: Open) -> None:
    page = open_page(lecture())
    page.get_by_role("slider", name="Slide").fill("1")
    page.get_by_role("slider", name="Products added").fill("0")
    seen = [headline(page)]
    for count in range(1, 4):
        page.get_by_role("button", name="Products added: forward").click()
        seen.append(headline(page))
        assert len(products(page)) == picture(page, "x").locator(".added").count() == count
    assert seen == [
        "y[0,1] = 0 + …, 0 of 3 products",
        "y[0,1] = 0 + …, 1 of 3 products",
        "y[0,1] = -2 + …, 2 of 3 products",
        "y[0,1] = 4",
    ]


def test_it_plays_from_one_place_to_the_next(open_page: Open) -> None:
    page = open_page(lecture())
    page.get_by_role("button", name="Play").click()
    page.get_by_text("y[0,1] = 0 + …, 1 of 3 products").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").wait_for()


def test_a_changed_kernel_is_recomputed(open_page: Open) -> None:
    found = channels()
    page = open_page(found)
    cell(page, "w[1,0,2,1]").dblclick()
    page.keyboard.type("-0.75")
    page.keyboard.press("Enter")
    changed = found.weight.copy()
    changed[1, 0, 2, 1] = -0.75
    expected = lens.convolution(changed, found.x, found.dy, bias=found.bias, stride=2, padding=1, groups=2)
    for name, values in (("y", expected.y), ("dx", expected.dx), ("dw", expected.dweight)):
        np.testing.assert_allclose(numbers(page, name), values.ravel(), rtol=0, atol=1e-14)
    assert "You changed w[1,0,2,1] from" in page.locator(".note").inner_text()
    page.get_by_role("button", name="Undo all").click()
    np.testing.assert_array_equal(numbers(page, "y"), found.y.ravel())
    assert "You changed" not in page.locator(".note").inner_text()


def test_the_kernel_is_changed_as_numpy_has_it(open_page: Open) -> None:
    page = open_page(lecture())
    cell(page, "w[0,0,2]").dblclick()
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    np.testing.assert_array_equal(numbers(page, "y"), np.correlate(X, [1.0, 2.0, 5.0], "valid"))
    page.get_by_label("true convolution").check()
    np.testing.assert_array_equal(numbers(page, "y"), np.convolve(X, [1.0, 2.0, 5.0], "valid"))


def test_another_row_of_the_batch(open_page: Open) -> None:
    found = batched()
    page = open_page(found)
    page.get_by_label("Row").select_option("1")
    np.testing.assert_array_equal(numbers(page, "x"), found.x[1].ravel())
    cell(page, "y[1,0,8]").click()
    assert float(headline(page).split("=")[1]) == pytest.approx(found.y[1, 0, 8], abs=1e-5)


def test_a_page_whose_numbers_are_wrong_says_so(open_page: Open) -> None:
    found = lecture()
    found.dx[0, 0] += 1e-6
    page = open_page(found)
    assert "differ from Python's" in page.locator(".note").inner_text()
    assert page.locator(".view input[type=number]").is_disabled()


def test_the_policy_lets_nothing_else_run(browser: "Browser", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shown, "drawable", False)
    foreign = "<script>window.foreign = 1</script><img src='data:,' onerror='window.foreign = 2'>"
    (tmp_path / "page.html").write_text(lecture().to_html().replace("</main>", f"{foreign}</main>"), encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert headline(page) == "y[0,0] = -2"
    assert page.evaluate("window.foreign") is None
    page.close()


def test_too_many_numbers_stay_a_figure() -> None:
    assert lens.convolution(torch.ones(1, 1, 3, 3), torch.ones(1, 200, 200)).view() is None


def test_the_keyboard_alone_is_enough(open_page: Open) -> None:
    page = open_page(lecture())
    while not focused(page).startswith("x["):
        page.keyboard.press("Tab")
    assert focused(page) == "x[0,0]: 1"
    page.keyboard.press("ArrowRight")
    assert headline(page) == "dx[0,1] = 12"
    page.keyboard.press("End")
    assert headline(page) == "dx[0,4] = 300"
    page.keyboard.press("ArrowRight")
    assert headline(page) == "dx[0,4] = 300"
    while not focused(page).startswith("w["):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    assert focused(page) == "w[0,0,0]: 7"
    np.testing.assert_array_equal(numbers(page, "y"), np.correlate(X, [7.0, 2.0, 3.0], "valid"))


def test_the_grid_tells_a_screen_reader_what_it_is(open_page: Open) -> None:
    page = open_page(channels())
    tree = picture(page, "x").get_by_role("grid").aria_snapshot()
    assert tree.startswith('- grid "x, input":\n')
    assert '- rowgroup "x[1]":' in tree
    assert len(re.findall(r'gridcell "x\[[01],\d,\d\]: ', tree)) == 2 * 9 * 8


@pytest.mark.sampled(0)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen_and_text_can_be_read(scheme: str, open_page: Open) -> None:
    page = open_page(channels(), scheme=scheme)
    for width in (320, 800, 2000):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = page.locator(".cell").evaluate_all(COLOURS)
    assert min(contrast(*pair) for pair in colours) >= 4.5  # WCAG's AA


def test_a_cell_under_the_pointer_is_highlighted_at_once(open_page: Open) -> None:
    torch.manual_seed(0)
    page = open_page(lens.convolution(torch.randn(3, 3), torch.randn(28, 28)))
    took = page.evaluate(
        """() => [...document.querySelectorAll("figure[data-array=y] .cell")].slice(300, 320).map((cell) => {
          const start = performance.now();
          cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
          document.body.getBoundingClientRect();
          return performance.now() - start;
        })"""
    )
    assert picture(page, "x").locator(".added").count() == 9
    assert np.median(took) < 50


@pytest.mark.sampled(0)
@pytest.mark.parametrize("name", CASES)
def test_entries_count_from_one_where_that_is_asked(name: str, open_page: Open) -> None:
    found = CASES[name]()
    with one_based():
        page = open_page(found)
    for array, values in {"x": found.x, "w": found.weight, "y": found.y, "dy": found.dy}.items():
        shown = first_row(found, values) if array != "w" else values
        lead = (0,) * (values.ndim - shown.ndim)
        with one_based():
            expected = [entry(array, (*lead, *at), values.shape) for at in np.ndindex(shown.shape)]
        cells = picture(page, array).locator("[role=gridcell]")
        labels = cells.evaluate_all("all => all.map((each) => each.ariaLabel)")
        assert [label.partition(": ")[0] for label in labels] == expected
    assert not re.search(r"\w\[\d", page.locator(".view").inner_text())
