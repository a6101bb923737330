"""torch's own recurrences: for what the kernels are not compiled for, for recorded calls, and for single steps."""

from collections.abc import Callable

from torch import Tensor

from chainrule._torch import fused, is_any_autocast_enabled, tracing_state
from chainrule.ops.recurrence.backends.reference import WEIGHTS, State, Weights, Zoneout

__all__ = ["obstacle", "scan"]

_LAYERS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "rnn_tanh": fused.rnn_tanh,
    "rnn_relu": fused.rnn_relu,
    "gru": fused.gru,
    "lstm": fused.lstm,
}
_CELLS: dict[str, Callable[..., Tensor | tuple[Tensor, Tensor]]] = {
    "rnn_tanh": fused.rnn_tanh_cell,
    "rnn_relu": fused.rnn_relu_cell,
    "gru": fused.gru_cell,
    "lstm": fused.lstm_cell,
}


def obstacle(
    cell: str,
    weights: Weights,
    resets: Tensor | None = None,
    lengths: Tensor | None = None,
    zoneout: Zoneout = (),
    return_all: bool = False,
) -> str | None:
    """Why torch's own cannot run this call; None if it can."""
    if is_any_autocast_enabled():
        return "under autocast its backward pass would compute in the lower precision"
    if cell not in _LAYERS:
        return f"torch has no {cell}"
    given = {"resets": resets is not None, "lengths": lengths is not None, "return_all": return_all}
    given["zoneout"] = any(keep is not None for keep in zoneout)
    given |= {WEIGHTS[name]: getattr(weights, name) is not None for name in ("g_ih", "g_c", "p")}
    missing = [name for name, is_given in given.items() if is_given]
    return f"torch's own has no {missing[0]}" if missing else None


def scan(cell: str, x: Tensor, state: State, weights: Weights, reverse: bool) -> tuple[Tensor, State]:
    """Run ``cell`` over x (B, T, I), T >= 1, from ``state``: the outputs (B, T, H) and the last state."""
    if x.shape[1] == 1 and weights.W_hr is None and not tracing_state():
        return _step(cell, x[:, 0], state, weights)
    given = [w for w in weights[:5] if w is not None]
    first = [s.unsqueeze(0) for s in state]
    options = (weights.b_ih is not None, 1, 0.0, False, False, True)
    x = x.flip(1) if reverse else x
    y, *last = _LAYERS[cell](x, first if len(first) == 2 else first[0], given, *options)
    return y.flip(1) if reverse else y, tuple(s.squeeze(0) for s in last)


def _step(cell: str, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
    new = _CELLS[cell](x, state if len(state) == 2 else state[0], *weights[:4])
    last = new if isinstance(new, tuple) else (new,)
    return last[0].unsqueeze(1), last
