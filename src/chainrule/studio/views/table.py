"""The table of views."""

from chainrule.studio.views import of_runs
from chainrule.studio.views.view import StudioView

__all__ = ["VIEWS"]

VIEWS = {
    view.name: view
    for view in (
        StudioView(name="curves", title="Curves", answer=of_runs.curves),
        StudioView(name="score", title="Score", answer=of_runs.score),
        StudioView(
            name="surprise",
            title="Surprise",
            answer=of_runs.surprise,
            kinds=("text", "sound", "series", "images", "labelled sound"),
        ),
    )
}
