"""A studio without a server, over small runs of every kind that none of the tests changes."""

import json
import math
import shutil
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import chainrule
from chainrule.display import Shown
from chainrule.runs import Comparison, ComparisonRow
from chainrule.studio.app import make_app
from chainrule.studio.folders import RunsFolder
from chainrule.studio.guard import Access
from chainrule.studio.jobs.requests import DataFolder
from chainrule.studio.state import Studio
from tests.runs.cases import ar1, daily, panel, text, write_csv

httpx = pytest.importorskip("httpx", reason="needs httpx")

TOKEN = "a-secret"
ADDRESS = "http://127.0.0.1:8642"


class Client:
    """Asks a studio as a browser would that has opened its address."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.app = make_app(studio)
        self.cookies = {studio.access.cookie: studio.access.token}

    def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
        own = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

        async def asked() -> Any:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
                return await client.request(method, path, headers=own | dict(headers or {}), **options)

        return anyio.run(asked)

    def get(self, path: str, **options: Any) -> Any:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        headers = {"Origin": ADDRESS, **options.pop("headers", {})}
        return self.ask("POST", path, headers=headers, **options)

    def upload(self, name: str, content: bytes) -> str:
        """Drop a file; its key."""
        key: str = self.post("/api/uploads", headers={"X-File-Name": name}, content=content).json()["id"]
        return key


Made = Callable[[Path], Client]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """Makes a studio of a folder of runs, whose fits read data in ``tmp_path``; it is closed after the test."""
    studios = []

    def make(runs: Path) -> Client:
        studios.append(Studio(RunsFolder(runs), DataFolder(tmp_path), Access(TOKEN)))
        return Client(studios[-1])

    yield make
    for studio in studios:
        studio.close()


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of every kind, and comparisons of sequences and of a panel."""
    data = tmp_path_factory.mktemp("data")
    folder = tmp_path_factory.mktemp("studio")
    (data / "words.txt").write_text(text())
    write_csv(data / "noise.csv", ar1(), daily(300))
    tone = np.sin(np.arange(3000) / 5)
    write_wav(data / "tone.wav", tone)
    for label, shift in (("high", 1.0), ("low", 5.0)):
        for k in range(10):
            write_wav(data / "calls" / label / f"{k}.wav", np.sin(np.arange(800 + 10 * k) / shift))
    few: dict[str, Any] = {"quiet": True, "figures": False}
    chainrule.fit(data / "words.txt", hidden=4, window=8, steps=6, training={"batch": 4}, out=folder / "text", **few)
    chainrule.fit(data / "words.txt", "ngram", out=folder / "ngram", **few)
    chainrule.fit(data / "tone.wav", "gru", hidden=4, window=8, steps=8, out=folder / "sound", **few)
    chainrule.fit(data / "noise.csv", "ar", window=3, out=folder / "ar", **few)
    chainrule.fit(data / "noise.csv", "gru", hidden=3, window=8, steps=4, out=folder / "nested/series", **few)
    of_panel = chainrule.fit(panel(3, 40), "gru", hidden=4, horizon=4, steps=8, out=folder / "panel", **few).result
    chainrule.fit("digits", "conv", hidden=4, steps=4, out=folder / "images", **few)
    reading = {"labels": True}
    chainrule.fit(data / "calls", "gru", hidden=4, steps=8, reading=reading, out=folder / "calls", **few)
    for model, like in (("ar", "ar"), ("gru", "nested/series")):
        shutil.copytree(folder / like, folder / "compared" / model)
    rows = (ComparisonRow("i.i.d.", 2.0, 0.0, math.inf), ComparisonRow("ar", 1.5, 0.5, 0.2, parameters=5, seconds=1.0))
    result = Comparison("noise.csv, last tenth", "step", 30, rows)
    assert of_panel is not None
    for name, each in (("compared", result), ("compared panel", of_panel)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "comparison.json").write_text(json.dumps(each.to_dict()))
    return folder


@pytest.fixture
def client(runs: Path, made: Made, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A studio of these runs, whose pages have no figures, which would take longer than all else."""
    monkeypatch.setattr(Shown, "drawable", False)
    return made(runs)


def write_wav(path: Path, samples: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((samples * 20000).astype("<i2").tobytes())
