"""The page of a small recurrent network unrolled: every number of both passes, as they are played."""

import re
from functools import cache

import numpy as np
import pytest
import torch

from chainrule.lens import Unrolled, one_based
from chainrule.models import ModelConfig, build_symbol_model
from tests.display.interactive.conftest import Open
from tests.display.interactive.test_through_time import numbers, section
from tests.lens.cases import inputs, layer_of, look


@cache
def unrolled() -> Unrolled:
    """A model of three symbols with four units, over six steps."""
    torch.manual_seed(0)
    model = build_symbol_model(ModelConfig("gru", hidden=4), symbols=3)
    return look(model, torch.tensor([[0, 2, 1, 1, 0, 2]])).unrolled(k1=2, k2=3)


def test_every_number_of_both_passes_is_pythons(open_page: Open) -> None:
    found = unrolled()
    page = open_page(found)
    assert "agree with Python's dL/dh_t to the last bit." in page.locator(".view .note").inner_text()
    assert found.losses is not None
    assert found.o is not None
    arrays = {
        "x_t": found.x,
        "h_t": found.h,
        "o_t": found.o,
        "L_t": found.losses[:, None],
        "from o_t": found.from_output,
        "from h_{t+1}": found.from_next,
        "dL/dh_t": found.from_output + found.from_next,
    }
    for name, values in arrays.items():
        figure = page.locator("figure.steps").filter(has=page.get_by_role("grid", name=name, exact=True))
        np.testing.assert_array_equal(numbers(figure)[:, 1:], values)
        heads = figure.get_by_role("columnheader", name="4", exact=True)
        assert heads.count() >= 1
    panel = section(page, "Step by step")
    panel.get_by_role("slider").fill("4")
    rows = panel.locator(".listed tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((c) => c.innerText))"
    )
    for (_, *cells), unit in zip(rows, range(4), strict=True):
        expected = [f"{values[4, unit]:.4g}" if unit < values.shape[1] else "" for values in arrays.values()]
        assert [float(cell) for cell in cells if cell] == pytest.approx([float(each) for each in expected if each])


def test_the_passes_are_played_forward_and_back(open_page: Open) -> None:
    page = open_page(unrolled())
    page.get_by_label("forward, up to t").check()
    page.get_by_role("slider", name="Step t").fill("2")
    h = page.get_by_role("grid", name="h_t", exact=True)
    dh = page.get_by_role("grid", name="dL/dh_t", exact=True)
    assert [grid.locator(".unseen").count() for grid in (h, dh)] == [4 * 3, 4 * 6]
    page.get_by_label("backward, down to t").check()
    assert [grid.locator(".unseen").count() for grid in (h, dh)] == [0, 4 * 2]
    page.get_by_role("button", name="Play").click()
    page.get_by_role("heading", name=re.compile("^Step 0")).wait_for()
    assert dh.locator(".unseen").count() == 0
    h.get_by_role("gridcell", name="h_t, step 0, unit 0:").click()
    page.keyboard.press("End")
    page.get_by_role("heading", name=re.compile("^Step 5")).wait_for()
    assert h.locator(".added").count() == 4


def test_steps_and_units_count_from_one_where_that_is_asked(open_page: Open) -> None:
    with one_based():
        page = open_page(unrolled())
    grid = page.get_by_role("grid", name="h_t", exact=True)
    assert grid.get_by_role("columnheader").all_text_contents() == list("123456")
    assert grid.get_by_role("gridcell").last.get_attribute("aria-label").startswith("h_t, step 6, unit 4: ")  # type: ignore[union-attr]
    assert page.get_by_role("heading", name=re.compile("^Step 1, loss ")).is_visible()


def test_a_layer_alone_has_neither_outputs_nor_missing_columns(open_page: Open) -> None:
    page = open_page(look(layer_of("lstm"), inputs(rows=1, steps=30)).unrolled(), width=320)
    assert page.locator("figure.steps b").all_text_contents()[:2] == ["x_t", "h_t"]
    assert page.get_by_role("grid", name="o_t", exact=True).count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_large_layers_show_their_first_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.lens.bptt.unrolled._CELLS", 2 * 6 * 7)
    data = unrolled().view().data
    assert [array["values"]["shape"] for array in data["forward"]] == [[6, 2]] * 3 + [[6, 1]]
    assert data["units"] == 4
