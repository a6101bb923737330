"""Run folders: each of their files broken, then opened, scored, asked and gone on with."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

import chainrule
from chainrule._settings import settings_of
from chainrule.models import ModelSettings
from chainrule.models.settings import family
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.kinds.registry import KINDS
from chainrule.training.checkpoint import checksum
from tests.fuzz.judge import Case, Try
from tests.fuzz.mutate import mutate_bytes, mutate_json, mutate_text

__all__ = ["FOLDERS"]

_Asked = Callable[[chainrule.Run], object]

_ASKED: dict[str, _Asked] = {
    "score": lambda run: run.score(),
    "sample": lambda run: run.sample(5),
    "forecast": lambda run: run.forecast(3, paths=4),
    "backtest": lambda run: run.backtest(horizon=2, paths=4),
    "look": lambda run: run.look(steps=6),
    "draw": lambda run: run.draw(),
    "names": lambda run: (repr(run), run.parameters, run.receptive_field),
}


def _runs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in (folder / "runs").glob("*/config.json"))


def configs(folder: Path) -> Try:
    """config.json alone, which is quick to break."""
    kept = [(run.name, (run / "config.json").read_text()) for run in _runs(folder)]
    broken = folder / "config"
    broken.mkdir(exist_ok=True)

    def draw(random: Random) -> Case:
        name, text = random.choice(kept)
        changed = mutate_json(random, text)
        (broken / "config.json").write_bytes(changed.encode(errors="surrogatepass"))
        return Case(lambda: RunConfig.load(broken), f"config of {name}: {_difference(text, changed)}")

    return draw


def _difference(text: str, changed: str) -> str:
    """The lines that differ, for people."""
    try:
        before, after = (json.dumps(json.loads(t), indent=0).splitlines() for t in (text, changed))
        return " ".join(line[:80] for line in after if line not in before)[:300] or "lines left out"
    except (ValueError, RecursionError):
        return changed[:80]


def _broken_config(random: Random, run: Path) -> str:
    path = run / "config.json"
    text = path.read_text()
    changed = mutate_json(random, text)
    path.write_bytes(changed.encode(errors="surrogatepass"))
    return _difference(text, changed)


def _broken_metrics(random: Random, run: Path) -> str:
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else ['{"step": 1, "loss": 1.0}']
    k = random.randrange(len(lines))
    lines[k] = random.choice((mutate_json, mutate_text))(random, lines[k])
    path.write_bytes("\n".join(lines).encode(errors="surrogatepass") + random.choice((b"", b"\n", b"\xff\n")))
    return lines[k][:200]


def _broken_score(random: Random, run: Path) -> str:
    path = run / "score.json"
    changed = mutate_json(random, path.read_text())
    path.write_bytes(changed.encode(errors="surrogatepass"))
    return changed[:100]


def _broken_bytes(random: Random, run: Path) -> str:
    path = random.choice(sorted(run.glob("*.safetensors")))
    path.write_bytes(mutate_bytes(random, path.read_bytes()))
    return f"bytes of {path.name}"


def _broken_tensors(random: Random, run: Path) -> str:
    """Tensors of other types, shapes and values, or about, in a file that is whole otherwise."""
    path = random.choice(sorted(run.glob("*.safetensors")))
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    name = random.choice(list(tensors))
    how = random.choice(_TENSORS)
    if how is None:
        del tensors[name]
    else:
        tensors[name] = how(tensors[name]).contiguous()
    if random.random() < 0.2:
        metadata["chainrule"] = mutate_json(random, metadata["chainrule"]).encode(errors="replace").decode()
    if random.random() < 0.1:
        tensors[random.choice(("x", "model.", "rank.7", "optimiser.0", "optimiser.x.y"))] = torch.zeros(2)
    path.write_bytes(save(tensors, metadata=metadata | {"blake2b": checksum(tensors)}))
    return f"{path.name}: {name}"


_TENSORS: tuple[Callable[[torch.Tensor], torch.Tensor] | None, ...] = (
    None,
    lambda t: t.reshape(-1)[:-1],
    lambda t: torch.zeros(0),
    lambda t: t.to(torch.int32),
    lambda t: t.to(torch.bool),
    lambda t: t.to(torch.float64),
    lambda t: t.to(torch.uint8).reshape(-1),
    lambda t: torch.full_like(t, torch.nan) if t.is_floating_point() else torch.full_like(t, 255),
    lambda t: t.unsqueeze(0),
    lambda t: torch.randint(0, 256, t.shape).to(torch.uint8),
)

_BREAK = {
    "config": _broken_config,
    "metrics": _broken_metrics,
    "score": _broken_score,
    "bytes": _broken_bytes,
    "tensors": _broken_tensors,
}


def folders(folder: Path) -> Try:
    """Any file of a run, then one thing that a run can be asked."""
    kept = _runs(folder)
    run = folder / "broken"

    def draw(random: Random) -> Case:
        good = random.choice(kept)
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(good, run)
        what = random.choice([name for name in _BREAK if name != "tensors"] + ["tensors", "config"])
        how = _BREAK[what](random, run)
        asked = random.choice(list(_ASKED))
        return Case(lambda: _ASKED[asked](chainrule.load(run)), f"{asked} of {good.name}, {what}: {how}")

    return draw


def resumed(folder: Path) -> Try:
    """A fit that goes on with a broken folder, as the command that began it would."""
    kept = [run for run in _runs(folder) if (run / "last.safetensors").exists()]
    run = folder / "resumed"

    def draw(random: Random) -> Case:
        good = random.choice(kept)
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(good, run)
        what = random.choice(("metrics", "metrics", "bytes", "tensors", "tensors", "config"))
        how = _BREAK[what](random, run)
        config = RunConfig.load(good)
        return Case(lambda: _resume(run, config), f"resume {good.name}, {what}: {how}")

    return draw


def _resume(run: Path, config: RunConfig) -> None:
    model = config.model
    training = config.training
    has = KINDS[config.data.kind].has
    applying = [name for name, each in settings_of(ModelSettings).items() if each.applies(family(model.name), has)]
    options: dict[str, Any] = {name: getattr(model, name) for name in applying}
    if "skip" in options:
        options["skip"] = bool(model.skip)
    taken = ("batch", "learning_rate", "weight_decay", "average")
    through_time = ("bptt", "memory") if "stream" in has else ()
    options["training"] = {name: getattr(training, name) for name in taken + through_time}
    assert config.source is not None
    chainrule.fit(
        config.source, model.name, steps=4, reading=config.reading, out=run, resume=True, quiet=True, **options
    )


FOLDERS = {"config": configs, "folders": folders, "resume": resumed}
