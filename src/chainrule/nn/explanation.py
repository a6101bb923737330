"""Which backend runs each call inside a layer, a model or a function, and why."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.nn import Module, RNNBase

from chainrule.errors import ArgumentError
from chainrule.ops.choices import Choice, listen
from chainrule.ops.compiled import WHY_ABSENT

__all__ = ["ExplainedCall", "Explanation", "explain"]


@dataclass(frozen=True)
class ExplainedCall(Choice):
    """One call of an op: what ran it, and which module made it."""

    module: str
    """The module's name in the model; "" for the model itself, and for calls that no module made."""
    layer: int | None
    """The layer of a recurrent module, from 0; None where one call ran all of them."""

    def __str__(self) -> str:
        where = [
            self.op,
            *([] if self.layer is None else [f"layer {self.layer}"]),
            *(["all layers"] if self.whole else []),
            *(["reverse"] if self.reverse else []),
        ]
        plural = "thread" if self.threads == 1 else "threads"
        made_by = f"{self.module}: " if self.module else ""
        return f"{made_by}{' '.join(where)}, x {self.shape}: {self.backend}, {self.threads} {plural}; {self.reason}"


@dataclass(frozen=True)
class Explanation:
    """The calls that :func:`explain` saw; prints as one line for each, and one if there are no kernels.

    >>> from chainrule.nn import GRU
    >>> found = explain(GRU(3, 4), torch.zeros(5, 1, 3))
    >>> [(call.op, call.shape, count) for call, count in found.calls.items()]
    [('gru', (1, 5, 3), 1)]
    """

    calls: dict[ExplainedCall, int]
    """The calls of ops in order of first occurrence, and how often each was made."""

    def __str__(self) -> str:
        lines = [f"{call}{f' ({times} times)' if times > 1 else ''}" for call, times in self.calls.items()]
        text = "\n".join(lines) or "no op of chainrule ran."
        if WHY_ABSENT is not None and WHY_ABSENT in text:
            return f"{text.replace(WHY_ABSENT, 'no kernels')}\nno kernels: {WHY_ABSENT}."
        return text


def explain(target: Callable[..., Any], *args: Any, **kwargs: Any) -> Explanation:
    """Run ``target(*args, **kwargs)`` and report which backend ran each call of an op, and why.

    target is a layer, a model with such layers, one of its methods, or a function such as
    ``chainrule.functional.gru``. The call is really made, once, and its result is dropped: grad mode, autocast and the
    number of threads matter as they do for any call. The random state is restored; other changes that a call makes,
    such as the running means of batch normalisation, stay. Compiled functions run uncompiled meanwhile. Streams do not
    appear: their attributes ``backend`` and ``why`` say what runs them.

    Raises:
        ArgumentError: ``target`` cannot be called.

    >>> from chainrule.nn import GRU, Conv1d
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), GRU(3, 4))
    >>> print(explain(model, torch.zeros(5, 1, 2)))  # doctest: +ELLIPSIS
    1: gru layer 0, x (1, 5, 3): cpu, ...; torch.float32 on the CPU, instructions ...
    >>> print(explain(Conv1d(2, 4, 3), torch.zeros(8, 2, 1000)))  # doctest: +ELLIPSIS
    convolution, x (8, 2, 1000): cpu, ...; torch.float32 on the CPU, instructions ...
    """
    if not callable(target):
        raise ArgumentError(f"expected a layer, a model or a function to call, got {type(target).__name__}.")
    seen = _Seen()
    root = target if isinstance(target, Module) else getattr(target, "__self__", None)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(listen(seen.choice))
        if isinstance(root, Module):
            stack.enter_context(_watched(root, seen))
        target(*args, **kwargs)
    return Explanation(dict(seen.calls))


@dataclass
class _Running:
    """A module whose call has begun and not ended."""

    name: str
    module: Module
    made: int = 0  # calls of ops so far


@dataclass
class _Seen:
    """The calls so far, and the modules that are running, innermost last."""

    calls: Counter[ExplainedCall] = field(default_factory=Counter)
    running: list[_Running] = field(default_factory=list)

    def choice(self, choice: Choice) -> None:
        name = ""
        layer = None
        if self.running:
            caller = self.running[-1]
            name = caller.name
            if isinstance(caller.module, RNNBase) and not choice.whole:
                layer = caller.made // (2 if caller.module.bidirectional else 1)
            caller.made += 1
        self.calls[ExplainedCall(**vars(choice), module=name, layer=layer)] += 1

    def begin(self, name: str, module: Module, _: Any) -> None:
        self.running.append(_Running(name, module))

    def end(self, *_: Any) -> None:
        self.running.pop()


@contextmanager
def _watched(root: Module, seen: _Seen) -> Iterator[None]:
    """Track the running modules by hooks on all of them."""
    with ExitStack() as hooks:
        for name, module in root.named_modules():
            hooks.enter_context(module.register_forward_pre_hook(partial(seen.begin, name), prepend=True))
            hooks.enter_context(module.register_forward_hook(seen.end, always_call=True))
        yield
