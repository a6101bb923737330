"""Classifiers: shapes, padding that changes nothing, and a task that they learn."""

import math

import pytest
import torch
from torch.nn import functional as F

from chainrule.models import ModelConfig, build_image_classifier, build_sequence_classifier, log_spectrogram
from tests.tolerances import close


@pytest.mark.parametrize("size", [(3, 3), (8, 8), (28, 28), (7, 31), (32, 20)])
def test_images_give_logits(size: tuple[int, int]) -> None:
    classifier = build_image_classifier(ModelConfig("conv", hidden=4), channels=3, size=size, classes=6)
    assert classifier(torch.zeros(2, 3, *size)).shape == (2, 6)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", ["conv", "rnn", "gru", "lstm"])
def test_padding_changes_no_logits(name: str, layers: int) -> None:
    config = ModelConfig(name, hidden=4, layers=layers, window=2)
    classifier = build_sequence_classifier(config, features=3, classes=6).double()
    lengths = torch.tensor([7, 1, 4])
    x = torch.randn(3, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits = classifier(x, lengths)
    assert logits.shape == (3, 6)
    noise = torch.arange(7) >= lengths[:, None]
    close(classifier(x.masked_fill(noise[..., None], 1e3), lengths), logits)
    alone = [classifier(row[None, :length], length[None]) for row, length in zip(x, lengths, strict=True)]
    close(logits, torch.cat(alone))


def test_images_are_learned() -> None:
    """Which half is bright."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (64,), generator=generator)
    x = 0.3 * torch.rand(64, 1, 8, 8, generator=generator)
    x[labels == 0, :, :, :4] += 0.7
    x[labels == 1, :, :, 4:] += 0.7
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classifier = build_image_classifier(ModelConfig("conv", hidden=4), channels=1, size=(8, 8), classes=2)
    optimiser = torch.optim.Adam(classifier.parameters(), lr=0.02)
    for _ in range(20):
        optimiser.zero_grad()
        F.cross_entropy(classifier(x[:48]), labels[:48]).backward()
        optimiser.step()
    assert torch.equal(classifier(x[48:]).argmax(1), labels[48:])


@pytest.mark.parametrize("band", [3, 20, 50])
def test_a_tone_is_loudest_in_its_band(band: int) -> None:
    window = 256
    bands = 64
    frequency = (2 * band + 1.5) / window  # in cycles a sample, the middle of the band's two bins
    tone = torch.sin(2 * math.pi * frequency * torch.arange(4096))
    assert (log_spectrogram(tone, window, 128, bands).argmax(1) == band).all()


@pytest.mark.parametrize(("samples", "steps"), [(0, 1), (1, 1), (256, 1), (383, 1), (384, 2), (1024, 7)])
def test_a_spectrogram_has_a_row_a_hop(samples: int, steps: int) -> None:
    rows = log_spectrogram(torch.zeros(samples))
    assert rows.shape == (steps, 64)
    close(rows, torch.full_like(rows, math.log(1e-3)))
