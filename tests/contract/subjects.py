"""What is called: layers, ops and streams, each beside torch's namesake with the same weights.

Both are modules with the same parameters and take the same inputs. Where torch has no equal, the namesake is the
definition as a plain loop (backend="reference").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import conv1d, conv2d, conv3d

from chainrule import functional, nn
from tests.contract.modules import Call, Causal, Streamed, by_definition

__all__ = ["SUBJECTS", "Subject"]

B = 2
T = 9
C = 3
H = 4
SHORT = (5, 2)  # batch and steps of what is exported step by step, which takes long
MASKED = (2, 5)  # of the same with a reset and rows that end before
Inputs = tuple[Any, ...]


@dataclass(frozen=True)
class Subject:
    """Two modules that are to be the same, and what they take."""

    name: str
    ours: Callable[[], Module]
    theirs: Callable[[], Module]
    shapes: Callable[[int, int], Inputs]  # (batch, time) to the shapes of the inputs
    tags: frozenset[str]
    dtype: torch.dtype = torch.float64
    size: tuple[int, int] = (B, T)

    @property
    def family(self) -> frozenset[str]:
        return self.tags & {"conv", "recurrent", "stream"}

    def models(self) -> tuple[Module, Module]:
        """Both, with the same weights."""
        torch.manual_seed(0)
        ours = self.ours().to(self.dtype)
        theirs = self.theirs().to(self.dtype)
        theirs.load_state_dict(ours.state_dict())
        return ours.eval(), theirs.eval()

    def inputs(self, rows: int | None = None, steps: int | None = None) -> Inputs:
        """Numbers of the shapes, of the subject's own batch and time where they are not given."""
        generator = torch.Generator().manual_seed(1)

        def draw(shape: Any) -> Any:
            if shape and isinstance(shape[0], tuple):
                return tuple(draw(each) for each in shape)
            return torch.randn(shape, generator=generator, dtype=self.dtype)

        shapes = self.shapes(self.size[0] if rows is None else rows, self.size[1] if steps is None else steps)
        return tuple(draw(shape) for shape in shapes)


def _layer(name: str, kind: str, *args: Any, shapes: Any, tags: str = "", **options: Any) -> Subject:
    """A layer of chainrule.nn beside the one of torch.nn of the same name and arguments."""
    own = {key: options.pop(key) for key in ("dtype", "size") if key in options}
    ours = getattr(nn, kind)
    theirs = Causal if kind == "CausalConv1d" else getattr(torch.nn, kind)
    family = "conv" if "Conv" in kind else "recurrent"
    return Subject(
        name,
        lambda: ours(*args, **options),
        lambda: theirs(*args, **options),
        shapes,
        frozenset({"layer", family, *tags.split()}),
        **own,
    )


def _op(
    name: str,
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    weights: list[tuple[int, ...]],
    shapes: Any,
    tags: str,
    size: tuple[int, int] = (B, T),
) -> Subject:
    return Subject(
        name,
        lambda: Call(ours, *weights),
        lambda: Call(theirs, *weights),
        shapes,
        frozenset({"op", *tags.split()}),
        size=size,
    )


def _convolution(name: str, weight: tuple[int, ...], size: tuple[int, ...], backend: str = "auto") -> Subject:
    op: Any = {3: conv1d, 4: conv2d, 5: conv3d}[len(weight)]

    def ours(x: Tensor, _: None, weight: Tensor, bias: Tensor) -> Tensor:
        return functional.convolution(x, weight, bias, padding=1, backend=backend)

    def theirs(x: Tensor, _: None, weight: Tensor, bias: Tensor) -> Tensor:
        y: Tensor = op(x, weight, bias, padding=1)
        return y

    tags = "conv" if backend == "auto" else "conv named"
    return _op(name, ours, theirs, [weight, weight[:1]], lambda B, T: ((B, weight[1], T, *size),), tags)


