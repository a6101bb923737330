"""Every example of every command's help and of the README, as they stand, in one folder that is empty at first."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy
from typer.testing import CliRunner, Result

import chainrule
from chainrule import nn
from chainrule.cli.app import app

README = Path(__file__).parents[2] / "README.md"
COMMANDS = ("fit", "score", "sample", "forecast", "update", "backtest", "compare", "classify", "look", "data")
# What takes minutes in the README is given less here, and nothing else is changed.
SHORTER = {"--minutes 3": "--steps 5", "--minutes 0.15": "--steps 5"}
# Commands of a shell that are not chainrule's, or start several processes: other tests run them.
NOT_RUN = ("make ", "pip ", "python -m benchmarks", "torchrun ")


def run(line: str) -> Result:
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, f"{line}: {result.stderr}"
    assert not re.search(r"error|warning", result.stderr), f"{line}: {result.stderr}"
    return result


def of_help(command: str) -> list[str]:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    return re.findall(r"^ \$ (chainrule .*?)\s*$", result.output, re.MULTILINE)


def of_readme() -> list[str]:
    """Its indented lines and those of fences without a language that a shell could run, without their comments."""
    text = re.sub(r"^```\w+\n.*?^```$", "", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^    (?! )(.+?)(?: +#.*)?$", text, re.MULTILINE)
    inline = re.findall(r"`(chainrule [a-z]+ [^`]*)`", text)
    return [
        line for line in [*lines, *inline] if not line.startswith(NOT_RUN) and not re.search(r"\b[A-Z]{3,}\b", line)
    ]


def test_the_examples_of_the_helps_work_in_order(here: Path) -> None:
    for command in COMMANDS:
        lines = of_help(command)
        assert any(line.split()[1] == command for line in lines)
        for line in lines:
            run(line)


def test_the_commands_of_the_readme_work_in_order(here: Path) -> None:
    lines = of_readme()
    assert {line.split()[1] for line in lines} >= set(COMMANDS)
    for line in lines:
        for long, short in SHORTER.items():
            line = line.replace(long, short)
        run(line)


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def context() -> dict[str, object]:
    """What the README's snippets take for given: a layer, a model, data."""
    torch.manual_seed(0)

    class Model(torch.nn.Module):
        """Of symbols: embedding, GRU, logits."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(5, 8)
            self.gru = nn.GRU(8, 8, batch_first=True)
            self.out = torch.nn.Linear(8, 5)

        def forward(self, x: torch.Tensor, h: object = None, **given: torch.Tensor) -> tuple[torch.Tensor, object]:
            y, h = self.gru(self.embedding(x), h, **given)
            return self.out(y), h

    model = Model()
    symbols = torch.randint(5, (2, 200))
    layer = nn.GRU(3, 4)
    saved = layer.stream(batch=1).state_dict()
    documents = [torch.randint(5, (300,)).numpy() for _ in range(4)]
    return {
        "model": model,
        "optimiser": torch.optim.Adam(model.parameters()),
        "cross_entropy": cross_entropy,
        "documents": documents,
        "layer": layer,
        "saved": saved,
        "state": torch.zeros(1, 2, 8),
        "x": symbols,
        "y": symbols,
        "step": 0,
        "steps": 1,
    }


# Which of the snippets' names mean something else there.
SPECIAL: dict[str, dict[str, object]] = {
    "layer.stream": {"x": torch.zeros(1, 3)},
    "through_time": {"y": torch.zeros(2, 200, 5)},
}


def test_the_snippets_of_the_readme_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = blocks()
    assert len(found) >= 6
    names = {"chainrule": chainrule, **context()}
    for block in found:
        ast.parse(block)
        names.update(context())
        for mark, special in SPECIAL.items():
            if mark in block:
                names.update(special)
        exec(compile(block, "README.md", "exec"), names)
