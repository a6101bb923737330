"""Every subject by every way."""

import pytest

from tests.contract.isolation import alone
from tests.contract.rule import Way, hold
from tests.contract.subjects import SUBJECTS, Subject
from tests.contract.ways import WAYS

pytestmark = [
    pytest.mark.filterwarnings("ignore:LSTM with projections"),  # torch says so of its own layer
    pytest.mark.filterwarnings("ignore:.*torch.jit"),  # torch's own forward mode uses what torch deprecates
]

CELLS = [
    pytest.param(way, subject, id=f"{way.name}-of-{subject.name}")
    for way in WAYS
    for subject in SUBJECTS
    if way.on(subject)
]


@pytest.mark.parametrize(("way", "subject"), CELLS)
def test_the_same_as_torch_or_an_error_in_words(way: Way, subject: Subject) -> None:
    if way.alone:
        alone(lambda: hold(way, subject))
    else:
        hold(way, subject)
