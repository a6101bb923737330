"""What the hand-derived passes need of a cell: one step, and the local derivatives that its backward step needs.

d before a name is the gradient of the loss towards it: dh is dL/dh. gx = W_ih x + b_ih and
gh = W_hh h + b_hh are the two products that meet in a cell, either normalised where there are gains. Its `slopes` are
the factors of the backward step that do not depend on the gradient; they are taken for all steps at once, which leaves
the reverse scan few operations. `dgh` and `dgx` turn the gradient of the state into that of the products, for one step,
(B, ·), or all of them, (T, B, ·), alike. No operation works in place, so that autograd can differentiate
the backward pass itself. The README of the folder above derives each line.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor

from chainrule.ops.recurrence.cells.products import Product, Products, Saved
from chainrule.ops.recurrence.cells.spec import State, Weights

__all__ = ["Derivation", "Entering", "Forward", "TwoProducts"]


class Forward(NamedTuple):
    """What the forward pass leaves for the backward pass: tensors (T, B, ·)."""

    X: Tensor
    before: State  # what each step started from
    states: State  # what it led to
    made: State  # what the cell made; `states` but for zoneout
    saved: Saved
    normal: Saved  # of the normalised W_ih x


class Entering(NamedTuple):
    """Gradients, (T, N, G), of gx and gh, and of the product W_ih x, which differs from gx where it is normalised."""

    dgx: Tensor
    dgh: Tensor
    dproduct: Tensor


class Derivation(ABC):
    """One step of a cell with its weights, and the step's local derivatives."""

    @abstractmethod
    def inputs(self, X: Tensor) -> tuple[Tensor, Saved]:
        """What enters the steps from X (T, B, I), for all of them at once, and what is to be kept of it."""

    @abstractmethod
    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        """One step: the next state, and what `slopes` will need of it."""

    @abstractmethod
    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        """The local derivatives of all steps, from the states before and after each and what each saved."""

    @abstractmethod
    def step_backward(self, dstate: State, slopes: Saved) -> State:
        """The gradient of the state before a step, from that of the state after it."""

    def total(self, dstate: State, slopes: Saved) -> State:
        """dstate, and what the parts of the state receive from each other within the step."""
        return dstate

    @abstractmethod
    def gates(self, state: State, saved: Saved) -> Tensor:
        """The values of all gates, (..., G), from the states after the steps and what each saved."""

    @abstractmethod
    def entering(self, dmade: State, slopes: Saved, normal: Saved) -> Any:
        """The gradients of what enters the gates, as ``dgx``, (T, N, G), from those of the states that the cell made.

        It is handed back to the two methods below.
        """

    @abstractmethod
    def input_gradient(self, entered: Any) -> Tensor:
        """The gradient of the inputs, (T, N, I)."""

    @abstractmethod
    def weight_gradients(
        self, kept: Forward, slopes: Saved, dmade: State, entered: Any, need: Mapping[str, bool]
    ) -> dict[str, Tensor | None]:
        """The gradients of the weights by symbol, over all steps or those that the tensors are cut to.

        ``need`` says of which weights; each saves a large product.
        """


_Hidden = TypeVar("_Hidden", Product, Products)


class TwoProducts(Derivation, Generic[_Hidden]):
    """A cell whose gates are entered by the products W_ih x and W_hh h, plain or normalised."""

    bias: Tensor | None
    """What is added to all gx at once: b_ih, and b_hh too where no gate stands between gh and gx."""
    hidden: _Hidden
    """The product W_hh h. What it needs for its backward step ends what a step saves, and the slopes."""

    def __init__(self, weights: Weights, rounds: bool = False) -> None:
        self.weights = weights
        self.from_inputs = Product(weights.W_ih, weights.g_ih, rounds)

    @abstractmethod
    def dgh(self, dstate: State, slopes: Saved) -> Tensor:
        """The gradient of gh, (..., G), from that of the states after the steps."""

    def dgx(self, dstate: State, slopes: Saved, dgh: Tensor) -> Tensor:
        """The gradient of gx, (..., G), from the same."""
        return dgh

    @abstractmethod
    def weight_gradient(self, dproduct: Tensor, previous: State, saved: Saved) -> Tensor:
        """The gradient of W_hh over all steps, from that of the product."""

    def own_gradients(
        self, dstate: State, previous: State, state: State, saved: Saved, slopes: Saved
    ) -> dict[str, Tensor]:
        """The gradients of the weights that this cell alone has, by symbol, over all steps."""
        return {}

    def inputs(self, X: Tensor) -> tuple[Tensor, Saved]:
        gx, normal = self.from_inputs(X.flatten(0, 1), self.bias)
        return gx.unflatten(0, X.shape[:2]), tuple(part.unflatten(0, X.shape[:2]) for part in normal)

    def entering(self, dmade: State, slopes: Saved, normal: Saved) -> Entering:
        dgh = self.dgh(dmade, slopes)
        dgx = self.dgx(dmade, slopes, dgh)
        return Entering(dgx, dgh, self.from_inputs.backward(dgx, normal))

    def input_gradient(self, entered: Entering) -> Tensor:
        return self.from_inputs.to_factor(entered.dproduct)

    def weight_gradients(
        self, kept: Forward, slopes: Saved, dmade: State, entered: Entering, need: Mapping[str, bool]
    ) -> dict[str, Tensor | None]:
        dgx, dgh, dproduct = entered
        normal_hh = slopes[-2:]
        found: dict[str, Tensor | None] = self.own_gradients(dmade, kept.before, kept.made, kept.saved, slopes)  # type: ignore[assignment]
        if need["W_ih"]:
            found["W_ih"] = self.from_inputs.to_weight(dproduct, kept.X)
        if need["W_hh"]:
            found["W_hh"] = self.weight_gradient(self.hidden.backward(dgh, normal_hh), kept.before, kept.saved)
        if need["b_ih"]:
            found["b_ih"] = dgx.sum((0, 1))
        if need["b_hh"]:
            found["b_hh"] = dgh.sum((0, 1))
        found["g_ih"] = self.from_inputs.dgain(dgx, kept.normal)
        found["g_hh"] = self.hidden.dgain(dgh, normal_hh)
        return found
