"""Calls of ops, layers, streams, the lens and training, with arguments that should not be there."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chainrule import functional, lens, nn, training
from chainrule.data import Alphabet, Labelled, Series, Symbols, Transform
from chainrule.errors import ArgumentError
from tests.fuzz.judge import Case, Try, WrongAnswerError, shown
from tests.fuzz.values import spoiled

__all__ = ["OPS"]

_COMPARED = 10_000
_Arguments = dict[str, Any]
_Draw = Callable[[Random], tuple[Callable[..., Any], _Arguments]]


def _of(*draws: _Draw) -> Callable[[Path], Try]:
    def target(folder: Path) -> Try:
        def draw(random: Random) -> Case:
            function, good = random.choice(draws)(random)
            arguments, names = spoiled(random, good)
            about = ", ".join(f"{name}={_shown(arguments[name])}" for name in (names or arguments))
            name = getattr(function, "__name__", "") or getattr(function, "func", function).__name__
            return Case(partial(function, **arguments), f"{name}({about}{', ...' if names else ''})")

        return draw

    return target


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        layout = "" if value.layout == torch.strided else f" {value.layout}"
        shape = "nested" if value.is_nested else list(value.shape)
        return f"<{value.dtype} {shape}{layout}{'' if value.device.type == 'cpu' else ' meta'}>"
    if isinstance(value, np.ndarray):
        return f"<numpy {value.dtype} {value.shape}>"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_shown, value[:4]))})"
    return shown(value)


def _floats(random: Random, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=random.choice((torch.float32, torch.float32, torch.float64)))


def _like(x: Tensor, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=x.dtype)


def _maybe(random: Random, value: Any, share: float = 0.4) -> Any:
    return value if random.random() < share else None


def _alike(first: Any, second: Any) -> None:
    """Two answers to the same call."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        if first.shape != second.shape or first.dtype != second.dtype:
            raise WrongAnswerError(f"{_shown(first)} where the reference gives {_shown(second)}")
        if first.device.type == "cpu" and first.dtype in (torch.float32, torch.float64):
            close = torch.allclose(first.detach(), second.detach(), 1e-3, 1e-4, equal_nan=True)
            if not close and bool(second.isfinite().all()):
                raise WrongAnswerError(f"differs from the reference by {float((first - second).abs().max()):g}")
    elif isinstance(first, tuple):
        for a, b in zip(first, second, strict=True):
            _alike(a, b)


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The op, and its gradient where there is one, and the reference beside it."""

    def call(**arguments: Any) -> None:
        result = function(**arguments)
        leaves = [r for r in (result if isinstance(result, tuple) else (result,)) if isinstance(r, Tensor)]
        if leaves and leaves[0].requires_grad:
            leaves[0].sum().backward()
        small = all(leaf.numel() <= _COMPARED for leaf in leaves)  # the reference is a plain loop
        if small and arguments.get("return_all") is not True:
            _alike(result, function(**arguments | {"backend": "reference"}))

    call.__name__ = function.__name__
    return call


def _convolution(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    dims = random.randrange(1, 4)
    groups = random.choice((1, 1, 2))
    x = _floats(random, *_maybe(random, (2,), 0.7) or (), 2 * groups, *[random.randrange(3, 7) for _ in range(dims)])
    weight = _like(x, 3 * groups, 2, *[random.randrange(1, 4) for _ in range(dims)])
    padding = random.choice((0, 1, (1,) * dims, "same", "valid", ((1, 2),) * dims, *(["causal"] if dims == 1 else [])))
    return _checked(functional.convolution), {
        "x": x,
        "weight": weight,
        "bias": _maybe(random, _like(x, 3 * groups)),
        "stride": 1 if padding == "same" else random.choice((1, 2, (1,) * dims)),
        "padding": padding,
        "dilation": random.choice((1, 1, (1,) * dims)),
        "groups": groups,
        "flip": random.choice((False, True)),
        "backend": random.choice(("auto", "auto", "cpu", "formula", "torch", "reference")),
    }


def _causal(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    groups = random.choice((1, 2))
    K = random.randrange(1, 4)
    d = random.randrange(1, 4)
    T = random.randrange(0, 6)
    x = _floats(random, 2, 2 * groups, T)
    return _checked(functional.causal_convolution), {
        "x": x,
        "weight": _like(x, 3 * groups, 2, K),
        "bias": _maybe(random, _like(x, 3 * groups)),
        "state": _maybe(random, _like(x, 2, 2 * groups, d * (K - 1))),
        "resets": _maybe(random, torch.rand(2, T) < 0.3),
        "lengths": _maybe(random, torch.tensor([T, 0])),
        "dilation": d,
        "groups": groups,
        "backend": random.choice(("auto", "auto", "cpu", "formula", "reference")),
    }


_GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def _recurrence(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    cell = random.choice(list(_GATES))
    G = _GATES[cell]
    B = random.randrange(0, 4)
    T = random.randrange(0, 5)
    I = 2
    H = random.choice((1, 3, 8))
    x = _floats(random, B, T, I)
    state = _maybe(random, _like(x, B, H))
    if cell == "lstm" and state is not None:
        state = (state, _like(x, B, H))
    biases = _maybe(random, (_like(x, G * H), _like(x, G * H))) or (None, None)
    gains = _maybe(random, (_like(x, G * H), _like(x, G * H)), 0.2) if cell != "lstm" else None
    return _checked(getattr(functional, cell)), {
        "x": x,
        "state" if cell == "lstm" else "h_0": state,
        "weight_ih": _like(x, G * H, I),
        "weight_hh": _like(x, G * H, H) / 4,
        "bias_ih": biases[0],
        "bias_hh": biases[1],
        **({"weight_peep": _maybe(random, _like(x, 3 * H), 0.2)} if cell == "lstm" else {}),
        **({"reset_after": random.choice((True, False))} if cell == "gru" else {}),
        "weight_ln_ih": gains and gains[0],
        "weight_ln_hh": gains and gains[1],
        "zoneout": _maybe(random, 0.1, 0.2),
        "resets": _maybe(random, torch.rand(B, T) < 0.3),
        "lengths": _maybe(random, torch.randint(0, T + 1, (B,))),
        "reverse": random.choice((False, True)),
        "save": random.choice(("gates", "states")),
        "backend": random.choice(("auto", "auto", "cpu", "formula", "reference")),
        "return_all": random.random() < 0.1,
    }


def _made(layer: type, call: str, **arguments: Any) -> None:
    """A layer made of some arguments and called with the others."""
    of_call = {name.removeprefix("call_"): arguments.pop(name) for name in list(arguments) if name.startswith("call_")}
    made = layer(**arguments)
    repr(made)
    if call == "stream":
        stream = made.stream(of_call.pop("batch"))
        stream(of_call["x"])
        stream.load_state_dict(of_call["state_dict"])
        stream.reset(of_call["rows"])
        stream(of_call["x"], of_call["out"])
    else:
        made(**of_call)


def _layer(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    dims = random.randrange(1, 4)
    cls = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
    return partial(_made, cls, "forward"), {
        "in_channels": 2,
        "out_channels": 4,
        "kernel_size": random.choice((1, 2, 3, (2,) * dims)),
        "stride": random.choice((1, 2)),
        "padding": random.choice((0, 1, 2)),
        "dilation": random.choice((1, 2)),
        "groups": random.choice((1, 2)),
        "bias": random.choice((True, False)),
        "padding_mode": random.choice(("zeros", "zeros", "reflect", "circular", "replicate")),
        "call_input": torch.randn(2, 2, *[6] * dims),
    }


def _causal_layer(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    K = random.choice((1, 2, 3))
    d = random.choice((1, 2))
    return partial(_made, nn.CausalConv1d, "forward"), {
        "in_channels": 2,
        "out_channels": 4,
        "kernel_size": K,
        "dilation": d,
        "groups": random.choice((1, 2)),
        "call_x": torch.randn(2, 2, 5),
        "call_state": _maybe(random, torch.randn(2, 2, d * (K - 1))),
        "call_resets": _maybe(random, torch.rand(2, 5) < 0.3),
        "call_lengths": _maybe(random, [5, 2]),
    }


def _recurrent_layer(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    cls = random.choice((nn.RNN, nn.GRU, nn.LSTM))
    layers = random.choice((1, 2))
    both = random.choice((False, True))
    first = random.choice((False, True))
    shape = (layers * (1 + both), 2, 4)
    hx: Any = torch.randn(shape) if cls is not nn.LSTM else (torch.randn(shape), torch.randn(shape))
    return partial(_made, cls, "forward"), {
        "input_size": 3,
        "hidden_size": 4,
        "num_layers": layers,
        "bias": random.choice((True, False)),
        "batch_first": first,
        "dropout": random.choice((0.0, 0.5)) if layers > 1 else 0.0,
        "bidirectional": both,
        "layer_norm": random.choice((False, False, True)),
        "zoneout": random.choice((0.0, 0.0, 0.1)),
        **({"reset_after": random.choice((True, False))} if cls is nn.GRU else {}),
        "call_input": torch.randn(2, 5, 3) if first else torch.randn(5, 2, 3),
        "call_hx": _maybe(random, hx),
        "call_resets": _maybe(random, torch.rand(2, 5) < 0.3),
        "call_lengths": _maybe(random, [5, 2]),
    }


def _stream(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    if random.random() < 0.4:
        sizes = {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "dilation": 2}
        step = torch.randn(2, 2)
        result = torch.empty(2, 3)
        states = {"x": torch.randn(2, 2, 4)}
        cls: type = nn.CausalConv1d
    else:
        cls = random.choice((nn.RNN, nn.GRU, nn.LSTM))
        sizes = {"input_size": 2, "hidden_size": 3}
        sizes |= {"reset_after": random.choice((True, False))} if cls is nn.GRU else {}
        step = torch.randn(2, 2)
        result = torch.empty(2, 3)
        states = {"h": torch.randn(1, 2, 3)}
        states |= {"c": torch.randn(1, 2, 3)} if cls is nn.LSTM else {}
    return partial(_made, cls, "stream"), {
        **sizes,
        "call_batch": 2,
        "call_x": step,
        "call_out": _maybe(random, result),
        "call_rows": random.choice((None, 0, [0, 1], torch.tensor([True, False]))),
        "call_state_dict": states,
    }


def _lens_sizes(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    def look(**arguments: Any) -> None:
        found = lens.sizes(**arguments)
        repr(found), str(found), found.to_dict()

    dims = random.randrange(1, 4)
    return look, {
        "input": (8,) * dims,
        "kernel": (3,) * dims,
        "in_channels": 2,
        "out_channels": 4,
        "stride": random.choice((1, 2, (1,) * dims)),
        "padding": random.choice((0, "same", "valid")),
        "dilation": 1,
        "groups": random.choice((1, 2)),
    }


def _lens_convolution(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    def look(**arguments: Any) -> None:
        str(lens.convolution(**arguments))

    return look, {
        "layer_or_kernel": random.choice((torch.randn(2, 2, 3), [1.0, 2.0], nn.Conv1d(2, 2, 3))),
        "x": torch.randn(1, 2, 6) if random.random() < 0.7 else np.ones((1, 2, 6)),
        "dy": _maybe(random, torch.randn(1, 2, 4)),
        "bias": None,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "flip": False,
    }


def _lens_time(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    def look(**arguments: Any) -> None:
        str(lens.through_time(**arguments))

    return look, {
        "model": random.choice((nn.RNN, nn.GRU))(2, 3, batch_first=True),
        "x": torch.randn(1, 5, 2),
        "y": _maybe(random, torch.randn(1, 5, 3)),
        "state": _maybe(random, torch.randn(1, 1, 3)),
        "layer": None,
        "resets": _maybe(random, torch.zeros(1, 5, dtype=torch.bool)),
        "lengths": _maybe(random, [4]),
        "window": _maybe(random, 3),
    }


def _streams(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    def read(**arguments: Any) -> None:
        streams = training.Streams(**arguments)
        for _ in range(3):
            streams.read()
        streams.peek(4)

    return read, {
        "documents": random.choice((np.arange(40), [np.arange(9), np.arange(30)], torch.randn(40, 2))),
        "batch": 2,
        "window": 4,
        "shuffle": random.choice((False, True)),
        "random_windows": random.choice((False, True)),
        "seed": 0,
        "rank": 0,
        "ranks": 1,
    }


def _squared(output: Any, y: Any) -> Tensor:
    """A loss as its user has to write it: what it is given is its own to check."""
    if not (isinstance(output, Tensor) and isinstance(y, Tensor) and output.shape == y.shape):
        raise ArgumentError("the loss compares tensors of one shape")
    if output.device != y.device or y.dtype not in (torch.float32, torch.float64):
        raise ArgumentError("the loss compares real numbers on one device")
    return (output - y).square().mean()


def _backwards(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    def send(k1: Any, k2: Any, memory: Any, **arguments: Any) -> None:
        bptt = training.TruncatedBPTT(k1, k2) if memory is None else training.FullBPTT(memory)
        bptt(**arguments)

    return send, {
        "k1": 5,
        "k2": _maybe(random, 5),
        "memory": _maybe(random, "8MB"),
        "model": nn.GRU(2, 3, batch_first=True),
        "loss": _squared,
        "x": torch.randn(2, 5, 2),
        "y": torch.randn(2, 5, 3),
        "state": _maybe(random, torch.randn(1, 2, 3)),
        "resets": _maybe(random, torch.zeros(2, 5, dtype=torch.bool)),
        "mask": _maybe(random, torch.ones(2, 5, dtype=torch.bool)),
        "scale": 1.0,
    }


def _estimate(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    return training.estimate, {
        "model": nn.GRU(2, 3, batch_first=True),
        "loss": _squared,
        "x": torch.randn(2, 8, 2),
        "y": torch.randn(2, 8, 3),
        "state": None,
        "windows": [(2, 4), (8, 8)],
        "resets": None,
        "memory": _maybe(random, "8MB"),
    }


def _containers(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    values = np.random.default_rng(random.getrandbits(30)).random((12, 1)) + 1
    alphabet = Alphabet.of(["abc"])
    return random.choice(
        (
            (Series, {"values": values, "columns": ("a",), "dates": None, "name": "s", "season": 1}),
            (Symbols, {"documents": [np.array([0, 2])], "alphabet": alphabet, "name": "s", "rate": None, "end": ()}),
            (Labelled, {"inputs": np.zeros((2, 1, 4, 4), np.uint8), "labels": np.array([0, 1]), "classes": ("a", "b"),
                        "kind": "images", "name": "s"}),
            (Transform.fit, {"name": random.choice(("standardise", "none", "difference")), "values": values}),
            (Alphabet, {"kind": "characters", "symbols": "abc"}),
        )
    )  # fmt: skip


def _settings(random: Random) -> tuple[Callable[..., Any], _Arguments]:
    from dataclasses import fields

    from chainrule.data import Reading
    from chainrule.models import ModelConfig

    cls = random.choice((Reading, ModelConfig, training.TrainingConfig))
    return cls, {field.name: field.default for field in fields(cls)}


OPS = {
    "convolution": _of(_convolution, _causal),
    "recurrence": _of(_recurrence),
    "layers": _of(_layer, _causal_layer, _recurrent_layer),
    "streams": _of(_stream),
    "lens": _of(_lens_sizes, _lens_convolution, _lens_time),
    "training": _of(_streams, _backwards, _estimate),
    "settings": _of(_settings, _containers),
}
