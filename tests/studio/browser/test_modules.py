"""The page's modules keep the rules of the interactive ones, and each is used."""

import re
from importlib.resources import files

import pytest

FOLDER = files("chainrule.studio") / "page"
MODULES = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir() if file.name.endswith(".js")}
UNSAFE = re.compile(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|import\(|console\.")
IMPORTED = re.compile(r'from "\./(\w+\.js)"')


@pytest.mark.parametrize("name", MODULES)
def test_modules_keep_the_house(name: str) -> None:
    lines = MODULES[name].splitlines()
    assert len(lines) <= 200
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith("/**")
    assert not UNSAFE.search(MODULES[name])


def test_only_one_module_asks_the_server_and_one_listens() -> None:
    assert [name for name, text in MODULES.items() if "fetch(" in text] == ["server.js"]
    assert [name for name, text in MODULES.items() if "EventSource(" in text] == ["store.js"]


def test_no_module_is_left_over() -> None:
    used = {"main.js"}
    new = used
    while new:
        new = {imported for name in new for imported in IMPORTED.findall(MODULES[name])} - used
        used = used | new
    assert used == set(MODULES)


def test_the_page_has_no_style_or_script_of_its_own() -> None:
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|<script>|\sstyle=|\son\w+=", page)
