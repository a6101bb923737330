"""What the page is made of."""

import re

from tests.studio.conftest import Client


def test_the_page_names_all_its_modules_at_once(client: Client) -> None:
    page = client.get("/").text
    named = re.findall('<link rel="modulepreload" href="/page/(.*)">', page)
    imported = {"main.js"}
    for name in named:
        answer = client.get(f"/page/{name}")
        assert answer.headers["content-type"].startswith("text/javascript")
        imported |= set(re.findall(r'from "\./(.*?)"', answer.text))
    assert set(named) == imported
