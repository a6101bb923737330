"""What an installed wheel has to do, by torch, NumPy and it alone: python -I tests/packaging/installed.py cpu

The argument is the backend that is to run: cpu, or torch where the install has no kernels.
"""

import sys
from pathlib import Path

import torch

import chainrule
from chainrule import nn
from chainrule.models import NGramModel


def check_is_installed() -> None:
    """What is tested is the wheel, not a source tree."""
    assert "site-packages" in Path(chainrule.__file__).parts, chainrule.__file__


def check_layers(backend: str) -> None:
    """Each layer computes what torch.nn's does, forward and backward, by the backend."""
    torch.manual_seed(0)
    sequences = torch.randn(8, 50, 6, requires_grad=True)
    sounds = torch.randn(8, 6, 1000, requires_grad=True)
    images = torch.randn(8, 1, 64, 64, requires_grad=True)
    pairs = [
        (nn.GRU(6, 8, batch_first=True), torch.nn.GRU(6, 8, batch_first=True), sequences),
        (nn.LSTM(6, 8, batch_first=True), torch.nn.LSTM(6, 8, batch_first=True), sequences),
        (nn.RNN(6, 8, batch_first=True), torch.nn.RNN(6, 8, batch_first=True), sequences),
        (nn.Conv1d(6, 8, 3, dilation=2), torch.nn.Conv1d(6, 8, 3, dilation=2), sounds),
        (nn.Conv2d(1, 4, 5), torch.nn.Conv2d(1, 4, 5), images),
    ]
    for ours, theirs, x in pairs:
        theirs.load_state_dict(ours.state_dict())
        results = []
        for layer in (ours, theirs):
            y = layer(x)
            y = y[0] if isinstance(y, tuple) else y
            results.append([y, *torch.autograd.grad(y.square().mean(), [x, *layer.parameters()])])
        for one, other in zip(*results, strict=True):
            scale = other.detach().abs().max()
            torch.testing.assert_close(one / scale, other / scale, rtol=1e-4, atol=1e-5)
        (call,) = chainrule.explain(ours, x).calls
        assert call.backend == backend, call
        print(call)


def check_streams(backend: str) -> None:
    """Steps give what the whole sequence gives."""
    layer = nn.GRU(6, 8)
    stream = layer.stream(3)
    x = torch.randn(20, 3, 6)
    torch.testing.assert_close(torch.stack([stream(step) for step in x]), layer(x)[0].detach(), rtol=1e-4, atol=1e-5)
    assert stream.backend == ("cpu" if backend == "cpu" else "layer"), stream


def check_ngrams() -> None:
    """Counted, and scored."""
    model = NGramModel(symbols=3, order=2)
    carry = model.learn(torch.tensor([[0, 1, 0, 1, 0]]))
    assert model.distribution(carry).argmax().item() == 1


def main(backend: str) -> None:
    """All of it."""
    check_is_installed()
    check_layers(backend)
    check_streams(backend)
    check_ngrams()
    print(f"chainrule works with Python {sys.version.split()[0]} and torch {torch.__version__}, by {backend}.")


if __name__ == "__main__":
    main(sys.argv[1])
