"""Bessel, Matern and gamma functions against mpmath integrals, SciPy and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special as sp
from torch import Tensor

from genphys.special import kv_ratio, log_gamma_ratio, log_kv, log_matern

# Orders and arguments on both sides of each change of method: 16, 32; 1, 32.
ORDERS = (0.25, 0.5, 1, 3.7, 15.9, 16, 31.9, 33, 128, 1537, 5e5)
ARGUMENTS = (1e-8, 0.03, 0.99, 1, 6, 31.9, 32, 900, 1e6)
DENSE_ORDERS = (
    *ORDERS,
    0.4,
    0.501,
    0.75,
    1.0001,
    1.5,
    2,
    5.5,
    8,
    12.3,
    20,
    25.25,
    32,
    50,
    511.5,
    2e4,
)
DENSE_ARGUMENTS = tuple(np.geomspace(1e-8, 1e6, 43).tolist())
FUNCTIONS = (log_kv, kv_ratio, log_matern)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@cache
def exact_log_kv(nu: float, x: float) -> mp.mpf:
    """log K from 2 (x/2)^nu K_nu(x) = int exp(nu s - e^s - x^2 e^-s / 4) ds, to 30 digits or more.

    The trapezoidal rule converges like exp(-pi^2 / h), or like a Gaussian where the peak is narrow.
    """
    with mp.workdps(50):
        order, w = abs(mp.mpf(nu)), mp.mpf(x) ** 2 / 4
        size = mp.hypot(order, x)
        g = (order + size) / 2  # e^s at the peak
        step, total = min(mp.mpf("0.08"), 1 / (3 * mp.sqrt(size))), mp.mpf(0)
        for first, sign in ((0, 1), (1, -1)):
            j, exponent = first, mp.mpf(0)
            while exponent > -120:
                u = sign * j * step
                exponent = order * u - g * mp.expm1(u) - w / g * mp.expm1(-u)
                total += mp.exp(exponent)
                j += 1
        log_integral = mp.log(total * step) + order * mp.log(g) - g - w / g
        return log_integral - order * mp.log(mp.mpf(x) / 2) - mp.log(2)


def exact_log_matern(nu: float, z: float) -> mp.mpf:
    with mp.workdps(50):
        scale = (1 - mp.mpf(nu)) * mp.log(2) - mp.loggamma(nu) + nu * mp.log(z)
        return scale + exact_log_kv(nu, z)


def exact_ratio(nu: float, x: float) -> mp.mpf:
    with mp.workdps(50):
        return mp.exp(exact_log_kv(nu, x) - exact_log_kv(mp.mpf(nu) + 1, x))


def worst(
    function: Callable[[float | Tensor, Tensor], Tensor],
    exact: Callable[[float, float], mp.mpf],
    orders: tuple[float, ...],
    arguments: tuple[float, ...],
    floor: float = 0.0,
) -> float:
    """The largest error relative to max(|exact|, floor), over orders as numbers and as tensors."""
    x, error = double(*arguments), 0.0
    for nu in orders:
        truth = [exact(nu, value) for value in arguments]
        for values in (function(nu, x), function(double(nu), x)):
            assert bool(torch.isfinite(values).all())
            pairs = zip(values.tolist(), truth, strict=True)
            error = max(error, *(float(abs(v - t) / max(abs(t), floor)) for v, t in pairs))
    return error


def gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(x).sum(), x)
    return slope


def test_the_reference_agrees_with_mpmath() -> None:
    with mp.workdps(40):
        for nu, x in ((0.25, 0.01), (3.7, 2), (2.5, 40)):
            assert abs(exact_log_kv(nu, x) - mp.log(mp.besselk(nu, x))) < mp.mpf("1e-35")


def test_log_matern_keeps_its_relative_accuracy() -> None:
    assert worst(log_matern, exact_log_matern, ORDERS, ARGUMENTS) < 5e-15


def test_kv_ratio() -> None:
    orders = (-1.7, -0.5, -0.2, 0, 1e-9, 0.499, 3.7, 30.9, 31, 1537, 5e5)
    assert worst(kv_ratio, exact_ratio, orders, ARGUMENTS) < 5e-15


def test_log_kv() -> None:
    orders = (-3.7, -0.2, 0, 1e-9, 1, 31.9, 33, 1537, 5e5)
    assert worst(log_kv, exact_log_kv, orders, ARGUMENTS, floor=1.0) < 5e-14


@pytest.mark.slow
def test_dense_grid() -> None:
    assert worst(log_matern, exact_log_matern, DENSE_ORDERS, DENSE_ARGUMENTS) < 5e-15
    assert worst(kv_ratio, exact_ratio, DENSE_ORDERS, DENSE_ARGUMENTS) < 5e-15
    assert worst(log_kv, exact_log_kv, DENSE_ORDERS, DENSE_ARGUMENTS, floor=1.0) < 5e-14


def test_scipy_where_it_is_finite() -> None:
    nu, x = np.meshgrid(np.linspace(0, 80, 41), np.geomspace(1e-3, 1e3, 61))
    lower, upper = sp.kve(nu, x), sp.kve(nu + 1, x)
    order, argument, finite = torch.tensor(nu), torch.tensor(x), np.isfinite(upper)
    assert finite.mean() > 0.9
    ours = kv_ratio(order, argument).numpy()[finite]
    np.testing.assert_allclose(ours, (lower / np.where(finite, upper, 1))[finite], rtol=2e-13)
    ours = log_kv(order, argument).numpy()[finite]
    np.testing.assert_allclose(ours, (np.log(lower) - x)[finite], rtol=2e-13, atol=2e-13)


def test_closed_forms() -> None:
    z = torch.logspace(-9, 6, 301, dtype=torch.float64)
    torch.testing.assert_close(log_matern(0.5, z), -z, rtol=3e-15, atol=0)
    # log1p(z) - z cancels at small z: compare where it does not
    z = z[z > 0.1]
    torch.testing.assert_close(log_matern(1.5, z), torch.log1p(z) - z, rtol=1e-13, atol=0)
    closed = torch.log1p(z + z**2 / 3) - z
    torch.testing.assert_close(log_matern(2.5, z), closed, rtol=1e-12, atol=0)
    torch.testing.assert_close(kv_ratio(-0.5, z), torch.ones_like(z), rtol=5e-16, atol=0)
    torch.testing.assert_close(kv_ratio(0.5, z), z / (1 + z), rtol=3e-15, atol=0)


def test_limits() -> None:
    tiny, huge = double(1e-12), double(1e12)
    for nu in (0.75, 4.0, 20.0, 300.0):
        assert kv_ratio(nu, tiny).item() == pytest.approx(1e-12 / (2 * nu), rel=1e-6)
        assert 1 - kv_ratio(nu, huge).item() == pytest.approx((nu + 0.5) / 1e12, rel=1e-2)
    z = double(1e-3, 1.0, 30.0)
    torch.testing.assert_close(log_matern(1e9, z), -(z**2) / 4e9, rtol=1e-6, atol=0)


@settings(deadline=None, max_examples=60)
@given(st.floats(-0.49, 3e3), st.floats(-6, 6))
def test_kv_ratio_grows_within_0_and_1_and_obeys_the_recurrence(nu: float, log_x: float) -> None:
    x = double(10**log_x)
    lower, upper = kv_ratio(nu, x).item(), kv_ratio(nu, 1.001 * x).item()
    assert 0 < lower < upper < 1
    following = kv_ratio(nu + 1, x).item()
    assert 1 / following == pytest.approx(lower + 2 * (nu + 1) / x.item(), rel=1e-13)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.25, 5e5), st.floats(-8, 6))
def test_matern_falls_from_1(nu: float, log_z: float) -> None:
    z = 10**log_z
    first, second = log_matern(nu, double(z, 1.001 * z)).tolist()
    assert 0 > first > second
    assert log_matern(nu, double(0.0)).item() == 0


def exact_riccati(nu: float, x: float) -> float:
    """R' = R^2 - 1 + (2 nu + 1) R / x."""
    with mp.workdps(50):
        ratio = exact_ratio(nu, x)
        return float(ratio**2 - 1 + (2 * mp.mpf(nu) + 1) * ratio / x)


