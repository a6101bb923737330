"""The entrance: RNN, GRU and LSTM over a whole sequence."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict, Unpack, overload

from torch import Tensor

from chainrule.errors import ArgumentError
from chainrule.ops.arguments import as_flag
from chainrule.ops.recurrence.call import Zoneout
from chainrule.ops.recurrence.cells import GRU, GRU_RESET_BEFORE, LSTM, RNN_RELU, RNN_TANH, find_cell
from chainrule.ops.recurrence.cells.spec import CellSpec, State, Weights
from chainrule.ops.recurrence.dispatch import run
from chainrule.ops.recurrence.trace import Trace

__all__ = ["gru", "lstm", "recurrence", "rnn"]


class _Options(TypedDict, total=False):
    weight_ln_ih: Tensor | None
    weight_ln_hh: Tensor | None
    resets: Tensor | None
    lengths: Tensor | Sequence[int] | None
    reverse: bool
    save: str
    backend: str


class _RNNOptions(_Options, total=False):
    nonlinearity: str
    zoneout: Tensor | float | None


class _GRUOptions(_Options, total=False):
    reset_after: bool
    zoneout: Tensor | float | None


class _LSTMOptions(_Options, total=False):
    weight_ln_c: Tensor | None
    bias_ln_c: Tensor | None
    weight_peep: Tensor | None
    zoneout: tuple[Tensor | float | None, Tensor | float | None] | float | None


class _AnyOptions(TypedDict, total=False):
    zoneout: Zoneout | Tensor | float | None
    resets: Tensor | None
    lengths: Tensor | Sequence[int] | None
    reverse: bool
    save: str
    backend: str


@overload
def rnn(
    x: Tensor,
    h_0: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = ...,
    bias_hh: Tensor | None = ...,
    *,
    return_all: Literal[False] = ...,
    **options: Unpack[_RNNOptions],
) -> tuple[Tensor, Tensor]: ...


@overload
def rnn(
    x: Tensor,
    h_0: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = ...,
    bias_hh: Tensor | None = ...,
    *,
    return_all: Literal[True],
    **options: Unpack[_RNNOptions],
) -> tuple[Tensor, Tensor, Trace]: ...


def rnn(
    x: Tensor,
    h_0: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    nonlinearity: str = "tanh",
    weight_ln_ih: Tensor | None = None,
    weight_ln_hh: Tensor | None = None,
    zoneout: Tensor | float | None = None,
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    save: str = "gates",
    backend: str = "auto",
    return_all: bool = False,
) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Trace]:
    """Elman's recurrent network over a batch of sequences: h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Args:
        x: the inputs, (B, T, I), of the same floating dtype as all that follows. T may be 0.
        h_0: the state to start from, (B, H); None for zeros.
        weight_ih, weight_hh: (H, I) and (H, H).
        bias_ih, bias_hh: (H,) each; both or neither.
        nonlinearity: f, "tanh" or "relu".
        weight_ln_ih, weight_ln_hh: (H,) each; gains of the layer normalisation of W_ih x_t and W_hh h_{t-1} (Ba et al.
            2016), to which the biases are added; both or neither.
        zoneout: which units keep the value that they had before a step (Krueger et al. 2017): a bool tensor,
            (B, T, H), as drawn for training, or the rate, from 0 to below 1, for the expectation
            h_t = rate h_{t-1} + (1 - rate) h~_t, where h~_t is what the step makes.
        resets: a bool tensor, (B, T). resets[b, t] puts a boundary before step t of row b: no state crosses it, in
            either direction. Going forward, one at t = 0 discards h_0; going in reverse, nothing crosses it.
        lengths: integers, (B,), each 0 to T; a tensor, or a sequence of ints. Steps t >= lengths[b] leave the
            state of row b as it was and give outputs of zero; whatever x holds there, NaN included, reaches
            nothing.
        reverse: scan from the last step to the first. y stays in the order of x; h_n is the state after
            step 0.
        save: what the kernels keep for the backward pass: "gates", every gate of every step, or "states", the states
            alone, from which the gates are computed anew. The other backends keep what they need, and a call with
            return_all keeps everything.
        backend: "auto", "cpu", "triton", "torch" (its own), "formula" or "reference". "auto" takes the kernels where
            they can run and are the fastest (see :func:`~chainrule.ops.recurrence.dispatch.choose`), on a GPU those
            of Triton for what torch's own lacks, then torch's own where it has what is asked for, and the formula
            elsewhere.
        return_all: return a :class:`Trace` as well.

    Returns:
        ``(y, h_n)``, or with return_all ``(y, h_n, trace)``

        - y: every state, (B, T, H).
        - h_n: the last state, (B, H).
        - trace: the states and gates of all steps, and after a backward pass their gradients.

    Raises:
        ShapeError: a tensor has the wrong shape, dtype or device.
        ArgumentError: an option or a length is out of its range.
        BackendError: the backend that is asked for can't run this call; the message says why. Or return_all within
            torch.func's transforms or torch.compile.

    Under torch.autocast the scan runs in the dtype of weight_ih: rounding in a state adds up over time. Of float32 and
    autocast to bfloat16, the products multiply what is rounded to bfloat16 and sum it in float32; all else, states,
    gates and gradients, is float32. Tensors that are bfloat16 themselves are computed with in the same way, but by
    torch's own on a GPU. There the products of float32 are exact or of TF32, as torch.backends.cudnn.rnn says.

    >>> import torch
    >>> x, one = torch.ones(1, 3, 1), torch.ones(1, 1)
    >>> y, h_n = rnn(x, None, one, one, nonlinearity="relu", resets=torch.tensor([[False, False, True]]))
    >>> y.flatten().tolist(), h_n.tolist()
    ([1.0, 2.0, 1.0], [[1.0]])
    """
    if not isinstance(nonlinearity, str) or nonlinearity not in ("tanh", "relu"):
        raise ArgumentError(f"unknown nonlinearity {nonlinearity!r}: expected 'tanh' or 'relu'.")
    weights = Weights(weight_ih, weight_hh, bias_ih, bias_hh, g_ih=weight_ln_ih, g_hh=weight_ln_hh)
    y, (h_n,), trace = run(
        RNN_TANH if nonlinearity == "tanh" else RNN_RELU,
        x,
        (h_0,),
        weights,
        zoneout=(zoneout,),
        resets=resets,
        lengths=lengths,
        reverse=reverse,
        save=save,
        backend=backend,
        return_all=return_all,
    )
    return (y, h_n) if trace is None else (y, h_n, trace)


@overload
def gru(
    x: Tensor,
    h_0: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = ...,
    bias_hh: Tensor | None = ...,
    *,
    return_all: Literal[False] = ...,
    **options: Unpack[_GRUOptions],
) -> tuple[Tensor, Tensor]: ...


@overload
def gru(
    x: Tensor,
    h_0: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = ...,
    bias_hh: Tensor | None = ...,
    *,
    return_all: Literal[True],
    **options: Unpack[_GRUOptions],
) -> tuple[Tensor, Tensor, Trace]: ...


def gru(
    x: Tensor,
    h_0: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    reset_after: bool = True,
    weight_ln_ih: Tensor | None = None,
    weight_ln_hh: Tensor | None = None,
    zoneout: Tensor | float | None = None,
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    save: str = "gates",
    backend: str = "auto",
    return_all: bool = False,
) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Trace]:
    """The gated recurrent unit of Cho et al. (2014) over a batch of sequences.

    r_t = sigmoid(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)
    z_t = sigmoid(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)
    n_t = tanh(W_in x_t + b_in + r_t (W_hn h_{t-1} + b_hn))
    h_t = (1 - z_t) n_t + z_t h_{t-1}

    weight_ih (3H, I), weight_hh (3H, H), bias_ih and bias_hh (3H,) hold the rows of r, z, n in this order, and so do
    weight_ln_ih and weight_ln_hh.

    reset_after: whether r_t multiplies after the product with W_hn, as above and in torch and cuDNN. With False it
    multiplies before it, as in the paper: n_t = tanh(W_in x_t + b_in + W_hn (r_t h_{t-1}) + b_hn). The name is Keras';
    ONNX has linear_before_reset=1 for True and 0, its default, for False. With layer normalisation False normalises
    W_hn (r_t h_{t-1}) apart from the product of r and z; True normalises one product for all three.

    Everything else, what is returned and what is raised are as in :func:`rnn`.

    >>> import torch
    >>> x = torch.randn(2, 5, 3)
    >>> y, h_n = gru(x, None, torch.randn(12, 3), torch.randn(12, 4), lengths=torch.tensor([5, 2]))
    >>> y.shape, torch.equal(h_n[1], y[1, 1]), y[1, 2:].any().item()
    (torch.Size([2, 5, 4]), True, False)
    """
    weights = Weights(weight_ih, weight_hh, bias_ih, bias_hh, g_ih=weight_ln_ih, g_hh=weight_ln_hh)
    y, (h_n,), trace = run(
        GRU if as_flag("reset_after", reset_after) else GRU_RESET_BEFORE,
        x,
        (h_0,),
        weights,
        zoneout=(zoneout,),
        resets=resets,
        lengths=lengths,
        reverse=reverse,
        save=save,
        backend=backend,
        return_all=return_all,
    )
    return (y, h_n) if trace is None else (y, h_n, trace)


@overload
def lstm(
    x: Tensor,
    state: tuple[Tensor, Tensor] | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = ...,
    bias_hh: Tensor | None = ...,
    weight_hr: Tensor | None = ...,
    *,
    return_all: Literal[False] = ...,
    **options: Unpack[_LSTMOptions],
) -> tuple[Tensor, tuple[Tensor, Tensor]]: ...


@overload
def lstm(
    x: Tensor,
    state: tuple[Tensor, Tensor] | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = ...,
    bias_hh: Tensor | None = ...,
    weight_hr: Tensor | None = ...,
    *,
    return_all: Literal[True],
    **options: Unpack[_LSTMOptions],
) -> tuple[Tensor, tuple[Tensor, Tensor], Trace]: ...


def lstm(
    x: Tensor,
    state: tuple[Tensor, Tensor] | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
    *,
    weight_ln_ih: Tensor | None = None,
    weight_ln_hh: Tensor | None = None,
    weight_ln_c: Tensor | None = None,
    bias_ln_c: Tensor | None = None,
    weight_peep: Tensor | None = None,
    zoneout: tuple[Tensor | float | None, Tensor | float | None] | float | None = None,
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    save: str = "gates",
    backend: str = "auto",
    return_all: bool = False,
) -> tuple[Tensor, tuple[Tensor, Tensor]] | tuple[Tensor, tuple[Tensor, Tensor], Trace]:
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000) over a batch.

    i_t, f_t, o_t = sigmoid(W_i* x_t + b_i* + W_h* h_{t-1} + b_h*) for * = i, f, o
    g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)
    c_t = f_t c_{t-1} + i_t g_t
    h_t = o_t tanh(c_t), or W_hr (o_t tanh(c_t)) with a projection (Sak et al. 2014)

    state is (h_0, c_0), each (B, H), or None for zeros. weight_ih (4H, I), weight_hh (4H, H), bias_ih and
    bias_hh (4H,) hold the rows of i, f, g, o in this order, and so do weight_ln_ih and weight_ln_hh. With weight_hr
    (P, H) the state h and the outputs have P entries and weight_hh is (4H, P).

    weight_ln_c, bias_ln_c: (H,) each; layer normalisation makes it h_t = o_t tanh(weight_ln_c LN(c_t) + bias_ln_c),
    and needs all four.

    weight_peep: (3H,), the peepholes of i, f, o (Gers & Schmidhuber 2000): weight_peep c_{t-1} enters i and f as well,
    weight_peep c_t enters o, entry by entry.

    zoneout: a rate for both h and c, or a pair for h and c, each a mask, (B, T, P) and (B, T, H), or a rate. h~_t is
    made of the c~_t of its own step, before either is mixed.

    Everything else and what is raised are as in :func:`rnn`; returned are y, (h_n, c_n), and the trace if asked for.

    >>> import torch
    >>> x, state = torch.randn(2, 5, 3), (torch.zeros(2, 4), torch.zeros(2, 4))
    >>> y, (h_n, c_n) = lstm(x, state, torch.randn(16, 3), torch.randn(16, 4), reverse=True)
    >>> y.shape, torch.equal(h_n, y[:, 0])
    (torch.Size([2, 5, 4]), True)
    """
    weights = Weights(
        W_ih=weight_ih,
        W_hh=weight_hh,
        b_ih=bias_ih,
        b_hh=bias_hh,
        W_hr=weight_hr,
        g_ih=weight_ln_ih,
        g_hh=weight_ln_hh,
        g_c=weight_ln_c,
        b_c=bias_ln_c,
        p=weight_peep,
    )
    y, (h_n, c_n), trace = run(
        LSTM,
        x,
        (None, None) if state is None else _pair(state),
        weights,
        zoneout=_zoneout_of(LSTM, zoneout),
        resets=resets,
        lengths=lengths,
        reverse=reverse,
        save=save,
        backend=backend,
        return_all=return_all,
    )
    return (y, (h_n, c_n)) if trace is None else (y, (h_n, c_n), trace)


