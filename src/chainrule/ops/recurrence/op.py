"""The entrance: checks the arguments, chooses the rung, runs it."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from chainrule.errors import ArgumentError, BackendError, ShapeError
from chainrule.ops.arguments import as_lengths, check_tensors, occurs
from chainrule.ops.recurrence import formula, kernels, reference
from chainrule.ops.recurrence.reference import State, Weights

__all__ = ["choose", "gru", "lstm", "rnn"]

_RUNGS = {"kernels": kernels.scan, "formula": formula.scan, "reference": reference.scan}
_FEW_ROWS = 16  # measured: above it the kernels are faster at a single step too
_SAVES = ("gates", "states")
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}


def rnn(
    x: Tensor,
    h_0: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    nonlinearity: str = "tanh",
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    save: str = "gates",
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Elman's recurrent network over a batch of sequences: h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Args:
        x: the inputs, (B, T, I), of the same floating dtype as all that follows. T may be 0.
        h_0: the state to start from, (B, H); None for zeros.
        weight_ih, weight_hh: (H, I) and (H, H).
        bias_ih, bias_hh: (H,) each; both or neither.
        nonlinearity: f, "tanh" or "relu".
        resets: a bool tensor, (B, T). resets[b, t] puts a boundary before step t of row b: no state crosses it, in
            either direction. Going forward, one at t = 0 discards h_0; going in reverse, nothing crosses it.
        lengths: integers, (B,), each 0 to T; a tensor, or a sequence of ints. Steps t >= lengths[b] leave the
            state of row b as it was and give outputs of zero; whatever x holds there, NaN included, reaches
            nothing.
        reverse: scan from the last step to the first. y stays in the order of x; h_n is the state after
            step 0.
        save: what the kernels keep for the backward pass: "gates", every gate of every step, or "states", the states
            alone, from which the gates are computed anew. The other rungs keep what they need.
        backend: "auto", "kernels", "formula" or "reference". "auto" takes the kernels where they can run (see
            :func:`choose`), and the formula elsewhere.

    Returns:
        y: every state, (B, T, H).
        h_n: the last state, (B, H).

    Raises:
        ShapeError: a tensor has the wrong shape, dtype or device.
        ArgumentError: an option or a length is out of its range.
        BackendError: backend="kernels", and they can't run this call; the message says why.

    Under torch.autocast the scan runs in the dtype of weight_ih: rounding in a state adds up over time.

    >>> x, one = torch.ones(1, 3, 1), torch.ones(1, 1)
    >>> y, h_n = rnn(x, None, one, one, nonlinearity="relu", resets=torch.tensor([[False, False, True]]))
    >>> y.flatten().tolist(), h_n.tolist()
    ([1.0, 2.0, 1.0], [[1.0]])
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ArgumentError(f"unknown nonlinearity {nonlinearity!r}: expected 'tanh' or 'relu'.")
    weights = Weights(weight_ih, weight_hh, bias_ih, bias_hh)
    y, (h_n,) = _scan(f"rnn_{nonlinearity}", x, {"h_0": h_0}, weights, resets, lengths, reverse, save, backend)
    return y, h_n


def gru(
    x: Tensor,
    h_0: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    *,
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    save: str = "gates",
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """The gated recurrent unit of Cho et al. (2014) over a batch of sequences.

    r_t = sigmoid(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)
    z_t = sigmoid(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)
    n_t = tanh(W_in x_t + b_in + r_t (W_hn h_{t-1} + b_hn))
    h_t = (1 - z_t) n_t + z_t h_{t-1}

    weight_ih (3H, I), weight_hh (3H, H), bias_ih and bias_hh (3H,) hold the rows of r, z, n in this order.
    Everything else, what is returned and what is raised are as in :func:`rnn`.

    >>> x = torch.randn(2, 5, 3)
    >>> y, h_n = gru(x, None, torch.randn(12, 3), torch.randn(12, 4), lengths=torch.tensor([5, 2]))
    >>> y.shape, torch.equal(h_n[1], y[1, 1]), y[1, 2:].any().item()
    (torch.Size([2, 5, 4]), True, False)
    """
    weights = Weights(weight_ih, weight_hh, bias_ih, bias_hh)
    y, (h_n,) = _scan("gru", x, {"h_0": h_0}, weights, resets, lengths, reverse, save, backend)
    return y, h_n


def lstm(
    x: Tensor,
    state: tuple[Tensor, Tensor] | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
    *,
    resets: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    save: str = "gates",
    backend: str = "auto",
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000) over a batch.

    i_t, f_t, o_t = sigmoid(W_i* x_t + b_i* + W_h* h_{t-1} + b_h*) for * = i, f, o
    g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)
    c_t = f_t c_{t-1} + i_t g_t
    h_t = o_t tanh(c_t), or W_hr (o_t tanh(c_t)) with a projection (Sak et al. 2014)

    state is (h_0, c_0), each (B, H), or None for zeros. weight_ih (4H, I), weight_hh (4H, H), bias_ih and
    bias_hh (4H,) hold the rows of i, f, g, o in this order. With weight_hr (P, H) the state h and the outputs
    have P entries and weight_hh is (4H, P). Everything else and what is raised are as in :func:`rnn`;
    returned are y and (h_n, c_n).

    >>> x, state = torch.randn(2, 5, 3), (torch.zeros(2, 4), torch.zeros(2, 4))
    >>> y, (h_n, c_n) = lstm(x, state, torch.randn(16, 3), torch.randn(16, 4), reverse=True)
    >>> y.shape, torch.equal(h_n, y[:, 0])
    (torch.Size([2, 5, 4]), True)
    """
    weights = Weights(weight_ih, weight_hh, bias_ih, bias_hh, weight_hr)
    h_0, c_0 = (None, None) if state is None else _pair(state)
    states = {"h_0": h_0, "c_0": c_0}
    y, (h_n, c_n) = _scan("lstm", x, states, weights, resets, lengths, reverse, save, backend)
    return y, (h_n, c_n)