@pytest.mark.parametrize("nu", ORDERS)
def test_gradients_are_the_analytic_ones(nu: float) -> None:
    x = double(*ARGUMENTS)
    ratio = double(*(float(exact_ratio(mp.mpf(nu) - 1, value)) for value in ARGUMENTS))
    upward = double(*(float(exact_ratio(nu, value)) for value in ARGUMENTS))
    riccati = double(*(exact_riccati(nu, value) for value in ARGUMENTS))
    for order in (nu, double(nu)):
        slope = gradient(partial(log_matern, order), x)
        torch.testing.assert_close(slope, -ratio, rtol=1e-14, atol=0)
        slope = gradient(partial(log_kv, order), x)
        torch.testing.assert_close(slope, -ratio - nu / x, rtol=1e-14, atol=0)
        # R' falls faster than R / x at large x, and its rounding error does not
        slope = gradient(partial(kv_ratio, order), x) * x / upward
        torch.testing.assert_close(slope, riccati * x / upward, rtol=1e-14, atol=1e-14)


def test_gradient_at_zero() -> None:
    zero = double(0.0)
    assert gradient(partial(log_matern, 0.5), zero).item() == -1
    for nu in (0.75, 1.0, 8.0, 128.0, double(8.0)):
        assert abs(gradient(partial(log_matern, nu), zero).item()) < 1e-100


