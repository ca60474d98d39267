"""A bound process: exact samples, mass, velocity in both gauges, limits and scaling."""

from __future__ import annotations

import math
from functools import cache, partial

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import interpolate, special, stats
from torch import Tensor

from genphys.derivation import derive
from genphys.pde import Laplacian, field, t, x
from genphys.potentials.heat import Heat
from genphys.potentials.pfgm import Pfgm
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa
from genphys.process import Process, distance2, over

DIMENSIONS = (0.5, 1, 2, 3.7, 8, 128, 2048, 1e6)
ALARM = 1e-3  # of each Kolmogorov-Smirnov test, at a fixed seed


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@cache
def mixed(dim: int) -> Process:
    phi, beta = field(t), sp.Symbol("beta", positive=True)
    return derive(sp.Eq(phi.diff(t, 2) - beta * phi.diff(t) + Laplacian(phi, x), 0)).bind(
        dim=dim, beta=1.3
    )


def sampled_squares(process: Process, sigma: float, n: int, rows: int) -> Tensor:
    """|x - y|² of n samples, drawn ``rows`` at a time."""
    generator, parts = torch.Generator().manual_seed(0), []
    for first in range(0, n, rows):
        y = torch.zeros(min(rows, n - first), process.dim, dtype=torch.float64)
        noisy = process.sample(y, double(sigma).expand(len(y)), generator)
        parts.append(distance2(noisy, y))
    return torch.cat(parts)


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("dim", [2, pytest.param(3072, marks=pytest.mark.slow)])
def test_poisson_samples_are_exact(d: float, dim: int) -> None:
    """R²/(R² + r²) ~ Beta(N/2, D/2); its complement near 1: n = 100,000, seed 0, KS p > 1e-3."""
    process = Pfgmpp(D=d).bind(dim=dim)
    square = sampled_squares(process, 1.7, 100_000, 100_000 if dim == 2 else 2_000)
    r2 = float(process.progress(double(1.7))) ** 2
    complement = (r2 / (square + r2)).numpy()
    assert stats.kstest(complement, stats.beta(d / 2, dim / 2).cdf).pvalue > ALARM


@pytest.mark.parametrize(
    ("d", "mass", "sigma"), [(0.5, 3, 0.7), (1, 2, 3), (8, 0.5, 5), (128, 1, 2)]
)
@pytest.mark.parametrize("dim", [2, 64])
def test_yukawa_samples_are_exact(d: float, mass: float, sigma: float, dim: int) -> None:
    """Radii against the integral of R^(N-1) rho^(-nu) K_nu(m rho), rho² = R² + r².

    nu = (N + D)/2; n = 50,000, seed 0, KS p > 1e-3.
    """
    process = Yukawa(D=d, mass=mass).bind(dim=dim)
    square = sampled_squares(process, sigma, 50_000, 50_000).numpy()
    r, nu = float(process.progress(double(sigma))), (dim + d) / 2
    log_r = np.linspace(np.log(square.min()) / 2 - 3, np.log(square.max()) / 2 + 1, 100_001)
    rho = np.hypot(np.exp(log_r), r)
    log_density = dim * log_r - nu * np.log(rho) + np.log(special.kve(nu, mass * rho)) - mass * rho
    assert np.isfinite(log_density).all()
    mass_at = np.exp(log_density - log_density.max())
    cdf = (np.cumsum(mass_at) - mass_at / 2) / mass_at.sum()
    uniform = np.interp(np.log(square) / 2, log_r, cdf)
    assert stats.kstest(uniform, "uniform").pvalue > ALARM


def test_heat_samples_are_gaussian() -> None:
    """n = 100,000, seed 0, KS p > 1e-3."""
    square = sampled_squares(Heat().bind(dim=3), 1.7, 100_000, 100_000).numpy()
    assert stats.kstest(square / 1.7**2, stats.chi2(3).cdf).pvalue > ALARM


