"""Streaming: a recurrent layer fed one step or a few at a time, its state kept and its weights prepared once."""

import copy
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.recurrence_options import Optioned, cell_of, state_widths
from chainrule.nn.streams.arrays import (
    Array,
    arrays_like,
    check_runs,
    check_states,
    checked_batch,
    clear_rows,
    described,
    tensors_like,
    zeros,
)
from chainrule.ops.arguments import FOREIGN, explain_failure
from chainrule.ops.pointers import check_held
from chainrule.ops.recurrence.backends import cpu
from chainrule.ops.recurrence.call import rounds_under_autocast

__all__ = ["Stream"]


class Stream:
    """A layer that is fed as its input arrives, ``y = stream(x)``; made by ``layer.stream(batch)``.

    x is a tensor or a NumPy array of the layer's dtype, and y is of the same kind:

    - one step, (batch, input) -> (batch, hidden), or (input,) -> (hidden,) where batch is 1
    - a chunk of steps, laid out as the layer's ``batch_first`` says: (time, batch, input) -> (time, batch, hidden)

    The outputs are those of the layer for the whole sequence, however it is cut into calls; the kernels give the same
    bits for every cut. With ``out``, a dense array of y's shape, y is written there and nothing is allocated.
    Streaming is inference: there is no dropout, and no gradient flows through it.

    The weights are copied when the stream is made. Later changes of them, of their dtype or device, or of
    torch.autocast, are not seen until ``refresh()``. Streams of one layer are independent, and so are copies of a
    stream, pickled ones too, that go on from its state with its weights; each is to be used by one thread at a time.

    Attributes:
        batch: the number of sequences that are streamed in parallel.
        backend: "cpu"; or "layer" where the kernels cannot run, and the layer itself is called with the state.
        why: the reason, as a sentence.

    Raises:
        ArgumentError: the layer is bidirectional, or batch is not a positive integer.
        ShapeError: x, out or a state has the wrong shape, dtype or device.

    >>> from chainrule.nn import GRU
    >>> layer = GRU(3, 4)
    >>> stream, x = layer.stream(), torch.randn(5, 1, 3)
    >>> y = torch.stack([stream(x_t) for x_t in x])
    >>> torch.allclose(y, layer(x)[0], atol=1e-6), torch.equal(stream.state[0], y[-1])
    (True, True)
    >>> stream.reset()
    >>> torch.equal(stream(x), y)
    True
    """

    def __init__(self, layer: torch.nn.RNNBase, batch: int = 1) -> None:
        check_runs()
        if layer.bidirectional:
            raise ArgumentError(
                "a bidirectional layer cannot stream: its first output depends on the last step. Run it over whole "
                "sequences, or make the layer with bidirectional=False."
            )
        self.batch = rows = checked_batch(batch)
        self._layer = layer
        self._widths = dict(zip(cell_of(layer).state, state_widths(layer), strict=True))
        self._steps: cpu.StreamedLayers | None = None
        self._step, self._result = (rows, layer.input_size), (rows, self._widths["h"])
        self._state = tuple(zeros(layer.num_layers, rows, width) for width in self._widths.values())
        self.refresh()

    def refresh(self) -> None:
        """Take over the layer's weights, dtype and device as they are now; the state stays."""
        check_runs()
        layer = self._layer
        check_held(*chain.from_iterable(layer.all_weights))
        like: Tensor = layer.all_weights[0][0].detach()
        # tensors made in inference mode could not be written to outside of it
        with torch.inference_mode(False), torch.no_grad():
            self._weights = [
                each._replace(**{symbol: w.detach().clone() for symbol, w in each._asdict().items() if w is not None})
                for each in _weights_of(layer)
            ]
            self._state = tuple(s.to(like) for s in self._state)
            self._rounds = rounds_under_autocast(cell_of(layer), like)
            self._obstacle = _obstacle(layer)
            if self._obstacle:
                self._frozen = copy.deepcopy(layer).eval()
        self._prepare()

    def _prepare(self) -> None:
        """Make what is called, of the weights and of a state that is the stream's own."""
        like = self._weights[0].W_ih
        with torch.inference_mode(False), torch.no_grad():
            self._state = tuple(s.clone() for s in self._state)
            self.backend = "layer" if self._obstacle else "cpu"
            products = ", products of bfloat16" if self._rounds else ""
            self.why = self._obstacle or f"{like.dtype} on the CPU{products}, instructions {cpu.LEVELS[0]}"
            self._steps = None
            if not self._obstacle:
                name = cell_of(self._layer).name
                self._steps = cpu.StreamedLayers(name, self._weights, self._state, self._rounds)
        self._tensors = tensors_like(like)
        self._arrays = arrays_like(like)

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: the weights and the state; what holds their addresses is made anew."""
        kept = {name: value for name, value in vars(self).items() if name not in ("_steps", "_tensors", "_arrays")}
        return kept | {"_weights": list(map(tuple, self._weights))}  # a class that no module names

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)
        self._weights = [cell_of(self._layer).container(*each) for each in self._weights]
        self._prepare()

    def __call__(self, x: Array, out: Array | None = None) -> Array:
        """The outputs for a step or a chunk of steps x, and the state moves on."""
        try:
            check_runs()
            kind = self._tensors if isinstance(x, Tensor) else self._arrays
            if not kind.takes(x):
                raise self._refusal(x)
            T, row, step, shape = (1, 1, 1, self._result) if x.shape == self._step else self._measured(x)
            if out is None:
                y: Array = kind.empty(*shape)
            elif kind.takes(out) and out.shape == shape and kind.writable(out):
                y = out
            else:
                raise ShapeError(f"out must be {shape} of {kind.name}, dense and writable, got {described(out)}.")
            if self._steps is not None:
                x = kind.dense(x)
                self._steps.run(T, row, step, kind.address(x), kind.address(y))
            elif T > 0:
                self._run_layer(x, y)
            return y
        except FOREIGN as error:
            explain_failure(error, {"x": x, "out": out})
            raise

    def _measured(self, x: Array) -> tuple[int, int, int, tuple[int, ...]]:
        """How many steps x has, how far apart in memory rows and steps lie, and the shape of y."""
        B, I = self._step
        shape = tuple(x.shape)
        P = self._widths["h"]
        if B == 1 and shape == (I,):
            return 1, 1, 1, (P,)
        T = shape[int(self._layer.batch_first)] if len(shape) == 3 else 0
        if self._layer.batch_first and shape == (B, T, I):
            return T, T, 1, (B, T, P)
        if not self._layer.batch_first and shape == (T, B, I):
            return T, 1, B, (T, B, P)
        raise self._refusal(x)

    def _refusal(self, x: object) -> ShapeError:
        B, I = self._step
        kind = self._tensors if isinstance(x, Tensor) else self._arrays
        step = f"({B}, {I}) or ({I},)" if B == 1 else f"({B}, {I})"
        chunk = f"({B}, time, {I})" if self._layer.batch_first else f"(time, {B}, {I})"
        return ShapeError(f"x must be one step {step} or a chunk {chunk} of {kind.name}, got {described(x)}.")

    @torch.no_grad()
    def _run_layer(self, x: Array, y: Array) -> None:
        """The same by the layer itself, as it was when it was last looked at."""
        steps = x if isinstance(x, Tensor) else torch.from_numpy(x.copy()).to(self._state[0])
        if x.ndim < 3:
            steps = steps.reshape(self._step).unsqueeze(int(self._layer.batch_first))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._rounds):
            result, self.state = self._frozen(steps, self._state if len(self._state) > 1 else self._state[0])
        result = result.reshape(y.shape)
        y[...] = result if isinstance(y, Tensor) else result.numpy(force=True)

    @property
    def state(self) -> Any:
        """A copy of h, of the LSTM of (h, c): (layers, batch, width) each, as the layer's h_n. It can be assigned."""
        copies = tuple(s.clone() for s in self._state)
        return copies if len(copies) > 1 else copies[0]

    @state.setter
    def state(self, state: Tensor | Sequence[Tensor]) -> None:
        given = tuple(state) if isinstance(state, Sequence) else (state,)
        if [_size(s) for s in given] != [_size(s) for s in self._state]:
            expected, got = (", ".join(map(described, states)) for states in (self._state, given))
            raise ShapeError(f"the state ({', '.join(self._widths)}) must be {expected}, got {got or 'nothing'}.")
        with torch.no_grad():
            for own, new in zip(self._state, given, strict=True):
                own.copy_(new)

    def reset(self, rows: int | Sequence[int] | Tensor | None = None) -> None:
        """Start afresh: the state of ``rows``, indices or a bool mask (batch,), becomes zero; all by default."""
        clear_rows(self._state, self.batch, rows)

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of the state by name, {"h": ...} or {"h": ..., "c": ...}, as safetensors saves it."""
        return {name: s.clone() for name, s in zip(self._widths, self._state, strict=True)}

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Go on from what ``state_dict`` gave, in this stream or another of the same sizes and dtype."""
        check_states(state_dict, self._widths)
        self.state = [state_dict[name] for name in self._widths]

    def __repr__(self) -> str:
        return f"Stream({self._layer}, batch={self.batch}, {self.backend}: {self.why})"


