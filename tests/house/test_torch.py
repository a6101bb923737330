"""torch's private names stand in one module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import chainrule
from tests.house.trees import nodes

SOURCE = Path(chainrule.__file__).parent
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if path.name != "_torch.py"]


def _is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def _path(node: ast.expr) -> str:
    """A dotted name such as torch._C._functorch; "" for every other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _path(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def _private_names(tree: list[ast.AST]) -> Iterator[str]:
    modules = set()
    for node in tree:
        if isinstance(node, ast.Import):
            modules |= {alias.asname or "torch" for alias in node.names if alias.name.split(".")[0] == "torch"}
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch":
            modules |= {alias.asname or alias.name for alias in node.names if alias.name.islower()}
            yield from (
                f"{node.module}.{each.name}" for each in node.names if _is_private(f"{node.module}.{each.name}")
            )
    for node in tree:
        if isinstance(node, ast.Attribute) and (name := _path(node)).split(".")[0] in modules and _is_private(name):
            yield name


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import torch\ntorch._C._get_tracing_state()", {"torch._C", "torch._C._get_tracing_state"}),
        ("from torch._C import _len_torch_dispatch_stack", {"torch._C._len_torch_dispatch_stack"}),
        ("from torch.utils import _pytree as pytree\npytree.tree_map(f, x)", {"torch.utils._pytree"}),
        ("from torch.autograd import forward_ad\nforward_ad._current_level", {"forward_ad._current_level"}),
        ("from torch import nn\nnn.modules.conv._ConvNd", {"nn.modules.conv._ConvNd"}),
        ("import torch\nself._state = torch.zeros(2)\nlayer._parameters", set()),
    ],
)
def test_private_names_are_found(code: str, found: set[str]) -> None:
    assert set(_private_names(list(ast.walk(ast.parse(code))))) == found


def test_private_names_of_torch_stand_in_one_module() -> None:
    names = {path: sorted(set(_private_names(nodes(path)))) for path in FILES}
    assert {str(path.relative_to(SOURCE)): found for path, found in names.items() if found} == {}
