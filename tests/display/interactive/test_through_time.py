"""The page of backpropagation through time: what it shows and multiplies against the lens's own numbers."""

import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from chainrule import lens, nn
from chainrule.errors import ArgumentError
from chainrule.lens import ThroughTime
from chainrule.lens.bptt.explored import chunks_of
from tests.display.interactive.conftest import Open
from tests.lens.cases import LAYERS, H, inputs, layer_of, look

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

T = 10

# the first pixel of the first picture as it is painted, read from a copy
CORNER = """async () => {
  for (let frame = 0; frame < 2; frame++) {
    await new Promise(requestAnimationFrame);
  }
  const drawing = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  drawing.drawImage(document.querySelector("canvas"), 0, 0);
  return [...drawing.getImageData(0, 0, 1, 1).data];
}"""


@cache
def found(name: str = "lstm") -> ThroughTime:
    return look(layer_of(name), inputs(rows=2, steps=T))


def section(page: "Page", name: str) -> "Locator":
    return page.get_by_role("region", name=name, exact=True)


def numbers(figure: "Locator") -> NDArray[np.float64]:
    """The table behind a picture."""
    behind = figure.locator("details")
    behind.evaluate("details => { details.open = true }")
    behind.locator("td").first.wait_for()
    cells = behind.locator("tbody tr").evaluate_all("rows => rows.map((row) => [...row.cells].map((c) => c.innerText))")
    return np.array(cells, dtype=float)


def pick(page: "Page", t: int, i: int) -> None:
    """Go to a pair of steps of the map by the keyboard."""
    pairs = page.get_by_role("grid", name="Gradient norms between steps")
    pairs.get_by_role("gridcell").focus()
    page.keyboard.press("Control+End")
    for _ in range(T - 1 - t):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    for _ in range(i):
        page.keyboard.press("ArrowRight")


