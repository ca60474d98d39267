"""Solvers: order measured by halving steps on a smooth exact field, evaluations counted."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from genphys.field import ExactField
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.sampling.grids import rho_grid
from genphys.sampling.solvers import SAMPLERS, dopri5, euler, heun

DATA = torch.tensor([[0.0, 0.0], [1.5, 0.3], [-0.7, 1.1]], dtype=torch.float64)


class Counted:
    def __init__(self) -> None:
        self.field, self.calls = ExactField(Pfgmpp(D=4).bind(dim=2), DATA), 0

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.calls += 1
        return self.field.velocity(x, torch.tensor([sigma], dtype=torch.float64))


def start() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 4 * torch.randn(20, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2)])
def test_order_of_convergence(name: str, order: int) -> None:
    """Errors against 1,280 Heun steps fall by 2^order when steps double."""
    velocity, solver = Counted(), SAMPLERS[name]
    truth = heun(velocity, start(), rho_grid(1281, 0.5, 4.0))
    errors = [
        float((solver(velocity, start(), rho_grid(steps + 1, 0.5, 4.0)) - truth).norm())
        for steps in (40, 80, 160)
    ]
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("steps", [1, 2, 18])
def test_evaluations(steps: int) -> None:
    velocity = Counted()
    euler(velocity, start(), rho_grid(steps, 0.1, 4.0))
    assert velocity.calls == steps
    heun(velocity, start(), rho_grid(steps, 0.1, 4.0))
    assert velocity.calls == steps + 2 * steps - 1


def test_dopri5_agrees_with_many_heun_steps() -> None:
    velocity = Counted()
    expected = heun(velocity, start(), rho_grid(400, 0.05, 4.0))
    before = velocity.calls
    found = dopri5(velocity, start(), rho_grid(2, 0.05, 4.0))
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-4)
    assert velocity.calls - before < 300


def test_a_straight_ray_is_exact_in_one_step() -> None:
    """One charge: x - y is proportional to sigma, whatever the grid."""
    y, x = torch.tensor([[0.3, -1.0]]).double(), start()[:1]
    for solver in (euler, heun):
        landed = solver(lambda here, sigma: (here - y) / sigma, x, [4.0, 1.0, 0.0])
        torch.testing.assert_close(landed, y)


def test_dopri5_that_cannot_go_on_says_so() -> None:
    with pytest.raises(ArithmeticError, match="dopri5"):
        dopri5(lambda x, sigma: x * math.nan, start(), [4.0, 1.0, 0.0])


def test_dtype_is_kept() -> None:
    for solver in SAMPLERS.values():
        found = solver(lambda x, sigma: x / sigma, start().float(), [4.0, 1.0, 0.0])
        assert found.dtype == torch.float32
