"""One comparison: a call of torch, a call of chainrule, and the check that each computes what it should."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["PRECISIONS", "Case", "Subject"]

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_AGREE = {torch.float32: 3e-2, torch.bfloat16: 1e-1}  # of the norm; float32 has products of TF32, torch's default


@dataclass
class Subject:
    """A module and its call."""

    module: nn.Module
    x: Tensor
    rows: int
    """The dimension of x and of y that counts the rows of the batch."""
    arguments: Mapping[str, Any]
    """Further arguments, the rows of each first."""
    learns: bool
    _dy: Tensor | None = None

    def call(self) -> list[Tensor]:
        """The outputs, and while training the gradients of x and of the parameters for a fixed cotangent."""
        if not self.learns:
            with torch.inference_mode():
                return [_first(self.module(self.x, **self.arguments))]
        leaves = [self.x.requires_grad_(), *self.module.parameters()]
        y = _first(self.module(self.x, **self.arguments))
        if self._dy is None:
            self._dy = _cotangent(y)
        return [y.detach(), *torch.autograd.grad(y, leaves, self._dy)]

    def problem(self) -> str | None:
        """How the first row is off from what the same module computes on the CPU in float64; None if it is not."""
        y, *gradients = self.call()
        row = (slice(None),) * self.rows + (slice(0, 1),)
        exact = Subject(
            copy.deepcopy(self.module).cpu().double(),
            _exact(self.x.detach()[row]),
            self.rows,
            {name: _exact(value[:1]) for name, value in self.arguments.items()},
            self.learns,
        )
        expected = exact.call()[:2]
        actual = [each[row].cpu() for each in (y, *gradients[:1])]
        return _difference(actual, expected, _AGREE[y.dtype])


def _exact(tensor: Tensor) -> Tensor:
    """On the CPU, and numbers in float64."""
    return tensor.cpu().double() if tensor.is_floating_point() else tensor.cpu()


def _difference(actual: list[Tensor], expected: list[Tensor], bound: float) -> str | None:
    """The first of the outputs and gradients that are off by more than this share of their norm."""
    for n, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        share = float((ours.double() - theirs.double()).norm() / theirs.double().norm())
        if not share <= bound:
            return f"{f'gradient {n}' if n else 'the output'} is off by {share:.1e} of its norm"
    return None


def _first(output: Any) -> Tensor:
    found: Tensor = output[0] if isinstance(output, tuple) else output
    return found


def _cotangent(y: Tensor) -> Tensor:
    """The same for each row, whatever their number, and not for each output."""
    return torch.linspace(0.1, 1, y.shape[-1], device=y.device, dtype=y.dtype).expand_as(y).contiguous()


@dataclass(frozen=True)
class Case:
    """What is compared, and how torch and chainrule are called."""

    table: str
    what: str
    precision: str
    torch: Subject
    chainrule: Subject
    alike: bool = True
    """Whether both compute the same."""

    @property
    def calls(self) -> dict[str, Callable[[], object]]:
        return {"torch": self.torch.call, "chainrule": self.chainrule.call}

    def problem(self) -> str | None:
        """Why there is no speed to be told: chainrule does not compute what it should."""
        exactly = self.chainrule.problem()
        if exactly is not None:
            return f"beside float64, {exactly}"
        if not self.alike:
            return None
        found = _difference(self.chainrule.call(), self.torch.call(), _AGREE[PRECISIONS[self.precision]])
        return None if found is None else f"beside torch, {found}"
