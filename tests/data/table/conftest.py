"""A reader's messages are searched here as they are written, for the command line, and as arguments at once."""

import pytest

from chainrule._wording import as_arguments
from chainrule.errors import ChainruleError


@pytest.fixture(autouse=True)
def messages_both_ways(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.path.stem == "test_remedies":  # which applies the flags that a message ends with
        monkeypatch.setattr(ChainruleError, "__str__", lambda error: error.message)
        return
    monkeypatch.setattr(ChainruleError, "__str__", lambda error: f"{error.message} {as_arguments(error.message)}")
