"""Draws of S are exact: Kolmogorov-Smirnov tests against laws integrated on a fine grid.

Each has n = 100,000 draws at a fixed seed and fails at p < 1e-3: the false-alarm rate per test.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from genphys.clocks import GIG, InverseGamma

N_DRAWS, ALARM = 100_000, 1e-3


def gig_p_value(order: float, omega: float, drawn: torch.Tensor) -> float:
    """Of S/sqrt(b/a), whose density is s^(-order-1) exp(-omega (s + 1/s)/2) over a constant."""
    log_s = np.linspace(math.log(drawn.min()) - 1, math.log(drawn.max()) + 1, 200_001)
    log_density = -order * log_s - omega * np.cosh(log_s)
    mass = np.exp(log_density - log_density.max())
    cumulative = np.cumsum(mass) - mass / 2
    cdf = np.interp(np.log(drawn.numpy()), log_s, cumulative / mass.sum())
    return float(stats.kstest(cdf, "uniform").pvalue)


@pytest.mark.parametrize("dimensions", [0.5, 1, 2, 8, 128, 2048])
@pytest.mark.parametrize("omega", [1e-3, 0.1, 1, 10, 1e4])
def test_gig_draws(dimensions: float, omega: float) -> None:
    ones = torch.ones(N_DRAWS, dtype=torch.float64)
    law = GIG(dimensions / 2, omega * ones, omega * ones)
    drawn = law.sample(torch.Generator().manual_seed(0))
    assert drawn.shape == (N_DRAWS,) and bool((drawn > 0).all() & drawn.isfinite().all())
    assert gig_p_value(dimensions / 2, omega, drawn) > ALARM


def test_gig_draws_against_scipy() -> None:
    for order, omega in ((0.25, 0.7), (4, 2.0), (64, 30.0)):
        one = torch.ones(N_DRAWS, dtype=torch.float64)
        drawn = GIG(order, one * omega, one * omega).sample(torch.Generator().manual_seed(1))
        rng = np.random.default_rng(1)
        truth = stats.geninvgauss(-order, omega).rvs(N_DRAWS, random_state=rng)
        assert stats.ks_2samp(drawn.numpy(), truth).pvalue > ALARM


def test_gig_rows_may_differ_and_keep_their_shape() -> None:
    """1/S has the mean E[1/S]: n = 100,000 a row, seed 2, five standard errors (6e-7 a row)."""
    omega = torch.tensor([[1e-3, 1.0], [30.0, 1e3]], dtype=torch.float64)
    rows = omega[..., None].expand(2, 2, N_DRAWS)
    law = GIG(1.5, rows, rows)
    precision = 1 / law.sample(torch.Generator().manual_seed(2))
    assert precision.shape == (2, 2, N_DRAWS)
    error = precision.std(-1) / math.sqrt(N_DRAWS)
    assert bool(((precision.mean(-1) - law.inverse_mean()[..., 0]).abs() < 5 * error).all())


@pytest.mark.parametrize("shape", [0.025, 0.25, 1, 64, 5e5])
def test_inverse_gamma_draws(shape: float) -> None:
    law = InverseGamma(shape, torch.full((N_DRAWS,), 2.0, dtype=torch.float64))
    drawn = law.sample(torch.Generator().manual_seed(0))
    assert stats.kstest(2 / drawn.numpy(), stats.gamma(shape).cdf).pvalue > ALARM


def test_a_seed_fixes_the_draws() -> None:
    ones = torch.ones(100, dtype=torch.float64)
    for law in (GIG(0.5, ones, ones), InverseGamma(0.5, ones)):
        first, again = (law.sample(torch.Generator().manual_seed(7)) for _ in range(2))
        assert first.equal(again)
