"""The modules of this folder as one script, for a page that is one file.

A script within a page cannot import another one from there. So each module becomes a function, called at once, that
returns what the module exports, after those that it imports: ``import {a} from "./b.js"`` is ``const {a} = b`` here.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

__all__ = ["bundle", "styles"]

_START = "start"  # shows the views once their modules are there
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.M)
_EXPORT = re.compile(r"^export (?=(?:function|const|class) (\w+))", re.M)
_MODULE = "const {name} = (() => {{\n{text}return {{ {exported} }};\n}})();\n"


def bundle(modules: Iterable[str]) -> str:
    """The script that shows views by these modules.

    >>> "import " in bundle(["convolution"])
    False
    """
    placed: dict[str, str] = {}
    for name in (*modules, _START):
        _place(name, placed)
    return "".join(placed.values())


@cache
def styles() -> str:
    """The style sheet of the views."""
    return _read("interactive.css")


def _place(name: str, placed: dict[str, str]) -> None:
    """Add a module to ``placed``, after those that it imports."""
    if name in placed:
        return
    text = _read(f"{name}.js")
    for _, imported in _IMPORT.findall(text):
        _place(imported, placed)
    exported = ", ".join(_EXPORT.findall(text))
    within = _EXPORT.sub("", _IMPORT.sub(r"const \1 = \2;", text))
    placed[name] = _MODULE.format(name=name, text=within, exported=exported)


@cache
def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
