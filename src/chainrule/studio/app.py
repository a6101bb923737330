"""The routes of the studio."""

import mimetypes
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from chainrule._schema import parse
from chainrule.errors import ArgumentError
from chainrule.studio import events
from chainrule.studio.answers import DOCUMENT, GONE, HANDLERS, missing, to_json
from chainrule.studio.guard import Guard
from chainrule.studio.jobs import options, requests
from chainrule.studio.metrics import POINTS, in_columns
from chainrule.studio.state import Studio
from chainrule.studio.views.parameter import Parameter, given_in
from chainrule.studio.views.table import VIEWS

__all__ = ["make_app"]

T = TypeVar("T")

_PAGE = files("chainrule.studio") / "page"
_INTERACTIVE = files("chainrule.display.interactive")
_SERVED = (".html", ".css", ".js", ".svg")
_POINTS = Parameter(name="points", label="Points", type="integer", default=POINTS, min=10, max=200_000)


def make_app(studio: Studio) -> Starlette:
    """The studio as an ASGI application, which closes the studio at its end."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await to_thread.run_sync(studio.close)

    routes = [
        Route("/", _index),
        Route("/page/{name}", partial(_file, _PAGE)),
        Route("/interactive/{name}", partial(_file, _INTERACTIVE)),
        Route("/api/runs", _runs),
        Route("/api/runs/{name:path}", _run),
        Route("/api/metrics/{name:path}", _metrics),
        Route("/api/views", _views),
        Route("/api/data", _data),
        Route("/api/options", _options),
        Route("/api/uploads", _upload, methods=["POST"]),
        Route("/api/jobs", _jobs),
        Route("/api/jobs", _start, methods=["POST"]),
        Route("/api/jobs/{key}/stop", _stop, methods=["POST"]),
        Route("/api/events", _events),
        Route("/view", _view),
        Route("/view/{name:path}", _view),
    ]
    guard = Middleware(Guard, studio.access)
    app = Starlette(routes=routes, middleware=[guard], exception_handlers=HANDLERS, lifespan=lifespan)
    app.router.redirect_slashes = False  # no name is another one
    app.state.studio = studio
    return app


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Whatever reads the disk, so that nobody else waits for it."""
    return await to_thread.run_sync(partial(function, *arguments))


async def _index(request: Request) -> Response:
    """The page, which names its modules at once: a browser finds them one within the other otherwise, in six turns."""
    page = (_PAGE / "index.html").read_text(encoding="utf-8")
    modules = sorted(each.name for each in _PAGE.iterdir() if each.name.endswith(".js"))
    links = "".join(f'<link rel="modulepreload" href="/page/{name}">\n' for name in modules)
    return HTMLResponse(page.replace("</head>", links + "</head>"))


async def _file(folder: Any, request: Request) -> Response:
    return _served(folder, request.path_params["name"])


def _served(folder: Any, name: str) -> Response:
    """A file of the page. A name has to be one of those that are there, so that none leads elsewhere."""
    served = {each.name: each for each in folder.iterdir() if each.name.endswith(_SERVED)}
    if name not in served:
        raise missing(f"the studio has no file {name[:60]!r}.")
    return Response(served[name].read_bytes(), media_type=mimetypes.guess_type(name)[0])


async def _runs(request: Request) -> Response:
    studio = _studio(request)
    return to_json({"folder": str(studio.folder.root), "runs": await _in_thread(studio.entries.all)})


async def _run(request: Request) -> Response:
    return to_json(await _in_thread(_studio(request).about, request.path_params["name"]))


async def _metrics(request: Request) -> Response:
    studio = _studio(request)
    most = given_in(request.query_params, [_POINTS], also=())["points"]

    def found() -> dict[str, Any]:
        curves, about = studio.metrics.of(studio.folder.run(request.path_params["name"]))
        return {"curves": in_columns(curves, most), **about}

    return to_json(await _in_thread(found))


async def _views(request: Request) -> Response:
    return to_json([view.to_dict() for view in VIEWS.values()])


async def _view(request: Request) -> Response:
    studio = _studio(request)
    name = request.path_params.get("name", "")
    query = dict(request.query_params)
    async with studio.one_at_a_time:
        if await request.is_disconnected():  # while it waited: a slider has moved on
            return Response(status_code=GONE)
        page = await _in_thread(studio.answers.page, name, query)
    headers = dict(DOCUMENT)
    if "download" in query:
        file = "-".join([*name.split("/"), query["view"]]).lstrip("-")
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file)}.html"
    return HTMLResponse(page.encode("utf-8", "replace"), headers=headers)


async def _upload(request: Request) -> Response:
    name = unquote(request.headers.get("x-file-name", ""))
    return to_json({"id": await _studio(request).uploads.take(name, request.stream())}, 201)


async def _data(request: Request) -> Response:
    return to_json(await _in_thread(_studio(request).data.to_dict))


async def _options(request: Request) -> Response:
    return to_json(options.described())


async def _jobs(request: Request) -> Response:
    jobs = _studio(request).jobs
    return to_json(await _in_thread(lambda: [job.to_dict() for job in jobs.all()]))


async def _start(request: Request) -> Response:
    studio = _studio(request)
    try:
        asked = parse(await request.body())
    except ValueError as error:
        raise ArgumentError(f"what was sent is no JSON: {error}.") from error
    job = await _in_thread(requests.start, asked, studio.jobs, studio.folder, studio.data)
    return to_json(job.to_dict(), 201)


async def _stop(request: Request) -> Response:
    job = _studio(request).jobs.job(request.path_params["key"])
    await _in_thread(job.stop)
    return to_json(job.to_dict())


async def _events(request: Request) -> Response:
    names = request.query_params.getlist("run")
    places = request.query_params.getlist("from")
    places += [""] * (len(names) - len(places))
    studio = _studio(request)
    watch = await _in_thread(events.Watch, studio, list(zip(names, places, strict=False)))
    studio.opened.set()
    return StreamingResponse(events.stream(watch), media_type="text/event-stream")
