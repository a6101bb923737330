"""From an address to a page: what is asked is checked, answered and kept, since pages are asked for again."""

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chainrule._devices import one_thread
from chainrule.display import page_of
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.runs import Run
from chainrule.runs.fitting.fit import CHECKPOINTS
from chainrule.runs.folder.config import CONFIG, RunConfig
from chainrule.runs.folder.contents import COMPARISON
from chainrule.studio.answers import missing
from chainrule.studio.folders import RunsFolder
from chainrule.studio.uploads import Uploads
from chainrule.studio.views.opened import OpenedRuns
from chainrule.studio.views.parameter import Parameter, given_in
from chainrule.studio.views.table import VIEWS
from chainrule.studio.views.view import Question, StudioView

__all__ = ["Answers", "views_of"]

_KEPT = 32  # pages
_CHECKPOINT = Parameter(name="checkpoint", label="Weights", type="choice", choices=tuple(CHECKPOINTS))
_ALSO = ("view", "upload", "other", "download")


class Answers:
    """Answers views. For one thread at a time: what is asked while another is answered waits."""

    def __init__(self, folder: RunsFolder, uploads: Uploads) -> None:
        self._folder = folder
        self._uploads = uploads
        self.opened = OpenedRuns()
        self._pages: OrderedDict[Any, str] = OrderedDict()

    def page(self, name: str, query: Mapping[str, str]) -> str:
        """The page of a view of the run ``name``; of no run where that is empty.

        Raises:
            HTTPException: 404, there is no such run, view or file.
            ArgumentError: the run has no such view, or a parameter has a value that cannot be.
            ChainruleError: the view cannot be answered, as the sentence says.
        """
        view = VIEWS.get(query.get("view", ""))
        if view is None:
            raise missing(f"there is no view {query.get('view', '')[:60]!r}; there are {', '.join(VIEWS)}.")
        if bool(name) != bool(view.kinds):
            raise ArgumentError(f"{view.title} is a view of {'a run' if view.kinds else 'no run'}.")
        names = [name] if name else []
        if view.pair:
            names.append(query.get("other", ""))
        paths = [self._folder.run(each) for each in names]
        upload = self._upload(view, query)
        values = given_in(query, _parameters(view), _ALSO)
        key = view.name, tuple(names), tuple(map(_stamp, paths)), tuple(values.items()), upload
        page = self._pages.pop(key, None)
        if page is None:
            with _named(upload):
                page = self._answer(view, dict(zip(names, paths, strict=True)), values, upload)
        self._pages[key] = page
        while len(self._pages) > _KEPT:
            self._pages.popitem(last=False)
        return page

    def _upload(self, view: StudioView, query: Mapping[str, str]) -> Path | None:
        key = query.get("upload", "")
        return self._uploads.path(key, view.accept) if key else None

    @one_thread()
    def _answer(self, view: StudioView, paths: Mapping[str, Path], values: dict[str, Any], upload: Path | None) -> str:
        checkpoint = values.pop("checkpoint", None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            runs: dict[str, Run] = {}
            for name, path in paths.items():
                _check(view, name, path)
                if view.loads:
                    runs[name] = self.opened.run(path, checkpoint)
            path = next(iter(paths.values()), Path())
            results = view.answer(Question(path=path, values=values, runs=runs, upload=upload))
            remarks = [_by_name(str(warning.message), upload) for warning in caught if warning.category is UserWarning]
            return page_of(results, remarks)


def views_of(path: Path) -> list[str]:
    """The names of the views that fit a run, or a comparison."""
    if not (path / CONFIG).is_file() and (path / COMPARISON).is_file():
        return [view.name for view in VIEWS.values() if view.kinds == ("comparison",)]
    config = RunConfig.load(path)
    return [view.name for view in VIEWS.values() if view.is_for(config)]


@contextmanager
def _named(upload: Path | None) -> Iterator[None]:
    """A while in which errors name the file that was dropped as the reader does, not by where it is kept."""
    try:
        yield
    except ChainruleError as error:
        error.args = tuple(_by_name(each, upload) if isinstance(each, str) else each for each in error.args)
        raise


def _by_name(text: str, upload: Path | None) -> str:
    return text if upload is None else text.replace(str(upload), upload.name)


def _check(view: StudioView, name: str, path: Path) -> None:
    """Refuse a run that a view is not for."""
    offered = views_of(path)
    if view.name not in offered:
        raise ArgumentError(f"{name} has no view {view.name!r}; it has {', '.join(offered)}.")


def _parameters(view: StudioView) -> tuple[Parameter, ...]:
    return (*view.parameters, _CHECKPOINT) if view.checkpoints else view.parameters


def _stamp(path: Path) -> tuple[tuple[str, int], ...]:
    """What a run's folder holds, and when each was written; what is hidden comes and goes while a fit writes."""
    files = (each for each in path.iterdir() if not each.name.startswith(".") and each.is_file())
    return tuple(sorted((each.name, each.stat().st_mtime_ns) for each in files))
