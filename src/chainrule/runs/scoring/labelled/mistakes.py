"""What a classifier gets wrong: the examples whose labels it holds for least probable, and what it confuses."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.display import Cell, Shown, Table, mosaic, mosaic_height, title
from chainrule.training import ClassLogProbs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["Mistake", "Mistakes"]

_Floats = NDArray[np.float64]
_WORST = 12  # mistakes that are listed and drawn
_PAIRS = 10  # of classes
_NAME = 8  # characters of a class above a picture


@dataclass(frozen=True)
class Mistake:
    """An example, by its number in its part from 0, and the probabilities of its label and of what was predicted."""

    example: int
    label: str
    predicted: str
    p_label: float
    p_predicted: float

    @property
    def nats(self) -> float:
        """-log p of the label."""
        return -float(np.log(self.p_label)) if self.p_label > 0 else float("inf")


@dataclass(frozen=True, eq=False, repr=False)
class Mistakes(Shown):
    """The worst of ``wrong`` mistakes among ``count`` examples.

    Attributes:
        worst: the least probable labels first.
        pictures: of each of them, (height, width).
        pairs: label, predicted class and how often, for the pairs that occur most often.

    >>> worst = Mistake(7, label="3", predicted="8", p_label=0.1, p_predicted=0.9)
    >>> Mistakes("digits", 180, 4, (worst,), (np.zeros((8, 8)),), (("3", "8", 2),))
    <Mistakes of digits: 4 of 180 examples>
    """

    of: str
    count: int
    wrong: int
    worst: tuple[Mistake, ...]
    pictures: tuple[_Floats, ...]
    pairs: tuple[tuple[str, str, int], ...]

    @classmethod
    def of_scores(
        cls, of: str, classes: tuple[str, ...], found: ClassLogProbs, picture: Callable[[int], _Floats]
    ) -> "Mistakes":
        """From how likely each class of the examples was held, and a function from an example to its picture."""
        log_probs, labels = found
        predicted = log_probs.argmax(1)
        wrong = np.flatnonzero(predicted != labels)
        of_label = found.of_labels
        order = wrong[np.argsort(of_label[wrong], kind="stable")]
        worst = []
        for k in order[:_WORST].tolist():
            names = classes[labels[k]], classes[predicted[k]]
            worst.append(Mistake(k, *names, float(np.exp(of_label[k])), float(np.exp(log_probs[k, predicted[k]]))))
        confused, counts = np.unique(np.stack([labels[wrong], predicted[wrong]], 1), axis=0, return_counts=True)
        often = np.argsort(-counts, kind="stable")[:_PAIRS]
        pairs = [(classes[confused[k, 0]], classes[confused[k, 1]], int(counts[k])) for k in often]
        pictures = [picture(mistake.example) for mistake in worst]
        return cls(of, len(labels), len(wrong), tuple(worst), tuple(pictures), tuple(pairs))

    def summary(self) -> str:
        return f"of {self.of}: {self.wrong:,} of {counted(self.count, 'example')}"

    def table(self) -> Table:
        """The worst mistakes, with the probabilities of the label and of the class that was predicted."""
        rows: list[tuple[Cell, ...]] = []
        for mistake in self.worst:
            probabilities = mistake.p_label, mistake.p_predicted
            rows.append((mistake.example, mistake.label, mistake.predicted, *probabilities, mistake.nats))
        note = "No example is misclassified."
        if self.wrong:
            note = f"The worst {len(rows)} of {counted(self.wrong, 'mistake')} among {counted(self.count, 'example')}."
        columns = ("example", "label", "predicted", "p(label)", "p(predicted)", "nats")
        formats = {"p(label)": ".3%", "p(predicted)": ".1%", "nats": ".3f"}
        return Table(f"Worst mistakes: {self.of}", columns, rows, (note,), formats)

    def tables(self) -> "Sequence[Table]":
        """The worst mistakes, and the classes that are confused most often."""
        if not self.pairs:
            return (self.table(),)
        confused = Table(f"Most often confused: {self.of}", ("label", "predicted", "examples"), self.pairs)
        return (self.table(), confused)

    def to_dict(self) -> dict[str, Any]:
        worst = [asdict(mistake) for mistake in self.worst]
        return {"of": self.of, "count": self.count, "wrong": self.wrong, "worst": worst, "pairs": list(self.pairs)}

    def draw_on(self, ax: "Axes") -> None:
        """The worst mistakes as pictures, each with its label, what was predicted, and how probable that was."""
        names = [f"{_cut(m.label)} as {_cut(m.predicted)}, {m.p_predicted:.0%}" for m in self.worst]
        if self.worst:
            pictures = self._padded()
            ends = float(np.nanmin(pictures)), float(np.nanmax(pictures))
            mosaic(ax, pictures, "input", names, across=min(4, len(names)), limits=ends)
            ax.set_xlabel("above each: its label, what was predicted, and how probable that was held", loc="left")
        else:
            ax.text(0.5, 0.5, "none", ha="center", va="center")
            ax.set_axis_off()
        title(ax, f"Worst mistakes: {self.of}")

    @property
    def figure_height(self) -> float:
        if not self.worst:
            return 2.0
        return 0.3 + mosaic_height(*self._padded().shape, across=min(4, len(self.worst)))

    def _padded(self) -> _Floats:
        """All pictures in one array, with NaN behind those of shorter sounds."""
        width = max(picture.shape[1] for picture in self.pictures)
        behind = [((0, 0), (0, width - picture.shape[1])) for picture in self.pictures]
        return np.stack([np.pad(*each, constant_values=np.nan) for each in zip(self.pictures, behind, strict=True)])


def _cut(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"
