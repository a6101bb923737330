"""Who is let in, from where, and with how much."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chainrule.studio.guard import Access
from tests.studio.conftest import ADDRESS, TOKEN, Client

GETS = (
    "/",
    "/page/main.js",
    "/interactive/elements.js",
    "/api/runs",
    "/api/runs/text",
    "/api/metrics/text",
    "/api/views",
    "/api/data",
    "/api/options",
    "/api/jobs",
    "/api/events",
    "/view/text?view=curves",
)
POSTS = ("/api/jobs", "/api/jobs/x/stop", "/api/uploads")


@pytest.mark.parametrize("path", [*GETS, *POSTS])
def test_nobody_gets_in_without_the_token(client: Client, path: str) -> None:
    headers = {"Origin": ADDRESS}
    for cookies in ({}, {client.studio.access.cookie: "guessed"}, {"other": client.studio.access.token}):
        client.cookies = cookies
        answer = client.ask("POST" if path in POSTS else "GET", path, headers=headers)
        assert answer.status_code == 403
        assert "address with the token" in answer.text
        assert ("<main" in answer.text) != path.startswith("/api/")


def test_the_address_lets_in_and_leaves_a_cookie_that_no_script_reads(client: Client) -> None:
    client.cookies = {}
    assert client.get("/?token=guessed").status_code == 403
    assert client.get("/?token=").status_code == 403
    answer = client.get(f"/?token={client.studio.access.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    client.cookies = dict(answer.cookies)
    assert client.get("/").text.startswith("<!")


@pytest.mark.parametrize("other", ['theme={"dark":1}', "path=/; x", 'a="', "=", ";;"])
def test_cookies_of_other_programs_on_this_machine_keep_nobody_out(client: Client, other: str) -> None:
    """A browser sends the cookies of all ports, also those that are not written as they should be."""
    own = f"{client.studio.access.cookie}={client.studio.access.token}"
    for cookies in (f"{other}; {own}", f"{own}; {other}"):
        assert client.get("/api/views", headers={"Cookie": cookies}).status_code == 200


@pytest.mark.parametrize(
    "host", ["studio.example", "127.0.0.1.example:8642", "127.0.0.2", "evil@studio", "[::2]", "[", ""]
)
def test_another_name_is_not_answered_to(client: Client, host: str) -> None:
    for path in ("/", "/api/runs", f"/?token={client.studio.access.token}"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "does not answer to the name" in answer.text


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8642", "LOCALHOST:8642"])
def test_this_machine_is_answered_to_by_any_port(client: Client, host: str) -> None:
    assert client.get("/api/runs", headers={"Host": host}).status_code == 200


def test_a_machine_is_known_by_its_name_in_any_case() -> None:
    """Windows writes the names of machines in capitals, and browsers in small letters."""
    access = Access(TOKEN, frozenset({"DESKTOP-1"}))
    assert [access.is_host(name) for name in ("desktop-1:80", "DESKTOP-1", "desktop-2")] == [True, True, False]


@pytest.mark.parametrize(
    "origin", [None, "null", "", "http://studio.example", "http://127.0.0.1:1", "http://[", ADDRESS + ".example"]
)
@pytest.mark.parametrize("path", POSTS)
def test_another_page_changes_nothing(client: Client, path: str, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = client.ask("POST", path, headers=headers, json={"command": "fit", "data": "sunspots", "out": "x"})
    assert answer.status_code == 403
    assert client.studio.jobs.all() == []
    assert not (client.studio.folder.root / "x").exists()


@pytest.mark.parametrize("path", [*GETS[:5], "/nothing", "/view/text?view=nothing", "/view/text?view=sample"])
def test_every_answer_has_the_headers_that_keep_pages_apart(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    if path.startswith(("/view", "/nothing")):  # documents, with a policy of their own within them or no script at all
        assert "frame-ancestors 'self'" in policy
    else:
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", POSTS)
def test_a_body_of_a_hundred_megabytes_is_not_read(client: Client, path: str) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield bytes(2**20)

    if path != "/api/jobs/x/stop":  # which reads no body
        answer = client.post(path, content=body(), headers={"X-File-Name": "x.wav"})
        assert answer.status_code == 413
        assert "the most that is taken" in answer.json()["error"]
        assert sent < 20
    told: dict[str, Any] = {"Content-Length": str(100 * 2**20), "X-File-Name": "x.wav"}
    assert client.post(path, content=b"", headers=told).status_code == 413
    assert client.post(path, content=b"", headers={"Content-Length": "-1"}).status_code == 413


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_no_other_method_does_anything(client: Client, method: str) -> None:
    for path in ("/api/runs/text", "/api/jobs", "/view/text?view=curves"):
        assert client.ask(method, path, headers={"Origin": ADDRESS}).status_code == 405
        assert client.ask(method, path).status_code == 403
