"""Muon: steps are orthogonal, block by block, and only matrices between features take them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from chainrule.models import ModelConfig, build_image_classifier, build_symbol_model
from chainrule.training.optimisers.muon import Muon, hidden_matrices, orthogonal

DTYPES = (torch.float32, torch.float64)  # float32 may be multiplied in bfloat16


@given(rows=st.integers(1, 12), columns=st.integers(1, 12), seed=st.integers(0, 99), dtype=st.sampled_from(DTYPES))
def test_all_singular_values_become_about_one(rows: int, columns: int, seed: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(seed)
    rank = min(rows, columns)
    U = torch.linalg.qr(torch.randn(rows, rank, dtype=torch.float64, generator=generator))[0]
    V = torch.linalg.qr(torch.randn(columns, rank, dtype=torch.float64, generator=generator))[0]
    S = 0.1 + torch.rand(rank, dtype=torch.float64, generator=generator)
    made = U.mT @ orthogonal(((U * S) @ V.mT).to(dtype)[None])[0].double() @ V  # in the basis of the singular vectors
    assert 0.6 < made.diagonal().min() <= made.diagonal().max() < 1.4
    assert (made - torch.diag(made.diagonal())).abs().max() < (0.15 if dtype == torch.float32 else 1e-9)


def test_zero_gradients_change_nothing() -> None:
    W = nn.Parameter(torch.ones(4, 3))
    W.grad = torch.zeros(4, 3)
    Muon([(W, 2)], lr=0.1).step()
    assert torch.equal(W.detach(), torch.ones(4, 3))


def test_each_block_is_changed_by_itself() -> None:
    whole = nn.Parameter(torch.zeros(6, 4))
    parts = [nn.Parameter(torch.zeros(3, 4)) for _ in range(2)]
    whole.grad = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    for part, gradient in zip(parts, whole.grad.chunk(2), strict=True):
        part.grad = gradient.clone() * 1000  # whose size does not matter
    Muon([(whole, 2)], lr=0.1).step()
    Muon([(part, 1) for part in parts], lr=0.1).step()
    torch.testing.assert_close(whole, torch.cat(list(parts)), rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "mingru", "slstm"])
def test_recurrent_weights_have_a_block_a_gate(name: str) -> None:
    model = build_symbol_model(ModelConfig(name, hidden=6, layers=2, ngram_embedding=2), symbols=5)
    names = {id(p): name for name, p in model.named_parameters()}
    found = {names[id(p)]: blocks for p, blocks in hidden_matrices(model)}
    assert all(name.startswith("encoder.cell.weight_") for name in found)
    matrices = [name for name, p in model.named_parameters() if name.startswith("encoder.") and p.dim() == 2]
    assert sorted(found) == sorted(matrices)
    assert all(p.shape[0] == 6 * found[names[id(p)]] for p, _ in hidden_matrices(model))


def test_the_output_and_embeddings_are_left_to_adamw() -> None:
    conv = build_symbol_model(ModelConfig("conv", hidden=6, window=4), symbols=5)
    images = build_image_classifier(ModelConfig("conv", hidden=8), channels=1, size=(8, 8), classes=3)
    for model in (conv, images):
        names = {id(p): name for name, p in model.named_parameters()}
        found = {names[id(p)].split(".")[0] for p, _ in hidden_matrices(model)}
        assert found
        assert not found & {"embedding", "head", "logits"}
