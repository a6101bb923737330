"""Imports that are made when they are first needed: of packages that an extra brings, and of what a room exports.

So the core stands alone, and the help of a command needs no torch.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from chainrule.errors import MissingExtraError

__all__ = ["installing", "on_demand", "require"]


def installing(extra: str) -> str:
    """How an extra is installed; no version is on PyPI yet, so that its name alone would find nothing there.

    >>> installing("app")
    "pip install '.[app]', in a clone of chainrule"
    """
    return f"pip install '.[{extra}]', in a clone of chainrule"


def require(module: str, extra: str = "app") -> ModuleType:
    """Import ``module``, or say which extra installs it.

    >>> require("json").dumps([1])
    '[1]'
    >>> require("no_such_module")
    Traceback (most recent call last):
    ...
    chainrule.errors.MissingExtraError: this needs the package 'no_such_module', which is not installed. \
Install it with: pip install '.[app]', in a clone of chainrule.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise MissingExtraError(
            f"this needs the package {missing!r}, which is not installed. Install it with: {installing(extra)}."
        ) from error


def on_demand(package: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package, which makes the imports below its ``if TYPE_CHECKING:`` one by one.

    Type checkers and the linter of imports read them there. PEP 810 will write them ``lazy from x import y``.
    """

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
