"""The modules as files and as one script, and what Python sends to them."""

import base64
import json
import re
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.display import View, exact
from chainrule.display.interactive import bundle, styles

MODULES = {
    file.name.removesuffix(".js"): file.read_text(encoding="utf-8")
    for file in files("chainrule.display.interactive").iterdir()
    if file.name.endswith(".js")
}
VIEWS = [name for name, text in MODULES.items() if "\nregister(" in text]
MOST_LINES = 200
UNSAFE = re.compile(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|import\(")


def test_the_package_carries_its_modules() -> None:
    assert {"convolution", "through_time"} <= set(VIEWS)
    assert ".view" in styles()


@pytest.mark.parametrize("name", MODULES)
def test_modules_keep_the_house(name: str) -> None:
    lines = MODULES[name].splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith("/**")
    assert not UNSAFE.search(MODULES[name])
    assert "</script" not in MODULES[name]


@pytest.mark.parametrize("name", VIEWS)
def test_a_script_has_each_module_once_after_those_that_it_imports(name: str) -> None:
    script = bundle([name, name])
    placed = re.findall(r"^const (\w+) = \(\(\) => \{$", script, re.M)
    assert len(set(placed)) == len(placed)
    assert placed[-1] == "start"
    for module in placed:
        imported = re.findall(r'from "\./(\w+)\.js"', MODULES[module])
        assert all(placed.index(other) < placed.index(module) for other in imported)
    assert not re.search(r"^(import|export) ", script, re.M)


def test_no_module_is_left_over() -> None:
    used = set(re.findall(r"^const (\w+) = \(\(\) => \{$", bundle(VIEWS), re.M))
    assert used == set(MODULES)


@given(arrays(np.float64, array_shapes(max_dims=3), elements=st.floats()))
def test_numbers_are_exact(values: np.ndarray) -> None:
    sent = json.loads(json.dumps(exact(values)))
    raw = np.frombuffer(base64.b64decode(sent["float64"]), "<f8").reshape(sent["shape"])
    assert raw.tobytes() == values.tobytes()


def test_data_cannot_end_their_element() -> None:
    text = View("convolution", {"name": "</script><script>alert(1)</script>"}).to_html()
    assert text.count("<script") == text.count("</script") == 1
