"""Files that are dropped are kept under plain names, and nothing stays of those that did not come whole."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest
from starlette.requests import ClientDisconnect

from chainrule.studio.uploads import Uploads
from tests.studio.conftest import Client


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("digit.png", "digit.png"),
        ("../../x/digit.png", "digit.png"),
        ("C:\\fakepath\\digit.png", "digit.png"),
        ("<b>&.png", "_b__.png"),
        ("숫자 3.png", "숫자 3.png"),
        ("한" * 90 + ".png", "한" * 65 + ".png"),
        ("x" * 5000 + ".png", "x" * 196 + ".png"),
    ],
)
def test_names_lead_nowhere_and_fit_any_file_system(client: Client, name: str, kept: str) -> None:
    key = client.upload(quote(name), b"1")
    path = client.studio.uploads.path(key, (".png",))
    assert (path.name, path.read_bytes()) == (kept, b"1")


def test_of_what_did_not_come_whole_nothing_stays(client: Client) -> None:
    uploads = client.studio.uploads
    kept = Path(uploads._folder.name)

    async def cut() -> AsyncIterator[bytes]:
        yield b"1"
        raise ClientDisconnect

    async def give() -> str:
        return await uploads.take("x.wav", cut())

    with pytest.raises(ClientDisconnect):
        anyio.run(give)
    assert client.post("/api/uploads", content=bytes(2**25), headers={"X-File-Name": "x.wav"}).status_code == 413
    assert list(kept.iterdir()) == []


def test_the_last_sixteen_are_kept() -> None:
    uploads = Uploads()

    async def some() -> AsyncIterator[bytes]:
        yield b"1"

    async def give() -> list[str]:
        return [await uploads.take("x.wav", some()) for _ in range(20)]

    keys = anyio.run(give)
    kept = [key for key in keys if key in uploads._files]
    assert kept == keys[-16:]
    assert len(list(Path(uploads._folder.name).iterdir())) == 16
    uploads.close()
