"""What all encoders have in common."""

from typing import Protocol

from torch import Tensor

__all__ = ["Encode", "Encoder", "State"]

State = tuple[Tensor, ...]


class Encode(Protocol):
    """``features, state = encode(x, state)``."""

    def __call__(
        self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None
    ) -> tuple[Tensor, State]: ...


class Encoder(Encode, Protocol):
    """What every encoder offers. ``receptive_field`` is None where the whole past is in view."""

    @property
    def out_features(self) -> int: ...
    @property
    def receptive_field(self) -> int | None: ...

    def streamed(self, state: State | None, rows: int) -> Encode:
        """The encoder as it goes on from ``state``, one step (rows, 1, in_features) at a time, without gradients.

        A window encoder so keeps what it saw to itself, in streams that do not copy it at every step, and the state it
        is given and returns is empty.
        """
