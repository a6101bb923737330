"""One checked call: which rung runs it, and why."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from chainrule._torch import is_transform_active
from chainrule.errors import ArgumentError, BackendError
from chainrule.ops.arguments import FOREIGN, as_flag, check_plain, explain_failure
from chainrule.ops.choices import Choice, listener
from chainrule.ops.plain import is_transformed, named, needs_grad, untraced
from chainrule.ops.pointers import check_held
from chainrule.ops.recurrence import checks
from chainrule.ops.recurrence.backends import cpu, exported, reference
from chainrule.ops.recurrence.backends import torch as torch_backend
from chainrule.ops.recurrence.backends.formula import passes as formula
from chainrule.ops.recurrence.backends.reference import WEIGHTS, State, Weights, Zoneout
from chainrule.ops.recurrence.trace import GATES, Trace

__all__ = ["choose", "is_single_step", "run"]

_RUNGS: dict[str, Callable[..., tuple[Tensor, State]]]
_RUNGS = {"cpu": cpu.scan, "formula": formula.scan, "reference": reference.scan, "exported": exported.scan}
_BACKENDS = ("auto", "cpu", "torch", "formula", "reference")
_FEW_ROWS = 16  # measured: above it the kernels are faster at a single step too
_ROWS_OF_WIDE = 8  # measured: 1 and 2 rows of 256 and 512 units take 0.6 to 0.7 of the kernels' time
_WIDE = 256
_SAVES = ("gates", "states")


def choose(cell: str, x: Tensor, weights: Weights, backend: str = "auto", **options: Any) -> tuple[str, str]:
    """Which rung runs this call, and why, as a sentence: ("formula", "...").

    cell is "rnn_tanh", "rnn_relu", "gru", "gru_reset_before" or "lstm"; options are those that :func:`library.obstacle`
    knows.

    >>> one = torch.ones(1, 1, dtype=torch.float16)
    >>> choose("rnn_tanh", one.unsqueeze(0), Weights(one, one))
    ('torch', 'the kernels are compiled for float32 and float64, and x is torch.float16')
    """
    _check_backend(backend)
    if backend == "auto" and torch.compiler.is_exporting():
        return "exported", "torch.export records torch's own operations"
    obstacle = cpu.obstacle(x, weights)
    not_torch = torch_backend.obstacle(cell, weights, **options)
    if backend != "auto":
        why = {"cpu": obstacle, "torch": not_torch}.get(backend)
        if why is not None:
            raise BackendError(f"backend {backend!r} cannot run this {cell}: {why}. Use backend='auto'.")
        return backend, f"backend={backend!r} asks for it"
    if obstacle is not None:
        by_torch = not_torch is None and not is_transformed()
        return ("torch" if by_torch else "formula"), obstacle
    if is_single_step(*x.shape[:2]):
        reason = f"one step of at most {_FEW_ROWS} rows takes less time than packing the weights"
        return ("torch" if not_torch is None else "formula"), reason
    if not_torch is None and _is_wide_lstm(cell, x, weights):
        return "torch", f"torch's own LSTM takes less time forward alone, with at most {_ROWS_OF_WIDE} wide rows"
    return "cpu", f"{x.dtype} on the CPU, instructions {cpu.LEVELS[0]}"


def _is_wide_lstm(cell: str, x: Tensor, weights: Weights) -> bool:
    """Whether it is an LSTM's forward pass alone of few rows and many units, which the kernels leave to one thread."""
    if cell != "lstm" or x.dtype != torch.float32 or torch.compiler.is_compiling() or type(x.shape[0]) is not int:
        return False
    is_wide = x.shape[0] <= _ROWS_OF_WIDE and weights.W_hh.shape[1] >= _WIDE
    return is_wide and not needs_grad((x, *weights))


def is_single_step(B: int, T: int) -> bool:
    """Whether x (B, T, ·) is so little that packing the weights for the kernels takes longer than the step."""
    return type(T) is int and T == 1 and type(B) is int and B <= _FEW_ROWS and not torch.compiler.is_compiling()


def _check_backend(backend: str) -> None:
    if not isinstance(backend, str) or backend not in _BACKENDS:
        raise ArgumentError(f"unknown backend {backend!r}: expected one of {', '.join(_BACKENDS)}.")


