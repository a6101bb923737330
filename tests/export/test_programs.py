"""Programs of torch's own operations: for other sizes, and where chainrule is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import chainrule
from chainrule import export
from chainrule.errors import ExportError
from tests.export.test_onnx_model import Tagger

WITHOUT = """
import sys
sys.modules["chainrule"] = None
import torch
inputs, expected = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():  # else torch's scan prepares a backward pass first, which takes seconds
    got = torch.export.load(sys.argv[1]).module()(*inputs)
torch.testing.assert_close(got["scores"], expected)
"""


@pytest.mark.slow
def test_a_program_runs_where_chainrule_is_not_installed(tmp_path: Path) -> None:
    model = Tagger()
    states = (torch.randn(1, 3, 3), (torch.randn(1, 1, 4), torch.randn(1, 1, 4)))
    export.program(model, (torch.randint(20, (1, 5)), *states), path=tmp_path / "model.pt2")
    inputs = (torch.randint(20, (6, 11)), torch.randn(6, 3, 3), (torch.randn(1, 6, 4), torch.randn(1, 6, 4)))
    with torch.no_grad():
        torch.save((inputs, model.eval()(*inputs)["scores"]), tmp_path / "call")
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT, str(tmp_path / "model.pt2"), str(tmp_path / "call")]
    subprocess.run(command, check=True)


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = chainrule.nn.Conv1d(3, 3, 3, padding="same")


class ReadsASize(Holder):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) / int(x.shape[0])  # type: ignore[no-any-return]


class Draws(Holder):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + torch.rand(())  # type: ignore[no-any-return]


class Branches(Holder):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if x.sum() > 0 else x


class AsksForKernels(Holder):
    def forward(self, x: Tensor) -> Tensor:
        return chainrule.functional.convolution(x, self.conv.weight, backend="cpu")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (ReadsASize(), "dimension 0 of input 0 can only be 2"),
        (Draws(), "other numbers when it is called again"),
        (Branches(), "cannot follow the model"),
        (AsksForKernels(), "leave out its argument backend"),
    ],
)
def test_what_a_program_would_get_wrong_is_refused_in_words(model: nn.Module, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        export.program(model, torch.randn(2, 3, 9))


def test_sizes_may_be_fixed_on_purpose() -> None:
    exported = export.program(ReadsASize(), torch.randn(2, 3, 9), dynamic_shapes=({2: torch.export.Dim.DYNAMIC},))
    assert exported.module()(torch.randn(2, 3, 20)).shape == (2, 3, 20)
