"""torch's own recurrences: for what the kernels are not compiled for, for recorded calls, and for single steps."""

from collections.abc import Callable

from torch import Tensor

from chainrule._torch import fused, is_any_autocast_enabled, is_exporting, tracing_state
from chainrule.ops.choices import Description
from chainrule.ops.plain import is_transformed
from chainrule.ops.recurrence.backends import stack
from chainrule.ops.recurrence.backends.stack import FUSED, FusedLayers
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells.spec import State, parameter_name

__all__ = ["describe", "obstacle", "run"]

_STEPS: dict[str, Callable[..., Tensor | tuple[Tensor, Tensor]]] = {
    "rnn_tanh": fused.rnn_tanh_cell,
    "rnn_relu": fused.rnn_relu_cell,
    "gru": fused.gru_cell,
    "lstm": fused.lstm_cell,
}


def obstacle(call: RecurrenceCall, asked_for: bool) -> str | None:
    """Why torch's own cannot run this call, or should not; None if it can."""
    if not asked_for and is_exporting():
        return "torch.export records torch's own operations"
    if is_any_autocast_enabled() and not stack.is_by_cudnn(call.x):
        return "under autocast its backward pass would compute in the lower precision"
    if call.cell.name not in FUSED:
        return f"torch has no {call.cell.name}"
    if call.rounds:
        return "torch's own does not round the factors of products alone"
    if not asked_for and is_transformed():
        return "torch.func and forward-mode derivatives go through the formula"
    for name in ("resets", "lengths"):
        if getattr(call, name) is not None:
            return f"torch's own has no {name}"
    if call.trace is not None:
        return "torch's own has no return_all"
    if call.zoned_out:
        return "torch's own has no zoneout"
    for symbol in ("g_ih", "g_c", "p"):
        if getattr(call.weights, symbol) is not None:
            return f"torch's own has no {parameter_name(symbol)}"
    return None


def describe(call: RecurrenceCall) -> Description:
    """Torch's operations."""
    return Description.of_torch()


def run(call: RecurrenceCall) -> tuple[Tensor, State]:
    """The outputs (B, T, H), T >= 1, and the last state."""
    weights = call.weights
    if call.x.shape[1] == 1 and weights.W_hr is None and not tracing_state():
        return _step(call)
    given = [w for w in (weights.W_ih, weights.W_hh, weights.b_ih, weights.b_hh, weights.W_hr) if w is not None]
    x = call.x.flip(1) if call.reverse else call.x
    y, last = stack.run(_stack_of_one(call), x, tuple(s.unsqueeze(0) for s in call.state), given)
    return y.flip(1) if call.reverse else y, tuple(s.squeeze(0) for s in last)


def _stack_of_one(call: RecurrenceCall) -> FusedLayers:
    weights = call.weights
    return FusedLayers(
        call.cell.name,
        inputs=call.x.shape[-1],
        hidden=call.state[-1].shape[-1],
        projected=0 if weights.W_hr is None else weights.W_hr.shape[0],
        layers=1,
        bidirectional=False,
        bias=weights.b_ih is not None,
        dropout=0.0,
        batch_first=True,
    )


def _step(call: RecurrenceCall) -> tuple[Tensor, State]:
    weights = call.weights
    state = call.state if len(call.state) == 2 else call.state[0]
    step = _STEPS[call.cell.name]
    new = step(call.x[:, 0], state, weights.W_ih, weights.W_hh, weights.b_ih, weights.b_hh)
    last = new if isinstance(new, tuple) else (new,)
    return last[0].unsqueeze(1), last
