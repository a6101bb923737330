"""What a studio holds while it runs."""

from dataclasses import dataclass, field
from threading import Event
from typing import Any

from anyio import CapacityLimiter

from chainrule.runs.fitting.asked import applying
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.contents import SCORE
from chainrule.runs.kinds.registry import KINDS
from chainrule.runs.listing.small_files import losses_in
from chainrule.studio.entries import Entries
from chainrule.studio.folders import RunsFolder
from chainrule.studio.guard import Access
from chainrule.studio.jobs.requests import DataFolder
from chainrule.studio.jobs.runner import JobRunner
from chainrule.studio.metrics import MetricsFiles
from chainrule.studio.uploads import Uploads
from chainrule.studio.views.answering import Answers, views_of
from chainrule.studio.views.choices import choices_of

__all__ = ["Studio"]


@dataclass
class Studio:
    """One studio: its folders, who may ask, and what it has read and started so far.

    ``keep`` says whether fits go on when it ends; ``opened`` is set once a page listens, ``closing`` when it ends.
    """

    folder: RunsFolder
    data: DataFolder
    access: Access
    keep: bool = False
    metrics: MetricsFiles = field(default_factory=MetricsFiles)
    uploads: Uploads = field(default_factory=Uploads)
    jobs: JobRunner = field(default_factory=JobRunner)
    opened: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)
    one_at_a_time: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    def __post_init__(self) -> None:
        self.entries = Entries(self.folder)
        self.answers = Answers(self.folder, self.uploads)

    def about(self, name: str) -> dict[str, Any]:
        """All that is told of one run.

        Raises:
            HTTPException: 404, there is none.
        """
        path = self.folder.run(name)
        entry = self.entries.entry(name)
        files = sorted(each.name for each in path.iterdir() if not each.name.startswith("."))
        about: dict[str, Any] = {"config": None, "views": [], "choices": {}, "baselines": {}, "files": files}
        about |= {"settings": {}, "solved": False}
        if entry["status"] == "comparison":
            about["views"] = views_of(path)
        elif entry["status"] != "broken":
            config = RunConfig.load(path)
            about |= {"config": config.to_dict(), "views": views_of(path), "choices": choices_of(path, config)}
            about["settings"] = applying(config)
            about["solved"] = KINDS[config.data.kind].solves(config.model.name, config.model.head)
            about["baselines"] = losses_in(path / SCORE)[1]
        return entry | about

    def close(self) -> None:
        """End what was started, and remove what was dropped."""
        self.closing.set()
        self.jobs.close(keep=self.keep)
        self.uploads.close()