def test_large_d_is_heat_from_the_same_noise() -> None:
    """|x_D - x_heat|/sigma < 1e-3 at D = 1e8, 2,000 draws; it is |z|/sqrt(2 D) = 7e-5 |z|."""
    y, sigma = torch.zeros(2_000, 2, dtype=torch.float64), torch.linspace(0.01, 80, 2_000).double()
    close, limit = (
        process.sample(y, sigma, torch.Generator().manual_seed(3))
        for process in (Pfgmpp(D=1e8).bind(dim=2), Heat().bind(dim=2))
    )
    assert float(((close - limit).norm(dim=1) / sigma).max()) < 1e-3


def test_named_scales() -> None:
    sigma = torch.logspace(-3, 2, 6, dtype=torch.float64)
    for d in (0.5, 2, 128):
        r = Pfgmpp(D=d).bind(dim=2).progress(sigma)
        torch.testing.assert_close(r, sigma * math.sqrt(d), rtol=1e-14, atol=0)
    torch.testing.assert_close(Heat().bind(dim=2).progress(sigma), sigma**2 / 2)
    torch.testing.assert_close(Pfgm().bind(dim=2).progress(sigma), sigma)


@pytest.mark.parametrize("d", [1, 2.5, 8])
def test_no_mass_is_poisson_exactly(d: float) -> None:
    yukawa, poisson = Yukawa(D=d, mass=0).bind(dim=2), Pfgmpp(D=d).bind(dim=2)
    generator = torch.Generator().manual_seed(0)
    here, y = torch.randn(2, 6, 2, generator=generator, dtype=torch.float64)
    sigma = torch.logspace(-2, 2, 6, dtype=torch.float64)
    assert yukawa.progress(sigma).equal(poisson.progress(sigma))
    for name in ("log_density", "velocity", "mean_clock", "rate"):
        left, right = (getattr(process, name)(here, y, sigma) for process in (yukawa, poisson))
        assert left.equal(right), name
    seeds = (torch.Generator().manual_seed(1) for _ in range(2))
    assert yukawa.sample(y, sigma, next(seeds)).equal(poisson.sample(y, sigma, next(seeds)))
    assert not yukawa.annihilates and bool((yukawa.log_mass(sigma) == 0).all())


@pytest.mark.parametrize("sigma", [0.01, 1.0, 80.0])
@pytest.mark.parametrize(
    ("d", "mass"), [(0.5, 3), (1, 2), (2.5, 0.8), (8, 0.5), (128, 0.05), (128, 2)]
)
def test_mass_is_the_matern_function(d: float, mass: float, sigma: float) -> None:
    """log M against mpmath with 40 digits, also where M underflows float64 (1e-1570 and less)."""
    process = Yukawa(D=d, mass=mass).bind(dim=2)
    r = float(process.progress(double(sigma)))
    with mp.workdps(40):
        nu, z = mp.mpf(d) / 2, mp.mpf(mass) * mp.mpf(r)
        exact = mp.log(2 ** (1 - nu) / mp.gamma(nu) * z**nu * mp.besselk(nu, z))
    assert float(process.log_mass(double(sigma))) == pytest.approx(float(exact), rel=1e-9)


def test_reference_masses() -> None:
    """1 in 5,400 is left at sigma = 80 of D = 128, mass 0.05; 3e-44 at r = 80 sqrt(8) of D = 8."""
    thin, thick = Yukawa(D=128, mass=0.05).bind(dim=2), Yukawa(D=8, mass=0.5).bind(dim=2)
    assert math.exp(-float(thin.log_mass(double(80.0)))) == pytest.approx(5400, rel=0.02)
    left = float(thick.log_mass_at(double(80 * math.sqrt(8))))
    assert left == pytest.approx(math.log(3e-44), abs=0.2)


