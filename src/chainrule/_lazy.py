"""Packages whose exports are imported when they are first asked for: the help of a command then needs no torch.

What PEP 810 will write as ``lazy from x import y`` stands below ``if TYPE_CHECKING:``, where type checkers and the
linter of imports read it too.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["on_demand"]


def on_demand(package: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package, which makes the imports below its ``if TYPE_CHECKING:`` one by one."""

    def import_name(name: str) -> Any:
        sources = _sources(package)
        if name not in sources:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=sys.modules[package])
        source = sources[name]
        is_module = source == package
        found = import_module(f"{package}.{name}") if is_module else getattr(import_module(source), name)
        setattr(sys.modules[package], name, found)
        return found

    return import_name


@cache
def _sources(package: str) -> dict[str, str]:
    """By the names that the package's file imports below ``if TYPE_CHECKING:``, the modules that they come from."""
    tree = ast.parse(Path(str(sys.modules[package].__file__)).read_text(encoding="utf-8"))
    return {alias.name: str(each.module) for each in _deferred(tree) for alias in each.names}


def _deferred(tree: ast.Module) -> Iterator[ast.ImportFrom]:
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from (each for each in node.body if isinstance(each, ast.ImportFrom))
