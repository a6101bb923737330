"""The table that a comparison left in a folder, read again."""

from pathlib import Path

from chainrule.errors import RunFormatError
from chainrule.runs.comparison_result import Comparison
from chainrule.runs.folder.contents import COMPARISON
from chainrule.runs.folder.json_files import read_json
from chainrule.runs.scoring.panels import PanelScores

__all__ = ["load_comparison"]


def load_comparison(folder: str | Path) -> Comparison | PanelScores:
    """What ``compare`` wrote into a folder: of sequences as it returned it, of a panel without the forecasts.

    Raises:
        RunFormatError: there is no comparison, or it was cut short or changed.
    """
    path = Path(folder) / COMPARISON
    try:
        values = dict(read_json(path))
        kind = PanelScores if "by_horizon" in values else Comparison
        return kind.from_dict(values)
    except (LookupError, TypeError, ValueError, OSError) as error:
        raise RunFormatError(
            f"{path} is not a comparison that chainrule wrote: {str(error).rstrip('.')}. It was cut short or changed: "
            "restore it, or compare again."
        ) from error
