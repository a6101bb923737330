"""A view: its parameters, the runs that it is for, and the function that asks the run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.display import Shown
from chainrule.runs import Run
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.listing.small_files import kind_of
from chainrule.studio.views.parameter import Parameter

__all__ = ["KINDS", "Question", "Results", "StudioView"]

KINDS = ("text", "sound", "series", "panel", "images", "labelled sound")
Results = Sequence[Shown]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What an address asks.

    Attributes:
        path: the folder of what is asked.
        values: of the parameters, by name.
        runs: what is asked, by name, where the view loads it; two of a pair.
        upload: the file that was dropped, if there is one.
    """

    path: Path
    values: dict[str, Any]
    runs: dict[str, Run]
    upload: Path | None = None

    @property
    def run(self) -> Run:
        """The run that is asked, or the first of two."""
        return next(iter(self.runs.values()))


@dataclass(frozen=True, kw_only=True)
class StudioView:
    """One view.

    Attributes:
        name, title: in addresses, and for people.
        answer: the results that its page shows, the first of which gives it its name.
        kinds: of the runs that it is for; none for a view without a run.
        parameters: what can be asked besides.
        accept: the endings of files that can be dropped on it; none where it takes no file.
        needs_file: whether there is nothing to show until one is.
        fits: whether it is for a run of this config, among those of its kinds.
        loads: whether it needs the weights, and not only what a fit writes from its start.
        checkpoints: whether it can be of other weights than those that are scored.
        pair: whether it is of two runs.
        live: whether it is quick enough to follow a slider.
    """

    name: str
    title: str
    answer: Callable[[Question], Results]
    kinds: tuple[str, ...] = KINDS
    parameters: tuple[Parameter, ...] = ()
    accept: tuple[str, ...] = ()
    needs_file: bool = False
    fits: Callable[[RunConfig], bool] = lambda config: True
    loads: bool = True
    checkpoints: bool = True
    pair: bool = False
    live: bool = True

    def is_for(self, config: RunConfig) -> bool:
        """Whether a run of this config can be asked."""
        return kind_of(config) in self.kinds and self.fits(config)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "kinds": self.kinds,
            "parameters": [each.to_dict() for each in self.parameters],
            "upload": {"accept": ",".join(self.accept), "needed": self.needs_file} if self.accept else None,
            "checkpoints": self.checkpoints,
            "pair": self.pair,
            "live": self.live,
        }
