"""``python -m tests.fuzz``: hours of hostile input, or one try again."""

import argparse
import tempfile
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import torch

from tests.fuzz import seeds
from tests.fuzz.run import Tally, one, tries
from tests.fuzz.targets import NEED_RUNS, TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, nargs="*", default=list(TARGETS), help="all by default")
    parser.add_argument("--minutes", type=float, default=10.0, help="for all targets together")
    parser.add_argument("--most", type=int, default=10**9, help="tries of a target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, default=None, help="this try alone, in this process, to see what fails")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        folder = Path(place)
        if any(name in NEED_RUNS for name in asked.target):
            # in a process of its own: threads and locks of what has run do not survive a fork
            process = get_context("fork").Process(target=seeds.run_folders, args=(folder / "runs",))
            process.start()
            process.join()
        if asked.case is not None:
            return _again(folder, asked.target[0], asked.seed, asked.case)
        return _all(folder, asked.target, 60 * asked.minutes, asked.most, asked.seed)


def _again(folder: Path, name: str, seed: int, k: int) -> int:
    failure = one(TARGETS[name](folder), name, seed, k)
    print("kept the rule" if failure is None else f"{failure.kind}\n{failure.about}\n{failure.where}")  # noqa: T201
    return int(failure is not None)


def _all(folder: Path, names: list[str], seconds: float, most: int, seed: int) -> int:
    print(f"seed {seed}")  # noqa: T201
    print(f"{'target':<10}{'tries':>10}{'failures':>10}{'slowest':>10}{'memory':>10}{'a second':>10}")  # noqa: T201
    total = Tally()
    for name in names:
        began = time.monotonic()
        tally = tries(TARGETS[name], name, seed, folder, seconds=seconds / len(names), most=most)
        total.tries += tally.tries
        total.failures += tally.failures
        per_second = tally.tries / max(time.monotonic() - began, 1e-9)
        row = (
            f"{name:<10}{tally.tries:>10,}{len(tally.failures):>10,}{tally.slowest:>9.1f}s{tally.memory / 1e6:>8.0f}MB"
        )
        print(f"{row}{per_second:>10.0f}", flush=True)  # noqa: T201
        _show(name, seed, tally)
    print(f"{'all':<10}{total.tries:>10,}{len(total.failures):>10,}")  # noqa: T201
    return int(bool(total.failures))


def _show(name: str, seed: int, tally: Tally) -> None:
    """Failures of one kind together, the first of each with the command that repeats it."""
    kinds = Counter((failure.kind[:60], failure.where) for _, failure in tally.failures)
    for (kind, where), count in kinds.most_common(40):
        k, failure = next(f for f in tally.failures if (f[1].kind[:60], f[1].where) == (kind, where))
        print(f"  {count} x {failure.kind}\n      {failure.about[:400]}\n      {where}")  # noqa: T201
        print(f"      python -m tests.fuzz --target {name} --seed {seed} --case {k}", flush=True)  # noqa: T201


raise SystemExit(main())
