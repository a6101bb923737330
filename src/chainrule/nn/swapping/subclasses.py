"""Users' subclasses of torch.nn's layers: which of them compute as their base does, and how they become chainrule's."""

from typing import Any

from torch.nn import Module

__all__ = ["computes_as", "joined", "original"]

_JOINED: dict[tuple[type[Module], type[Module]], type[Module]] = {}
_COMPUTATION = ("__call__", "forward", "_call_impl", "_conv_forward", "all_weights")


def computes_as(own: type[Module], base: type[Module]) -> bool:
    """Whether a subclass leaves all that computes as its base has it."""
    return all(getattr(own, name, None) is getattr(base, name, None) for name in _COMPUTATION)


def joined(own: type[Module], ours: type[Module]) -> type[Module]:
    """``own`` and, behind it, chainrule's layer in the place of torch's: the same in all but what computes."""
    if (known := _JOINED.get((own, ours))) is not None:
        return known
    members = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__reduce_ex__": _reduce}
    cls = type(own.__name__, (own, ours), {**members, "_chainrule_joins": (own, ours)})
    return _JOINED.setdefault((own, ours), cls)


def original(cls: type[Module]) -> type[Module] | None:
    """The subclass that a class was joined from; None for all others."""
    own = vars(cls).get("_chainrule_joins")
    return None if own is None else own[0]


def _reduce(self: Module, protocol: Any) -> tuple[Any, ...]:
    """Pickled and copied by what it was joined from, as the class has no name of its own."""
    reduced = Module.__reduce_ex__(self, protocol)
    return _new, vars(type(self))["_chainrule_joins"], *reduced[2:]


def _new(own: type[Module], ours: type[Module]) -> Module:
    cls = joined(own, ours)
    return cls.__new__(cls)
