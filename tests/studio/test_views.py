"""Every view of every kind of run: its page, whole and by itself; and what is refused, with a sentence."""

import io
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from chainrule.studio.views.table import VIEWS
from chainrule.studio.views.view import KINDS
from tests.studio.conftest import Client, write_wav

RUNS = {
    "text": "text",
    "ngram": "text",
    "sound": "sound",
    "ar": "series",
    "nested/series": "series",
    "panel": "panel",
    "images": "images",
    "calls": "labelled sound",
    "compared": None,
    "compared panel": None,
}
OTHER = {"text": "ngram", "ngram": "text", "images": "calls", "ar": "compared/gru", "nested/series": "compared/gru"}
"""What a run is compared with; others with the images."""
FEW: dict[str, str] = {  # that what is drawn is quickly drawn
    "times": "2",
    "length": "20",
    "paths": "20",
    "horizon": "3",
    "steps": "6",
}


def picture() -> bytes:
    pillow = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    pillow.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4).save(file, format="PNG")
    return file.getvalue()


def sentence(answer: Any) -> str:
    """The error of a page."""
    text: str = answer.text
    return text.partition('<p class="error">')[2].partition("</p>")[0]


def address(client: Client, run: str, view: str, **parameters: str) -> str:
    """The address of a view, with few steps and samples, and what it cannot do without."""
    asked = {each.name: FEW[each.name] for each in VIEWS[view].parameters if each.name in FEW}
    if view == "classify":
        name = "a.png" if RUNS[run] == "images" else "a.wav"
        asked["upload"] = client.upload(name, picture() if name == "a.png" else sound(client))
    if VIEWS[view].pair:
        asked["other"] = OTHER.get(run, "images")
    return f"/view/{run}?" + "&".join(
        f"{name}={value}" for name, value in ({"view": view} | asked | parameters).items()
    )


def sound(client: Client) -> bytes:
    path = client.studio.folder.root.parent / "call.wav"
    write_wav(path, np.sin(np.arange(900) / 3))
    return path.read_bytes()


@pytest.mark.sampled(0)
@pytest.mark.parametrize("run", RUNS)
def test_every_view_of_a_run_is_a_page_that_stands_alone(client: Client, run: str) -> None:
    about = client.get(f"/api/runs/{run}").json()
    assert about["kind"] == RUNS[run]
    assert about["views"]
    for view in about["views"]:
        answer = client.get(address(client, run, view))
        assert answer.status_code == 200, f"{view}: {sentence(answer)}"
        page = answer.text
        assert page.startswith("<!DOCTYPE html>")
        assert "Content-Security-Policy" in page
        assert not any(word in page for word in ('http-equiv="refresh', 'src="http', "<link", "@import"))
        saved = client.get(address(client, run, view) + "&download=1")
        assert saved.text == page or view == "classify"
        assert saved.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")


def test_every_kind_of_run_has_the_views_that_are_for_it(client: Client) -> None:
    offered = {run: set(client.get(f"/api/runs/{run}").json()["views"]) for run in RUNS}
    for view in client.get("/api/views").json():
        kinds = set(view["kinds"])
        for run, kind in RUNS.items():
            if kind not in kinds:
                assert view["name"] not in offered[run] or kind is None
    assert set().union(*offered.values()) | {"conv"} == VIEWS.keys()
    assert set(KINDS) == {kind for kind in RUNS.values() if kind is not None}


@pytest.mark.parametrize("run", ["text", "images"])
def test_a_view_that_a_run_has_not_is_refused(client: Client, run: str) -> None:
    offered = client.get(f"/api/runs/{run}").json()["views"]
    for view in VIEWS.keys() - set(offered):
        answer = client.get(f"/view/{run}?view={view}")
        assert answer.status_code == 400
        assert "view" in sentence(answer)


WRONG = ("x", "nan", "inf", "-1", "1e400", "1" * 400, "9" * 30, "0x10", "<script>", "\0", "☃", "1.5.2")


