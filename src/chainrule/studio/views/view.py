"""A view: its parameters, the runs that it is for, and the function that asks the run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.display import Shown
from chainrule.runs import Run
from chainrule.runs.folder.config import RunConfig
from chainrule.studio.entries import kind_of
from chainrule.studio.views.parameter import Parameter

__all__ = ["KINDS", "Asked", "StudioView"]

KINDS = ("text", "sound", "series", "panel", "images", "labelled sound")
Results = Sequence[Shown]


@dataclass(frozen=True)
class Asked:
    """What an address asks a run.

    Attributes:
        run: the run.
        values: of the parameters, by name.
        upload: the file that was dropped, if there is one.
        other: the run to compare with, where the view takes two.
    """

    run: Run
    values: dict[str, Any]
    upload: Path | None = None
    other: Run | None = None


@dataclass(frozen=True, kw_only=True)
class StudioView:
    """One view.

    Attributes:
        name, title: in addresses, and for people.
        kinds: of the runs that it is for.
        answer: the results that its page shows, the first of which gives it its name.
        accept: the endings of files that can be dropped on it; none where it takes no file.
        fits: whether it is for a run of this config, among those of its kinds.
        loads: whether the run's weights are needed.
        checkpoints: whether it can be of other weights than those that are scored.
    """

    name: str
    title: str
    answer: Callable[[Asked], Results]
    kinds: tuple[str, ...] = KINDS
    parameters: tuple[Parameter, ...] = ()
    accept: tuple[str, ...] = ()
    fits: Callable[[RunConfig], bool] = lambda config: True
    checkpoints: bool = True
    pair: bool = False

    def is_for(self, config: RunConfig) -> bool:
        """Whether a run of this config can be asked."""
        return kind_of(config) in self.kinds and self.fits(config)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "kinds": self.kinds,
            "parameters": [each.to_dict() for each in self.parameters],
            "upload": {"accept": ",".join(self.accept)} if self.accept else None,
            "checkpoints": self.checkpoints,
            "pair": self.pair,
        }
