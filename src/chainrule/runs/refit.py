"""What a refit is: the model fitted again to all of the data."""

from dataclasses import dataclass

from torch import nn

from chainrule._choices import counted

__all__ = ["Refit"]


@dataclass(frozen=True, eq=False)
class Refit:
    """A model fitted to all ``count`` units of the data, by ``steps`` steps of training; None where it was solved."""

    model: nn.Module
    count: int
    unit: str
    steps: int | None

    def __str__(self) -> str:
        return f"weights refitted on all {counted(self.count, self.unit)}"
