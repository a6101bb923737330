"""How a recurrent layer runs: its input brought to rows, every layer and direction by the op, the results laid out."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from chainrule._choices import counted
from chainrule._torch import is_any_autocast_enabled
from chainrule.errors import ArgumentError, ShapeError
from chainrule.functional import Trace
from chainrule.nn.recurrence_inference import run_without_gradients
from chainrule.nn.recurrence_options import Optioned, state_widths
from chainrule.nn.recurrence_whole import run_at_once
from chainrule.ops import choices
from chainrule.ops.arguments import FOREIGN, as_lengths, check_tensors, explain_failure
from chainrule.ops.plain import PLAIN, is_traced, is_transformed, needs_grad, untraced
from chainrule.ops.pointers import lacks_memory
from chainrule.ops.recurrence.backends.cpu import is_single_step
from chainrule.ops.recurrence.call import rounds_under_autocast
from chainrule.ops.recurrence.dispatch import run

__all__ = ["Input", "Lengths", "Traces", "run_layer"]

Input = TypeVar("Input", Tensor, PackedSequence)
Lengths = Tensor | Sequence[int] | int | None
Traces = tuple[tuple[Trace, ...], ...]  # by layer, by direction
_States = tuple[Tensor, ...]  # the parts of the state, each (layers * directions, batch, ·)


def run_layer(
    layer: Optioned,
    input: Input,
    hx: _States | None,
    resets: Tensor | None,
    lengths: Lengths,
    return_all: bool,
) -> tuple[Input, _States, Traces]:
    """Bring whatever torch accepts to (batch, time, input), run the layers, and bring the results back."""
    if is_traced():
        with untraced():  # torch.onnx makes tensors of flags
            return_all = bool(return_all)
    if lengths is None and not return_all:
        found: tuple[Any, _States] | None = run_without_gradients(layer, input, hx, resets)
        if found is None and resets is None and not layer.has_options:
            found = _by_torch(layer, input, hx)
        if found is not None:
            return found[0], found[1], ()
    if isinstance(input, PackedSequence):
        return _packed(layer, input, hx, resets, lengths, return_all)
    check_tensors({"input": input}, {"resets": resets})
    try:
        return _padded(layer, input, hx, resets, lengths, return_all)
    except FOREIGN as error:
        states = hx if isinstance(hx, tuple | list) else (hx,)
        names = [f"{part}_0" for part in layer.cell_spec.state]
        explain_failure(error, {"input": input, **dict(zip(names, states, strict=False)), "resets": resets})
        raise


def _by_torch(layer: Optioned, input: Tensor | PackedSequence, hx: _States | None) -> tuple[Any, _States] | None:
    """The outputs and states of torch's own layer where it computes the call; None elsewhere.

    It does where a call is recorded, of complex numbers, and where it takes less time: on a GPU, in single steps, and
    of the LSTM under autocast that the kernels have no products for.
    What torch refuses is left to the checks of the other way, which say it in words.
    """
    if layer.mode not in _TORCHS:
        return None
    if not is_traced():
        if getattr(input, "is_cuda", False):
            return run_at_once(layer, input, hx)
        data = input.data if isinstance(input, PackedSequence) else input
        if isinstance(data, Tensor) and data.is_complex():
            return _attempted(layer, input, hx)
        if not isinstance(input, Tensor) or input.is_nested or input.dim() != 3 or not _is_torchs(layer, input, hx):
            return None
        return _attempted(layer, input, hx)
    return _torchs(layer, input, hx)


def _attempted(layer: Optioned, input: Tensor | PackedSequence, hx: _States | None) -> tuple[Any, _States] | None:
    try:
        return _torchs(layer, input, hx)
    except FOREIGN:
        return None


def _torchs(layer: Optioned, input: Tensor | PackedSequence, hx: _States | None) -> tuple[Any, _States]:
    given = hx if hx is None or len(hx) == 2 else hx[0]
    output, last = _TORCHS[layer.mode](layer, input, given)
    return output, last if isinstance(last, tuple) else (last,)


def _is_torchs(layer: Optioned, input: Tensor, hx: _States | None) -> bool:
    autocast = is_any_autocast_enabled()
    B, T = input.shape[:2] if layer.batch_first else input.shape[1::-1]
    if not autocast and not is_single_step(B, T):
        return False
    if torch.compiler.is_compiling() or is_transformed() or choices.listening or isinstance(hx, Tensor):
        return False
    if autocast:
        if layer.mode != "LSTM" or layer.proj_size or input.dtype == torch.float64:
            return False
        if rounds_under_autocast(layer.cell_spec, layer.all_weights[0][0]):
            return False
    given: tuple[Any, ...] = (input, *layer._parameters.values(), *(hx or ()))
    for tensor in given:
        if type(tensor) not in PLAIN or lacks_memory(tensor) or (tensor.dtype != input.dtype and not autocast):
            return False
    # of torch's LSTM there are no second derivatives
    return autocast or layer.mode != "LSTM" or not needs_grad(given)


_TORCHS: dict[str, Callable[..., Any]] = {
    "RNN_TANH": torch.nn.RNN.forward,
    "RNN_RELU": torch.nn.RNN.forward,
    "GRU": torch.nn.GRU.forward,
    "LSTM": torch.nn.LSTM.forward,
}


def _padded(
    layer: Optioned,
    input: Tensor,
    hx: _States | None,
    resets: Tensor | None,
    lengths: Lengths,
    return_all: bool,
) -> tuple[Any, _States, Traces]:
    if input.dim() not in (2, 3):
        raise ShapeError(f"input must have 3 dimensions, or 2 without a batch, got shape {tuple(input.shape)}.")
    unbatched = input.dim() == 2
    x = input if unbatched or layer.batch_first else input.transpose(0, 1)
    if unbatched:
        x = x.unsqueeze(0)
    _check_width(layer, input)
    _check_hx(layer, hx, () if unbatched else x.shape[:1])
    if unbatched:
        hx = None if hx is None else tuple(h.unsqueeze(1) for h in hx)
        resets = None if resets is None else resets.unsqueeze(0)
        lengths = None if lengths is None else as_lengths(lengths).unsqueeze(0)
    y, states, traces = _layers(layer, x, hx, resets, lengths, return_all, partial(_dropout, layer.dropout))
    arrange = partial(_arranged, unbatched, layer.batch_first)
    _lay_out(traces, arrange)
    if unbatched:
        states = tuple(s.squeeze(1) for s in states)
    return arrange(y), states, traces


def _packed(
    layer: Optioned,
    input: PackedSequence,
    hx: _States | None,
    resets: Tensor | None,
    lengths: Lengths,
    return_all: bool,
) -> tuple[PackedSequence, _States, Traces]:
    if lengths is not None:
        raise ArgumentError("a PackedSequence has its own lengths: leave out the argument lengths.")
    check_tensors({}, {"resets": resets})
    data, batch_sizes, order, inverse = input
    _check_width(layer, data)
    _check_hx(layer, hx, (int(batch_sizes[0]),))
    # without its order, the sequence stays sorted by length, as its outputs have to be
    x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes), batch_first=True)
    if order is not None:
        hx = None if hx is None else tuple(h.index_select(1, order) for h in hx)
        resets = None if resets is None else resets.index_select(0, order)
    drop = partial(_dropout_packed, layer.dropout, lengths)
    y, states, traces = _layers(layer, x, hx, resets, lengths, return_all, drop)
    if inverse is not None:
        states = tuple(s.index_select(1, inverse) for s in states)
    _lay_out(traces, partial(_unpacked, inverse, layer.batch_first))
    packed = pack_padded_sequence(y, lengths, batch_first=True)
    return PackedSequence(packed.data, batch_sizes, order, inverse), states, traces


def _arranged(unbatched: bool, batch_first: bool, y: Tensor) -> Tensor:
    """y (batch, time, ·) as torch lays out the outputs."""
    if unbatched:
        return y.squeeze(0)
    return y if batch_first else y.transpose(0, 1).contiguous()


def _unpacked(inverse: Tensor | None, batch_first: bool, y: Tensor) -> Tensor:
    return _arranged(False, batch_first, y if inverse is None else y.index_select(0, inverse))


def _lay_out(traces: Traces, arrange: Callable[[Tensor], Tensor]) -> None:
    for trace in chain.from_iterable(traces):
        trace.lay_out(arrange)


def _layers(
    layer: Optioned,
    x: Tensor,
    hx: _States | None,
    resets: Tensor | None,
    lengths: Lengths,
    return_all: bool,
    drop: Callable[[Tensor], Tensor],
) -> tuple[Tensor, _States, Traces]:
    """Run every layer in every direction over x (batch, time, input)."""
    directions = 2 if layer.bidirectional else 1
    parts = len(layer.cell_spec.state)
    last: list[_States] = []
    traces: list[tuple[Trace, ...]] = []
    for n in range(layer.num_layers):
        if n > 0 and layer.dropout > 0 and layer.training:
            x = drop(x)
        outputs = []
        found = []
        for k in range(n * directions, (n + 1) * directions):
            y, new, trace = run(
                layer.cell_spec,
                x,
                (None,) * parts if hx is None else tuple(h[k] for h in hx),
                layer.weights_of(k),
                zoneout=layer.zoneout_of(x),
                resets=resets,
                lengths=lengths,  # type: ignore[arg-type]  # a lone int is refused there
                reverse=k % directions == 1,
                save="gates",
                backend="auto",
                return_all=return_all,
            )
            outputs.append(y)
            if trace is not None:
                found.append(trace)
            last.append(new)
        traces.append(tuple(found))
        x = outputs[0] if directions == 1 else _side_by_side(outputs, layer.batch_first)
    return x, tuple(torch.stack(column) for column in zip(*last, strict=True)), tuple(traces)


def _side_by_side(outputs: list[Tensor], batch_first: bool) -> Tensor:
    """Both directions' outputs (batch, time, ·) as one, laid out in memory as the layer's output is."""
    if batch_first:
        return torch.cat(outputs, dim=-1)
    return torch.cat([y.transpose(0, 1) for y in outputs], dim=-1).transpose(0, 1)


def _dropout(p: float, x: Tensor) -> Tensor:
    """Drop entries of x (batch, time, ·) in the order in which torch draws: the same seed drops the same ones."""
    return dropout(x.transpose(0, 1).contiguous(), p).transpose(0, 1)


def _dropout_packed(p: float, lengths: Tensor, x: Tensor) -> Tensor:
    """The same where torch's layer sees the packed steps alone."""
    data, batch_sizes, *_ = pack_padded_sequence(x, lengths, batch_first=True)
    return pad_packed_sequence(PackedSequence(dropout(data, p), batch_sizes), batch_first=True)[0]


def _check_width(layer: torch.nn.RNNBase, input: Tensor) -> None:
    if input.shape[-1] != layer.input_size:
        raise ShapeError(
            f"input has {counted(input.shape[-1], 'feature')} (shape {tuple(input.shape)}, features last), "
            f"the layer was made for {layer.input_size} (input_size)."
        )


def _check_hx(layer: Optioned, hx: _States | None, batch: Sequence[int]) -> None:
    if hx is None:
        return
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = dict(zip((f"{part}_0" for part in layer.cell_spec.state), state_widths(layer), strict=True))
    expected = [(count, *batch, width) for width in widths.values()]
    parts = hx if isinstance(hx, tuple | list) else (hx,)
    got = [tuple(h.shape) if isinstance(h, Tensor) else type(h).__name__ for h in parts]
    if got != expected:
        raise ShapeError(
            f"hx for this layer and input must be {', '.join(widths)} of shape {', '.join(map(str, expected))} "
            f"(layers * directions, batch if there is one, width), got {', '.join(map(str, got))}."
        )
