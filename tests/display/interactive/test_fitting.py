"""Numbers of any length stay within their cells, and say in each as much as there is room for."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from chainrule import lens
from chainrule.display import exact
from tests.display.interactive.conftest import Open
from tests.display.interactive.test_through_time import found

if TYPE_CHECKING:
    from playwright.sync_api import Page

POWERS = (-12, -9, -5, *range(-4, 8), 9, 12, -150, -20, 20, 150)
EVERY = (np.array([[1.0, -1.2, 1.23, -4.567, -9.999]]) * 10.0 ** np.array(POWERS)[:, None]).ravel()
FRAME = 4  # pixels of both sides

# of each text in a cell: the text, how far it is from the cell's sides, and its height in pixels
TEXTS = """cells => cells.flatMap((cell) => {
  const around = cell.getBoundingClientRect();
  return [...cell.children].filter(({ textContent }) => textContent !== "").map((child) => {
    const { width, height } = child.getBoundingClientRect();
    const size = parseFloat(getComputedStyle(child).fontSize);
    return [child.textContent, around.width - width, around.height - height, size];
  });
})"""


def texts(page: "Page", name: str) -> list[tuple[str, float, float, float]]:
    return page.locator(f"figure[data-array={name}] .cell").evaluate_all(TEXTS)  # type: ignore[no-any-return]


def test_numbers_of_any_length_fit_their_cells(open_page: Open) -> None:
    x = np.append(EVERY, 7.0)
    page = open_page(lens.convolution(np.roll(EVERY, 3), x), width=320)
    shown = {name: texts(page, name) for name in ("x", "w", "y", "dx", "dw")}
    assert len(shown["x"]) == len(x) + len(EVERY)  # below each number that the kernel lies on stands its factor
    for every in shown.values():
        assert min(wide for _, wide, _, _ in every) >= FRAME
        assert min(high for _, _, high, _ in every) >= 0
        assert min(size for _, _, _, size in every) >= 8
    numbers = [float(text.replace(",", "")) for text, *_ in shown["w"]]
    np.testing.assert_allclose(numbers, np.roll(EVERY, 3), rtol=0.5)  # one digit, of the longest
    assert [text for text, *_ in texts(page, "x")][:2] == ["1.0e-12", "× 1e150"]


def test_numbers_beside_an_axis_stay_within_the_picture(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    through = found()
    view = through.view()
    (look,) = view.data["looks"]
    lost = through.truncation(*look["truncation"]["chunks"]).lost
    look["truncation"]["lost"] = exact(lost * 1e100)
    monkeypatch.setattr(type(through), "view", lambda self: view)
    page = open_page(through)
    lefts = page.locator("svg.chart text[text-anchor=end]").evaluate_all("all => all.map((text) => text.getBBox().x)")
    assert min(lefts) >= 0
