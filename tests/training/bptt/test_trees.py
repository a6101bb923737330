"""States of every kind: nothing in them loses its gradient, and what is not understood is refused."""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from chainrule.errors import ArgumentError
from chainrule.training import FullBPTT, TruncatedBPTT
from chainrule.training.bptt.recomputation import Plan
from chainrule.training.bptt.trees import copied, detached, differentiable, kept, leaves_of
from tests.tolerances import close
from tests.training.bptt.through_time import by_definition, collected


class Named(NamedTuple):
    h: Tensor


@dataclass
class Plain:
    h: Tensor
    steps: int = 3
    note: str = "carried"


@dataclass(frozen=True, slots=True)
class Frozen:
    h: Tensor
    inner: dict[str, Any] = field(default_factory=dict)


@dataclass
class Late:
    """One with attributes that are no fields, one of them made later."""

    h: Tensor
    steps: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.twice = 2 * self.h

    @cached_property
    def third(self) -> Tensor:
        return self.h / 3


@dataclass
class Registered:
    h: Tensor


class Opaque:
    def __init__(self, h: Tensor) -> None:
        self.h = h


class Subclassed(dict[str, Tensor]):
    pass


torch.export.register_dataclass(Registered)


def late(h: Tensor) -> Late:
    made = Late(h)
    assert made.third is not None
    return made


KINDS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    "tensor": (lambda h: h, lambda s: s),
    "tuple": (lambda h: (h, None, 3), lambda s: s[0]),
    "list": (lambda h: [[h], "note"], lambda s: s[0][0]),
    "dictionary": (lambda h: {"h": h, 1: 2.5}, lambda s: s["h"]),
    "ordered": (lambda h: OrderedDict(h=h), lambda s: s["h"]),
    "default": (lambda h: defaultdict(list, h=h), lambda s: s["h"]),
    "deque": (lambda h: deque([h], maxlen=2), lambda s: s[0]),
    "named": (Named, lambda s: s.h),
    "dataclass": (Plain, lambda s: s.h),
    "frozen": (lambda h: Frozen(h, {"more": (h,)}), lambda s: s.inner["more"][0]),
    "late": (late, lambda s: (s.twice + 3 * s.third) / 3),
    "registered": (Registered, lambda s: s.h),
    "nested": (lambda h: {"a": [Plain(h), Named(h)]}, lambda s: (s["a"][0].h + s["a"][1].h) / 2),
    "twice": (lambda h: (h, h), lambda s: (s[0] + s[1]) / 2),
    "views": (lambda h: (h, h[:, :1], h[:, 1:]), lambda s: (s[0] + torch.cat(s[1:], dim=1)) / 2),
    "complex": (lambda h: torch.complex(h, h), lambda s: s.imag),
    "with whole numbers": (lambda h: (h, torch.arange(3), torch.tensor(True)), lambda s: s[0]),
    "as its own output": (lambda h: (h, h.detach().requires_grad_()), lambda s: s[0]),
}


