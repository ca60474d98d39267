"""An exponential moving average of weights: the model that is kept."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["Ema"]


class Ema:
    r"""Weights :math:`\bar w \leftarrow \beta_k \bar w + (1 - \beta_k) w`, its rate warmed up.

    :math:`\beta_k = \min(\beta, (1 + k)/(10 + k))` forgets the initial weights early on. One fused
    update for all weights: a loop over tensors costs several per cent of a small network's step.

    Args:
        module: What to average; copied, and never trained itself.
        decay: beta in [0, 1).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.decay = decay
        self._averages: list[torch.Tensor] = list(self.module.parameters())

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the weights after step number ``step``, counted from 0."""
        beta = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._averages, list(module.parameters()), 1 - beta)
