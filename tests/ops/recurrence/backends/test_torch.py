"""torch's own recurrence: the same numbers as the definition, for what it has, and a refusal in words for all else."""

import pytest
import torch
from torch import Tensor

from chainrule.errors import BackendError
from chainrule.functional import lstm
from chainrule.nn import explain
from chainrule.ops.recurrence.backends.cpu import native
from tests.ops.recurrence.problems import CELLS, Problem, present
from tests.tolerances import close


def _outcome(problem: Problem, backend: str, reverse: bool, with_state: bool) -> list[Tensor]:
    x = problem.inputs()
    weights = problem.weights()
    state = problem.state() if with_state else None
    outputs = problem.run(x, state, weights, reverse=reverse, backend=backend)
    leaves = present(x, *weights, *(state or ()))
    loss = sum((k + 1) * (each * each).sum() for k, each in enumerate(outputs))
    assert isinstance(loss, Tensor)
    return [*outputs, *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "gru_reset_before"])
@pytest.mark.parametrize("T", [1, 6])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("bias", "with_state"), [(True, True), (False, False)])
def test_it_agrees_with_the_definition(cell: str, T: int, reverse: bool, bias: bool, with_state: bool) -> None:
    problem = Problem(cell, T=T, bias=bias)
    actual = _outcome(problem, "torch", reverse, with_state)
    expected = _outcome(problem, "reference", reverse, with_state)
    for a, e in zip(actual, expected, strict=True):
        close(a, e)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ({"resets": torch.zeros(2, 3, dtype=torch.bool)}, "resets"),
        ({"lengths": [3, 1]}, "lengths"),
        ({"zoneout": 0.5}, "zoneout"),
        ({"return_all": True}, "return_all"),
        ({"weight_peep": torch.zeros(12)}, "weight_peep"),
        ({"weight_ln_ih": torch.ones(16), "weight_ln_hh": torch.ones(16)}, "weight_ln_ih"),
    ],
)
def test_what_torch_has_not_is_refused_by_name(option: dict[str, object], named: str) -> None:
    if named == "weight_ln_ih":
        option = option | {"weight_ln_c": torch.ones(4), "bias_ln_c": torch.zeros(4)}
    call = (torch.randn(2, 3, 5), None, torch.randn(16, 5), torch.randn(16, 4))
    with pytest.raises(BackendError, match=f"torch's own has no {named}"):
        lstm(*call, **option, backend="torch")  # type: ignore[call-overload]
    lstm(*call, **option)  # type: ignore[call-overload]


def test_a_cell_that_torch_has_not_is_refused() -> None:
    with pytest.raises(BackendError, match="torch has no gru_reset_before"):
        _outcome(Problem("gru_reset_before"), "torch", reverse=False, with_state=False)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_auto_takes_it_for_what_the_kernels_are_not_compiled_for(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of bfloat16 where the processor has no instructions for it."""
    monkeypatch.setattr(native, "_level", len(native.LEVELS) - 1)
    call = (torch.randn(3, 6, 5, dtype=dtype), None, torch.randn(16, 5, dtype=dtype), torch.randn(16, 4, dtype=dtype))
    (choice,) = explain(lstm, *call).calls
    assert choice.backend == "torch"
    assert "compiled for float32" in choice.reason or "no instructions for its products" in choice.reason
    (choice,) = explain(lambda: lstm(*call, lengths=[6, 1, 0])).calls
    assert choice.backend == "formula"