def _recurrence(cell: str, gates: int, backend: str = "auto", masked: bool = False) -> Subject:
    """An op beside torch's, or with resets and lengths beside the definition."""
    op: Any = getattr(functional, cell)
    torch_op: Any = getattr(torch, "rnn_tanh" if cell == "rnn" else cell)
    weights = [(gates * H, C), (gates * H, H), (gates * H,), (gates * H,)]
    shapes = _with_states if cell == "lstm" else _with_state

    def ours(x: Tensor, state: Any, *weights: Tensor, backend: str = backend) -> Any:
        if not masked:
            return op(x, state, *weights, backend=backend)
        resets = torch.arange(x.shape[1], device=x.device).eq(2).expand(x.shape[:2])
        lengths = [4] * x.shape[0]
        return op(x, state, *weights, resets=resets, lengths=lengths, backend=backend)

    def theirs(x: Tensor, state: Any, *weights: Tensor) -> Any:
        if masked:
            return ours(x, state, *weights, backend="reference")
        single = isinstance(state, Tensor)
        many = state[None] if single else tuple(each[None] for each in state)
        y, *last = torch_op(x, many, weights, True, 1, 0.0, False, False, True)
        return y, last[0][0] if single else tuple(each[0] for each in last)

    name = "-".join(["op", cell, *([backend] if backend != "auto" else []), *(["masked"] if masked else [])])
    tags = ["recurrent", *(["named"] if backend != "auto" else []), *(["defined", "some"] if masked else [])]
    return _op(name, ours, theirs, weights, shapes, " ".join(tags), MASKED if masked else (B, T))


