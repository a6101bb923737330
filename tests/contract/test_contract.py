"""Every subject by every way."""

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import pytest

from tests.contract.isolation import each_alone
from tests.contract.rule import Way, hold
from tests.contract.subjects import SUBJECTS, Subject
from tests.contract.ways import WAYS
from tests.house.sampling import unless

pytestmark = [
    pytest.mark.filterwarnings("ignore:LSTM with projections"),  # torch says so of its own layer
    pytest.mark.filterwarnings("ignore:.*Profiler clears events"),  # torch 2.12 says so of every profile
    pytest.mark.filterwarnings("ignore:.*torch.jit"),  # torch's own forward mode uses what torch deprecates
]


def cells() -> Iterator[Any]:
    """Not slow are the first way of every subject and, of the quick ways, the first subject of every family."""
    seen: set[object] = set()
    for way in WAYS:
        for subject in SUBJECTS:
            if not way.on(subject):
                continue
            new = {subject.name, (way.name, subject.family)} - seen
            seen |= new
            quick = bool(new) and not way.slow
            yield pytest.param(way, subject, id=f"{way.name}-of-{subject.name}", marks=unless(quick))


@cache
def failures(way: Way) -> dict[str, str]:
    """What fails of a way that may end its process, by the names of subjects."""
    subjects = [subject for subject in SUBJECTS if way.on(subject)]
    found = each_alone([partial(hold, way, subject) for subject in subjects])
    return {subject.name: failure for subject, failure in zip(subjects, found, strict=True)}


@pytest.mark.parametrize(("way", "subject"), list(cells()))
def test_the_same_as_torch_or_an_error_in_words(way: Way, subject: Subject) -> None:
    if way.alone:
        failure = failures(way)[subject.name]
        assert not failure, failure
    else:
        hold(way, subject)