# torch compiles parts of its own forward mode with a function that it deprecates
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_forward_mode_and_vmap(function: Callable[[float | Tensor, Tensor], Tensor]) -> None:
    x, nu = double(0.01, 0.7, 9.0, 50.0), double(0.3, 0.5, 3.0, 70.0)
    orders: tuple[float | Tensor, ...] = (0.3, 0.5, 3.0, 70.0, nu)
    for call in (partial(function, order) for order in orders):
        value, slope = torch.func.jvp(call, (x,), (torch.ones_like(x),))[:2]
        torch.testing.assert_close(slope, gradient(call, x), rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(value, call(x), rtol=0, atol=0)
    rows = torch.vmap(function)(nu, x)
    torch.testing.assert_close(rows, function(nu, x), rtol=1e-14, atol=0)
    slopes = torch.vmap(torch.func.grad(partial(function, 3.0)))(x)
    torch.testing.assert_close(slopes, gradient(partial(function, 3.0), x), rtol=1e-13, atol=0)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_dtypes_and_broadcasting(function: Callable[[float | Tensor, Tensor], Tensor]) -> None:
    x = torch.logspace(-4, 3, 24)
    nu = torch.tensor([[0.5], [4.0], [40.0]])
    single, full = function(nu, x), function(nu.double(), x.double())
    assert single.dtype == torch.float32 and full.shape == (3, 24)
    torch.testing.assert_close(single.double(), full, rtol=1e-7, atol=0)
    for row, order in zip(full, (0.5, 4.0, 40.0), strict=True):
        torch.testing.assert_close(row, function(order, x.double()), rtol=5e-15, atol=5e-14)


@pytest.mark.parametrize("a", [0.25, 0.5, 3, 15.9, 16, 64, 1e3, 1e5, 5e7])
def test_log_gamma_ratio(a: float) -> None:
    steps = (0.5, 1, 32, 1536)
    with mp.workdps(40):
        truth = [float(mp.loggamma(mp.mpf(a) + b) - mp.loggamma(a)) for b in steps]
    ours = log_gamma_ratio(a, double(*steps))
    np.testing.assert_allclose(ours.numpy(), truth, rtol=1e-14, atol=1e-14)
    assert log_gamma_ratio(a, 32).item() == ours[2].item()
    assert log_gamma_ratio(double(a).float(), 0.5).dtype == torch.float32
    slope = gradient(partial(log_gamma_ratio, a), double(*steps))
    digamma = [float(mp.digamma(mp.mpf(a) + b)) for b in steps]
    np.testing.assert_allclose(slope.numpy(), digamma, rtol=1e-12)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="give nu > 0"):
        log_matern(0.0, double(1.0))
    with pytest.raises(ValueError, match="floating-point"):
        kv_ratio(1.0, torch.tensor([1, 2]))
