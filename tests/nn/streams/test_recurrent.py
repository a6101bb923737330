"""Streams beside the layers that they are made of: however a sequence is cut, the same outputs and states."""

import copy
import multiprocessing
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.parametrizations import weight_norm
from torch.utils._python_dispatch import TorchDispatchMode

from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn import Stream
from chainrule.ops.recurrence.backends.cpu import LEVELS, native
from tests.tolerances import close, close_rounded, close_scan

# torch says so of its own layer when it projects on the CPU
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")

I = 3
H = 5
T = 7
KINDS: dict[str, tuple[type[torch.nn.RNNBase], dict[str, Any]]] = {
    "rnn_tanh": (nn.RNN, {}),
    "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
    "gru": (nn.GRU, {}),
    "gru_reset_before": (nn.GRU, {"reset_after": False}),
    "lstm": (nn.LSTM, {}),
    "projected": (nn.LSTM, {"proj_size": 2}),
}
CELLS = [kind for kind in KINDS if kind != "projected"]


def _layer(kind: str, hidden: int = H, dtype: torch.dtype = torch.float64, **options: Any) -> Any:
    cls, own = KINDS[kind]
    torch.manual_seed(0)
    make: Any = cls
    return make(I, hidden, dtype=dtype, **own, **options)


def _x(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


def _cut(stream: Stream, x: Tensor, sizes: list[int], time: int = 0) -> Tensor:
    """x in chunks of these sizes, a step (batch, input) where a size is 1."""
    parts = [stream(c.squeeze(time)).unsqueeze(time) if c.shape[time] == 1 else stream(c) for c in x.split(sizes, time)]
    return torch.cat(parts, time)


def _states(value: Any) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


@pytest.fixture
def poisoned() -> Iterator[None]:
    """Memory that torch does not initialise holds NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.sampled(2)
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("batch", range(1, 8))
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"batch_first": True}])
def test_chunked_is_whole(kind: str, layers: int, batch: int, options: dict[str, Any]) -> None:
    layer = _layer(kind, num_layers=layers, **options)
    time = int(layer.batch_first)
    x = _x(batch, T, I) if layer.batch_first else _x(T, batch, I)
    y, last = layer(x)
    for sizes in ([1] * T, [T], [0, 3, 1, 1, 2]):
        stream = layer.stream(batch)
        assert stream.backend == ("layer" if kind == "projected" else "cpu")
        close(_cut(stream, x, sizes, time), y)
        for actual, expected in zip(_states(stream.state), _states(last), strict=True):
            close(actual, expected)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("level", range(len(LEVELS)), ids=LEVELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(CELLS),
    batch=st.integers(1, 20),
    hidden=st.sampled_from([1, 3, 16, 17, 33, 64]),
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=4),
)
def test_every_level_and_every_cut(
    level: int, dtype: torch.dtype, kind: str, batch: int, hidden: int, sizes: list[int]
) -> None:
    layer = _layer(kind, hidden, num_layers=2)
    x = _x(sum(sizes), batch, I)
    expected, last = layer(x)
    layer = layer.to(dtype)
    x = x.to(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_level", level)
        stream = layer.stream(batch)
        whole = layer.stream(batch)
    y = _cut(stream, x, sizes)
    close_scan(y, expected, sum(sizes), hidden)
    assert torch.equal(whole(x), y)
    for ours, same, theirs in zip(_states(stream.state), _states(whole.state), _states(last), strict=True):
        close_scan(ours, theirs, sum(sizes), hidden)
        assert torch.equal(ours, same)


@pytest.mark.parametrize("kind", CELLS)
def test_the_same_bits_every_time(kind: str) -> None:
    stream = _layer(kind, 33, torch.float32).stream(3)
    x = _x(T, 3, I, dtype=torch.float32)
    first = stream(x)
    for _ in range(100):
        stream.reset()
        assert torch.equal(stream(x), first)


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "strided": lambda x: torch.stack([x, x], dim=-1)[..., 0],
    "offset": lambda x: torch.cat([x[:1], x])[1:],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tensors_of_any_layout(layout: str) -> None:
    layer = _layer("gru")
    x = _x(T, 2, I)
    assert torch.equal(layer.stream(2)(LAYOUTS[layout](x)), layer.stream(2)(x))


@pytest.mark.parametrize("kind", ["lstm", "projected"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_arrays_give_arrays_with_the_same_bits(kind: str, dtype: torch.dtype) -> None:
    layer = _layer(kind, dtype=dtype)
    x = _x(T, 2, I, dtype=dtype)
    expected = layer.stream(2)(x)
    array = x.numpy()
    frozen = array.copy()
    unaligned = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    frozen.flags.writeable = False
    unaligned[...] = array
    for given_ in (array, array[::-1].copy()[::-1], np.asfortranarray(array), frozen, unaligned):
        y = layer.stream(2)(given_)
        assert isinstance(y, np.ndarray)
        assert y.dtype == array.dtype
        assert np.array_equal(y, expected.numpy())


@pytest.mark.parametrize("kind", ["gru", "projected"])
def test_a_single_row_without_its_batch(kind: str) -> None:
    layer = _layer(kind)
    x = _x(T, I)
    stream = layer.stream()
    y = torch.stack([stream(x_t) for x_t in x])
    close(y, layer(x)[0])
    stream.reset()
    assert np.array_equal(np.stack([stream(x_t) for x_t in x.numpy()]), y.numpy())


@pytest.mark.parametrize("kind", ["gru", "projected"])
@pytest.mark.parametrize("shape", [(2, I), (T, 2, I)])
def test_out_is_written_and_returned(kind: str, shape: tuple[int, ...]) -> None:
    layer = _layer(kind)
    x = _x(*shape)
    expected = layer.stream(2)(x)
    out = torch.full_like(expected, torch.nan)
    array = np.full(out.shape, np.nan)
    assert layer.stream(2)(x, out) is out
    assert layer.stream(2)(x.numpy(), out=array) is array
    assert torch.equal(out, expected)
    assert np.array_equal(array, expected.numpy())


def test_with_out_nothing_is_allocated() -> None:
    class Seen(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.ops: list[str] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.ops.append(str(func))
            return func(*args, **(kwargs or {}))

    stream = _layer("lstm", 256).stream(8)
    x = _x(8, I)
    out = _x(8, 256)
    arrays = x.numpy(), out.numpy()
    stream(x, out)
    with Seen() as seen:
        stream(x)
        assert seen.ops  # it does see what torch allocates
        seen.ops.clear()
        stream(x, out)
        assert seen.ops == []
    tracemalloc.start()
    try:
        stream(*arrays)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        stream(*arrays)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 1024  # an output has 16 KiB


def _transposed(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.float64).transpose(0, -1)


@pytest.mark.parametrize("kind", ["gru", "projected"])
@pytest.mark.parametrize(
    "x",
    [
        _x(2, I + 1),
        _x(3, I),
        _x(I),
        _x(T, I),
        _x(2, T, I),
        _x(1, 1, 2, I),
        torch.tensor(1.0, dtype=torch.float64),
        _x(2, I).float(),
        _x(2, I).long(),
        _x(2, I).to("meta"),
        np.zeros((2, I + 1)),
        np.zeros((2, I), np.float32),
        np.zeros((2, I), np.dtype("float64").newbyteorder()),
        np.zeros((2, I), object),
        [[0.0] * I] * 2,
        None,
    ],
)
def test_wrong_inputs_are_refused(kind: str, x: Any) -> None:
    stream = _layer(kind).stream(2)
    stream(_x(2, I))
    before = stream.state_dict()
    with pytest.raises(ShapeError, match=r"x must be one step \(2, 3\) or a chunk \(time, 2, 3\) of .*float64.*, got "):
        stream(x)
    assert all(torch.equal(s, before[name]) for name, s in stream.state_dict().items())


@pytest.mark.parametrize(
    ("x", "out"),
    [
        (_x(2, I), _x(2, H + 1)),
        (_x(2, I), _x(1, 2, H)),
        (_x(2, I), _x(2, H).float()),
        (_x(2, I), _transposed(H, 2)),
        (_x(2, I), _x(2, H).requires_grad_()),
        (_x(2, I), np.zeros((2, H))),
        (np.zeros((2, I)), _x(2, H)),
        (np.zeros((2, I)), np.zeros((H, 2)).T),
        (np.zeros((2, I)), np.broadcast_to(np.zeros(H), (2, H))),
        (np.zeros((2, I)), [0.0]),
    ],
)
def test_wrong_outputs_are_refused(x: Any, out: Any) -> None:
    with pytest.raises(ShapeError, match=r"out must be \(2, 5\) of .*float64.*, dense and writable, got "):
        _layer("gru").stream(2)(x, out)


def test_what_cannot_stream_says_why() -> None:
    with pytest.raises(ArgumentError, match="bidirectional"):
        _layer("gru", bidirectional=True).stream()
    for batch in (0, -1, 1.5, True, "2"):
        with pytest.raises(ArgumentError, match="batch"):
            _layer("gru").stream(batch)


@pytest.mark.parametrize("kind", KINDS)
def test_state_goes_round(kind: str, tmp_path: Path) -> None:
    files = pytest.importorskip("safetensors.torch")
    layer = _layer(kind, num_layers=2)
    x = _x(T, 2, I)
    stream = layer.stream(2)
    stream(x)
    kept = stream.state
    files.save_file(stream.state_dict(), tmp_path / "state.safetensors")
    expected = stream(x)
    other = layer.stream(2)
    other.load_state_dict(files.load_file(tmp_path / "state.safetensors"))
    assert torch.equal(other(x), expected)
    stream.state = kept
    assert torch.equal(stream(x), expected)
    _, last = layer(x)
    stream.state = last  # what the layer leaves can be gone on from
    close(stream(x), layer(x, last)[0])


def test_state_is_a_copy_both_ways() -> None:
    layer = _layer("lstm")
    x = _x(T, 2, I)
    stream = layer.stream(2)
    expected = [stream(x), stream(x)]
    stream.reset()
    stream(x)
    h, c = taken = stream.state
    h.zero_()
    stream.state_dict()["c"].zero_()
    assert torch.equal(stream(x), expected[1])
    stream.state = taken
    stream(x)
    assert not h.any()
    assert c.any()


@pytest.mark.parametrize(
    "state",
    [
        _x(1, 2, H),
        (_x(1, 2, H),) * 3,
        (_x(1, 2, H), _x(1, 1, H)),
        (_x(1, 2, H), _x(1, 2, H).float()),
        (_x(1, 2, H), None),
        (),
    ],
)
def test_wrong_states_are_refused(state: Any) -> None:
    stream = _layer("lstm").stream(2)
    with pytest.raises(ShapeError, match=r"the state \(h, c\) must be \(1, 2, 5\).*, got "):
        stream.state = state
    with pytest.raises(ArgumentError, match="as a dictionary"):
        stream.load_state_dict({"h": _x(1, 2, H)})
    assert not any(s.any() for s in stream.state)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("rows", "fresh"),
    [
        (None, [True, True, True]),
        (1, [False, True, False]),
        (-1, [False, False, True]),
        ([0, 2], [True, False, True]),
        (np.array([2]), [False, False, True]),
        (torch.tensor([True, False, True]), [True, False, True]),
        ([False, True, False], [False, True, False]),
        ([], [False, False, False]),
    ],
)
def test_reset_starts_rows_afresh(kind: str, rows: Any, fresh: list[bool]) -> None:
    layer = _layer(kind, num_layers=2)
    x = _x(T, 3, I)
    stream, going_on, new = (layer.stream(3) for _ in range(3))
    stream(x)
    going_on(x)
    stream.reset(rows)
    assert torch.equal(stream(x), torch.where(torch.tensor(fresh)[:, None], new(x), going_on(x)))


@pytest.mark.parametrize("rows", [3, [0, 7], torch.tensor([True, False]), [0.5]])
def test_wrong_rows_are_refused(rows: Any) -> None:
    with pytest.raises(ArgumentError, match="rows must be integers from 0 to 2"):
        _layer("gru").stream(3).reset(rows)


@pytest.mark.parametrize("kind", ["gru", "projected"])
def test_new_weights_are_seen_on_refresh(kind: str) -> None:
    layer = _layer(kind)
    x = _x(T, 2, I)
    stream = layer.stream(2)
    before = stream(x)
    state = stream.state
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(0.5)
    stream.reset()
    assert torch.equal(stream(x), before)
    stream.refresh()
    close(stream(x), layer(x, state)[0])


def test_a_converted_layer() -> None:
    layer = _layer("gru", dtype=torch.float32)
    stream = layer.stream(2)
    x = _x(T, 2, I)
    stream(x.float())
    layer.double()
    with pytest.raises(ShapeError, match="float32"):
        stream(x)
    before = stream.state.double()
    stream.refresh()
    close(stream(x), layer(x, before)[0])
    close(layer.stream(2)(x), layer(x)[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_other_dtypes_by_the_layer_itself(dtype: torch.dtype) -> None:
    layer = _layer("gru", dtype=dtype)
    x = _x(T, 2, I, dtype=dtype)
    stream = layer.stream(2)
    assert stream.backend == "layer"
    assert f"x is {dtype}" in stream.why
    steps = _cut(stream, x, [1] * T)
    stream.reset()
    if dtype is torch.bfloat16:  # between calls the state is rounded, within one it is not
        close_rounded(steps, layer(x)[0].double(), T)
    else:
        assert torch.equal(steps, layer(x)[0])
    if dtype is torch.float16:
        assert np.array_equal(stream(x.numpy()), layer(x)[0].detach().numpy())
    else:
        with pytest.raises(ShapeError, match="bfloat16"):
            stream(x.float().numpy())


@pytest.mark.parametrize("kind", ["gru", "projected"])
def test_dropout_and_gradients_stay_out(kind: str) -> None:
    layer = _layer(kind, num_layers=2, dropout=0.9).train()
    x = _x(T, 2, I).requires_grad_()
    y = layer.stream(2)(x)
    assert layer.training
    assert not y.requires_grad
    close(y, layer.eval()(x)[0].detach())


def test_a_layer_that_does_something_of_its_own() -> None:
    class Doubled(nn.GRU):
        def forward(self, *args: Any, **options: Any) -> Any:
            outputs: Any = super().forward(*args, **options)
            return 2 * outputs[0], outputs[1]

    own = Doubled(I, H, dtype=torch.float64)
    replaced = _layer("gru")
    x = _x(T, 2, I)
    replaced.forward = lambda x, hx=None: (x.new_full((*x.shape[:2], H), 7), hx)
    hooked = _layer("gru")
    hooked.register_forward_hook(lambda module, inputs, outputs: (3 * outputs[0], outputs[1]))
    layers: list[Any] = [own, replaced, hooked]
    for layer in layers:
        stream = layer.stream(2)
        assert stream.backend == "layer"
        close(stream(x), layer(x)[0].detach())


@pytest.mark.parametrize("options", [{"layer_norm": True}, {"zoneout": 0.25}, {"peepholes": True}])
def test_layers_with_options_stream_through_the_layer(options: dict[str, Any]) -> None:
    layer = nn.LSTM(I, H, num_layers=2, dtype=torch.float64, **options)
    x = _x(T, 2, I)
    stream = layer.stream(2)
    assert stream.why == f"the kernels stream without options, and the layer has {next(iter(options))}"
    close(torch.stack([stream(x_t) for x_t in x]), layer.eval()(x)[0].detach())


def test_swapped_and_parametrized_layers() -> None:
    layer: Any = torch.nn.GRU(I, H, dtype=torch.float64)
    x = _x(T, 2, I)
    weight_norm(layer, "weight_hh_l0")
    nn.swap(layer)
    stream = layer.stream(2)
    assert stream.backend == "cpu"
    close(stream(x), layer(x)[0].detach())


def test_the_layer_stays_as_it_was() -> None:
    layer = _layer("lstm")
    x = _x(T, 2, I)
    before = layer(x)[0]
    keys = set(vars(layer))
    stream = layer.stream(2)
    other = layer.stream(2)
    stream(x)
    assert set(vars(layer)) == keys
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301
        assert torch.equal(again(x)[0], before)
    assert not other.state[0].any()  # the streams know nothing of each other


def test_made_in_inference_mode_used_outside() -> None:
    layer = _layer("gru")
    x = _x(T, 2, I)
    with torch.inference_mode():
        stream = layer.stream(2)
        stream(x)
    stream.reset()
    assert torch.equal(stream(x), layer.stream(2)(x))


def _in_child(stream: Stream, x: Tensor, results: Any) -> None:
    results.put(stream(x).tolist())


def test_works_after_a_fork() -> None:
    stream = _layer("lstm").stream(2)
    x = _x(T, 2, I)
    stream(x)
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(stream, x, results))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert results.get() == stream(x).tolist()


def test_streams_in_several_threads() -> None:
    layer = _layer("gru", 64)  # so much work that the interpreter's lock is let go
    x = _x(300, 4, I)
    expected = layer.stream(4)(x)
    with ThreadPoolExecutor(4) as pool:
        for y in pool.map(lambda _: layer.stream(4)(x), range(16)):
            assert torch.equal(y, expected)


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda stream: pickle.loads(pickle.dumps(stream)),  # noqa: S301
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_goes_on_alone(kind: str, how: str) -> None:
    """From the same state with the weights that the stream was made with, and neither moves the other's state."""
    layer = _layer(kind, num_layers=2)
    x = _x(T, 2, I)
    stream = layer.stream(2)
    expected = layer(x)[0].detach()
    with torch.no_grad():
        layer.weight_hh_l0.add_(1)  # which the stream has not taken over
    close(stream(x[:3]), expected[:3])
    again = COPIES[how](stream)
    assert (again.backend, again.why, again.batch) == (stream.backend, stream.why, stream.batch)
    close(again(x[3:]), expected[3:])
    close(stream(x[3:]), expected[3:])
    again.reset()
    assert stream.state_dict()["h"].any()
    assert not again.state_dict()["h"].any()
    if how != "copy":
        assert again._layer is not layer
    again.refresh()
    close(again(x), layer(x)[0].detach())


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("layer", [nn.MinGRU(I, H), nn.SLSTM(I, H), nn.GRU(I, H, layer_norm=True)])
def test_a_copy_of_what_the_layer_runs_goes_on_alone(layer: Any, how: str) -> None:
    x = _x(T, 2, I, dtype=torch.float32)
    stream = layer.stream(2)
    stream(x[:3])
    again = COPIES[how](stream)
    expected = stream(x[3:])
    assert torch.equal(again(x[3:]), expected)


def test_a_model_that_holds_a_stream_is_copied_with_it() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = _layer("gru")
            self.stream = self.layer.stream()

    model = copy.deepcopy(Model())
    assert model.stream._layer is model.layer


@pytest.mark.parametrize("kind", KINDS)
def test_a_default_device_changes_nothing(kind: str) -> None:
    layer = _layer(kind)
    x = _x(T, 2, I)
    with torch.device("meta"):
        stream = layer.stream(2)
        y = stream(x)
        stream.reset([0])
        state = stream.state_dict()
        stream.load_state_dict(state)
        again = copy.copy(stream)
        array = again(x.numpy()[0])
    assert y.device.type == state["h"].device.type == "cpu"
    close(y, layer(x)[0].detach())
    assert array.shape == stream(x[0]).shape
