"""The positive stable law: its Laplace transform, Levy's law at 1/2, and the kernels it makes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genphys.clocks import InverseGamma, PositiveStable, stable

INDICES = (0.3, 0.5, 0.75, 0.9)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("index", INDICES)
def test_draws_have_the_laplace_transform(index: float) -> None:
    """n = 50,000, seed 0: exp(-theta S) is in [0, 1], so five errors of 1/(2 sqrt(n)): 6e-7."""
    n, scale = 50_000, 1.7
    law = PositiveStable(index, torch.full((n,), scale, dtype=torch.float64))
    drawn = law.sample(torch.Generator().manual_seed(0))
    for theta in (0.01, 0.3, 1.0, 10.0):
        found = float(torch.exp(-theta * drawn).mean())
        assert found == pytest.approx(math.exp(-scale * theta**index), abs=2.5 / math.sqrt(n))


@pytest.mark.parametrize("index", INDICES)
def test_density_has_the_laplace_transform_and_moments(index: float) -> None:
    law = PositiveStable(index, double(1.7))
    low, high = (float(end) for end in law.log_window())
    u = torch.linspace(low, high, 4_001, dtype=torch.float64)
    mass = torch.exp(law.log_prob(u.exp()) + u)
    for theta in (0.0, 0.01, 1.0, 10.0):
        found = float(torch.trapezoid(mass * torch.exp(-theta * u.exp()), u))
        assert found == pytest.approx(math.exp(-1.7 * theta**index), abs=1e-9)
    inverse = float(torch.trapezoid(mass * torch.exp(-u), u))
    assert inverse == pytest.approx(float(law.inverse_mean()), rel=1e-9)
    mean = torch.trapezoid(mass * u, u)
    variance = float(torch.trapezoid(mass * (u - mean) ** 2, u))
    assert variance == pytest.approx(float(law.log_variance()), rel=1e-8)
    assert bool(law.mean().isinf().all())


def test_half_is_levys_law() -> None:
    """E exp(-theta S) = exp(-c sqrt(theta)) is Levy's law of scale c²/2, near 0 and far out."""
    value = torch.logspace(-2.3, 12, 30, dtype=torch.float64)
    found = PositiveStable(0.5, torch.ones_like(value)).log_prob(value)
    np.testing.assert_allclose(found, stats.levy(scale=0.5).logpdf(value), atol=1e-11)


@pytest.mark.parametrize("index", INDICES)
def test_the_two_formulas_of_the_density_meet(index: float) -> None:
    law = PositiveStable(index, double(1.0))
    for log_x in (0.1, 0.2, 0.26):
        integral, series = law._integral(double(log_x)), law._series(double(log_x))
        torch.testing.assert_close(integral, series, rtol=0, atol=3e-9)


@pytest.mark.parametrize("dim", [1, 2, 64, 3072])
def test_half_gives_the_cauchy_kernel(dim: int) -> None:
    r, square = 1.3, dim * double(0, 1e-6, 1e-2, 1, 1e2, 1e6)
    stable = PositiveStable(0.5, torch.full_like(square, math.sqrt(2) * r))
    cauchy = InverseGamma(0.5, torch.full_like(square, r**2 / 2))
    expected = cauchy.log_kernel(square, dim)
    torch.testing.assert_close(stable.log_kernel(square, dim), expected, rtol=1e-11, atol=1e-11)
    precision = stable.given(square, dim).inverse_mean()
    exact = cauchy.given(square, dim)
    torch.testing.assert_close(precision, exact.inverse_mean(), rtol=1e-10, atol=0)
    if dim > 2:
        torch.testing.assert_close(
            stable.given(square, dim).mean(), exact.mean(), rtol=1e-9, atol=0
        )


def test_posterior_mean_is_infinite_where_it_is() -> None:
    """S given a distance falls like S^(-alpha - N/2): no mean for alpha + N/2 <= 1."""
    square = double(1.0)
    assert bool(PositiveStable(0.5, square).given(square, 1).mean().isinf())
    assert bool(PositiveStable(0.5, square).given(square, 2).mean().isfinite())


def test_chunks_of_the_kernel_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    law, square = PositiveStable(0.75, double(1.0, 2.0)[:, None]), double(0.1, 1.0, 30.0)
    whole = law.log_kernel(square, 2)
    assert whole.shape == (2, 3)
    monkeypatch.setattr(stable, "_PAIRS", 2)
    torch.testing.assert_close(law.log_kernel(square, 2), whole, rtol=1e-13, atol=1e-13)
