"""The closed laws of S against SciPy, 50-digit integrals and Bayes' rule."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from genphys.clocks import GIG, Clock, InverseGamma, PointMass
from genphys.clocks.quadrature import moments_of_log

SHAPES = (0.25, 0.5, 1, 4, 64, 1024)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def exact_log_integral(order: float, decay: float, scale: float) -> mp.mpf:
    """log of the integral of S^(-order-1) exp(-(decay S + scale/S)/2).

    By the trapezoid rule in log S.     Terms fall doubly exponentially on both sides; 40 digits.
    """
    with mp.workdps(40):
        p, a, b = mp.mpf(order), mp.mpf(decay), mp.mpf(scale)
        mode = mp.log(b / (p + mp.sqrt(p * p + a * b)))

        def exponent(u: mp.mpf) -> mp.mpf:
            return -p * u - (a * mp.exp(u) + b * mp.exp(-u)) / 2

        peak, curvature = exponent(mode), (a * mp.exp(mode) + b * mp.exp(-mode)) / 2
        step = min(mp.mpf("0.1"), 1 / (4 * mp.sqrt(curvature)))
        total = mp.mpf(0)
        for first, sign in ((0, 1), (1, -1)):
            j = first
            while (drop := exponent(mode + sign * j * step) - peak) > -70:
                total, j = total + mp.exp(drop), j + 1
        return peak + mp.log(total * step)


def exact_log_kernel(
    order: float, decay: float, scale: float, distance2: float, dim: int
) -> mp.mpf:
    with mp.workdps(40):
        top = exact_log_integral(order + dim / 2, decay, scale + distance2)
        return top - exact_log_integral(order, decay, scale) - mp.mpf(dim) / 2 * mp.log(2 * mp.pi)


def exact_moment(order: float, decay: float, scale: float, power: int) -> float:
    with mp.workdps(40):
        top = exact_log_integral(order - power, decay, scale)
        return float(mp.exp(top - exact_log_integral(order, decay, scale)))


@pytest.mark.parametrize("shape", SHAPES)
def test_inverse_gamma_is_scipys(shape: float) -> None:
    law, truth = InverseGamma(shape, double(3.0)), stats.invgamma(shape, scale=3.0)
    value = double(*truth.ppf([1e-6, 0.1, 0.5, 0.9, 0.999]))
    expected = torch.from_numpy(truth.logpdf(value.numpy()))
    torch.testing.assert_close(law.log_prob(value), expected, rtol=1e-10, atol=1e-9)
    assert float(law.mean()) == pytest.approx(truth.mean() if shape > 1 else math.inf)
    gamma = stats.gamma(shape, scale=1 / 3)
    assert float(law.inverse_mean()) == pytest.approx(gamma.mean(), rel=1e-12)
    assert float(law.log_variance()) == pytest.approx(stats.loggamma(shape).var(), rel=1e-9)
    mean, variance = moments_of_log(law)
    assert float(mean) == pytest.approx(math.log(3) - stats.loggamma(shape).mean(), abs=1e-8)
    assert float(variance) == pytest.approx(float(law.log_variance()), rel=1e-7)


@pytest.mark.parametrize("order", [0.25, 1, 4, 64])
@pytest.mark.parametrize("omega", [1e-3, 0.3, 5, 1e3])
def test_gig_is_exact(order: float, omega: float) -> None:
    decay, scale = 2.0, omega**2 / 2
    law = GIG(order, double(decay), double(scale))
    assert float(law.mean()) == pytest.approx(exact_moment(order, decay, scale, 1), rel=1e-12)
    inverse = exact_moment(order, decay, scale, -1)
    assert float(law.inverse_mean()) == pytest.approx(inverse, rel=1e-12)
    value = float(law.mean()) * double(0.3, 1.0, 1.7)
    log_integral = float(exact_log_integral(order, decay, scale))
    expected = -(order + 1) * value.log() - (decay * value + scale / value) / 2 - log_integral
    torch.testing.assert_close(law.log_prob(value), expected, rtol=1e-11, atol=1e-10)
    if order * math.log(omega) > -100:  # SciPy's normaliser stays finite
        scipy = stats.geninvgauss(-order, omega, scale=math.sqrt(scale / decay))
        np.testing.assert_allclose(law.log_prob(value), scipy.logpdf(value), rtol=1e-8)


@pytest.mark.parametrize("order", [0.25, 0.5, 4, 1024])
@pytest.mark.parametrize("omega", [1e-3, 1.0, 1e4])
def test_gig_window_and_variance(order: float, omega: float) -> None:
    """The window holds the mass: sums over it give 1 and E[S] (n = 400 nodes)."""
    law = GIG(order, double(omega), double(omega))
    low, high = law.log_window()
    u = torch.linspace(float(low), float(high), 40_001, dtype=torch.float64)
    density = torch.exp(law.log_prob(u.exp()) + u)
    assert float(torch.trapezoid(density, u)) == pytest.approx(1, abs=1e-10)
    mean = torch.trapezoid(density * u, u)
    variance = torch.trapezoid(density * (u - mean) ** 2, u)
    assert float(law.log_variance()) == pytest.approx(float(variance), rel=1e-8)


def test_gig_tends_to_inverse_gamma_as_the_decay_vanishes() -> None:
    value, square = double(0.5, 2.0, 9.0), double(0.1, 1.0, 30.0)
    law, limit = GIG(1.5, double(1e-12), double(2.0)), InverseGamma(1.5, double(1.0))
    torch.testing.assert_close(law.log_prob(value), limit.log_prob(value), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(law.log_kernel(square, 3), limit.log_kernel(square, 3))
    torch.testing.assert_close(law.inverse_mean(), limit.inverse_mean(), rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("order", "decay", "scale", "distance2", "dim"),
    [
        (0.25, 9.0, 1e-6, 1e-3, 1),
        (0.5, 1.44, 0.64, 0.36, 2),
        (0.5, 4.0, 6400.0, 20.0, 64),
        (4, 0.25, 8 * 80.0**2, 1e4, 2),
        (64, 0.0025, 128 * 80.0**2, 2e6, 3072),
        (1024, 1e-6, 2048.0, 4e3, 3072),
        (250_000, 1e-3, 5e5, 4.9e5, 500_000),
    ],
)
def test_gig_kernel_to_large_dimensions(
    order: float, decay: float, scale: float, distance2: float, dim: int
) -> None:
    law = GIG(order, double(decay), double(scale))
    found = float(law.log_kernel(double(distance2), dim))
    expected = float(exact_log_kernel(order, decay, scale, distance2, dim))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-11)
    posterior = law.given(double(distance2), dim)
    mean = exact_moment(order + dim / 2, decay, scale + distance2, 1)
    assert float(posterior.mean()) == pytest.approx(mean, rel=1e-12)


def test_student_t_kernel_is_scipys() -> None:
    for dim, shape in ((1, 0.25), (2, 0.5), (5, 4), (50, 64)):
        point = np.linspace(0.1, 2, dim)
        truth = stats.multivariate_t(np.zeros(dim), np.eye(dim) * 3.0 / shape, df=2 * shape)
        found = InverseGamma(shape, double(3.0)).log_kernel(double(float(point @ point)), dim)
        assert float(found) == pytest.approx(truth.logpdf(point), rel=1e-11)


def test_gaussian_kernel_is_scipys() -> None:
    point = np.array([0.3, -1.0, 2.0])
    found = PointMass(double(0.7)).log_kernel(double(float(point @ point)), 3)
    expected = stats.multivariate_normal(np.zeros(3), 0.7 * np.eye(3)).logpdf(point)
    assert float(found) == pytest.approx(expected, rel=1e-14)


def test_a_point_mass_has_moments_but_no_density() -> None:
    law = PointMass(double(4.0, 9.0))
    assert law.mean().equal(double(4, 9)) and law.inverse_mean().equal(1 / double(4, 9))
    assert law.log_variance().equal(double(0, 0)) and law.sample(None).equal(double(4, 9))
    assert law.given(torch.zeros(3, 2), 5).mean().equal(double(4, 9).expand(3, 2))
    with pytest.raises(ValueError, match="no density"):
        law.log_prob(double(4, 9))


def test_poisson_posterior_is_the_closed_form() -> None:
    """E[S | x, y] = (R² + r²)/(N + D - 2), infinite for N + D <= 2."""
    r, square = double(0.5, 3.0), double(0.2, 7.0)
    for dim, d in ((1, 1.5), (2, 1), (64, 8)):
        posterior = InverseGamma(d / 2, r**2 / 2).given(square, dim)
        torch.testing.assert_close(posterior.mean(), (square + r**2) / (dim + d - 2))
        torch.testing.assert_close(posterior.inverse_mean(), (dim + d) / (square + r**2))
    for dim, d in ((1, 0.5), (1, 1)):
        assert bool(InverseGamma(d / 2, r**2 / 2).given(square, dim).mean().isinf().all())


@given(
    order=st.floats(0.1, 300),
    decay=st.floats(1e-4, 1e4),
    scale=st.floats(1e-4, 1e4),
    distance2=st.floats(1e-6, 1e6),
    dim=st.integers(1, 4000),
)
@settings(max_examples=40, deadline=None)
def test_bayes_rule(order: float, decay: float, scale: float, distance2: float, dim: int) -> None:
    """log p(S) + log p(distance | S) = log p(distance) + log p(S | distance) at any S."""
    law, square = GIG(order, double(decay), double(scale)), double(distance2)
    posterior, value = law.given(square, dim), double(0.7)
    gaussian = PointMass(value).log_kernel(square, dim)
    left, right = law.log_prob(value) + gaussian, law.log_kernel(square, dim)
    torch.testing.assert_close(left, right + posterior.log_prob(value), rtol=1e-11, atol=1e-10)


def test_clock_follows_its_law() -> None:
    clock = Clock(2, lambda sigma: InverseGamma(4.0, 4 * sigma.double().square()))
    sigma = torch.tensor([0.5, 2.0])
    drawn = clock.sample(sigma, torch.Generator().manual_seed(1))
    assert drawn.shape == (2,) and drawn.dtype == torch.float64
    assert drawn.equal(clock.sample(sigma, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(clock.mean(sigma), double(1 / 3, 16 / 3))
    expected = clock.law(sigma).log_prob(double(1.0, 1.0))
    assert clock.log_prob(torch.ones(2), sigma).equal(expected)
    torch.testing.assert_close(
        clock.posterior_mean(torch.ones(2), sigma), double(1.5 / 4, 16.5 / 4)
    )
