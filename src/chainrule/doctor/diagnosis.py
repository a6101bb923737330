"""What the doctor found, as a result that is shown like any other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainrule._choices import finite
from chainrule.display import BLUE, GREY, Cell, Shown, Table, title
from chainrule.doctor.environment import environment
from chainrule.doctor.self_test import Tried, try_backends

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Diagnosis", "diagnose"]


@dataclass(frozen=True, repr=False)
class Diagnosis(Shown):
    """What is installed, and how each backend did.

    >>> Diagnosis({"Python": "3.12"}, ())
    <Diagnosis all that runs here computes what its definition does>
    """

    environment: dict[str, str]
    tried: tuple[Tried, ...]

    @property
    def sound(self) -> bool:
        """Whether all backends that run here compute what their definitions do."""
        return all(each.agrees for each in self.tried)

    def summary(self) -> str:
        wrong = sorted({each.backend for each in self.tried if not each.agrees})
        if wrong:
            return f"the results of {', '.join(wrong)} are wrong on this machine"
        return "all that runs here computes what its definition does"

    def table(self) -> Table:
        """The self-test."""
        ran = [each for each in self.tried if each.why_not is None]
        columns = ("operation", "backend", "on", "off by", "allowed", "ms", "times torch's speed")
        notes = (
            "Forward and backward pass in float32. In bold, and with auto: what runs such a call by itself.",
            f"{self.summary()[0].upper()}{self.summary()[1:]}.",
        )
        strong = [k for k, each in enumerate(ran) if each.chosen]
        formats = {"off by": ".0e", "allowed": ".0e", "times torch's speed": ".2f"}
        return Table("Self-test", columns, [_row(each) for each in ran], notes, formats, strong)

    def tables(self) -> Sequence[Table]:
        """The installation and the machine, the self-test, and what cannot run here."""
        machine = Table("chainrule on this machine", ("", "found"), tuple(self.environment.items()))
        reasons = [(each.operation, each.backend, each.device, each.why_not) for each in self.tried if each.why_not]
        idle = Table("Not run here", ("operation", "backend", "on", "why"), reasons)
        return (machine, self.table(), idle) if reasons else (machine, self.table())

    def to_dict(self) -> dict[str, Any]:
        """All of it, with ``speed`` as the ratio of torch's time to the backend's."""
        tried = [each.to_dict() for each in self.tried]
        return {"sound": self.sound, "environment": self.environment, "self_test": tried}

    @property
    def figure_height(self) -> float:
        return 1.2 + 0.4 * len(self._chosen())

    def draw_on(self, ax: "Axes") -> None:
        """How many times as fast as torch's own is what is taken for each operation."""
        chosen = self._chosen()[::-1]
        speeds = [each.speed or 0.0 for each in chosen]
        bars = ax.barh([each.operation for each in chosen], speeds, height=0.65, color=BLUE)
        ax.bar_label(bars, fmt="{:.1f}", padding=4)
        ax.axvline(1.0, color=GREY, linewidth=1)
        ax.margins(x=0.15)
        title(ax, "Times the speed of torch's own operation, forward and backward")

    def _chosen(self) -> list[Tried]:
        return [each for each in self.tried if each.chosen and each.device == "cpu"]


def _row(each: Tried) -> tuple[Cell, ...]:
    milliseconds = None if each.seconds is None else 1000 * each.seconds
    backend = f"{each.backend} (auto)" if each.chosen else each.backend
    return (each.operation, backend, each.device, each.difference, each.bound, milliseconds, each.speed)


def diagnose(seconds: float = 10.0, *, advance: Callable[[float], None] = lambda share: None) -> Diagnosis:
    """Look at the installation and try the kernels, for about so many ``seconds``; 0 times nothing.

    ``advance`` is called with the share that is done.

    Raises:
        ArgumentError: a number of seconds that is none.

    >>> diagnose(seconds=0.0).sound
    True
    """
    budget = finite("`seconds`", seconds, 0)
    return Diagnosis(environment(), tuple(try_backends(budget, advance)))
