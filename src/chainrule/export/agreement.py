"""Whether an exported model agrees with the model, on the inputs given and on inputs of other sizes."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from chainrule.errors import ArgumentError, ExportError
from chainrule.export.model_call import FAILURES, ModelCall, other_calls

__all__ = ["TOLERANCES", "check"]

TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 1e-2}
"""How far an exported model may differ from the model, as a part of the largest number in an output, by its dtype."""

Run = Callable[[ModelCall], Sequence[Any]]
"""What runs the exported model on the arguments of a call: its outputs as a flat list."""


def check(call: ModelCall, exported: ExportedProgram, run: Run, *, tolerance: float | None, every_size: bool) -> None:
    """Raise an ExportError where ``run`` gives anything else than the model, or fixes a size; see :func:`program`.

    every_size: whether all sizes are to vary that the model lets vary.
    """
    if tolerance is not None and (isinstance(tolerance, bool) or not 0 <= tolerance < 1):
        raise ArgumentError(f"tolerance must be a number from 0 to below 1, got {tolerance!r}.")
    expected = call.run()
    _check_repeatable(expected, call.run())
    try:
        got = run(call)
    except FAILURES as error:
        raise ExportError(f"the exported model does not take the inputs that it was made of: {error}") from error
    _compare(expected, got, call, tolerance)
    others = other_calls(exported, call)
    if every_size:
        _check_free(call, next(iter(others), call))
    refusal: ExportError | None = None
    for other in filter(ModelCall.takes, others):
        try:
            got = run(other)
        except FAILURES as error:
            refusal = ExportError(
                f"the exported model takes {_shapes(call)} but not {_shapes(other)}, which the model takes: "
                f"{str(error).strip().splitlines()[0]} Fix the sizes that may not vary by dynamic_shapes."
            )
            refusal.__cause__ = error
        else:
            return _compare(other.run(), got, other, tolerance)
    if refusal is not None:
        raise refusal
    return None


def _check_free(call: ModelCall, other: ModelCall) -> None:
    """Refuse sizes that were fixed in the recording while the model takes others."""
    sizes = [tensor.shape for tensor in call.tensors()]
    other_sizes = [tensor.shape for tensor in other.tensors()]
    fixed = [(k, dim) for k, shape in enumerate(sizes) for dim, size in enumerate(shape) if size == other_sizes[k][dim]]
    for n in sorted({sizes[k][dim] for k, dim in fixed}):
        found = call.varying([(k, dim) for k, dim in fixed if sizes[k][dim] == n])
        if not found:
            continue
        where = [f"dimension {dim} of input {k}" for k, dim in found]
        raise ExportError(
            f"{' and '.join(where)} can only be {n} in what was exported, and the model takes {n + 1} too: its code "
            "reads the size as a number, with len() or int() or in a loop. Read it as x.shape[dim], or say by "
            "dynamic_shapes which sizes vary: the others are fixed then."
        )


def _check_repeatable(first: Sequence[Any], second: Sequence[Any]) -> None:
    for one, other in zip(first, second, strict=True):
        if isinstance(one, Tensor) and not torch.equal(one.nan_to_num(), other.nan_to_num()):
            raise ExportError(
                "the model gives other numbers when it is called again, so that nothing can be compared with it: it "
                "draws at random, or keeps a state. Pass the state in as an argument, and return it as an output."
            )


def _compare(expected: Sequence[Any], got: Sequence[Any], call: ModelCall, tolerance: float | None) -> None:
    if len(expected) != len(got):
        raise ExportError(f"the exported model gives {len(got)} outputs, the model {len(expected)}.")
    for k, (ours, theirs) in enumerate(zip(expected, got, strict=True)):
        if not isinstance(ours, Tensor):
            if ours != theirs:
                raise ExportError(f"output {k} of the exported model is {theirs!r}, of the model {ours!r}.")
            continue
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            raise ExportError(
                f"output {k} of the exported model is {tuple(theirs.shape)} of {theirs.dtype} for inputs of "
                f"{_shapes(call)}, of the model {tuple(ours.shape)} of {ours.dtype}."
            )
        most = TOLERANCES.get(ours.dtype, 0.0) if tolerance is None else tolerance
        difference = _difference(ours.cpu(), theirs.cpu())
        if not difference <= most:
            raise ExportError(
                f"output {k} of the exported model differs from the model's by {difference:.2g} of its largest "
                f"number, more than {most:.2g}, for inputs of {_shapes(call)}. Nothing was written."
            )


def _difference(a: Tensor, b: Tensor) -> float:
    """The largest difference, as a part of the largest number in a; infinite where NaN or infinities differ."""
    if not a.is_floating_point():
        return 0.0 if torch.equal(a, b) else float("inf")
    finite = a.isfinite()
    is_same = torch.equal(a[~finite].nan_to_num(nan=0.5), b[~finite].nan_to_num(nan=0.5))
    if not is_same or not b[finite].isfinite().all():
        return float("inf")
    a = a[finite].double()
    b = b[finite].double()
    if a.numel() == 0:
        return 0.0
    scale = a.abs().max().item() or 1.0
    return float((a - b).abs().max()) / scale


def _shapes(call: ModelCall) -> str:
    return ", ".join(str(tuple(tensor.shape)) for tensor in call.tensors())
