"""In a browser: from a studio's start to its first view, and from a move of the pointer on an interactive page to the
frame that shows what follows from it."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch

from benchmarks.studio.serving import started
from benchmarks.studio.timings import Timing
from chainrule import lens
from chainrule.display import Shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["CHROMIUM", "in_a_browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_FIRST = {  # where an address leads, and what can be seen there
    "list of runs": ("#/", "table.runs tbody tr"),
    "a run's curves": ("#/run/run-01", ".curves figure:not([hidden]) svg"),
}
_STEPS = 512
_WIDTH = 22  # of a state whose Jacobians of so many steps a page holds

# keeps, of each event of a kind, the milliseconds until the frame that follows it has been painted
_WATCH = """(kind) => {
  window.waited = [];
  addEventListener(kind, ({ timeStamp }) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window.waited.push(performance.now() - timeStamp);
      port2.postMessage(null);
    });
  }, { capture: true });
}"""
# the places, left and top, of the elements of a selector, the first of which is scrolled to the top
_PLACES = """(selector) => {
  const found = [...document.querySelectorAll(selector)];
  found[0].scrollIntoView();
  return found.map((each) => each.getBoundingClientRect()).map(({ x, y, width, height }) => [x, y, width, height]);
}"""


@dataclass(frozen=True)
class _Move:
    """A move of the pointer on a page: over one of some elements, or a click there, in a ``part`` of its width and
    height."""

    what: str
    target: float
    result: Callable[[], Shown]
    elements: str
    clicks: bool = True
    part: tuple[tuple[float, float], tuple[float, float]] = ((0.3, 0.7), (0.3, 0.7))


def _image() -> Shown:
    torch.manual_seed(0)
    return lens.convolution(torch.randn(3, 3), torch.randn(28, 28))


def _sequence() -> Shown:
    torch.manual_seed(0)
    return lens.convolution(torch.randn(3), torch.randn(_STEPS))


def _network() -> Shown:
    torch.manual_seed(0)
    layer = torch.nn.GRU(4, _WIDTH, batch_first=True).double()
    return lens.through_time(layer, torch.randn(1, _STEPS, 4, dtype=torch.float64))


_MOVES = (
    _Move("hover to highlight, 28 x 28 with 3 x 3", 0.05, _image, "figure[data-array=y] .cell", clicks=False),
    _Move(f"cell to products, convolution of {_STEPS}", 0.1, _sequence, "figure[data-array=w] .cell"),
    _Move(  # from one of the last steps to one of the first
        f"cell to products, through time of {_STEPS}", 0.1, _network, ".wide .heatmap", part=((0.0, 0.2), (0.8, 1.0))
    ),
)


def in_a_browser(folder: Path, turns: int, moves: int) -> Iterator[Timing]:
    """First views of the studio of ``folder / "runs"``; cells of an image to hover over, and of long sequences."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for what, (place, element) in _FIRST.items():
            views = tuple(_first_view(browser, folder / "runs", place, element) for _ in range(turns))
            yield Timing(f"first view after the start, {what}", 1.0, views)
        for move in _MOVES:
            path = folder / "page.html"
            move.result().to_html(path)
            yield Timing(move.what, move.target, _moves(browser, path, move, moves))
        browser.close()


def _first_view(browser: "Browser", runs: Path, place: str, element: str) -> float:
    """From the address of a studio until an element of the view can be seen, nothing of it in the browser's memory."""
    context = browser.new_context()
    page = context.new_page()
    with started(runs) as address:
        began = time.perf_counter()
        page.goto(address.partition("#")[0] + place)
        page.wait_for_selector(element)
        seconds = time.perf_counter() - began
    context.close()
    return seconds


def _moves(browser: "Browser", path: Path, move: _Move, turns: int) -> tuple[float, ...]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(path.as_uri())
    page.evaluate(_WATCH, "click" if move.clicks else "pointerover")
    places = page.evaluate(_PLACES, move.elements)
    random = Random(0)
    place = None
    for turn in range(turns):
        place = random.choice([each for each in places if each != place or len(places) == 1])
        x, y, width, height = place
        across, down = (random.uniform(*ends) for ends in move.part)
        page.mouse.move(x + across * width, y + down * height)
        if move.clicks:
            page.mouse.down()
            page.mouse.up()
        page.wait_for_function("(count) => window.waited.length >= count", arg=turn + 1, polling=20)
    waited = page.evaluate("window.waited")
    page.close()
    return tuple(each / 1000 for each in waited[:turns])