def test_the_page_carries_gradients_back_as_python_does(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.lens.bptt.explored._CUTS", 1)  # truncation is the next test's
    page = open_page(lens.side_by_side({name: found(name) for name in LAYERS}))
    for name in LAYERS:
        page.get_by_label(name, exact=True).check()
        note = page.locator(".view .note").first.inner_text()
        assert re.search(r"have the norms of Python's map (to the last bit|to \de-1[5-9])\.$", note), f"{name}: {note}"


def test_a_pair_of_steps_has_the_product_of_its_jacobians(open_page: Open) -> None:
    page = open_page(found())
    pick(page, 9, 3)
    term = found().term(9, 3)
    pairs = section(page, "From step t back to step i")
    assert pairs.locator("h3").inner_text().startswith("|D_9 J_9 ⋯ J_4| = ")
    product = numbers(page.locator("figure", has_text="Product of the Jacobians"))[:, 2].reshape(2 * H, 2 * H)
    np.testing.assert_allclose(product, term.product, rtol=0, atol=1e-15)
    rows = pairs.locator(".listed tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((c) => c.innerText))"
    )
    assert [int(row[0]) for row in rows] == list(term.steps)
    np.testing.assert_allclose([float(row[1]) for row in rows[1:]], term.norms, rtol=1e-3)
    np.testing.assert_allclose([float(row[2]) for row in rows[1:]], term.radii, rtol=1e-3)
    np.testing.assert_allclose([float(row[3]) for row in rows], np.linalg.norm(term.carried, axis=1), rtol=1e-3)
    pick(page, 3, 9)
    assert "does not go forward in time" in pairs.inner_text()


def test_the_slider_of_truncation_has_pythons_numbers_for_every_length(open_page: Open) -> None:
    page = open_page(found())
    panel = section(page, "Truncated backpropagation")
    every = found().truncation(*range(1, T))
    table = numbers(panel.locator("figure"))
    np.testing.assert_array_equal(table.T, [every.chunks, every.lost, every.cosine, every.norms])
    slider = panel.get_by_role("slider")
    slider.fill("3")
    said = panel.get_by_role("status").first.inner_text()
    share, cosine = map(float, re.findall(r"k = 4: ([\d.]+) % of the norm is lost, cosine ([\d.]+\d)", said)[0])
    assert share == pytest.approx(100 * every.lost[3], rel=1e-3)
    assert cosine == pytest.approx(every.cosine[3], rel=1e-3)
    slider.press("ArrowLeft")
    assert "k = 3:" in panel.inner_text()


def test_long_sequences_and_large_layers_get_fewer_lengths() -> None:
    assert chunks_of(1, 10) == [1]
    assert chunks_of(40, 1000) == list(range(1, 40))
    assert chunks_of(40, 10**7) == [1, 2, 4, 8, 16, 32]
    spread = chunks_of(120, 1000)
    assert {2**k for k in range(7)} <= set(spread) <= set(range(1, 120))
    assert 30 < len(spread) < 60


def test_steps_are_played_forward_and_back(open_page: Open) -> None:
    page = open_page(found())
    panel = section(page, "Step by step")
    steps = found().steps()
    for name, values in (
        ("h", steps.h),
        ("c", steps.c),
        ("f", steps.gates["f"]),
        ("dc", steps.dc),
        ("do", steps.dgates["o"]),
    ):
        assert values is not None
        figure = panel.locator("figure").filter(has=page.get_by_role("grid", name=name, exact=True))
        np.testing.assert_array_equal(numbers(figure)[:, 1:], values)
    panel.get_by_role("slider").fill("2")
    row = panel.locator(".listed tbody tr").nth(3).locator("td").all_text_contents()
    assert float(row[0]) == pytest.approx(steps.h[2, 3], rel=1e-3)
    page.get_by_label("backward, down to t").check()
    panel.get_by_role("button", name="Play").click()
    page.get_by_role("heading", name=re.compile("^Step 0")).wait_for()
    panel.get_by_role("button", name="Play").wait_for()


def test_a_state_too_large_for_a_page_has_its_norms_alone(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.lens.bptt.explored._NUMBERS", 100)
    page = open_page(found())
    assert "it has their norms alone" in page.locator(".view .note").first.inner_text()
    pick(page, 9, 3)
    heading = section(page, "From step t back to step i").locator("h3").inner_text()
    assert float(heading.split("=")[1]) == pytest.approx(found().reach(-1).norms[0, 9, 3], rel=1e-3)
    assert page.locator("figure", has_text="Product of the Jacobians").is_hidden()


@pytest.mark.parametrize("ragged", [True, False])
def test_resets_and_lengths(ragged: bool, open_page: Open) -> None:
    torch.manual_seed(0)
    options = {"lengths": [8, 12]} if ragged else {"resets": torch.arange(12).eq(5).expand(2, 12)}
    made = lens.through_time(nn.GRU(4, 3, batch_first=True), torch.randn(2, 12, 4), **options)
    page = open_page(made)
    assert "have the norms of Python's map" in page.locator(".view .note").first.inner_text()
    pick(page, 11, 2)
    pairs = section(page, "From step t back to step i")
    assert ("starts afresh" in pairs.inner_text()) == (not ragged)
    assert section(page, "Step by step").get_by_role("slider").get_attribute("max") == str(7 if ragged else 11)


def test_cells_are_switched_on_one_scale(open_page: Open) -> None:
    looks = {"tanh": found("rnn_tanh"), "GRU": found("torch's gru"), "LSTM": found()}
    page = open_page(lens.side_by_side(looks))
    captions = []
    for name, each in looks.items():
        page.get_by_label(name, exact=True).check()
        assert page.locator(".view .note").first.inner_text().startswith(each.steps().of)
        captions.append(
            page.locator("figure", has_text="Gradient norms between steps").locator("small").first.inner_text()
        )
        gates = page.locator(".view section").first.locator("figcaption b").all_text_contents()
        assert gates[:1] == ["h"]
        assert set(each.steps().gates) < set(gates)
    assert len(set(captions)) == 1


def test_long_sequences_show_fewer_targets_and_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.lens.bptt.explored._NORMS", 4 * T)
    monkeypatch.setattr("chainrule.lens.bptt.explored._STATES", 2 * 12 * T)
    (shown,) = found().view().data["looks"]
    assert shown["targets"] == [0, 3, 6, 9]
    assert shown["map"]["shape"] == [4, T]
    assert shown["forward"][0]["values"]["shape"] == [T, 2]


def test_nothing_is_wider_than_the_screen_in_either_scheme(open_page: Open) -> None:
    page = open_page(lens.side_by_side({"a name that goes on and on, " * 5: found(), "GRU": found("torch's gru")}))
    corners = set()
    for width, scheme in ((320, "light"), (800, "dark"), (2000, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        corners.add((scheme, *page.evaluate(CORNER)))
    assert len(corners) == 2
    assert all(corner[-1] == 255 for corner in corners)


def test_one_look_is_nothing_to_compare() -> None:
    short = look(layer_of("rnn_tanh"), inputs(rows=2, steps=T - 1))
    for looks, message in (
        ({"one": found()}, "expected a dictionary of at least two"),
        ({"one": found(), "two": 2}, "'two' is int; expected what through_time returns"),
        ({"one": found(), "two": short}, r"\[\(2, 9\), \(2, 10\)\]; expected the same data"),
    ):
        with pytest.raises(ArgumentError, match=message):
            lens.side_by_side(looks)  # type: ignore[arg-type]


def test_steps_count_from_one_where_that_is_asked(open_page: Open) -> None:
    with lens.one_based():
        page = open_page(found())
    assert page.get_by_role("heading", name=re.compile("^Step 1, loss ")).is_visible()
    pick(page, 9, 3)
    pairs = section(page, "From step t back to step i")
    assert pairs.locator("h3").inner_text().startswith("|D_10 J_10 ⋯ J_5| = ")
    assert pairs.locator(".listed tbody th").all_text_contents() == [str(step) for step in range(10, 3, -1)]
    assert page.get_by_role("gridcell", name="from t = 10 to i = 4:").count() == 1
    assert numbers(page.locator("figure", has_text="Gradient norms between steps"))[0, :2].tolist() == [1, 1]