@pytest.mark.parametrize("value", WRONG, ids=ascii)
def test_a_value_that_cannot_be_is_refused_with_a_sentence(client: Client, value: str) -> None:
    for run, view in (("text", "sample"), ("ar", "forecast"), ("nested/series", "unroll"), ("images", "layers")):
        for parameter in VIEWS[view].parameters:
            if parameter.type == "text":
                continue
            answer = client.get(f"/view/{run}?view={view}&{parameter.name}={quote(value)}")
            assert answer.status_code == 400, (view, parameter.name)
            assert f"`{parameter.name}`" in sentence(answer)
    assert "<script>" not in client.get(f"/view/text?view={quote(value)}").text


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("text?view=sample&colour=red", 400, "`colour` is no parameter of this view"),
        ("text?view=sample&seeds=1", 400, "Did you mean"),
        ("text?view=look&at=1999&steps=6", 400, "1999"),
        ("images?view=layers&layer=nothing", 400, "expected the number or name of one"),
        ("images?view=layers&at=a,b", 400, "or the place of a cell"),
        ("images?view=layers&example=999999", 400, "999999"),
        ("images?view=saliency&score=eleven", 400, "eleven"),
        ("images?view=classify", 400, "Drop a file here"),
        ("text?view=compare&other=text", 400, "two runs"),
        ("text?view=compare", 404, "there is no run"),
        ("text?view=curves&upload=gone", 404, "Drop it again"),
        ("ar?view=score&checkpoint=last", 409, "is missing"),
        ("ar?view=unroll", 400, "has no view"),
        ("nothing?view=curves", 404, "there is no run"),
        ("text", 404, "there is no view"),
        ("text?view=conv", 400, "a view of no run"),
    ],
)
def test_what_cannot_be_shown_is_told_in_a_sentence(client: Client, query: str, status: int, says: str) -> None:
    answer = client.get(f"/view/{query}")
    assert (answer.status_code, says in sentence(answer)) == (status, True), sentence(answer)


def test_samples_depend_on_their_parameters_alone(client: Client) -> None:
    ask = "/view/text?view=sample&length=30&temperature=0.7&prompt=the&seed="
    first = client.get(ask + "1").text
    assert client.get(ask + "1").text == first
    assert client.get(ask + "2").text != first
    assert "Temperature 0.7, seed 1." in first


def test_a_page_plays_the_sound_it_shows(client: Client) -> None:
    page = client.get("/view/sound?view=sound&length=50").text
    assert page.count("<audio controls") == 1
    assert 'src="data:audio/wav;base64,UklGR' in page
    assert "media-src data:" in page


@pytest.mark.parametrize(
    ("run", "view", "name", "content"),
    [
        ("text", "score", "new.txt", b"the cat ran after the dog on the mat " * 9),
        ("text", "surprise", "new.txt", b"the cat ran after the dog on the mat " * 9),
        ("text", "look", "new.txt", b"the cat ran after the dog on the mat " * 9),
        ("text", "sample", "new.txt", b"the cat ran"),
        ("images", "layers", "new.png", None),
        ("images", "convolution", "new.png", None),
        ("images", "saliency", "new.png", None),
    ],
)
def test_a_dropped_file_is_looked_at(client: Client, run: str, view: str, name: str, content: bytes | None) -> None:
    key = client.upload(name, picture() if content is None else content)
    answer = client.get(address(client, run, view, upload=key))
    assert answer.status_code == 200, sentence(answer)
    assert answer.text != client.get(address(client, run, view)).text


def test_a_dropped_file_that_is_none_is_told(client: Client) -> None:
    key = client.upload("new.png", b"no picture")
    answer = client.get(f"/view/images?view=layers&upload={key}")
    assert answer.status_code == 409
    assert "new.png" in sentence(answer)
    answer = client.get(f"/view/text?view=score&upload={key}")
    assert answer.status_code == 400
    assert "is no file for this view, which takes .txt" in sentence(answer)


def test_numbers_and_pictures_are_convolved(client: Client) -> None:
    page = client.get("/view?view=conv&x=1,0,-1,2,4&w=1%202%203").text
    assert 'data-module="convolution"' in page
    assert client.get("/view?view=conv&x=1,0;0,1&w=1;2").status_code == 200
    key = client.upload("large.png", picture())
    answer = client.get(f"/view?view=conv&w=1,0;0,-1&upload={key}")
    assert answer.status_code == 200, sentence(answer)
    for x, says in (
        ("1,a", "expected numbers"),
        ("", "`x` has 0 numbers"),
        ("1;2,3", "rows of one length"),
        ("nan", "finite"),
    ):
        answer = client.get(f"/view?view=conv&x={x or ';'}&w=1")
        assert answer.status_code == 400
        assert says in sentence(answer)
    assert "expected as many" in sentence(client.get("/view?view=conv&x=1,2;3,4&w=1"))
