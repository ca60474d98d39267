"""The moving average of weights against its formula, summed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genphys.training.ema import Ema


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_it_is_the_weighted_sum_of_all_weights(decay: float) -> None:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5), nn.Linear(2, 1)).double()
    ema = Ema(net, decay)
    history = [[p.detach().clone() for p in net.parameters()]]
    for step in range(30):
        for p in net.parameters():
            p.data.normal_(generator=generator)
        history.append([p.detach().clone() for p in net.parameters()])
        ema.update(net, step)
    betas = [min(decay, (1 + k) / (10 + k)) for k in range(30)]
    left, weights = 1.0, []
    for beta in reversed(betas):  # of the newest first
        weights.append(left * (1 - beta))
        left *= beta
    weights = [left, *reversed(weights)]
    assert sum(weights) == pytest.approx(1)
    for i, average in enumerate(ema.module.parameters()):
        wanted = sum(
            (w * state[i] for w, state in zip(weights, history, strict=True)),
            start=torch.zeros_like(average),
        )
        torch.testing.assert_close(average.data, wanted)


def test_it_is_a_copy_that_is_never_trained() -> None:
    net = nn.Linear(2, 2)
    ema = Ema(net, 0.9)
    net.weight.data.zero_()
    assert bool(ema.module.weight.any())  # type: ignore[operator]
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert net.training and not ema.module.training and net.weight.requires_grad
