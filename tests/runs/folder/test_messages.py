"""Remarks of fits go through logging: shown as they stand, unless a program has it otherwise."""

import logging
from collections.abc import Iterator

import pytest

from chainrule.runs.folder.messages import LOGGER, say


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = (LOGGER.handlers[:], LOGGER.level, LOGGER.propagate)
    LOGGER.handlers.clear()
    LOGGER.setLevel(logging.NOTSET)
    LOGGER.propagate = True
    yield
    LOGGER.handlers[:], level, LOGGER.propagate = before
    LOGGER.setLevel(level)


def test_a_remark_is_shown_once_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()  # a program's, on the root
    logging.getLogger().addHandler(handler)
    say("100 % done")
    say("again")
    logging.getLogger().removeHandler(handler)
    assert capsys.readouterr() == ("", "100 % done\nagain\n")


def test_a_level_silences(capsys: pytest.CaptureFixture[str]) -> None:
    LOGGER.setLevel(logging.WARNING)
    say("quiet")
    assert capsys.readouterr().err == ""


def test_a_handler_of_a_program_takes_the_place_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    records: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    LOGGER.addHandler(Kept())
    say("kept")
    assert [(record.name, record.levelname, record.getMessage()) for record in records] == [
        ("chainrule", "INFO", "kept")
    ]
    assert capsys.readouterr().err == ""
