"""The short way of ordinary calls: the same bits as the long one, which every other call takes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import chainrule
from chainrule.errors import ShapeError
from chainrule.functional import recurrence
from chainrule.ops.recurrence import dispatch
from chainrule.ops.recurrence.backends.cpu import direct
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells import BUILT_IN, find_cell
from chainrule.ops.recurrence.cells.spec import Weights

CELLS = [cell.name for cell in BUILT_IN if cell.kernel is not None]


def arguments(cell: str, B: int = 3, T: int = 5, I: int = 4, H: int = 6, dtype: torch.dtype = torch.float32) -> Any:
    """x, the state and the weights."""
    torch.manual_seed(0)
    spec = find_cell(cell)
    G = len(spec.gates) * H
    shapes = {"weight_ih": (G, I), "weight_hh": (G, H), "bias_ih": (G,), "bias_hh": (G,)}
    weights = {name: torch.randn(shape, dtype=dtype) / 2 for name, shape in shapes.items()}
    return torch.randn(B, T, I, dtype=dtype), [torch.randn(B, H, dtype=dtype) for _ in spec.state], weights


def options_of(cell: str, H: int, dtype: torch.dtype, *names: str) -> dict[str, Tensor]:
    """The weights of those of layer normalisation and the peepholes that the cell has."""
    spec = find_cell(cell)
    G = len(spec.gates) * H
    shapes = {"layer_norm": {"weight_ln_ih": G, "weight_ln_hh": G}, "peepholes": {}}
    if cell == "lstm":
        shapes["layer_norm"] |= {"weight_ln_c": H, "bias_ln_c": H}
        shapes["peepholes"] = {"weight_peep": 3 * H}
    return {key: torch.randn(size, dtype=dtype) for name in names for key, size in shapes[name].items()}


def results(
    cell: str, x: Tensor, state: list[Tensor] | None, weights: dict[str, Tensor], **options: Any
) -> list[Tensor]:
    """y, the last state, and the gradients of all that requires one."""
    y, last = recurrence(cell, x, state, weights, **options)
    learned = [t for t in (x, *(state or ()), *weights.values()) if t.requires_grad]
    if not learned:
        return [y, *last]
    loss = (y * torch.linspace(-1, 1, y.shape[-1], dtype=y.dtype)).sum() + sum(part.square().sum() for part in last)
    return [y, *last, *torch.autograd.grad(loss, learned)]


@settings(max_examples=60, deadline=None)
@given(
    cell=st.sampled_from(CELLS),
    B=st.integers(1, 20),
    T=st.integers(1, 9),
    H=st.integers(1, 35),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    layout=st.sampled_from(["batch first", "time first", "a part of wider rows"]),
    has_bias=st.booleans(),
    has_state=st.booleans(),
    learns=st.sampled_from(["nothing", "all", "weights"]),
    reverse=st.booleans(),
    options=st.sampled_from([(), ("layer_norm",), ("peepholes",), ("layer_norm", "peepholes")]),
    has_resets=st.booleans(),
)
def test_the_same_bits_as_the_long_way(
    cell: str,
    B: int,
    T: int,
    H: int,
    dtype: torch.dtype,
    layout: str,
    has_bias: bool,
    has_state: bool,
    learns: str,
    reverse: bool,
    options: tuple[str, ...],
    has_resets: bool,
) -> None:
    x, given_state, weights = arguments(cell, B, T, 4, H, dtype)
    weights |= options_of(cell, H, dtype, *options)
    resets = torch.rand(B, T) < 0.3 if has_resets else None
    if layout == "time first":
        x = x.transpose(0, 1).contiguous().transpose(0, 1)
    elif layout == "a part of wider rows":
        x = torch.cat([x, x], dim=-1)[..., 2:6]
    state = given_state if has_state else None
    if not has_bias:
        del weights["bias_ih"], weights["bias_hh"]
    for tensor in (*weights.values(), *([x, *given_state] if learns == "all" else [])):
        tensor.requires_grad_(learns != "nothing")
    found = results(cell, x, state, weights, reverse=reverse, resets=resets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "run_directly", lambda *_: None)
        expected = results(cell, x, state, weights, reverse=reverse, resets=resets)
    for each, other in zip(found, expected, strict=True):
        assert torch.equal(each, other)
        assert each.stride() == other.stride() or each.is_contiguous() == other.is_contiguous()


def test_what_torch_does_sooner_is_left_to_it_unless_a_state_learns() -> None:
    x, state, weights = arguments("lstm", B=2, H=512)
    assert directly("lstm", x, state, weights) is None
    state[0].requires_grad_()
    assert directly("lstm", x, state, weights) is not None
    call = RecurrenceCall(find_cell("lstm"), x, tuple(state), find_cell("lstm").holding(weights), (None, None))
    assert dispatch.choose(call)[0] == "cpu"


def directly(
    cell: str, x: Tensor, state: list[Tensor], weights: dict[str, Tensor], resets: Tensor | None = None
) -> Any:
    spec = find_cell(cell)
    return direct.run(spec, x, tuple(state), spec.holding(weights), False, resets)


@pytest.mark.parametrize("cell", CELLS)
def test_an_ordinary_call_goes_the_short_way(cell: str) -> None:
    assert directly(cell, *arguments(cell)) is not None


@pytest.mark.parametrize("cell", CELLS)
def test_so_does_one_with_resets_layer_normalisation_and_peepholes(cell: str) -> None:
    x, state, weights = arguments(cell)
    weights |= options_of(cell, 6, x.dtype, "layer_norm", "peepholes")
    assert directly(cell, x, state, weights, torch.zeros(3, 5, dtype=torch.bool)) is not None


@pytest.mark.parametrize(
    "resets",
    [
        torch.zeros(3, 5),
        torch.zeros(5, 3, dtype=torch.bool),
        torch.zeros(5, 3, dtype=torch.bool).t(),
        torch.zeros(3, 5, dtype=torch.uint8),
        torch.zeros(3, 1, dtype=torch.bool).expand(3, 5),
    ],
    ids=["float", "shape", "transposed", "bytes", "expanded"],
)
def test_resets_that_the_kernels_do_not_read_go_the_long_way(resets: Tensor) -> None:
    x, state, weights = arguments("gru")
    assert directly("gru", x, state, weights, resets) is None


class _Watching(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "watch",
    [
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.profiler.profile(acc_events=True),  # else torch 2.11 warns
        lambda: chainrule.ops.choices.listen(lambda choice: None),
        _Watching,
        lambda: torch.autograd.forward_ad.dual_level(),
    ],
    ids=["autocast", "profiler", "explain", "dispatch mode", "forward mode"],
)
def test_what_is_watched_goes_the_long_way(watch: Callable[[], Any]) -> None:
    given_tensors = arguments("gru")
    with watch():
        assert directly("gru", *given_tensors) is None
    assert directly("gru", *given_tensors) is not None


class _Own(Tensor):
    pass


def freed(weight: Tensor) -> Tensor:
    weight.untyped_storage().resize_(0)
    return weight


@pytest.mark.parametrize(
    "odd",
    [
        lambda t: t.double(),
        lambda t: t.half(),
        lambda t: t.to("meta"),
        lambda t: t.to_sparse(),
        lambda t: t.t().contiguous().t(),
        lambda t: t[:, :1].expand_as(t),
        lambda t: torch.complex(t, t).conj().imag,
        lambda t: t.as_subclass(_Own),
        lambda t: t[:-1],
        lambda t: torch.nested.nested_tensor([t, t]),
        freed,
    ],
    ids=[
        *(
            "dtype",
            "half",
            "meta",
            "sparse",
            "transposed",
            "expanded",
            "negated",
            "subclass",
            "shape",
            "nested",
            "freed",
        ),
    ],
)
@pytest.mark.parametrize("name", ["weight_ih", "weight_hh"])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_tensors_that_the_kernels_do_not_read_go_the_long_way(odd: Callable[[Tensor], Tensor], name: str) -> None:
    x, state, weights = arguments("gru")
    weights[name] = odd(weights[name])
    assert directly("gru", x, state, weights) is None


@pytest.mark.parametrize("place", ["x", "h_0", "weight_ih", "weight_hh", "bias_ih", "bias_hh"])
def test_a_part_of_a_tensor_of_zeros_without_memory_goes_the_long_way(place: str) -> None:
    x, state, weights = arguments("gru")
    tensors = {"x": x, "h_0": state[0], **weights}
    tensors[place] = torch._efficientzerotensor((2, *tensors[place].shape))[1]  # it has an offset, from nowhere
    x = tensors.pop("x")
    state = [tensors.pop("h_0")]
    assert directly("gru", x, state, tensors) is None
    assert recurrence("gru", x, state, tensors)[0].shape == (3, 5, 6)


@pytest.mark.parametrize("share", [0.0, 0.9])
@pytest.mark.parametrize("place", ["x", "h_0", "weight_ih", "weight_hh", "bias_ih", "bias_hh"])
def test_a_tensor_whose_memory_was_taken_is_refused(place: str, share: float) -> None:
    x, state, weights = arguments("gru")
    tensor = {"x": x, "h_0": state[0], **weights}[place]
    storage = tensor.untyped_storage()
    storage.resize_(int(storage.nbytes() * share))
    with pytest.raises(ShapeError, match="without its memory"):
        recurrence("gru", x, state, weights)


@pytest.mark.parametrize(("B", "T"), [(0, 5), (3, 0), (3, 1)])
def test_empty_calls_and_single_steps_go_the_long_way(B: int, T: int) -> None:
    assert directly("gru", *arguments("gru", B=B, T=T)) is None


def test_a_projection_and_weights_without_their_companions_go_the_long_way() -> None:
    x, state, weights = arguments("lstm")
    spec = find_cell("lstm")
    normal: Weights = spec.holding(weights | options_of("lstm", 6, x.dtype, "layer_norm"))
    for changed in (
        normal._replace(b_hh=None),
        normal._replace(g_ih=None),
        normal._replace(g_c=None),
        normal._replace(g_ih=None, g_hh=None),
        normal._replace(g_hh=torch.zeros(6)),
        normal._replace(p=torch.zeros(6)),
        normal._replace(W_hr=torch.zeros(2, 6)),
    ):
        assert direct.run(spec, x, tuple(state), changed, False) is None
    x, state, weights = arguments("gru")
    spec = find_cell("gru")
    assert direct.run(spec, x, tuple(state), spec.holding(weights)._replace(p=torch.zeros(18)), False) is None
