"""What a studio holds while it runs."""

from dataclasses import dataclass, field

from anyio import CapacityLimiter

from chainrule.studio.entries import Entries
from chainrule.studio.folders import RunsFolder
from chainrule.studio.guard import Access
from chainrule.studio.metrics import MetricsFiles
from chainrule.studio.views.opened import OpenedRuns

__all__ = ["Studio"]


@dataclass
class Studio:
    """One studio: its folder, who may ask, and what it has read so far."""

    folder: RunsFolder
    access: Access
    entries: Entries = field(init=False)
    metrics: MetricsFiles = field(default_factory=MetricsFiles)
    opened: OpenedRuns = field(default_factory=OpenedRuns)
    one: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    def __post_init__(self) -> None:
        self.entries = Entries(self.folder)
