"""One call: checked, and offered to the backends in their order."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from chainrule._torch import is_transform_active
from chainrule.errors import ArgumentError, BackendError
from chainrule.ops.arguments import FOREIGN, as_flag, check_plain, explain_failure
from chainrule.ops.choices import Choice, listener
from chainrule.ops.plain import named, needs_grad, untraced
from chainrule.ops.pointers import check_held
from chainrule.ops.recurrence import checks
from chainrule.ops.recurrence.backends import BACKENDS
from chainrule.ops.recurrence.backends.cpu import multiplies_bfloat16, run_directly
from chainrule.ops.recurrence.call import RecurrenceCall, Zoneout, rounds_under_autocast
from chainrule.ops.recurrence.cells.spec import CellSpec, State, parameter_name
from chainrule.ops.recurrence.trace import Trace

__all__ = ["choose", "run"]

_NAMES = ("auto", "cpu", "triton", "torch", "formula", "reference")
_SAVES = ("gates", "states")


def choose(call: RecurrenceCall, backend: str = "auto") -> tuple[str, str]:
    """Which backend runs this call, and why, as a sentence.

    >>> from chainrule.ops.recurrence.cells import find_cell
    >>> one = torch.ones(1, 1, dtype=torch.float16)
    >>> gru = find_cell("rnn_tanh")
    >>> choose(RecurrenceCall(gru, one.unsqueeze(0), (one,), gru.container(one, one)))
    ('torch', 'the kernels are compiled for float32, float64 and bfloat16, and x is torch.float16')
    """
    _check_backend(backend)
    name, why = _offered(call, backend)
    if backend != "auto":
        return name, f"backend={backend!r} asks for it"
    instructions = BACKENDS[name].describe(call).instructions
    products = ", products of bfloat16" if call.rounds else ""
    if call.rounds and name == "cpu" and not multiplies_bfloat16():
        products += " made in float32, as the processor has no instructions for them"
    if why is not None:
        return name, why + products
    if name == "triton":
        return name, f"{call.x.dtype} on {call.x.device}{products}, with what torch's own lacks"
    return name, f"{call.x.dtype} on the CPU{products}, instructions {instructions}"


def _offered(call: RecurrenceCall, backend: str) -> tuple[str, str | None]:
    """Which backend takes the call, and why the first one does not."""
    if backend != "auto":
        why = BACKENDS[backend].obstacle(call, True)
        if why is not None:
            raise BackendError(f"backend {backend!r} cannot run this {call.cell.name}: {why}. Use backend='auto'.")
        return backend, None
    first = None
    for name, candidate in BACKENDS.items():
        why = candidate.obstacle(call, False)
        if why is None:
            return name, first
        if name != "cpu" or not call.x.is_cuda:  # there it is Triton that says why it does not run the call
            first = first or why
    raise BackendError(f"no backend can run this {call.cell.name}: {first}.")


def _check_backend(backend: str) -> None:
    if not isinstance(backend, str) or backend not in _NAMES:
        raise ArgumentError(f"unknown backend {backend!r}: expected one of {', '.join(_NAMES)}.")


def run(
    cell: CellSpec,
    x: Tensor,
    state: tuple[Tensor | None, ...],
    weights: Any,
    *,
    zoneout: Zoneout,
    resets: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
    reverse: bool,
    save: str,
    backend: str,
    return_all: bool,
) -> tuple[Tensor, State, Trace | None]:
    """Check everything, and run the backend that `choose` names: y, the last state, and the trace if asked for."""
    if not isinstance(save, str) or save not in _SAVES:
        raise ArgumentError(f"unknown save {save!r}: expected 'gates' or 'states'.")
    _check_backend(backend)
    reverse = as_flag("reverse", reverse)
    return_all = as_flag("return_all", return_all)
    checks.check_tensors(cell, x, state, weights, resets)
    asks_for_more = save != "gates" or backend != "auto" or return_all or lengths is not None
    try:
        if not asks_for_more and all(keep is None for keep in zoneout):
            found = run_directly(cell, x, state, weights, reverse, resets)
            if found is not None:
                return *found, None
        autocast = not x.is_meta and torch.is_autocast_enabled(x.device.type)
        W_ih = weights.W_ih
        if autocast:
            dtype = W_ih.dtype
            x = x.to(dtype)
            state = tuple(s if s is None else s.to(dtype) for s in state)
        with untraced():
            widths = checks.checked_widths(cell, x, state, weights)
            resets = None if resets is None else checks.checked_resets(resets, x)
            row_lengths = None if lengths is None else checks.checked_lengths(lengths, x)
            zoneout = checks.checked_zoneout(cell, zoneout, x, widths)
        call = RecurrenceCall(
            cell,
            x,
            tuple(x.new_zeros(x.shape[0], width) if s is None else s for s, width in zip(state, widths, strict=True)),
            weights,
            zoneout,
            resets,
            row_lengths,
            reverse,
            save,
            rounds=autocast and rounds_under_autocast(cell, W_ih),
            trace=_new_trace(cell, x, row_lengths) if return_all else None,
        )
        # outside of `untraced` and within autocast: it asks who records the call, and how it is cast
        name, _ = _offered(call, backend)
        if (tell := listener()) and x.shape[1] > 0:
            _, reason = choose(call, backend)
            how = BACKENDS[name].describe(call)
            tell(Choice(cell.name, tuple(x.shape), reverse, name, reason, how.instructions, how.threads))
        if not autocast:
            return *_run(call, name), call.trace
        with torch.autocast(x.device.type, enabled=False):
            return *_run(call, name), call.trace
    except FOREIGN as error:
        given = {parameter_name(symbol): w for symbol, w in weights._asdict().items()}
        states = {f"{part}_0": s for part, s in zip(cell.state, state, strict=True)}
        masks = {f"zoneout of {part}": keep for part, keep in zip(cell.zoneout, zoneout, strict=False)}
        explain_failure(error, {"x": x, **given, **states, "resets": resets, "lengths": lengths, **masks})
        raise


def _run(call: RecurrenceCall, name: str) -> tuple[Tensor, State]:
    if call.x.shape[1] == 0:
        return _no_steps(call)
    if name != "cpu":  # which looks at the memory of tensors, and finds out itself
        check_held(call.x, *call.state, *call.weights, call.resets, call.lengths, *call.zoneout)
    return named(call.cell.name, BACKENDS[name].run, call)


def _no_steps(call: RecurrenceCall) -> tuple[Tensor, State]:
    check_plain("x", call.x)  # no backend would trip over it
    empty = tuple(call.x.new_empty(call.x.shape[0], 0, part.shape[1]) for part in call.state)
    if call.trace is not None:
        call.trace.keep(empty, call.x.new_empty(call.x.shape[0], 0, call.weights.W_ih.shape[0]))
    inputs = [t for t in (call.x, *call.state, *call.weights) if t is not None]
    y = empty[0]
    if needs_grad(inputs):  # of no numbers, it depends on all that it could be made of: with gradients of zero
        y = y + sum(t.sum() for t in inputs)
    return y, call.state


def _new_trace(cell: CellSpec, x: Tensor, lengths: Tensor | None) -> Trace:
    if is_transform_active() or torch.compiler.is_compiling():
        raise BackendError(
            "return_all=True hands out what one ordinary call computes: it works neither under torch.func's "
            "transforms nor inside torch.compile. Call it outside of them."
        )
    live = None if lengths is None else torch.arange(x.shape[1], device=x.device) < lengths.unsqueeze(1)
    return Trace(cell, None if live is None else live.unsqueeze(-1))
