"""The routes of the studio."""

import mimetypes
from functools import partial
from importlib.resources import files
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chainrule.display import page_of
from chainrule.errors import ArgumentError
from chainrule.runs.fitting.fit import CHECKPOINTS
from chainrule.runs.folder.config import RunConfig
from chainrule.studio.answers import DOCUMENT, HANDLERS, missing, to_json
from chainrule.studio.guard import Guard
from chainrule.studio.metrics import POINTS, in_columns
from chainrule.studio.state import Studio
from chainrule.studio.views.parameter import Parameter, given_in
from chainrule.studio.views.table import VIEWS
from chainrule.studio.views.view import Asked

__all__ = ["make_app"]

_PAGE = files("chainrule.studio") / "page"
_INTERACTIVE = files("chainrule.display.interactive")
_POINTS = Parameter(name="points", label="Points", type="integer", default=POINTS, min=10, max=100_000)
_CHECKPOINT = Parameter(name="checkpoint", label="Weights", type="choice", choices=tuple(CHECKPOINTS))


def make_app(studio: Studio) -> Starlette:
    """The studio as an ASGI application."""
    routes = [
        Route("/", _index),
        Route("/page/{name}", _page_file),
        Route("/interactive/{name}", _interactive_file),
        Route("/api/runs", _runs),
        Route("/api/runs/{name:path}/metrics", _metrics),
        Route("/api/runs/{name:path}", _run),
        Route("/api/views", _views),
        Route("/view/{name:path}", _view),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard, studio.access)], exception_handlers=HANDLERS)
    app.state.studio = studio
    return app


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


async def _index(request: Request) -> Response:
    return _file(_PAGE, "index.html")


async def _page_file(request: Request) -> Response:
    return _file(_PAGE, request.path_params["name"])


async def _interactive_file(request: Request) -> Response:
    return _file(_INTERACTIVE, request.path_params["name"])


def _file(folder: Any, name: str) -> Response:
    """A file of the page; only names that are there are taken, so that none leads elsewhere."""
    served = {each.name: each for each in folder.iterdir() if each.name.endswith((".html", ".css", ".js", ".svg"))}
    if name not in served:
        raise missing(f"the studio has no file {name!r}.")
    media_type = mimetypes.guess_type(name)[0]
    return Response(served[name].read_bytes(), media_type=media_type, headers={"Cache-Control": "no-cache"})


async def _runs(request: Request) -> Response:
    studio = _studio(request)
    runs = await to_thread.run_sync(studio.entries.all)
    return to_json({"folder": str(studio.folder.root), "runs": runs})


async def _run(request: Request) -> Response:
    return to_json(await to_thread.run_sync(partial(_about, _studio(request), request.path_params["name"])))


def _about(studio: Studio, name: str) -> dict[str, Any]:
    """All that is told of one run."""
    path = studio.folder.run(name)
    about = studio.entries.entry(name)
    about |= {"files": sorted(each.name for each in path.iterdir() if not each.name.startswith("."))}
    if about["kind"] is None:
        return about | {"config": None, "views": [], "checkpoints": []}
    config = RunConfig.load(path)
    checkpoints = [name for name, file in CHECKPOINTS.items() if (path / file).is_file()]
    views = [view.name for view in VIEWS.values() if view.is_for(config)]
    return about | {"config": config.to_dict(), "views": views, "checkpoints": checkpoints}


async def _metrics(request: Request) -> Response:
    studio = _studio(request)
    most = given_in(request.query_params, [_POINTS], also=())["points"]
    path = studio.folder.run(request.path_params["name"])
    curves, about = await to_thread.run_sync(studio.metrics.of, path)
    return to_json({"curves": in_columns(curves, most), **about})


async def _views(request: Request) -> Response:
    return to_json([view.to_dict() for view in VIEWS.values()])


async def _view(request: Request) -> Response:
    studio = _studio(request)
    path = studio.folder.run(request.path_params["name"])
    name = request.query_params.get("view", "")
    if name not in VIEWS:
        raise missing(f"there is no view {name!r}; there are {', '.join(VIEWS)}.")
    document = await to_thread.run_sync(partial(_answer, studio, path, name, request.query_params), limiter=studio.one)
    headers = dict(DOCUMENT)
    if "download" in request.query_params:
        headers["Content-Disposition"] = f'attachment; filename="{path.name}-{name}.html"'
    return HTMLResponse(document, headers=headers)


def _answer(studio: Studio, path: Any, name: str, query: Any) -> str:
    view = VIEWS[name]
    config = RunConfig.load(path)
    if not view.is_for(config):
        raise ArgumentError(f"{path.name} has no view {name!r}.")
    values = given_in(query, [*view.parameters, _CHECKPOINT], also=("view", "download", "upload"))
    run = studio.opened.run(path, values.pop("checkpoint"))
    return page_of(view.answer(Asked(run, values)))