def choose(cell: str, x: Tensor, weights: Weights, backend: str = "auto") -> tuple[str, str]:
    """Which rung runs this call, and why, as a sentence: ("formula", "...").

    cell is "rnn_tanh", "rnn_relu", "gru" or "lstm".

    >>> one = torch.ones(1, 1, dtype=torch.float16)
    >>> choose("rnn_tanh", one.unsqueeze(0), Weights(one, one))
    ('formula', 'the kernels are compiled for float32 and float64, and x is torch.float16')
    """
    if backend not in ("auto", *_RUNGS):
        raise ArgumentError(f"unknown backend {backend!r}: expected one of {', '.join(['auto', *_RUNGS])}.")
    obstacle = kernels.obstacle(x, weights)
    if backend == "kernels" and obstacle is not None:
        raise BackendError(f"backend 'kernels' cannot run this {cell}: {obstacle}. Use backend='auto'.")
    if backend != "auto":
        return backend, f"backend={backend!r} asks for it"
    if obstacle is not None:
        return "formula", obstacle
    if x.shape[1] == 1 and x.shape[0] <= _FEW_ROWS:
        return "formula", f"one step of at most {_FEW_ROWS} rows takes less time than packing the weights"
    return "kernels", f"{x.dtype} on the CPU, instructions {kernels.LEVELS[0]}"


