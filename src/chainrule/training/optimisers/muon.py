"""Muon: gradient steps whose matrices are made orthogonal, gate by gate."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.optimisers.adamw import Uncompiled

__all__ = ["Muon", "hidden_matrices"]

# Of the quintic a X + b X X^T X + c X X^T X X^T X, whose repetition takes all singular values of at most 1 to about 1.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_REPETITIONS = 3  # five, as is usual, learn no better
_LEAST = 1e-7  # norm of a gradient to divide by


def hidden_matrices(model: nn.Module) -> Iterator[tuple[Tensor, int]]:
    """Weights between a network's features, and how many blocks of rows each has: one for every gate.

    Those of recurrent layers, convolutions and linear layers, without the embedding and what makes the output.
    """
    for name, module in model.named_modules():
        if name.split(".")[0] in ("embedding", "head", "logits"):
            continue
        cell = getattr(module, "cell_spec", None)
        for own, p in module.named_parameters(recurse=False):
            if cell is not None and own.startswith(("weight_ih", "weight_hh")):
                yield p, len(cell.gates)
            elif own == "weight" and p.dim() > 1 and not isinstance(module, nn.Embedding):
                yield p, 1


class Muon(Uncompiled):
    """Momentum, of which each block of a matrix is replaced by the nearest orthogonal one, to a few per cent.

        M <- m M + (1 - m) g,    G = (1 - m) g + m M,    W <- (1 - lr d) W - lr s U V^T    where G = U S V^T,

    d is the weight decay and s = sqrt(max(1, rows / columns)). All directions of a gradient so count alike, where a few
    would otherwise dominate. Each gate's block is made orthogonal by itself: gates squash their inputs differently, so
    that their gradients differ in size. Kernels of convolutions are matrices of an output channel a row.

    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks". ``torch.optim.Muon`` is the same for
    whole matrices, always in bfloat16; here it is bfloat16 where the processor or the GPU multiplies it.

    >>> W = nn.Parameter(torch.zeros(4, 2))
    >>> optimiser = Muon([(W, 2)], lr=1.0)
    >>> W.grad = torch.tensor([[300.0, 0.0], [0.0, 100.0], [0.0, 3.0], [2.0, 0.0]])
    >>> _ = optimiser.step()
    >>> (W.abs() > 0.5).tolist()
    [[True, False], [False, True], [False, True], [True, False]]
    """

    def __init__(
        self, matrices: Iterable[tuple[Tensor, int]], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        groups: dict[int, list[Tensor]] = {}
        for p, blocks in matrices:
            groups.setdefault(blocks, []).append(p)
        by_blocks = [{"params": params, "blocks": blocks} for blocks, params in groups.items()]
        super().__init__(by_blocks, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Change the parameters that have gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._change(p, group)
        return loss

    def _change(self, p: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        g = p.grad
        assert g is not None
        m = group["momentum"]
        M = state["momentum"].lerp_(g, 1 - m)
        G = g.lerp(M, m).flatten(1).unflatten(0, (group["blocks"], -1))
        rows, columns = G.shape[1:]
        s = max(1.0, rows / columns) ** 0.5
        p.mul_(1 - group["lr"] * group["weight_decay"])
        p.add_(orthogonal(G).reshape(p.shape), alpha=-group["lr"] * s)


def orthogonal(G: Tensor) -> Tensor:
    """U V^T of matrices (N, rows, columns) whose singular values S in U S V^T all become about 1."""
    is_tall = G.shape[-2] > G.shape[-1]
    X = G.mT if is_tall else G  # the smaller of X X^T and X^T X
    X = X / X.norm(dim=(-2, -1), keepdim=True).clamp(min=_LEAST)
    X = X.to(_dtype_of_products(G))
    a, b, c = _QUINTIC
    for _ in range(_REPETITIONS):
        A = X @ X.mT
        B = torch.baddbmm(A, A, A, beta=b, alpha=c)
        X = torch.baddbmm(X, B, X, beta=a)
    made: Tensor = X.mT if is_tall else X
    return made.to(G.dtype)


def _dtype_of_products(G: Tensor) -> torch.dtype:
    """bfloat16 where the processor or the GPU multiplies it: orthogonal to a few per cent is enough."""
    return torch.bfloat16 if G.dtype == torch.float32 and _multiplies_bfloat16(G.device) else G.dtype


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))