def _causal_op(masked: bool) -> Subject:
    def ours(x: Tensor, state: Tensor, weight: Tensor, bias: Tensor, backend: str = "auto") -> Any:
        masks: dict[str, Any] = {}
        if masked:
            resets = torch.arange(x.shape[-1], device=x.device).eq(2).expand(x.shape[0], -1)
            masks = {"resets": resets, "lengths": [4] * x.shape[0]}
        return functional.causal_convolution(x, weight, bias, state=state, dilation=2, backend=backend, **masks)

    def theirs(x: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Any:
        return ours(x, state, weight, bias, backend="reference")

    name = "op-causal-masked" if masked else "op-causal"
    return _op(
        name,
        ours,
        theirs,
        [(4, C, 3), (4,)],
        lambda B, T: ((B, C, T), (B, C, 4)),
        "conv own defined some" if masked else "conv own defined",
        MASKED if masked else (B, T),
    )


def _stream(name: str, kind: str, *args: Any, shapes: Any, steps: bool = False) -> Subject:
    ours = getattr(nn, kind)
    theirs = Causal if kind == "CausalConv1d" else getattr(torch.nn, kind)
    return Subject(
        f"stream-{name}",
        lambda: Streamed(ours(*args), streams=True, steps=steps),
        lambda: Streamed(theirs(*args), streams=False),
        shapes,
        frozenset({"stream", *(["some"] if steps else [])}),
        size=MASKED if steps else (B, T),
    )


def _option(name: str, kind: str, **options: Any) -> Subject:
    """A layer with options that torch.nn has not, beside the definition."""
    ours = getattr(nn, kind)
    theirs = type(kind, (ours,), {"forward": by_definition})
    states = _time_first_states if kind == "LSTM" else _time_first_state
    tags = frozenset({"layer", "recurrent", "defined", "some"})
    return Subject(name, lambda: ours(C, H, **options), lambda: theirs(C, H, **options), states, tags, size=SHORT)


def _with_state(B: int, T: int) -> Inputs:
    return (B, T, C), (B, H)


def _with_states(B: int, T: int) -> Inputs:
    return (B, T, C), ((B, H), (B, H))


def _time_first_state(B: int, T: int) -> Inputs:
    return (T, B, C), (1, B, H)


def _time_first_states(B: int, T: int) -> Inputs:
    return (T, B, C), ((1, B, H), (1, B, H))


SINGLE: dict[str, Any] = {"dtype": torch.float32}

SUBJECTS = [
    _layer("conv1d", "Conv1d", C, 6, 3, padding=1, shapes=lambda B, T: ((B, C, T),), tags="few"),
    _layer("conv1d-strided", "Conv1d", 4, 6, 3, 2, 2, 2, 2, shapes=lambda B, T: ((B, 4, T),)),
    _layer("conv1d-circular", "Conv1d", C, 6, 3, padding=1, padding_mode="circular", shapes=lambda B, T: ((B, C, T),)),
    _layer("conv1d-long", "Conv1d", 1, 2, 600, shapes=lambda B, T: ((B, 1, 700 + T),), **SINGLE),
    _layer("conv2d", "Conv2d", C, 4, 3, padding="same", shapes=lambda B, T: ((B, C, T, 6),), **SINGLE),
    _layer("conv2d-wide", "Conv2d", 64, 64, 3, padding=1, shapes=lambda B, T: ((B, 64, T, 5),), **SINGLE),
    _layer("conv2d-depthwise", "Conv2d", 8, 8, 3, 1, 1, 1, 8, shapes=lambda B, T: ((B, 8, T, 6),), **SINGLE),
    _layer("conv3d", "Conv3d", 2, 3, (1, 2, 3), bias=False, shapes=lambda B, T: ((B, 2, T, 4, 5),)),
    _layer("causal", "CausalConv1d", C, 4, 3, dilation=2, shapes=lambda B, T: ((B, C, T), (B, C, 4)), tags="few own"),
    _layer("rnn-tanh", "RNN", C, H, shapes=_time_first_state, **SINGLE),
    _layer("rnn-relu", "RNN", C, H, nonlinearity="relu", batch_first=True, shapes=lambda B, T: ((B, T, C),)),
    _layer("gru", "GRU", C, H, shapes=_time_first_state, tags="few", size=SHORT),
    _layer("gru-step", "GRU", C, H, shapes=lambda B, T: ((T, B, C), (1, B, H)), size=(2, 1)),
    _layer("lstm", "LSTM", C, H, shapes=_time_first_states, **SINGLE),
    _layer(
        "lstm-deep",
        "LSTM",
        C,
        H,
        2,
        batch_first=True,
        bidirectional=True,
        shapes=lambda B, T: ((B, T, C), ((4, B, H), (4, B, H))),
        tags="few",
        size=SHORT,
    ),
    _layer("lstm-projected", "LSTM", C, H, proj_size=3, shapes=lambda B, T: ((T, B, C), ((1, B, 3), (1, B, H)))),
    _option("gru-normalised", "GRU", layer_norm=True),
    _option("rnn-zoneout", "RNN", zoneout=0.25),
    _option("lstm-peepholes", "LSTM", peepholes=True),
    _convolution("op-convolution", (4, C, 3), ()),
    _convolution("op-convolution-2d", (4, C, 3, 3), (5,)),
    *(_convolution(f"op-convolution-{name}", (4, C, 3), (), name) for name in ("cpu", "fft", "torch", "formula")),
    _causal_op(masked=False),
    _causal_op(masked=True),
    *(_recurrence(cell, gates) for cell, gates in (("rnn", 1), ("gru", 3), ("lstm", 4))),
    *(_recurrence(cell, gates, masked=True) for cell, gates in (("rnn", 1), ("gru", 3), ("lstm", 4))),
    _recurrence("gru", 3, "cpu"),
    _recurrence("gru", 3, "formula"),
    _stream("rnn", "RNN", C, H, shapes=lambda B, T: ((T, B, C),)),
    _stream("gru-steps", "GRU", C, H, shapes=lambda B, T: ((T, B, C),), steps=True),
    _stream("lstm", "LSTM", C, H, 2, shapes=lambda B, T: ((T, B, C),)),
    _stream("causal", "CausalConv1d", C, 4, 3, shapes=lambda B, T: ((B, C, T),)),
    _stream("causal-steps", "CausalConv1d", C, 4, 3, shapes=lambda B, T: ((B, C, T),), steps=True),
]
