"""What a cell of the recurrence is: everything that the library has to know of it, in one place."""

import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from chainrule.errors import ArgumentError

__all__ = ["ACTIVATIONS", "STANDARD", "WEIGHTS", "CellSpec", "Gates", "State", "Step", "Weights", "parameter_name"]

State = tuple[Tensor, ...]
"""The parts of a state in the order of ``CellSpec.state``: (h,) of the GRU, (h, c) of the LSTM; each (B, H)."""

Gates = dict[str, tuple[Tensor, Tensor]]
"""By the gate's name, what enters it and its value; both (B, H)."""

Step = Callable[[Tensor, State, Any], tuple[State, Gates]]
"""One step, from x_t (B, I), the state and the weights: the next state, and the gates."""


class Weights(NamedTuple):
    """One layer's parameters, of a cell that has W_ih and W_hh. G = H for the RNN, 3H for the GRU, 4H for the LSTM."""

    W_ih: Tensor  # (G, I)
    W_hh: Tensor  # (G, H), or (G, P) beside a projection
    b_ih: Tensor | None = None  # (G,)
    b_hh: Tensor | None = None  # (G,)
    W_hr: Tensor | None = None  # (P, H), the LSTM's projection
    g_ih: Tensor | None = None  # (G,), the gain of the normalised W_ih x
    g_hh: Tensor | None = None  # (G,), that of W_hh h
    g_c: Tensor | None = None  # (H,), that of the LSTM's c
    b_c: Tensor | None = None  # (H,), and its offset
    p: Tensor | None = None  # (3H,), the LSTM's peepholes (i, f, o)


WEIGHTS = {
    "W_ih": "weight_ih",
    "W_hh": "weight_hh",
    "b_ih": "bias_ih",
    "b_hh": "bias_hh",
    "W_hr": "weight_hr",
    "g_ih": "weight_ln_ih",
    "g_hh": "weight_ln_hh",
    "g_c": "weight_ln_c",
    "b_c": "bias_ln_c",
    "p": "weight_peep",
}
"""The derivation's symbols, and the arguments that users know the weights by."""

STANDARD = {"W_ih": "G I", "W_hh": "G P", "b_ih": "G", "b_hh": "G"}
"""The weights of torch.nn's recurrent layers, and their sizes."""

ACTIVATIONS = ("sigmoid", "tanh", "relu", "exp", "identity")
_Size = tuple[int, str]  # how many times which of I, H, G and P
_SIZE = re.compile(r"([1-9]\d*)?([GHIP])")


def parameter_name(symbol: str) -> str:
    """The argument, and the parameter of a layer, that a weight is known by: "W_ih" is weight_ih, "u" is u."""
    return WEIGHTS.get(symbol, symbol)