def _obstacle(layer: torch.nn.RNNBase) -> str | None:
    """Why the kernels can't stream this layer; None if they can."""
    cell = cell_of(layer)
    if cell.kernel is None:
        return f"the kernels have no {cell.name}"
    if not isinstance(layer, Optioned) or layer.has_own_forward():
        return "the layer has a forward of its own"
    if layer._forward_hooks or layer._forward_pre_hooks:
        return "the layer has forward hooks"
    options = [name for name in layer.used_options() if name != "reset_after"]
    if options:
        return f"the kernels stream without options, and the layer has {', '.join(options)}"
    weights = _weights_of(layer)[0]
    if weights.W_ih.dtype == torch.bfloat16:
        return "the kernels stream float32 and float64, and x is torch.bfloat16"
    return cpu.cannot(cell, weights.W_ih, weights)


def _weights_of(layer: torch.nn.RNNBase) -> list[Any]:
    """The weights of each layer, without those of options."""
    cell = cell_of(layer)
    return [
        cell.holding({name.removesuffix(f"_l{n}"): w for name, w in zip(names, every, strict=True)})
        for n, (names, every) in enumerate(zip(layer._all_weights, layer.all_weights, strict=True))
    ]


def _size(s: object) -> object:
    return (s.shape, s.dtype) if isinstance(s, Tensor) else None
