"""Every entrant runs, is scored on the last tenth, and learns nothing from it."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.learning.budgets import POINTS, Budget
from benchmarks.learning.entering import NotRun, Outcome
from benchmarks.learning.entrants import ENTRANTS
from benchmarks.learning.texts import read_text

pytestmark = pytest.mark.usefixtures("without_figures")

WORDS = ("the cat", "sat", "on", "a mat", "and", "saw", "two", "dogs.", "run,")


def entered(folder: Path, name: str, last: str, steps: int) -> Outcome:
    """What comes of an entrant on a text that is always the same but for its last tenth."""
    drawn = np.random.default_rng(0).choice(WORDS, 450)
    text = " ".join(drawn)[:1800] + (last * 200)[:200]
    folder.mkdir()
    (folder / "text.txt").write_text(text)
    return ENTRANTS[name].run(read_text(str(folder / "text.txt")), Budget(steps=steps), seed=0)


# Those that get a share of the budget differ in nothing else from one that gets the whole.
@pytest.mark.sampled(0)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # of x-transformers' import
@pytest.mark.parametrize("name", [name for name, entrant in ENTRANTS.items() if entrant.share == 1])
def test_entrants_learn_nothing_from_the_test_part(name: str, tmp_path: Path) -> None:
    try:
        first = entered(tmp_path / "first", name, "the cat sat on a mat. ", steps=2)
    except NotRun as reason:
        pytest.skip(str(reason))
    second = entered(tmp_path / "second", name, "aaaaatnow s", steps=2)
    assert first.scored == second.scored == 200
    assert first.learned == second.learned
    assert first.nats != second.nats
    assert 0 < first.nats < 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "chainrule"])
def test_scores_on_the_way(name: str, tmp_path: Path) -> None:
    outcome = entered(tmp_path / "run", name, "the cat sat on a mat. ", steps=10)
    assert 0 < len(outcome.curve) <= len(POINTS)
    seconds = [at for at, _ in outcome.curve]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= outcome.seconds
    assert all(0 < nats < 10 for _, nats in outcome.curve)


def test_the_seed_matters(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("to be or not to be " * 20)
    text = read_text(str(tmp_path / "text.txt"))
    learned = [ENTRANTS["gru-layers"].run(text, Budget(steps=1), seed).learned for seed in (0, 0, 1)]
    assert learned[0] == learned[1] != learned[2]
