"""The syntax of files, each read once for all rules."""

import ast
from functools import cache
from pathlib import Path

__all__ = ["nodes"]


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All of a file's syntax tree, the module first."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