def _pair(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    if isinstance(state, tuple | list) and len(state) == 2:
        return state
    raise ArgumentError(f"state of the LSTM must be a pair (h_0, c_0) or None, got {type(state).__name__}.")


def _zoneout_of(cell: CellSpec, zoneout: Zoneout | Tensor | float | None) -> Zoneout:
    """What is given for each part of the state that zoneout may keep."""
    parts = cell.zoneout
    if isinstance(zoneout, tuple | list):
        if len(zoneout) == len(parts):
            return tuple(zoneout)
    elif len(parts) == 1 or not isinstance(zoneout, Tensor):
        return (zoneout,) * len(parts)
    if len(parts) == 1:
        raise ArgumentError(f"zoneout of {cell.name} must be a mask, a rate or None, for {parts[0]}.")
    raise ArgumentError("zoneout of the LSTM must be a rate, or a pair for h and c: of masks, rates or None.")


@overload
def recurrence(
    cell: str | CellSpec,
    x: Tensor,
    state: Sequence[Tensor] | None,
    weights: Mapping[str, Tensor | None],
    *,
    return_all: Literal[False] = ...,
    **options: Unpack[_AnyOptions],
) -> tuple[Tensor, State]: ...


@overload
def recurrence(
    cell: str | CellSpec,
    x: Tensor,
    state: Sequence[Tensor] | None,
    weights: Mapping[str, Tensor | None],
    *,
    return_all: Literal[True],
    **options: Unpack[_AnyOptions],
) -> tuple[Tensor, State, Trace]: ...


def recurrence(
    cell: str | CellSpec,
    x: Tensor,
    state: Sequence[Tensor] | None,
    weights: Mapping[str, Tensor | None],
    *,
    zoneout: Zoneout | Tensor | float | None = None,
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    save: str = "gates",
    backend: str = "auto",
    return_all: bool = False,
) -> tuple[Tensor, State] | tuple[Tensor, State, Trace]:
    """Any cell over a batch of sequences: one by name, or one of your own.

    Args:
        cell: "rnn_tanh", "rnn_relu", "gru", "gru_reset_before", "lstm", "mingru" (Feng et al. 2024), "slstm" (Beck et
            al. 2024), the name of a cell that :func:`chainrule.nn.register_cell` made known, or a CellSpec.
        x: the inputs, (B, T, I).
        state: the parts of the state to start from, (B, H) each, in the cell's order; None for zeros.
        weights: by the names of a layer's parameters: "weight_ih", "weight_hh", "bias_ih", ...
        zoneout: a mask or a rate, of a cell that may keep several parts of its state one for each; see :func:`rnn`.

    Everything else is as in :func:`rnn`.

    Returns:
        ``(y, state)``, or with return_all ``(y, state, trace)``

        - y: h of every step, (B, T, H).
        - state: the last state, a tuple of its parts.
        - trace: the states and gates of all steps, and after a backward pass their gradients.

    Raises:
        ArgumentError: there is no such cell, a weight is missing, or an option is out of its range.
        ShapeError: a tensor has the wrong shape, dtype or device.
        BackendError: the backend that is asked for cannot run this call.

    >>> import torch
    >>> weights = {"weight_ih": torch.randn(8, 3), "bias_ih": torch.zeros(8)}
    >>> y, (h_n,) = recurrence("mingru", torch.randn(2, 5, 3), None, weights)
    >>> y.shape, torch.equal(h_n, y[:, -1])
    (torch.Size([2, 5, 4]), True)
    """
    spec = find_cell(cell)
    y, last, trace = run(
        spec,
        x,
        _state_of(spec, state),
        spec.holding(weights),
        zoneout=_zoneout_of(spec, zoneout),
        resets=resets,
        lengths=lengths,
        reverse=reverse,
        save=save,
        backend=backend,
        return_all=return_all,
    )
    return (y, last) if trace is None else (y, last, trace)


def _state_of(cell: CellSpec, state: Sequence[Tensor] | None) -> tuple[Tensor | None, ...]:
    if state is None:
        return (None,) * len(cell.state)
    if isinstance(state, tuple | list) and len(state) == len(cell.state):
        return tuple(state)
    what = f"{len(state)} of them" if isinstance(state, tuple | list) else type(state).__name__
    raise ArgumentError(
        f"state of {cell.name} must be None or a tuple of its parts, {', '.join(cell.state)}, got {what}."
    )
