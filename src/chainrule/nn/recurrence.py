"""RNN, GRU and LSTM in the place of torch.nn's: the same parameters, and more arguments to the call.

Each is a subclass of its torch.nn namesake without any state of its own but what an option asks for, so that weights
load both ways and an existing layer becomes chainrule's by changing its class (see :func:`chainrule.nn.swap`).

Beyond torch.nn, the call takes

- ``resets``: a bool tensor, (batch, time) whatever ``batch_first`` says, (time,) for unbatched input. resets[b, t]
  puts a boundary before step t of row b that no state crosses: one row can hold many documents end to end.
- ``lengths``: integers, a tensor or a sequence of ints, (batch,); a scalar for unbatched input. Row b ends
  after lengths[b] steps: outputs beyond are zero, h_n is the state after the row's own last step, and
  padding, NaN included, reaches nothing. It does what a PackedSequence does, without packing.

- ``return_all``: return as a third value a :class:`~chainrule.functional.Trace` of every layer and direction,
  ``traces[layer][direction]``, direction 1 being the reverse one: h_t, c_t and the gates of all steps, and after a
  backward pass their gradients. Tensors are laid out as the outputs are; those of a PackedSequence are padded, and its
  rows in the order that they had before packing.

Under torch.autocast an LSTM without any of these is torch's own, which computes in the lower precision; all others scan
in the dtype of their weights.

resets and lengths hold in every layer and both directions. A sequence may have no steps at all: h_n is then hx.

The constructor takes more too; without these a layer has exactly the parameters of torch.nn's:

- ``layer_norm``: normalise W_ih x_t and W_hh h_{t-1}, each over all gates (Ba et al. 2016), and the LSTM's c_t where
  h_t is made of it: gains weight_ln_ih, weight_ln_hh and weight_ln_c, offset bias_ln_c.
- ``zoneout``: the rate at which units keep the value of the step before (Krueger et al. 2017), from 0 to below 1; of
  the LSTM also a pair, for h and c. Drawn for each unit and step while training; in evaluation every state is
  the mean, rate h_{t-1} + (1 - rate) h~_t.
- ``peepholes``: of the LSTM, weight_peep lets the gates see c (Gers & Schmidhuber 2000).
- ``reset_after``: of the GRU, False applies the reset r before the product with W_hn, as Cho et al. (2014) and Keras
  (``reset_after=False``) do and ONNX by default (``linear_before_reset=0``). The parameters are the same.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.fx import Proxy
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from chainrule import functional
from chainrule._choices import counted
from chainrule._torch import is_any_autocast_enabled
from chainrule.errors import ArgumentError, ShapeError
from chainrule.functional import Trace
from chainrule.nn.making import make
from chainrule.nn.recording import leaf
from chainrule.nn.recurrence_options import Optioned
from chainrule.nn.streams.recurrent import Stream
from chainrule.nn.swapping.replacements import replaces
from chainrule.ops import choices
from chainrule.ops.arguments import FOREIGN, as_lengths, check_tensors, explain_failure
from chainrule.ops.plain import PLAIN, is_traced, is_transformed, needs_grad, untraced
from chainrule.ops.pointers import lacks_memory
from chainrule.ops.recurrence.dispatch import is_single_step

__all__ = ["GRU", "LSTM", "RNN"]

_Input = TypeVar("_Input", Tensor, PackedSequence)
_Lengths = Tensor | Sequence[int] | int | None
_States = tuple[Tensor, ...]  # (h,) or (h, c), each (layers * directions, batch, ·)
_Traces = tuple[tuple[Trace, ...], ...]  # by layer, by direction


@replaces(torch.nn.RNN)
class RNN(Optioned, torch.nn.RNN):
    """Elman's recurrent network, in the place of :class:`torch.nn.RNN`.

    h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), where f is tanh or relu (``nonlinearity``)

    Constructor, input and output are torch's; the module's docstring describes what each takes beyond them.

    >>> layer = RNN(3, 4, batch_first=True)
    >>> y, h_n = layer(torch.randn(2, 5, 3), lengths=torch.tensor([5, 2]))
    >>> y.shape, h_n.shape, torch.equal(h_n[0, 1], y[1, 1])
    (torch.Size([2, 5, 4]), torch.Size([1, 2, 4]), True)
    """

    def __init__(self, *args: Any, layer_norm: bool = False, zoneout: float = 0.0, **kwargs: Any) -> None:
        make(self, super().__init__, *args, **kwargs)
        self.add_options(layer_norm, zoneout)

    def forward(  # type: ignore[override]
        self,
        input: _Input,
        hx: Tensor | None = None,
        resets: Tensor | None = None,
        lengths: _Lengths = None,
        return_all: bool = False,
    ) -> tuple[_Input, Tensor] | tuple[_Input, Tensor, _Traces]:
        """Return the last layer's outputs and every layer's last state, laid out as torch does; traces if asked for."""
        if isinstance(input, Proxy):
            return leaf(self, input, hx, resets=resets, lengths=lengths, return_all=return_all)
        op = partial(functional.rnn, nonlinearity=self.nonlinearity)
        hidden = None if hx is None else (hx,)
        output, (h_n,), traces = _run(self, op, input, hidden, resets, lengths, return_all)
        return (output, h_n, traces) if return_all else (output, h_n)

    def stream(self, batch: int = 1) -> Stream:
        """This layer for ``batch`` sequences that arrive step by step: see :class:`chainrule.nn.Stream`."""
        return Stream(self, batch)


@replaces(torch.nn.GRU)
class GRU(Optioned, torch.nn.GRU):
    """The gated recurrent unit (Cho et al. 2014), in the place of :class:`torch.nn.GRU`.

    r_t = sigmoid(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)
    z_t = sigmoid(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)
    n_t = tanh(W_in x_t + b_in + r_t (W_hn h_{t-1} + b_hn))
    h_t = (1 - z_t) n_t + z_t h_{t-1}

    With ``reset_after=False``, n_t = tanh(W_in x_t + b_in + W_hn (r_t h_{t-1}) + b_hn), as in the paper.

    weight_ih stacks W_ir, W_iz, W_in, and weight_hh likewise. Constructor, input and output are torch's;
    the module's docstring describes what each takes beyond them.

    >>> layer, x = GRU(3, 4, batch_first=True), torch.randn(1, 6, 3)
    >>> boundary = torch.tensor([[False, False, True, False, False, False]])
    >>> y, _ = layer(x, resets=boundary)
    >>> torch.allclose(y[:, 2:], layer(x[:, 2:])[0], atol=1e-6)
    True
    >>> GRU(3, 4, reset_after=False)  # as Keras' GRU(4, reset_after=False)
    GRU(3, 4, reset_after=False)
    """

    def __init__(
        self, *args: Any, layer_norm: bool = False, zoneout: float = 0.0, reset_after: bool = True, **kwargs: Any
    ) -> None:
        make(self, super().__init__, *args, **kwargs)
        self.add_options(layer_norm, zoneout, reset_after=reset_after)

    def forward(  # type: ignore[override]
        self,
        input: _Input,
        hx: Tensor | None = None,
        resets: Tensor | None = None,
        lengths: _Lengths = None,
        return_all: bool = False,
    ) -> tuple[_Input, Tensor] | tuple[_Input, Tensor, _Traces]:
        """Return the last layer's outputs and every layer's last state, laid out as torch does; traces if asked for."""
        if isinstance(input, Proxy):
            return leaf(self, input, hx, resets=resets, lengths=lengths, return_all=return_all)
        op = partial(functional.gru, reset_after=self.reset_after)
        hidden = None if hx is None else (hx,)
        output, (h_n,), traces = _run(self, op, input, hidden, resets, lengths, return_all)
        return (output, h_n, traces) if return_all else (output, h_n)

    def stream(self, batch: int = 1) -> Stream:
        """This layer for ``batch`` sequences that arrive step by step: see :class:`chainrule.nn.Stream`."""
        return Stream(self, batch)


@replaces(torch.nn.LSTM)
class LSTM(Optioned, torch.nn.LSTM):
    """Long short-term memory (Hochreiter & Schmidhuber 1997), in the place of :class:`torch.nn.LSTM`.

    i_t, f_t, o_t = sigmoid(W_i* x_t + b_i* + W_h* h_{t-1} + b_h*) for * = i, f, o
    g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)
    c_t = f_t c_{t-1} + i_t g_t
    h_t = o_t tanh(c_t), or W_hr (o_t tanh(c_t)) where ``proj_size`` is given

    weight_ih stacks W_ii, W_if, W_ig, W_io, and weight_hh likewise. Constructor, input and output are
    torch's; the module's docstring describes what each takes beyond them.

    >>> layer = LSTM(3, 4, num_layers=2)
    >>> y, (h_n, c_n) = layer(torch.randn(5, 1, 3))
    >>> y.shape, c_n.shape, torch.equal(h_n[-1], y[-1])
    (torch.Size([5, 1, 4]), torch.Size([2, 1, 4]), True)
    """

    def __init__(
        self,
        *args: Any,
        layer_norm: bool = False,
        zoneout: float | tuple[float, float] = 0.0,
        peepholes: bool = False,
        **kwargs: Any,
    ) -> None:
        make(self, super().__init__, *args, **kwargs)
        self.add_options(layer_norm, zoneout, peepholes)

    def forward(  # type: ignore[override]
        self,
        input: _Input,
        hx: tuple[Tensor, Tensor] | None = None,
        resets: Tensor | None = None,
        lengths: _Lengths = None,
        return_all: bool = False,
    ) -> tuple[_Input, tuple[Tensor, Tensor]] | tuple[_Input, tuple[Tensor, Tensor], _Traces]:
        """Return the last layer's outputs, every layer's last (h, c), laid out as torch does; traces if asked for."""
        if isinstance(input, Proxy):
            return leaf(self, input, hx, resets=resets, lengths=lengths, return_all=return_all)
        output, (h_n, c_n), traces = _run(self, functional.lstm, input, hx, resets, lengths, return_all)
        return (output, (h_n, c_n), traces) if return_all else (output, (h_n, c_n))

    def stream(self, batch: int = 1) -> Stream:
        """This layer for ``batch`` sequences that arrive step by step: see :class:`chainrule.nn.Stream`."""
        return Stream(self, batch)


def _run(
    layer: Optioned,
    op: Callable[..., Any],
    input: _Input,
    hx: _States | None,
    resets: Tensor | None,
    lengths: _Lengths,
    return_all: bool,
) -> tuple[_Input, _States, _Traces]:
    """Bring whatever torch accepts to (batch, time, input), run the layers, and bring the results back."""
    if is_traced():
        with untraced():  # torch.onnx makes tensors of flags
            return_all = bool(return_all)
    if resets is None and lengths is None and not return_all and not layer.has_options:
        by_torch: tuple[Any, _States] | None = _by_torch(layer, input, hx)
        if by_torch is not None:
            return by_torch[0], by_torch[1], ()
    if isinstance(input, PackedSequence):
        return _packed(layer, op, input, hx, resets, lengths, return_all)
    check_tensors({"input": input}, {"resets": resets})
    try:
        return _padded(layer, op, input, hx, resets, lengths, return_all)
    except FOREIGN as error:
        states = hx if isinstance(hx, tuple | list) else (hx,)
        explain_failure(error, {"input": input, **dict(zip(("h_0", "c_0"), states, strict=False)), "resets": resets})
        raise


def _by_torch(layer: Optioned, input: Tensor | PackedSequence, hx: _States | None) -> tuple[Any, _States] | None:
    """The outputs and states of torch's own layer where it computes the call; None elsewhere.

    It does where a call is recorded, and where it takes less time: in single steps, and of the LSTM under autocast.
    What torch refuses is left to the checks of the other way, which say it in words.
    """
    if not is_traced():
        if not isinstance(input, Tensor) or input.is_nested or input.dim() != 3 or not _is_torchs(layer, input, hx):
            return None
        try:
            return _torchs(layer, input, hx)
        except FOREIGN:
            return None
    return _torchs(layer, input, hx)


def _torchs(layer: Optioned, input: Tensor | PackedSequence, hx: _States | None) -> tuple[Any, _States]:
    given = hx if hx is None or len(hx) == 2 else hx[0]
    output, last = _TORCHS[layer.mode](layer, input, given)
    return output, last if isinstance(last, tuple) else (last,)


def _is_torchs(layer: Optioned, input: Tensor, hx: _States | None) -> bool:
    if torch.compiler.is_compiling() or is_transformed() or choices.listening or isinstance(hx, Tensor):
        return False
    autocast = is_any_autocast_enabled()
    B, T = input.shape[:2] if layer.batch_first else input.shape[1::-1]
    if autocast:
        if layer.mode != "LSTM" or layer.proj_size or input.dtype == torch.float64:
            return False
    elif not is_single_step(B, T):
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
    op: Callable[..., Any],
    input: Tensor,
    hx: _States | None,
    resets: Tensor | None,
    lengths: _Lengths,
    return_all: bool,
) -> tuple[Any, _States, _Traces]:
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
    y, states, traces = _layers(layer, op, x, hx, resets, lengths, return_all, partial(_dropout, layer.dropout))
    arrange = partial(_arranged, unbatched, layer.batch_first)
    _lay_out(traces, arrange)
    if unbatched:
        states = tuple(s.squeeze(1) for s in states)
    return arrange(y), states, traces


def _packed(
    layer: Optioned,
    op: Callable[..., Any],
    input: PackedSequence,
    hx: _States | None,
    resets: Tensor | None,
    lengths: _Lengths,
    return_all: bool,
) -> tuple[PackedSequence, _States, _Traces]:
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
    y, states, traces = _layers(layer, op, x, hx, resets, lengths, return_all, drop)
    if inverse is not None:
        states = tuple(s.index_select(1, inverse) for s in states)
    _lay_out(traces, partial(_unpacked, inverse, layer.batch_first))
    packed = pack_padded_sequence(y, lengths, batch_first=True)
    return PackedSequence(packed.data, batch_sizes, order, inverse), states, traces


def _arranged(unbatched: bool, batch_first: bool, y: Tensor) -> Tensor:
    """y (batch, time, ·) as torch lays out the outputs."""
    if unbatched:
        return y.squeeze(0)
    return y if batch_first else y.transpose(0, 1)


def _unpacked(inverse: Tensor | None, batch_first: bool, y: Tensor) -> Tensor:
    return _arranged(False, batch_first, y if inverse is None else y.index_select(0, inverse))


def _lay_out(traces: _Traces, arrange: Callable[[Tensor], Tensor]) -> None:
    for trace in chain.from_iterable(traces):
        trace.lay_out(arrange)


def _layers(
    layer: Optioned,
    op: Callable[..., Any],
    x: Tensor,
    hx: _States | None,
    resets: Tensor | None,
    lengths: _Lengths,
    return_all: bool,
    drop: Callable[[Tensor], Tensor],
) -> tuple[Tensor, _States, _Traces]:
    """Run every layer in every direction over x (batch, time, input)."""
    directions = 2 if layer.bidirectional else 1
    weights = [w if layer.bias else [*w[:2], None, None, *w[2:]] for w in layer.all_weights]
    last: list[_States] = []
    traces: list[tuple[Trace, ...]] = []
    for n in range(layer.num_layers):
        if n > 0 and layer.dropout > 0 and layer.training:
            x = drop(x)
        outputs = []
        found = []
        for k in range(n * directions, (n + 1) * directions):
            state = None if hx is None else tuple(h[k] for h in hx)
            y, new, *trace = op(
                x,
                state[0] if state is not None and len(state) == 1 else state,
                *weights[k],
                resets=resets,
                lengths=lengths,
                reverse=k % directions == 1,
                return_all=return_all,
                **layer.option_arguments(k, x),
            )
            outputs.append(y)
            found += trace
            last.append(new if isinstance(new, tuple) else (new,))
        traces.append(tuple(found))
        x = outputs[0] if directions == 1 else torch.cat(outputs, dim=-1)
    return x, tuple(torch.stack(column) for column in zip(*last, strict=True)), tuple(traces)


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


def _check_hx(layer: torch.nn.RNNBase, hx: _States | None, batch: Sequence[int]) -> None:
    if hx is None:
        return
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = {"h_0": layer.proj_size or layer.hidden_size}
    if isinstance(layer, torch.nn.LSTM):
        widths["c_0"] = layer.hidden_size
    expected = [(count, *batch, width) for width in widths.values()]
    parts = hx if isinstance(hx, tuple | list) else (hx,)
    got = [tuple(h.shape) if isinstance(h, Tensor) else type(h).__name__ for h in parts]
    if got != expected:
        raise ShapeError(
            f"hx for this layer and input must be {', '.join(widths)} of shape {', '.join(map(str, expected))} "
            f"(layers * directions, batch if there is one, width), got {', '.join(map(str, got))}."
        )