@pytest.mark.parametrize(("d", "speed"), [(1, 0.523), (2, 0.594), (8, 0.730)])
def test_balanced_velocity_at_reference_points(d: float, speed: float) -> None:
    """N = 2, m = 1.2, r = 0.8, R = 0.6, per unit of r; the physical one is R/r = 0.75."""
    process = Yukawa(D=d, mass=1.2).bind(dim=2)
    r = double(0.8)
    here, y, sigma = double(0.6, 0.0)[None], torch.zeros(1, 2).double(), process.sigma(r)
    slope = float(process.scale.slope(r))
    balanced = process.velocity(here, y, sigma, "balanced")[0, 0]
    physical = process.velocity(here, y, sigma)[0, 0]
    assert float(balanced) * slope == pytest.approx(speed, abs=5e-4)
    assert float(physical) * slope == pytest.approx(0.75, rel=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 64, 3072])
@pytest.mark.parametrize("d", [0.5, 1, 8, 128, 2048])
def test_balanced_quadrature_reproduces_straight_rays(dim: int, d: float) -> None:
    """The radial flow by quadrature against Poisson's 1/sigma, from tail to tail of the kernel."""
    process, sigma = Pfgmpp(D=d).bind(dim=dim), 2.0
    quantiles = double(1e-4, 0.1, 0.5, 0.9, 0.9999)
    share = torch.from_numpy(stats.beta(dim / 2, d / 2).ppf(quantiles.numpy()))
    square = d * sigma**2 * share / (1 - share).clamp_min(1e-12)
    found = process.balanced_ray(square, double(sigma).expand(5))
    torch.testing.assert_close(found, torch.full_like(found, 1 / sigma), rtol=2e-8, atol=0)


def test_balanced_velocity_is_the_physical_one_where_nothing_is_lost() -> None:
    here, y = double(0.6, -2.0)[None], double(0.1, 0.2)[None]
    for process in (Heat().bind(dim=2), Pfgmpp(D=3).bind(dim=2)):
        left, right = (process.velocity(here, y, double(0.8), g) for g in ("physical", "balanced"))
        assert left.equal(right)
    # As the mass vanishes, Yukawa's balanced velocity tends to Poisson's.
    nearly = Yukawa(D=3, mass=1e-5).bind(dim=2).velocity(here, y, double(0.8), "balanced")
    torch.testing.assert_close(nearly, right, rtol=1e-8, atol=0)


@pytest.mark.parametrize(
    "process", [Yukawa(D=1, mass=2).bind(dim=2), mixed(2)], ids=["yukawa", "mixed"]
)
def test_balanced_flow_carries_the_kernel(process: Process) -> None:
    """Samples at sigma = 0.5 moved to 2 follow the law there: n = 50,000, seed 0, KS p > 1e-3.

    Radii on a grid move by 6 Runge-Kutta steps in log sigma, samples by interpolation.
    """
    log_r, log_sigma, width = torch.linspace(-7, 5, 200).double(), math.log(0.5), math.log(4) / 6

    def flow(log_r: Tensor, log_sigma: float) -> Tensor:
        sigma = double(math.exp(log_sigma))
        return process.balanced_ray(torch.exp(2 * log_r), sigma) * sigma

    moved = log_r
    for step in range(6):
        now = log_sigma + step * width
        a = flow(moved, now)
        b = flow(moved + width / 2 * a, now + width / 2)
        c = flow(moved + width / 2 * b, now + width / 2)
        d = flow(moved + width * c, now + width)
        moved = moved + width / 6 * (a + 2 * b + 2 * c + d)
    start = sampled_squares(process, 0.5, 50_000, 50_000).log() / 2
    landed = interpolate.CubicSpline(log_r, moved)(start)
    grid = torch.linspace(-12, 12, 20_001).double()
    points = torch.stack([grid.exp(), torch.zeros_like(grid)], 1)
    log_p = process.log_density(points, torch.zeros_like(points), double(2.0).expand(len(grid)))
    cdf = torch.exp(log_p + 2 * grid).cumsum(0)
    uniform = np.interp(landed, grid.numpy(), (cdf / cdf[-1]).numpy())
    assert stats.kstest(uniform, "uniform").pvalue > ALARM