def _pair(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    if isinstance(state, tuple | list) and len(state) == 2:
        return state
    raise ArgumentError(f"state of the LSTM must be a pair (h_0, c_0) or None, got {type(state).__name__}.")


def _scan(
    cell: str,
    x: Tensor,
    states: dict[str, Tensor | None],
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
    reverse: bool,
    save: str,
    backend: str,
) -> tuple[Tensor, State]:
    if save not in _SAVES:
        raise ArgumentError(f"unknown save {save!r}: expected 'gates' or 'states'.")
    _check_tensors(x, states, weights, resets)
    if torch.is_autocast_enabled(x.device.type):
        dtype = weights.W_ih.dtype
        x = x.to(dtype)
        states = {name: s if s is None else s.to(dtype) for name, s in states.items()}
    rung, _ = choose(cell, x, weights, backend)
    state = _checked(x, states, weights, _GATES[cell])
    resets = None if resets is None else _checked_resets(resets, x)
    row_lengths = None if lengths is None else _checked_lengths(as_lengths(lengths), x)
    if x.shape[1] == 0:
        return x.new_empty(x.shape[0], 0, state[0].shape[1]), state
    options = {"save": save} if rung == "kernels" else {}
    run = partial(_RUNGS[rung], cell, x, state, weights, resets, row_lengths, reverse, **options)
    if not torch.is_autocast_enabled(x.device.type):
        return run()
    with torch.autocast(x.device.type, enabled=False):
        return run()


def _check_tensors(x: Tensor, states: dict[str, Tensor | None], weights: Weights, resets: Tensor | None) -> None:
    W_ih, W_hh, b_ih, b_hh, W_hr = weights
    check_tensors(
        {"x": x, "weight_ih": W_ih, "weight_hh": W_hh},
        {"bias_ih": b_ih, "bias_hh": b_hh, "weight_hr": W_hr, "resets": resets, **states},
    )


def _checked(x: Tensor, states: dict[str, Tensor | None], weights: Weights, gates: int) -> State:
    """Check every tensor against weight_ih and the rows of x; return the state, made of zeros where None."""
    if x.dim() != 3 or not x.is_floating_point():
        raise ShapeError(f"x must be (batch, time, input) of a floating dtype, got {_described(x)}.")
    W_ih, W_hh, b_ih, b_hh, W_hr = weights
    rows = W_ih.shape[0] if W_ih.dim() == 2 else -1
    if rows % gates or rows < 1 or not W_ih.is_floating_point():
        raise ShapeError(f"weight_ih must be ({gates} * hidden, input) of a floating dtype, got {_described(W_ih)}.")
    if (b_ih is None) != (b_hh is None):
        raise ArgumentError("bias_ih and bias_hh come together: give both or neither.")
    B, T, I = *x.shape[:2], W_ih.shape[1]  # noqa: E741
    H = rows // gates
    P = H if W_hr is None else W_hr.shape[0]
    if x.shape[2] != I:
        raise ShapeError(
            f"x has {x.shape[2]} features, weight_ih {tuple(W_ih.shape)} is made for {I}: "
            f"x must be (batch, time, {I}), got {_described(x)}."
        )
    _expect("x", x, (B, T, I), W_ih)
    _expect("weight_hh", W_hh, (rows, P), W_ih)
    for name, tensor, shape in (
        ("bias_ih", b_ih, (rows,)),
        ("bias_hh", b_hh, (rows,)),
        ("weight_hr", W_hr, (P, H)),
        ("h_0", states["h_0"], (B, P)),
        ("c_0", states.get("c_0"), (B, H)),
    ):
        if tensor is not None:
            _expect(name, tensor, shape, W_ih, f" and x {tuple(x.shape)}" if name in states else "")
    widths = {"h_0": P, "c_0": H}
    return tuple(x.new_zeros(B, widths[name]) if s is None else s for name, s in states.items())


def _expect(name: str, tensor: Tensor, shape: tuple[int, ...], W_ih: Tensor, other: str = "") -> None:
    if (tuple(tensor.shape), tensor.dtype, tensor.device) != (shape, W_ih.dtype, W_ih.device):
        raise ShapeError(
            f"{name} must be {shape} of {W_ih.dtype} on {W_ih.device} to go with weight_ih {tuple(W_ih.shape)}{other}, "
            f"got {_described(tensor)}. Convert with .to(...) where only the dtype or device differs."
        )


def _checked_resets(resets: Tensor, x: Tensor) -> Tensor:
    if resets.dtype != torch.bool or resets.shape != x.shape[:2] or resets.device != x.device:
        raise ShapeError(
            f"resets must be bool, (batch, time) = {tuple(x.shape[:2])}, on {x.device}, got {_described(resets)}."
        )
    return resets


def _checked_lengths(lengths: Tensor, x: Tensor) -> Tensor:
    B, T = x.shape[:2]
    if lengths.shape != (B,) or lengths.dtype not in _INTEGERS:
        raise ShapeError(f"lengths must be integers, (batch,) = ({B},), got {_described(lengths)}.")
    outside = (lengths < 0) | (lengths > T)
    if occurs(outside, "lengths"):
        b = int(outside.nonzero()[0])
        raise ArgumentError(f"lengths must lie between 0 and T = {T}, got {int(lengths[b])} for row {b}.")
    return lengths.to(x.device)


def _described(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} of {tensor.dtype} on {tensor.device}"
