"""Processes of a test's own tell how each of their runs ended."""

import os
import signal
import time

import pytest

from tests.contract import isolation
from tests.contract.isolation import alone, each_alone


def fails() -> None:
    raise ValueError("a reason")


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def ends() -> None:
    os._exit(3)


def passes() -> None:
    pass


def test_each_run_has_its_own_end() -> None:
    told = ["ValueError: a reason", "", "died of SIGKILL", "", "ended with 3"]
    assert each_alone([fails, passes, dies, passes, ends]) == told
    assert each_alone([]) == []


def test_what_hangs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "SECONDS", 1)
    assert each_alone([lambda: time.sleep(60), passes]) == ["hung for 1 s", ""]


def test_one_alone_raises_what_it_failed_by() -> None:
    alone(passes)
    with pytest.raises(AssertionError, match="ValueError: a reason"):
        alone(fails)