class Scan(nn.Module):
    """h_t = tanh(W h_{t-1} + U x_t); h is packed in a state of some kind."""

    def __init__(self, pack: Callable[[Tensor], Any], unpack: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.W = nn.Linear(3, 3).double()
        self.U = nn.Linear(2, 3).double()
        self.pack = pack
        self.unpack = unpack

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        h = x.new_zeros(len(x), 3) if state is None else self.unpack(state)
        outputs = []
        for t in range(x.shape[1]):
            h = torch.tanh(self.W(h) + self.U(x[:, t]))
            outputs.append(h)
        return torch.stack(outputs, dim=1), self.pack(h)


every_kind = pytest.mark.parametrize("kind", KINDS)
X = torch.randn(2, 11, 2, dtype=torch.float64)
Y = torch.randn(2, 11, 3, dtype=torch.float64)
mse = nn.functional.mse_loss


def planned(chosen: Plan, monkeypatch: pytest.MonkeyPatch) -> FullBPTT:
    monkeypatch.setattr(FullBPTT, "plan", lambda *_, **__: chosen)
    return FullBPTT("1GB")


@pytest.mark.sampled(1)
@every_kind
@pytest.mark.parametrize("chosen", [Plan(4, 3, 2), Plan(1, 11, 0)], ids=str)
def test_the_full_gradient_comes_through_every_kind(kind: str, chosen: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scan(*KINDS[kind])
    mse(model(X, None)[0], Y).backward()
    expected = collected(model)
    loss, state = planned(chosen, monkeypatch)(model, mse, X, Y)
    close(collected(model), expected)
    close(loss, mse(model(X, None)[0], Y).detach())
    close(KINDS[kind][1](state), model(X, None)[0][:, -1].detach())
    assert not KINDS[kind][1](state).requires_grad


@pytest.mark.sampled(1)
@every_kind
@pytest.mark.parametrize(("k1", "k2"), [(3, 3), (3, 7)])
def test_the_truncated_gradient_comes_through_every_kind(kind: str, k1: int, k2: int) -> None:
    model = Scan(*KINDS[kind])
    plain = Scan(*KINDS["tensor"])
    place = None
    plain.load_state_dict(model.state_dict())
    for begin, expected in zip(range(0, 11, k1), by_definition(plain, mse, X, Y, k1, k2), strict=True):
        part = slice(begin, begin + k1)
        _, place = TruncatedBPTT(k1, k2)(model, mse, X[:, part], Y[:, part], place)
        close(collected(model), expected)


@every_kind
def test_cutting_cuts_all_and_changes_nothing_else(kind: str) -> None:
    h = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    pack, unpack = KINDS[kind]
    for way in (detached, kept, differentiable, copied):
        state = way(pack(h * 1))
        assert type(state) is type(pack(h))
        close(unpack(state).detach(), h.detach())
        for leaf in leaves_of(state):
            assert way is copied or leaf.grad_fn is None
            assert leaf.requires_grad <= (way in (differentiable, copied))


HIDING: list[Callable[[Tensor], Any]] = [
    Opaque,
    lambda h: Subclassed(h=h),
    lambda h: [{"cells": Opaque(h)}],
    lambda h: {h},
    lambda h: lambda: h,
]


@pytest.mark.parametrize("make", HIDING)
@pytest.mark.parametrize("bptt", [FullBPTT(), TruncatedBPTT(11), TruncatedBPTT(11, 20)], ids=repr)
def test_what_may_hide_a_tensor_is_refused(make: Callable[[Tensor], Any], bptt: FullBPTT | TruncatedBPTT) -> None:
    model = Scan(make, lambda s: s)
    with pytest.raises(
        ArgumentError, match=r"the state.* is a .* Return it as one of these, or .*register_pytree_node"
    ):
        bptt(model, mse, X, Y)
    assert all(p.grad is None for p in model.parameters())


def test_a_refusal_says_where_it_was_found() -> None:
    with pytest.raises(ArgumentError, match=r"the state\[0\]\['cells'\]\.h is a tests.training.bptt.test_trees.Opaque"):
        detached([{"cells": Plain(Opaque(X))}])  # type: ignore[arg-type]


class Writing(Scan):
    """A model that writes to its state, as caches of keys do, and gives a view of its outputs as the next."""

    def __init__(self) -> None:
        super().__init__(lambda h: h, lambda s: s)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is not None:
            h = state * 1
            state.fill_(7.0)
            state = h
        outputs, _ = super().forward(x, state)
        return outputs, outputs[:, -1]


@pytest.mark.parametrize("chosen", [Plan(4, 3, 2), Plan(4, 3, 1), Plan(1, 11, 0)], ids=str)
def test_a_model_may_write_to_its_state(chosen: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Writing()
    mse(model(X, None)[0], Y).backward()
    expected = collected(model)
    planned(chosen, monkeypatch)(model, mse, X, Y)
    close(collected(model), expected)
    place = None
    memory = torch.empty(2, 3, 2, dtype=torch.float64)  # every chunk is read into
    for begin, expected in zip(
        range(0, 9, 3), by_definition(model_of(model), mse, X[:, :9], Y[:, :9], 3, 7), strict=True
    ):
        part = slice(begin, begin + 3)
        _, place = TruncatedBPTT(3, 7)(model, mse, memory.copy_(X[:, part]), Y[:, part], place)
        close(collected(model), expected)


def model_of(model: Writing) -> Scan:
    """The same that does not write."""
    plain = Scan(*KINDS["tensor"])
    plain.load_state_dict(model.state_dict())
    return plain


def test_states_that_are_kept_hold_no_larger_tensor() -> None:
    outputs = torch.randn(2, 1000, 3)
    (leaf,) = leaves_of(kept((outputs[:, -1],)))
    assert leaf.untyped_storage().nbytes() == 24