def run(
    cell: str,
    x: Tensor,
    states: dict[str, Tensor | None],
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
    reverse: bool,
    zoneout: Zoneout,
    save: str,
    backend: str,
    return_all: bool,
) -> tuple[Tensor, State, Trace | None]:
    """Check everything, and run the rung that `choose` names: y, the last state, and the trace if asked for."""
    if not isinstance(save, str) or save not in _SAVES:
        raise ArgumentError(f"unknown save {save!r}: expected 'gates' or 'states'.")
    _check_backend(backend)
    reverse = as_flag("reverse", reverse)
    return_all = as_flag("return_all", return_all)
    checks.check_tensors(x, states, weights, resets)
    try:
        return _run(cell, x, states, weights, resets, lengths, reverse, zoneout, save, backend, return_all)
    except FOREIGN as error:
        given = {"x": x, **dict(zip(WEIGHTS.values(), weights, strict=True)), **states}
        masks = dict(zip(("zoneout of h", "zoneout of c"), zoneout, strict=False))
        explain_failure(error, {**given, "resets": resets, "lengths": lengths, **masks})
        raise


def _run(
    cell: str,
    x: Tensor,
    states: dict[str, Tensor | None],
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
    reverse: bool,
    zoneout: Zoneout,
    save: str,
    backend: str,
    return_all: bool,
) -> tuple[Tensor, State, Trace | None]:
    autocast = not x.is_meta and torch.is_autocast_enabled(x.device.type)
    if autocast:
        dtype = weights.W_ih.dtype
        x = x.to(dtype)
        states = {name: s if s is None else s.to(dtype) for name, s in states.items()}
    with untraced():
        widths, resets, row_lengths, zoneout = _checked(cell, x, states, weights, resets, lengths, zoneout)
    masks = {"resets": resets, "lengths": row_lengths, "zoneout": zoneout, "return_all": return_all}
    rung, reason = choose(cell, x, weights, backend, **masks)  # outside of `untraced`: it asks who records the call
    state = tuple(x.new_zeros(x.shape[0], widths[name]) if s is None else s for name, s in states.items())
    trace = _new_trace(cell, x, row_lengths) if return_all else None
    if x.shape[1] == 0:
        check_plain("x", x)  # nothing below would trip over it
        empty = tuple(x.new_empty(x.shape[0], 0, part.shape[1]) for part in state)
        if trace is not None:
            trace.keep(empty, x.new_empty(x.shape[0], 0, weights.W_ih.shape[0]))
        return empty[0], state, trace
    if tell := listener():
        compiled = rung == "cpu"
        threads = cpu.threads(cell, x, weights.W_hh.shape[1]) if compiled else torch.get_num_threads()
        tell(Choice(cell, tuple(x.shape), reverse, rung, reason, cpu.LEVELS[0] if compiled else None, threads))
    if rung != "cpu":
        check_held(x, *state, *weights, resets, row_lengths, *zoneout)
    scan: Callable[[], tuple[Tensor, State]]
    if rung == "torch":
        scan = partial(torch_backend.scan, cell, x, state, weights, reverse)
    else:
        options = {"save": save} if rung == "cpu" else {}
        scan = partial(_RUNGS[rung], cell, x, state, weights, resets, row_lengths, reverse, zoneout, trace, **options)
    if not autocast:
        return *named(cell, scan), trace
    with torch.autocast(x.device.type, enabled=False):
        return *named(cell, scan), trace


def _checked(
    cell: str,
    x: Tensor,
    states: dict[str, Tensor | None],
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
    zoneout: Zoneout,
) -> tuple[dict[str, int], Tensor | None, Tensor | None, Zoneout]:
    """How wide each part of the state is, and the masks."""
    widths = checks.checked_widths(x, states, weights, len(GATES[cell]))
    resets = None if resets is None else checks.checked_resets(resets, x)
    row_lengths = None if lengths is None else checks.checked_lengths(lengths, x)
    zoneout = checks.checked_zoneout(zoneout, x, widths.values())
    return widths, resets, row_lengths, zoneout


def _new_trace(cell: str, x: Tensor, lengths: Tensor | None) -> Trace:
    if is_transform_active() or torch.compiler.is_compiling():
        raise BackendError(
            "return_all=True hands out what one ordinary call computes: it works neither under torch.func's "
            "transforms nor inside torch.compile. Call it outside of them."
        )
    live = None if lengths is None else torch.arange(x.shape[1], device=x.device) < lengths.unsqueeze(1)
    return Trace(cell, None if live is None else live.unsqueeze(-1))
