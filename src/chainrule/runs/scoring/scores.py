"""The score of a model of symbols or of real values."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.data.text.unknown import Unknown
from chainrule.display import Cell, Shown, Table
from chainrule.errors import ArgumentError
from chainrule.runs.figures import losses_along
from chainrule.runs.scoring.backtest import Backtest
from chainrule.runs.scoring.free_run import FreeRun
from chainrule.runs.scoring.metrics import nats_to_bits
from chainrule.runs.scoring.point_errors import ERROR_FORMATS, Errors, named

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Score"]

_FEW = 30  # scored units below which a score is mostly chance

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Score(Shown):
    """A model's exact log-likelihood of data, and that of the baselines on the same steps.

    Attributes:
        of: what was scored.
        unit: character, byte, sample or step.
        log_prob: log p(x_t | x_<t) in nats, one a scored unit; densities of real values are in the data's own units.
        baselines: the same for each baseline.
        predictors: the same for each predictor of a mixture by itself.
        unseen: how many of the scored symbols training never saw.
        unknown: characters of new text that the model does not know, which were left out or not scored.
        cold: by a context n, the same symbols in blocks of n, each from a cold start that has read one symbol: what a
            transformer with a window of n is scored by.
        adapted: by what of the model went on learning (counts, weights or both), the same symbols, each of them scored
            before it was learned from.
        errors: one step ahead, of the "model" and the naive forecasts (real values only).
        ahead: a backtest several steps ahead of a run's own test part, and free: where the run's forecasts go when they
            feed on themselves (real values only).
        model: what was scored by, as its row is named.

    >>> found = Score("words", "character", np.log([0.5, 0.25]), {"unigram": np.log([0.25, 0.125])})
    >>> found, round(found.bits, 6), sorted(found.baseline_nats())
    (<Score of words: model 1.0397 nats/character over 2 characters>, 1.5, ['unigram'])
    """

    of: str
    unit: str
    log_prob: _Floats
    baselines: dict[str, _Floats] = field(default_factory=dict)
    errors: dict[str, Errors] = field(default_factory=dict)
    unseen: int = 0
    unknown: Unknown | None = None
    cold: dict[int, _Floats] = field(default_factory=dict)
    adapted: dict[str, _Floats] = field(default_factory=dict)
    ahead: Backtest | None = None
    free: FreeRun | None = None
    model: str = "model"
    predictors: dict[str, _Floats] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many units were scored."""
        return len(self.log_prob)

    @property
    def log_likelihood(self) -> float:
        """log p of all of it, in nats."""
        return math.fsum(self.log_prob)

    @property
    def nats(self) -> float:
        """-log p per unit: lower is better; below zero where densities exceed one."""
        return 0.0 - self.log_likelihood / self.count  # not -0.0

    @property
    def bits(self) -> float:
        """``nats`` in bits."""
        return nats_to_bits(self.nats)

    def baseline_nats(self) -> dict[str, float]:
        """-log p per unit of each baseline."""
        return {name: -float(log_prob.mean()) for name, log_prob in self.baselines.items()}

    def adapted_nats(self) -> dict[str, float]:
        """-log p per unit of the model that went on learning, by what of it did."""
        return {mode: -float(log_prob.mean()) for mode, log_prob in self.adapted.items()}

    def predictor_nats(self) -> dict[str, float]:
        """-log p per unit of each predictor of a mixture."""
        return {name: -float(log_prob.mean()) for name, log_prob in self.predictors.items()}

    def gain(self, baseline: str, comparisons: int = 1) -> tuple[float, float]:
        """Nats per unit gained over a baseline, and half the width of its 95 % interval.

        Of several models' intervals all hold together with 95 % when each is told how many there are: ``comparisons``
        (Bonferroni). Then the best of them may be singled out.

        Neighbouring units are not independent, so the interval comes from the means of about sqrt(count) consecutive
        blocks, as Student's of so many numbers (Flegal & Jones 2010, "Batch means and spectral variance estimators").
        It is infinite for fewer than two units.
        """
        if baseline not in self.baselines:
            raise ArgumentError(f"no baseline {baseline!r} was scored; there are {listed(self.baselines) or 'none'}.")
        difference = self.log_prob - self.baselines[baseline]
        blocks = min(self.count, max(2, math.isqrt(self.count)))
        if blocks < 2:
            return float(difference.mean()), math.inf
        means = np.array([block.mean() for block in np.array_split(difference, blocks)])
        quantile = require("scipy.special").stdtrit(blocks - 1, 1 - 0.025 / comparisons)
        return float(difference.mean()), float(quantile * means.std(ddof=1) / math.sqrt(blocks))

    def summary(self) -> str:
        return f"of {self.of}: {self.model} {self.nats:z.4f} nats/{self.unit} over {counted(self.count, self.unit)}"

    def table(self) -> Table:
        """The model beside the baselines, likeliest first."""
        return self._likelihoods(f"{self.of}: {counted(self.count, self.unit)}", self._frozen_nats(), self._notes())

    def _likelihoods(self, title: str, nats: dict[str, float], notes: tuple[str, ...] = ()) -> Table:
        """A row for each name, likeliest first."""
        rows = sorted(nats.items(), key=lambda row: row[1])
        cells = [(name, each, nats_to_bits(each), -each * self.count) for name, each in rows]
        columns = ("", f"nats/{self.unit}", f"bits/{self.unit}", "log-likelihood")
        return Table(
            title,
            columns,
            cells,
            notes,
            formats=dict(zip(columns[1:], (".4f", ".4f", ",.1f"), strict=True)),
            strong=[k for k, (name, _) in enumerate(rows) if name == self.model],
        )

    def _adapting(self) -> Table:
        """The model that went on learning, and the same model without; what is above has learned from none of it."""
        title = f"adapting: each {self.unit} is learned from once it is scored, which is another task"
        return self._likelihoods(title, {**self._adapting_nats(), f"{self.model}, frozen": self.nats})

    def tables(self) -> Sequence[Table]:
        """Likelihoods, and apart those of a model that went on learning; of real values also errors and free paths."""
        tables = [self.table()]
        if self.adapted:
            tables.append(self._adapting())
        if self.errors:
            tables.append(self._one_step_ahead())
        if self.ahead is not None:
            tables.append(self.ahead.table())
        if self.free is not None:
            tables[-1] = replace(tables[-1], notes=(*tables[-1].notes, str(self.free)))
        return tables

    def _one_step_ahead(self) -> Table:
        rows: list[tuple[Cell, ...]] = [
            (name, each.mae, each.rmse, each.mase, each.coverage_80, each.coverage_95)
            for name, each in named(self.errors, self.model).items()
        ]
        columns = ("", "MAE", "RMSE", "MASE", "in 80 %", "in 95 %")
        strong = [k for k, name in enumerate(self.errors) if name == "model"]
        return Table("one step ahead", columns, rows, formats=ERROR_FORMATS, strong=strong)

    def to_frame(self) -> "pd.DataFrame":
        """A row for the model and each baseline: nats, bits, log_likelihood, and errors where there are any."""
        pandas = require("pandas")
        nats = pandas.Series({**self._frozen_nats(), **self._adapting_nats()}, name="nats", dtype=float)
        frame = pandas.DataFrame({"nats": nats, "bits": nats_to_bits(nats), "log_likelihood": -nats * self.count})
        if self.errors:
            errors = {name: asdict(each) for name, each in named(self.errors, self.model).items()}
            frame = frame.join(pandas.DataFrame.from_dict(errors, orient="index"))
        whole: pd.DataFrame = frame.rename_axis("name")
        return whole

    def draw_on(self, ax: "Axes") -> None:
        """The model's loss along the data, beside the baselines'."""
        others = self.predictors | self.baselines
        losses = {self.model: -self.log_prob} | {name: -log_prob for name, log_prob in others.items()}
        losses |= {self._row_of(mode): -log_prob for mode, log_prob in self.adapted.items()}
        losses_along(ax, losses, self.unit)

    def _row_of(self, mode: str) -> str:
        """The name of the model that went on learning, which says so."""
        return f"{self.model}, adapting {mode}"

    def _adapting_nats(self) -> dict[str, float]:
        return {self._row_of(mode): nats for mode, nats in self.adapted_nats().items()}

    def _frozen_nats(self) -> dict[str, float]:
        cold = {f"{self.model}, cold every {n}": -float(log_prob.mean()) for n, log_prob in self.cold.items()}
        return {self.model: self.nats, **self.predictor_nats(), **self.baseline_nats(), **cold}

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.unseen:
            notes.append(f"Training never saw {self.unseen:,} of the scored {self.unit}s; their scores are a guess.")
        if self.unknown is not None:
            notes.append(str(self.unknown))
        if self.count < _FEW:
            notes.append(f"Only {counted(self.count, self.unit)} scored; chance decides much of this.")
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-able values."""
        return {
            "of": self.of,
            "unit": self.unit,
            "count": self.count,
            "unseen": self.unseen,
            "unknown": self.unknown and self.unknown.counts,
            "log_likelihood": self.log_likelihood,
            "nats": self.nats,
            "bits": self.bits,
            "baselines_nats": self.baseline_nats(),
            "predictors_nats": self.predictor_nats(),
            "cold_nats": {n: -float(log_prob.mean()) for n, log_prob in self.cold.items()},
            "adapted_nats": self.adapted_nats(),
            "errors": {name: asdict(errors) for name, errors in self.errors.items()},
            "ahead": self.ahead and self.ahead.to_dict(),
            "free": self.free and self.free.to_dict(),
        }