@dataclass(frozen=True, eq=False)
class CellSpec:
    """A cell: its gates, its state, its weights, and one step as an equation.

    Args:
        name: what the cell is known by.
        gates: the gates in the order of the rows of W_ih, each with what it is squashed by: "sigmoid", "tanh", "relu",
            "exp" or "identity".
        step: one step for a batch of rows, ``new_state, gates = step(x, state, w)``. x is (B, I), the states are tuples
            of (B, H), w holds the weights by their symbols, and gates is a dict from the gate's name to what enters it
            and its value. It consists of torch's differentiable operations, and changes nothing in place.
        state: the names of the parts of the state; the first one is h, which is the output too.
        weights: the weights by their symbols with their sizes, of I (input), H (hidden), G (H for each gate) and P (the
            width of h), as in "G I" or "3H". W_ih, W_hh, b_ih and b_hh are weight_ih, weight_hh, bias_ih and bias_hh
            in layers; any other symbol is its own name. A weight whose symbol begins with b is left out with
            ``bias=False``, and the step then finds None. W_ih, (G, I), must be among them.
        options: weights that exist only where an option of the layer asks for them, by the option's name.
        formula: makes the hand-derived passes, a Derivation, from the weights; of the library's own cells also
            with ``rounds=True``, whose products round to bfloat16. Without one, autograd differentiates each step.
        kernel: the number of the cell in the compiled code, if it is there.
        zoneout: the parts of the state that zoneout may keep.
        memory: how much of its memory a unit keeps at a step, from the values of the gates by name; for the lens.
        model: the name by which a model of this cell is asked for, if that is possible.
        paper: where the cell comes from.

    Raises:
        ArgumentError: a field has a value that it cannot have.
    """

    name: str
    gates: Mapping[str, str]
    step: Step
    state: tuple[str, ...] = ("h",)
    weights: Mapping[str, str] = field(default_factory=lambda: STANDARD)
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    formula: Callable[..., Any] | None = None
    kernel: int | None = None
    zoneout: tuple[str, ...] = ("h",)
    memory: Callable[[Mapping[str, Any]], Any] | None = None
    model: str | None = None
    paper: str = ""
    # derived from these
    every_weight: dict[str, str] = field(init=False, repr=False)
    """The sizes of all weights by symbol, those of the options included, in the order of ``container``."""
    container: Any = field(init=False, repr=False)
    """The named tuple that holds the cell's weights, None where one is not given."""
    symbols: dict[str, str] = field(init=False, repr=False)
    """The symbols of the weights by the names of their arguments."""
    required: tuple[str, ...] = field(init=False, repr=False)
    """The symbols of the weights that every call needs."""
    required_places: tuple[int, ...] = field(init=False, repr=False)
    """Their places in ``container``."""
    norm_places: tuple[int, ...] = field(init=False, repr=False)
    """The places in ``container`` of the weights of layer normalisation."""
    layouts: tuple[tuple[int, str, _Size, _Size | None], ...] = field(init=False, repr=False)
    """Of each weight its place in ``container``, its argument's name, and how many rows and columns it has."""
    is_in_order: bool = field(init=False, repr=False)
    """Whether a layer's parameters, W_ih and then as ``weights`` lists them, are in the order of ``container``."""
    recurrent_weight: str = field(init=False, repr=False)
    """The weight whose gradient the lens follows through time: W_hh, or what comes closest."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ArgumentError(f"the name of a cell must be an identifier, got {self.name!r}.")
        self._check_gates()
        if not self.state or self.state[0] != "h" or len(set(self.state)) < len(self.state):
            raise ArgumentError(
                f"the state of the cell {self.name} is {self.state!r}; expected names of its parts, all different, "
                'with "h", the output, first, as in ("h", "c").'
            )
        self._check_weights()
        if not set(self.zoneout) <= set(self.state):
            raise ArgumentError(
                f"zoneout of the cell {self.name} keeps {', '.join(self.zoneout)}; expected parts of its state, "
                f"{', '.join(self.state)}."
            )
        self._derive()

    def _check_gates(self) -> None:
        if not self.gates or not isinstance(self.gates, Mapping):
            raise ArgumentError(f'the cell {self.name} needs gates, by name: gates={{"n": "tanh"}} is one.')
        for gate, activation in self.gates.items():
            if activation not in ACTIVATIONS:
                raise ArgumentError(
                    f"the gate {gate} of the cell {self.name} is squashed by {activation!r}; "
                    f"expected one of {', '.join(ACTIVATIONS)}."
                )

    def _check_weights(self) -> None:
        if self.weights.get("W_ih") != "G I":
            raise ArgumentError(f'the weights of the cell {self.name} must have W_ih of the sizes "G I" among them.')
        optional = [weight for weights in self.options.values() for weight in weights.items()]
        for symbol, sizes in [*self.weights.items(), *optional]:
            each = sizes.split()
            if not symbol.isidentifier() or len(each) not in (1, 2) or not all(map(_SIZE.fullmatch, each)):
                raise ArgumentError(
                    f"the weight {symbol!r} of the cell {self.name} has the sizes {sizes!r}; expected a name, and "
                    'one or two sizes made of I, H, G and P, such as "G I" or "3H".'
                )

    def _derive(self) -> None:
        """What follows from the fields: once, as torch.compile follows no properties that are computed later."""
        optional = {symbol: sizes for weights in self.options.values() for symbol, sizes in weights.items()}
        sizes = {**self.weights, **optional}
        is_usual = set(Weights._fields) >= sizes.keys() >= {"W_ih", "W_hh"}
        order = [symbol for symbol in Weights._fields if symbol in sizes] if is_usual else ["W_ih", *sizes]
        every = {symbol: sizes[symbol] for symbol in order}
        container = Weights if is_usual else _named_tuple(self.name, tuple(every))
        places = {symbol: place for place, symbol in enumerate(container._fields)}
        required = tuple(symbol for symbol in self.weights if not symbol.startswith("b"))
        derived = {
            "every_weight": every,
            "container": container,
            "symbols": {parameter_name(symbol): symbol for symbol in every},
            "required": required,
            "required_places": tuple(places[symbol] for symbol in required),
            "norm_places": tuple(places[symbol] for symbol in self.options.get("layer_norm", {})),
            "layouts": tuple((places[s], parameter_name(s), *_parsed(sizes)) for s, sizes in every.items()),
            "is_in_order": ("W_ih", *(s for s in self.weights if s != "W_ih"))
            == container._fields[: len(self.weights)],
            "recurrent_weight": "W_hh" if "W_hh" in self.weights else "W_ih",
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def shapes(self, I: int, H: int, P: int | None = None) -> dict[str, tuple[int, ...]]:
        """The shape of every weight by symbol, for I inputs, H units and an h of P entries."""
        sizes = {"I": I, "H": H, "G": len(self.gates) * H, "P": P or H}
        found = {}
        for symbol, (rows, columns) in ((symbol, _parsed(text)) for symbol, text in self.every_weight.items()):
            each = [rows] if columns is None else [rows, columns]
            found[symbol] = tuple(count * sizes[letter] for count, letter in each)
        return found

    def holding(self, given: Mapping[str, Tensor | None]) -> Any:
        """The weights by the names of their arguments, as the named tuple that ``step`` takes.

        Raises:
            ArgumentError: a weight is missing, or there is one that the cell does not have.
        """
        names = self.symbols
        missing = [name for symbol in self.required if given.get(name := parameter_name(symbol)) is None]
        if missing or not given.keys() <= names.keys():
            unknown = [name for name in given if name not in names]
            what = f"has no {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
            raise ArgumentError(f"the cell {self.name} {what}; its weights are {', '.join(names)}.")
        return self.container(**{names[name]: weight for name, weight in given.items()})

    def __repr__(self) -> str:
        return f"CellSpec({self.name!r}, gates={', '.join(self.gates)}, state={', '.join(self.state)})"

    def __deepcopy__(self, memo: object) -> "CellSpec":
        """Itself: a layer may be copied, and holds its cell."""
        return self


def _named_tuple(cell: str, symbols: tuple[str, ...]) -> Any:
    """The class that holds these weights, None for all but the first unless they are given."""
    made = namedtuple(f"{cell}_weights", symbols)  # type: ignore[misc]
    made.__new__.__defaults__ = (None,) * (len(symbols) - 1)
    return made


def _parsed(sizes: str) -> tuple[_Size, _Size | None]:
    """Rows and columns; None for columns of a vector."""
    matches = [_SIZE.fullmatch(size) for size in sizes.split()]
    rows, *columns = ((int(match[1] or 1), match[2]) for match in matches if match is not None)
    return rows, columns[0] if columns else None
