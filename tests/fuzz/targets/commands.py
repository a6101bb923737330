"""Command lines: every command with its options drawn from what they are, and hostile values in their place."""

import shutil
from pathlib import Path
from random import Random
from typing import Any

import typer.main
from typer.testing import CliRunner

from chainrule.cli.app import app
from tests.fuzz.judge import Case, Try, WrongAnswerError
from tests.fuzz.mutate import mutate_text

__all__ = ["COMMANDS"]

_HOSTILE = (
    *("0", "-1", "1", "2", "7", "64", "3000", "100000000000", "9223372036854775807", "9223372036854775808"),
    *("1e400", "1e308", "1e-320", "nan", "inf", "-inf", "0.5", "1.5", "", " ", "x", "gru", "-", "--", "é", "🌍", "a,b"),
    *("1,2", ",", "1,,2", "3x3", "3x", "999999999999x2", "99999999999999999999x99", "1e5", "0x10", "1_000", "auto"),
    *("256MB", "999999999999999GB", "0.1", "/", ".", "..", "/dev/null", "/nowhere/x.csv", "x.csv", "x.png", "x.html"),
)
_GOOD: dict[str, tuple[str, ...]] = {
    "model": ("ar", "mlp", "conv", "rnn", "gru", "lstm"),
    "models": ("ar", "gru,ar", "rnn"),
    "head": ("gaussian", "student"),
    "bptt": ("truncated", "full", "auto"),
    "tbptt": ("4", "2,4", "auto"),
    "kind": ("text", "table", "sound", "images"),
    "encoding": ("utf-8", "latin-1", "utf-16"),
    "unit": ("characters", "bytes"),
    "documents": ("one", "blank-line", "line"),
    "columns": ("price", "b", "price,b"),
    "date": ("date",),
    "transform": ("standardise", "none", "difference", "log-return"),
    "fill": ("forward", "linear", "drop"),
    "quantiles": (".1,.9", "0.5", ".5,.5"),
    "input": ("9", "8x8", "4x4x4"),
    "kernel": ("3", "3x3", "1x2x2"),
    "padding": ("0", "1", "same", "causal", "valid"),
    "memory": ("8MB",),
}
_SMALL = ("1", "2", "3", "8")


def commands(folder: Path) -> Try:
    """One line, in a folder with data and runs; where it fits, it fits for a few steps at most."""
    main = typer.main.get_command(app)
    known: dict[str, Any] = dict(main.commands)  # type: ignore[attr-defined]
    del known["studio"], known["doctor"]  # which serves until it is interrupted, and times for as long as it is told
    runs = sorted(str(path.parent) for path in (folder / "runs").glob("*/config.json"))
    data = [str(folder / "runs" / "data" / name) for name in ("words.txt", "prices.csv", "tone.wav", "spoken")]
    data += ["sunspots", "no.csv"]
    out = folder / "out"

    def draw(random: Random) -> Case:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        name = random.choice(list(known))
        arguments = []
        options = []
        for parameter in known[name].params:
            if parameter.param_type_name == "argument":
                pool = runs if parameter.metavar in ("RUN", "RUN|conv") else data
                if parameter.metavar == "NAME":
                    pool = ["sunspots", "digits", "google"]
                value = random.choice(pool) if random.random() < 0.95 else random.choice(_HOSTILE)
                if parameter.required or random.random() < 0.2:
                    arguments.append(value)
            else:
                options += _option(random, parameter, str(out))
        if name == "look" and random.random() < 0.5:
            arguments = ["conv"]
            options = [o for p in known[name].params[4:-2] for o in _option(random, p, str(out), always=True)]
        line = [name, *_quick(random, name, str(out)), *arguments, *options]
        if random.random() < 0.05:
            line[random.randrange(len(line))] = mutate_text(random, random.choice(line)) or "-"
        return Case(lambda: _run(line), f"chainrule {' '.join(line)}")

    return draw


def _option(random: Random, parameter: Any, out: str, always: bool = False) -> list[str]:
    name = parameter.name
    if name in ("help", "quiet", "steps", "minutes", "out") or random.random() > (0.7 if always else 0.15):
        return []
    flags = parameter.opts + parameter.secondary_opts
    if parameter.is_flag:
        return [random.choice(flags)]
    good = _GOOD.get(name, _SMALL)
    value = random.choice(good) if random.random() < 0.5 else random.choice(_HOSTILE)
    if name in ("plot", "html"):
        value = f"{out}/{value}"
    return [f"{random.choice(flags)}={value}"] if random.random() < 0.9 else [flags[0], value]


def _quick(random: Random, name: str, out: str) -> list[str]:
    """What keeps a fit short, and its folder here."""
    if name not in ("fit", "compare"):
        return [] if name not in ("data", "sample", "forecast") or random.random() < 0.7 else ["--out", f"{out}/x.csv"]
    budget = random.choice((["--steps", "2"], ["--steps", "1"], ["--minutes", "0.001"], ["--steps", "0"]))
    return [*budget, "--quiet", "--out", f"{out}/run"] if random.random() < 0.9 else ["--quiet", *budget[:1], "-1"]


def _run(line: list[str]) -> None:
    result = CliRunner().invoke(app, line)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code not in (0, 2) or "Traceback" in result.output:
        raise WrongAnswerError(f"exit code {result.exit_code}: {result.output[-300:]}")


COMMANDS = {"commands": commands}
