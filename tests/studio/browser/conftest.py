"""One studio over a few small runs, and one browser in which its rooms are opened; none of them may complain."""

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from chainrule import fit
from tests.runs.cases import text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

HOSTILE = "<img src=x onerror=alert(1)> & co"
_TOKEN = "secret"

Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier, a recurrent network of a series, the same under a hostile name, and a broken run.

    "records" is that network with records of its own: a held-out loss that explodes, and horizons beyond what was
    looked at, which has no gradient at last; "counted" has none.
    """
    folder = tmp_path_factory.mktemp("runs")
    few = {"quiet": True, "figures": False}
    fit("digits", "conv", steps=2, hidden=2, out=folder / "digits", **few)  # type: ignore[arg-type]
    fit("sunspots", "gru", steps=40, hidden=3, window=12, out=folder / "sunspots", **few)  # type: ignore[arg-type]
    shutil.copytree(folder / "sunspots", folder / HOSTILE)
    shutil.copytree(folder / "sunspots", folder / "records")
    lines = [json.dumps(record) for record in records()]
    (folder / "records" / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "words.txt").write_text(text())
    fit(folder / "words.txt", "ngram", out=folder / "counted", **few)  # type: ignore[arg-type]
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{")
    return folder


def records() -> Iterator[dict[str, Any]]:
    """Of a hundred steps: horizons of 5, then none from step 50 to 89, then a look without a gradient."""
    for step in range(1, 101):
        record: dict[str, Any] = {"step": step, "seconds": step, "loss": 3 - step / 100, "gradient_norm": 1.0}
        if step % 10 == 0:
            has_gradient = step < 90
            horizon = 5 if step < 50 else None
            record |= {"validation": 3.0 if step < 60 else 10.0 * step}
            record["reach"] = {"horizon": horizon, "half": 1, "gradient_by_lag": [1.0 * has_gradient, 0.0]}
        yield record


@pytest.fixture(scope="session")
def studio(runs: Path) -> Iterator[str]:
    """The address of a studio of these runs."""
    uvicorn = pytest.importorskip("uvicorn", reason="needs uvicorn")
    from chainrule.studio.app import make_app
    from chainrule.studio.folders import RunsFolder
    from chainrule.studio.guard import Access
    from chainrule.studio.jobs.requests import DataFolder
    from chainrule.studio.state import Studio

    made = Studio(RunsFolder(runs), DataFolder(runs), Access(_TOKEN))
    server = uvicorn.Server(uvicorn.Config(make_app(made), log_level="warning", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        made.close()
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def tab(browser: "Browser", studio: str) -> Iterator["Page"]:
    """A tab that has been let in, which one test after another uses."""
    with browser.new_page() as page:
        page.set_default_timeout(30_000)
        page.goto(f"{studio}/?token={_TOKEN}")
        yield page


@pytest.fixture
def open_refused(tab: "Page", studio: str) -> Open:
    """As `open_room`, where the server refuses something, of which the browser complains."""

    def opened(address: str, width: int = 1200, scheme: Any = "light") -> "Page":
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        tab.goto("about:blank")
        tab.goto(f"{studio}/{address}")
        tab.locator("h1").first.wait_for()
        return tab

    return opened


@pytest.fixture
def open_room(tab: "Page", open_refused: Open) -> Iterator[Open]:
    """Opens the room at an address such as #/fit: so wide, in this colour scheme."""
    complaints: list[str] = []

    def complain(about: Any) -> None:
        complaints.append(str(about))

    for event in ("console", "pageerror", "dialog"):
        tab.on(event, complain)
    yield open_refused
    for event in ("console", "pageerror", "dialog"):
        tab.remove_listener(event, complain)
    assert complaints == []


def framed(page: "Page") -> "Frame":
    """The document of the view that is shown, once it is there."""
    frame = page.locator("iframe:not(.loading)").element_handle().content_frame()
    assert frame is not None
    return frame
