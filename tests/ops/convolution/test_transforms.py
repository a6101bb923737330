"""torch.func's transforms, beside what they make of torch's own convolutions."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad, hessian, jacfwd, jvp, vmap
from torch.utils._pytree import tree_leaves

from chainrule.errors import BackendError
from chainrule.ops.convolution import causal_convolution, convolution
from tests.ops.convolution.cases import TORCH, random
from tests.tolerances import close

# torch's own forward mode uses what torch itself deprecates
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")

Op = Callable[..., Tensor]
CASES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((9,), (3,), {"stride": 2, "groups": 2, "dilation": 2, "padding": 2}),
    ((6, 5), (2, 3), {"stride": (1, 2), "dilation": (2, 1), "groups": 2}),
    ((3, 4, 3), (2, 1, 2), {"padding": (1, 0, 1)}),
]
cases = pytest.mark.parametrize(("size", "kernel", "options"), CASES, ids=["1d", "2d", "3d"])


def tensors(size: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> list[Tensor]:
    torch.manual_seed(0)
    drawn = random(3, 4, *size), random(6, 4 // options.get("groups", 1), *kernel), random(6)
    return [each.detach() for each in drawn]


def same(kernel: tuple[int, ...], options: dict[str, Any], of: Callable[[Op], Any]) -> None:
    """Both convolutions give the same under the transform ``of`` them."""

    def ours(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return convolution(x, weight, bias, **options)

    def theirs(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return TORCH[len(kernel)](x, weight, bias, **options)

    for actual, expected in zip(tree_leaves(of(ours)), tree_leaves(of(theirs)), strict=True):
        close(actual, expected)


def energy(op: Op) -> Op:
    def of(*each: Tensor) -> Tensor:
        return op(*each).square().sum()

    return of


@cases
def test_gradients(size: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> None:
    leaves = tensors(size, kernel, options)
    same(kernel, options, lambda op: grad(energy(op), (0, 1, 2))(*leaves))


@cases
def test_gradients_of_each_sample(size: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> None:
    x, weight, bias = tensors(size, kernel, options)
    same(kernel, options, lambda op: vmap(grad(energy(op), (0, 1, 2)), (0, None, None))(x[:, None], weight, bias))


@cases
@pytest.mark.parametrize("mapped", [(0, None, None), (None, 0, None), (None, None, 0), (1, 0, None), (0, 1, 0)])
def test_vmap_over_any_argument(
    size: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], mapped: tuple[int | None, ...]
) -> None:
    pairs = zip(tensors(size, kernel, options), mapped, strict=True)
    leaves = [t if d is None else torch.stack([t, 2 * t, -t.flip(0)], dim=d) for t, d in pairs]
    same(kernel, options, lambda op: vmap(op, mapped)(*leaves))
    same(kernel, options, lambda op: vmap(grad(energy(op), (0, 1, 2)), mapped)(*leaves))


@cases
@pytest.mark.parametrize("moving", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_the_tangent_is_the_product_rules(
    size: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any], moving: tuple[int, ...]
) -> None:
    leaves = tensors(size, kernel, options)
    directions = tuple(torch.randn_like(leaves[k]) for k in moving)

    def along(op: Op) -> Any:
        def of(*moved: Tensor) -> Tensor:
            at = dict(zip(moving, moved, strict=True))
            return op(*(at.get(k, leaf) for k, leaf in enumerate(leaves)))

        return jvp(of, tuple(leaves[k] for k in moving), directions)

    same(kernel, options, along)


def test_transforms_of_transforms() -> None:
    size, kernel, options = CASES[0]
    x, weight, bias = tensors(size, kernel, options)
    same(kernel, options, lambda op: hessian(energy(op), 1)(x[:1], weight, bias))
    same(kernel, options, lambda op: jacfwd(grad(energy(op), 0), 1)(x[:1], weight, bias))
    weights = torch.stack([weight, -weight])
    same(kernel, options, lambda op: vmap(vmap(op, (0, None)), (None, 0))(x[:, None], weights))


def test_forward_mode_agrees_with_finite_differences() -> None:
    leaves = random(1, 4, 7), random(4, 2, 3), random(4)

    def op(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return convolution(x, weight, bias, stride=2, groups=2, padding=1)

    assert torch.autograd.gradcheck(op, leaves, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(op, leaves, check_fwd_over_rev=True)


def test_the_causal_op_maps_its_rows_and_their_resets() -> None:
    x = random(3, 2, 7)
    weight = random(4, 2, 3)
    state = random(3, 2, 2)
    resets = torch.rand(3, 7) < 0.4

    def row(x: Tensor, state: Tensor, resets: Tensor) -> tuple[Tensor, Tensor]:
        return causal_convolution(x, weight, state=state, resets=resets)

    expected = causal_convolution(x, weight, state=state, resets=resets)
    for actual, wanted in zip(vmap(row)(x, state, resets), expected, strict=True):
        close(actual, wanted)


def test_mapped_lengths_are_refused() -> None:
    x = random(3, 2, 7)
    weight = random(4, 2, 3)
    with pytest.raises(BackendError, match="lengths cannot be mapped"):
        vmap(lambda x, n: causal_convolution(x, weight, lengths=n))(x, torch.tensor([1, 2, 3]))


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # the compiler does it itself
def test_the_compiler_traces_it_whole_with_its_gradients() -> None:
    leaves = random(2, 4, 9), random(6, 2, 3), random(6)

    def op(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return convolution(x, weight, bias, stride=2, groups=2, padding=1)

    y = torch.compile(op, backend="eager", fullgraph=True)(*leaves)
    expected = op(*leaves)
    dy = torch.randn_like(expected)
    close(y, expected)
    for actual, wanted in zip(
        torch.autograd.grad(y, leaves, dy), torch.autograd.grad(expected, leaves, dy), strict=True
    ):
        close(actual, wanted)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_the_compiler_traces_resets_and_lengths() -> None:
    x = random(2, 3, 9)
    weight = random(4, 3, 2)
    resets = torch.eye(2, 9, dtype=torch.bool)
    lengths = torch.tensor([4, 9])

    def op(x: Tensor, resets: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return causal_convolution(x, weight, resets=resets, lengths=lengths)

    compiled = torch.compile(op, backend="aot_eager", fullgraph=True)
    for actual, expected in zip(compiled(x, resets, lengths), op(x, resets, lengths), strict=True):
        close(actual, expected)
    with pytest.raises(RuntimeError, match="lengths are out of range"):
        compiled(x, resets, lengths + 1)