@given(factor=st.floats(1e-3, 1e3), d=st.floats(0.3, 200), mass=st.floats(0.01, 5))
@settings(max_examples=3, deadline=None)
def test_scaling_data_sigma_and_length_together(factor: float, d: float, mass: float) -> None:
    plain, scaled = Yukawa(D=d, mass=mass).bind(dim=2), Yukawa(D=d, mass=mass / factor).bind(dim=2)
    here, y, sigma = double(0.6, -0.2)[None], double(0.1, 0.2)[None], double(0.8)
    large = (factor * here, factor * y, factor * sigma)
    close = partial(torch.testing.assert_close, rtol=1e-8, atol=1e-9)
    close(
        scaled.log_density(*large) + 2 * math.log(factor),
        plain.log_density(here, y, sigma),
    )
    close(scaled.rate(*large) * factor, plain.rate(here, y, sigma))
    close(scaled.velocity(*large), plain.velocity(here, y, sigma))
    balanced = plain.velocity(here, y, sigma, "balanced")
    close(scaled.velocity(*large, "balanced"), balanced)
    close(scaled.log_mass(large[2]), plain.log_mass(sigma))


def test_yukawa_rate_of_one_charge() -> None:
    """(m R/r) K_nu(m R)/K_{nu+1}(m R) per unit r, nu = (N + D)/2 - 1, R² = |x - y|² + r²."""
    for dim, d, mass in ((2, 1, 2.0), (3, 2.5, 0.8), (2, 8, 0.1)):
        process = Yukawa(D=d, mass=mass).bind(dim=dim)
        r, here = double(0.7), torch.full((1, dim), 0.4, dtype=torch.float64)
        found = process.rate(here, torch.zeros_like(here), process.sigma(r)) * process.scale.slope(
            r
        )
        radius, nu = math.hypot(0.4 * math.sqrt(dim), 0.7), (dim + d) / 2 - 1
        ratio = special.kv(nu, mass * radius) / special.kv(nu + 1, mass * radius)
        assert float(found) == pytest.approx(mass * radius / 0.7 * ratio, rel=1e-11)


def test_pfgm_is_pfgmpp_at_one() -> None:
    left, right = Pfgm().bind(dim=3), Pfgmpp(D=1).bind(dim=3)
    here, y = double(0.6, -2, 1)[None], double(0.1, 0.2, 0)[None]
    for sigma in (double(0.1), double(4.0)):
        torch.testing.assert_close(
            left.log_density(here, y, sigma), right.log_density(here, y, sigma)
        )
        torch.testing.assert_close(left.velocity(here, y, sigma), right.velocity(here, y, sigma))


def test_images_and_refusals() -> None:
    process = Pfgmpp(D=8).bind(dim=12)
    y, sigma = torch.rand(5, 3, 2, 2), torch.linspace(0.1, 1, 5)
    noisy = process.sample(y, sigma, torch.Generator().manual_seed(0))
    assert noisy.shape == y.shape and process.log_density(noisy, y, sigma).shape == (5,)
    assert process.velocity(noisy, y, sigma).shape == y.shape
    assert over(sigma, y).shape == (5, 1, 1, 1)
    with pytest.raises(ValueError, match="gauge='free'"):
        process.velocity(noisy, y, sigma, "free")  # type: ignore[arg-type]
    bent = mixed(2)
    with pytest.raises(ValueError, match="not straight"):
        bent.ray(sigma)


def test_a_process_without_closed_physical_velocity_and_rate() -> None:
    """Damped and killed at once: the rays are bent, so only the balanced gauge is offered."""
    phi, (beta, loss) = field(t), sp.symbols("beta loss", positive=True)
    damped = phi.diff(t, 2) - beta * phi.diff(t) + Laplacian(phi, x) - loss**2 * phi
    process = derive(sp.Eq(damped, 0)).bind(dim=2, beta=1.3, loss=0.7)
    here, y, sigma = double(0.6, -0.2)[None], torch.zeros(1, 2).double(), double(0.8)
    assert process.annihilates and not process.uniform
    with pytest.raises(ValueError, match="gauge='balanced'"):
        process.velocity(here, y, sigma)
    with pytest.raises(ValueError, match="rate of this process has no closed form"):
        process.rate(here, y, sigma)
    assert bool(process.velocity(here, y, sigma, "balanced").isfinite().all())
