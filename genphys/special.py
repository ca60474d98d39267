r"""Modified Bessel functions of the second kind, Matern functions and gamma ratios, in torch.

Everything about :math:`K_\nu` is built from one quantity, the ratio of neighbouring orders

.. math::
    R_\nu(x) = \frac{K_\nu(x)}{K_{\nu+1}(x)}, \qquad
    \frac{1}{R_\nu} = R_{\nu-1} + \frac{2\nu}{x}, \qquad R_{-\nu-1} = \frac{1}{R_\nu},

and from the uniform expansion for large :math:`A = \sqrt{\nu^2 + x^2}`.

*Large A.* With :math:`s = \nu^2/A^2` the expansion [1, 10.41.4] reads

.. math::
    \log K_\nu(x) = \tfrac12 \log\frac{\pi}{2A} - A + \nu\,\mathrm{asinh}\frac{\nu}{x}
        + \sum_{k \ge 1} (-1)^k A^{-k} d_k(s).

The polynomials :math:`d_k`, the logarithm of the published series, stay bounded on [0, 1], so this
also holds at small :math:`\nu` once x is large. At s = 1 the sum is Stirling's remainder
:math:`\mu(A) = \log\Gamma(A) - (A - \frac12)\log A + A - \frac12\log 2\pi`. Subtracting Stirling's
series by formula therefore leaves, with :math:`q = A/\nu - 1`,

.. math::
    \log \mathrm{Mat}_\nu(z) = \nu\bigl[\log(1 + \tfrac{q}{2}) - q\bigr] - \tfrac12 \log(1 + q)
        + \mu(A) - \mu(\nu) + (1 - s) \sum_{k \ge 1} A^{-k} w_k(1 - s),

where every part vanishes like :math:`z^2`: the logarithm keeps its relative accuracy however small
it is. The derivative :math:`-R_{\nu-1}(z)` of this line gives the expansion of the ratio.

*Small A.* The ratio at an order in [-1/2, 1/2) comes from Temme's series [2] (x < 1) or from the
trapezoidal rule for :math:`\int_0^\infty e^{-x \cosh t} \cosh(\nu t)\,dt`, which converges
geometrically; at -1/2 it is 1. The recurrence above carries it upwards, where it is stable. The
order of the Matern function climbs the same way, by terms of one sign, until the expansion holds:

.. math:: \mathrm{Mat}_{\nu+1}(z) = \mathrm{Mat}_\nu(z)\,\bigl[1 + z R_{\nu-1}(z) / (2\nu)\bigr].

All functions compute in float64 and return the dtype of their arguments. Those of x or z are
differentiable in it, in both modes and under ``vmap``; the order is a constant. Where it is one
number give a Python float: large orders then skip the work for small ones.

References:
    [1] NIST Digital Library of Mathematical Functions, sections 5.7, 5.11, 10.29 and
        10.41. dlmf.nist.gov.
    [2] On the numerical evaluation of the modified Bessel function of the third kind. Temme,
        Journal of Computational Physics 19, 1975.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product

import torch
from torch import Tensor

__all__ = ["kv_ratio", "log_gamma_ratio", "log_kv", "log_matern"]

# Thresholds and counts are measured against 50 digits: each truncation error is below 2e-16.
_LARGE = 32  # the expansion of log K holds where order or argument is at least this
_CLIMB = 16  # the expansion of log Mat holds at these orders for every argument
_TERMS = 14  # of the uniform expansion
_SPLIT = 1.0  # Temme's series below, quadrature above
_SERIES = 9  # terms of Temme's series
_STEP, _NODES = 0.14, 33  # of the quadrature


def _reciprocal_gamma(terms: int) -> list[float]:
    """Taylor coefficients of 1 / Gamma(1 + x) by the recurrence DLMF 5.7.2."""
    zeta = torch.special.zeta(torch.arange(2, terms + 1, dtype=torch.float64), 1.0).tolist()
    slopes = [float(-torch.digamma(torch.ones((), dtype=torch.float64)))]
    slopes += [(-1) ** k * value for k, value in enumerate(zeta, 1)]
    coefficients = [1.0]
    for n in range(1, terms):
        pairs = zip(slopes, reversed(coefficients), strict=False)
        coefficients.append(sum(a * b for a, b in pairs) / n)
    return coefficients


def _times_one_minus(row: Sequence[Fraction]) -> list[Fraction]:
    """Multiply a polynomial in s by 1 - s."""
    zero = [Fraction(0)]
    return [c - lower for lower, c in pairwise([*zero, *row, *zero])]


def _debye(terms: int) -> list[list[Fraction]]:
    """Find polynomials g_k(s), k = 1 ... terms, by the Riccati form of DLMF 10.41.9.

    With p = sqrt(s) they are the slopes g_k = (-1)^k p^(1-k) d(p^k d_k)/dp of those of log K, so
    (-1)^k d_k is the sum over i of g_k[i] s^i / (k + 2 i).
    """
    rows = [[Fraction(-1, 8), Fraction(5, 8)]]
    for k in range(1, terms):
        square = [Fraction(0)] * (k + 1)  # the sum of g_i g_j over i + j = k
        for i in range(1, k):
            for (a, x), (b, y) in product(enumerate(rows[i - 1]), enumerate(rows[k - i - 1])):
                square[a + b] += x * y
        pairs = zip(_times_one_minus(rows[-1]), _times_one_minus(square), strict=True)
        rows.append([-((k + 1 + 2 * i) * a + b) / 2 for i, (a, b) in enumerate(pairs)])
    return rows


def _about_one(d: Sequence[Fraction]) -> list[Fraction]:
    """Expand d(1 - y) in powers of y."""
    powers = range(len(d))
    return [sum((-1) ** j * math.comb(i, j) * d[i] for i in powers) for j in powers]


def _floats(rows: Sequence[Sequence[Fraction]]) -> list[list[float]]:
    return [[float(c) for c in row] for row in rows]


_GAMMA = _reciprocal_gamma(21)
_SLOPES = _debye(_TERMS)
_EXACT = [[c / (k + 2 * i) for i, c in enumerate(row)] for k, row in enumerate(_SLOPES, 1)]
_SHIFTED = _floats([_about_one(row) for row in _EXACT])
_G = _floats(_SLOPES)  # of the ratio
_D = _floats(_EXACT)  # of log K
_W = [row[1:] for row in _SHIFTED]  # of log Mat
_STIRLING = [row[0] for row in _SHIFTED]  # mu(a) is the sum over k of _STIRLING[k - 1] / a^k
_SIZES = [max(abs(sum(c * (j / 64) ** i for i, c in enumerate(d))) for j in range(65)) for d in _D]


def _terms(nu: float | Tensor) -> int:
    """Count the terms of the uniform expansion that matter at this order."""
    if isinstance(nu, Tensor):
        return _TERMS
    return next((k for k, c in enumerate(_SIZES) if c < 1e-17 * nu ** (k + 1)), _TERMS)


def _like(x: Tensor, nu: float | Tensor) -> Tensor:
    return torch.as_tensor(nu, dtype=x.dtype, device=x.device)


def _horner(coefficients: Sequence[float], x: Tensor) -> Tensor:
    total = torch.zeros_like(x)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def _expansion(rows: Sequence[Sequence[float]], size: Tensor, x: Tensor) -> Tensor:
    """Sum rows[k - 1](x) / size^k over k."""
    total, inverse = torch.zeros_like(x), 1 / size
    for row in reversed(rows):
        total = (total + _horner(row, x)) * inverse
    return total


def _uniform_log_kv(nu: float | Tensor, x: Tensor) -> Tensor:
    size = torch.hypot(_like(x, nu), x)
    series = _expansion(_D[: _terms(nu)], size, (nu / size) ** 2)
    return 0.5 * torch.log(0.5 * math.pi / size) - size + nu * torch.asinh(nu / x) + series


def _uniform_ratio(nu: float | Tensor, x: Tensor) -> Tensor:
    upper = nu + 1
    size = torch.hypot(_like(x, upper), x)
    series = _expansion(_G[: _terms(upper)], size, (upper / size) ** 2)
    return x / (upper + size) + x / size**2 * (0.5 + series)


def _uniform_log_matern(nu: float | Tensor, z: Tensor) -> Tensor:
    size, terms = torch.hypot(_like(z, nu), z), _terms(nu)
    excess = z * (z / (nu + size))  # A - nu, without subtracting
    growth = torch.log1p(excess / nu)  # log(A / nu)
    stirling = torch.zeros_like(growth)  # mu(A) - mu(nu)
    for k in range(1, terms + 1, 2):
        stirling = stirling + _STIRLING[k - 1] * nu**-k * torch.expm1(-k * growth)
    y = (z / size) ** 2
    leading = nu * torch.log1p(0.5 * excess / nu) - excess
    return leading - 0.5 * growth + (stirling + y * _expansion(_W[:terms], size, y))


def _temme_ratio(mu: float | Tensor, x: Tensor) -> Tensor:
    """R_mu(x) for |mu| <= 1/2 and 0 < x <= 1: the sums of Temme's series for both orders."""
    order, log = _like(x, mu), math.log(2) - torch.log(x)
    even, odd = _horner(_GAMMA[0::2], order**2), _horner(_GAMMA[1::2], order**2)
    nonzero = torch.where(order == 0, 1.0, order)
    sinh = torch.where(order == 0, log, torch.sinh(nonzero * log) / nonzero)
    f = (even * sinh - odd * torch.cosh(order * log)) / torch.sinc(order)
    p = 0.5 * torch.exp(order * log) / (even + order * odd)
    q = 0.5 * torch.exp(-order * log) / (even - order * odd)
    weight, square = torch.ones_like(x), 0.25 * x * x
    lower, upper = f, p
    for k in range(1, _SERIES + 1):
        f = (k * f + p + q) / (k**2 - order**2)
        p, q = p / (k - order), q / (k + order)
        weight = weight * square / k
        lower, upper = lower + weight * f, upper + weight * (p - k * f)
    return 0.5 * x * lower / upper


def _quadrature_ratio(mu: float | Tensor, x: Tensor) -> Tensor:
    """R_mu(x) for |mu| <= 1/2 and 1 <= x <= 32: trapezoidal sums of exp(-x cosh t) cosh(nu t)."""
    order = _like(x, mu)
    lower = upper = torch.full_like(x, 0.5)
    for j in range(1, _NODES):
        t = j * _STEP
        e = torch.exp((1 - math.cosh(t)) * x)
        lower = lower + torch.cosh(order * t) * e
        upper = upper + torch.cosh((order + 1) * t) * e
    return lower / upper


def _first_ratio(mu: float | Tensor, x: Tensor) -> Tensor:
    if not isinstance(mu, Tensor) and mu == -0.5:
        return torch.ones_like(x)
    low = x < _SPLIT
    # The floor keeps x = 0 finite, where the Matern function needs z times a ratio.
    series = _temme_ratio(mu, torch.where(low, x, _SPLIT).clamp_min(1e-300))
    return torch.where(low, series, _quadrature_ratio(mu, torch.where(low, _SPLIT, x)))


def _small_ratio(nu: float | Tensor, x: Tensor) -> Tensor:
    steps: int | Tensor = torch.floor(nu + 0.5) if isinstance(nu, Tensor) else math.floor(nu + 0.5)
    mu = nu - steps
    ratio = _first_ratio(mu, x)
    for j in range(1, 1 + (_LARGE if isinstance(steps, Tensor) else steps)):
        c = 0.5 * x / (mu + j)
        climbed = c / (1 + c * ratio)
        ratio = torch.where(j <= steps, climbed, ratio) if isinstance(steps, Tensor) else climbed
    return ratio


def _climbing_log_matern(nu: float | Tensor, z: Tensor, ratio: Tensor) -> Tensor:
    """Log Mat_nu(z), given the ratio of orders nu - 1 and nu."""
    steps = _CLIMB if isinstance(nu, Tensor) else max(0, math.ceil(_CLIMB - nu))
    total = torch.zeros_like(ratio)
    for j in range(steps):
        c = 0.5 * z / (nu + j)
        growth = c * ratio
        total = total + torch.log1p(growth)
        ratio = c / (1 + growth)
    return _uniform_log_matern(nu + steps, z) - total


def _small_log_kv(nu: float | Tensor, x: Tensor) -> Tensor:
    ratio = _small_ratio(nu, x)
    log_scale = torch.lgamma(_like(x, nu + 1)) + nu * math.log(2) - (nu + 1) * torch.log(x)
    return torch.log(ratio) + _climbing_log_matern(nu + 1, x, ratio) + log_scale


_Function = Callable[[float | Tensor, Tensor], Tensor]


def _by_size(uniform: _Function, small: _Function, nu: float | Tensor, x: Tensor) -> Tensor:
    """Join two functions of (nu, x), each called inside its own domain only."""
    if not isinstance(nu, Tensor) and nu >= _LARGE:
        return uniform(nu, x)
    large = (x >= _LARGE) | (_like(x, nu) >= _LARGE)
    within = torch.where(large, 1.0, nu) if isinstance(nu, Tensor) else nu
    beyond = uniform(nu, torch.where(large, x, _LARGE))
    return torch.where(large, beyond, small(within, torch.where(large, _SPLIT, x)))


def _ratio(nu: float | Tensor, x: Tensor) -> Tensor:
    if not isinstance(nu, Tensor):
        if nu < -0.5:
            return 1 / _ratio(-1 - nu, x)
        return _by_size(_uniform_ratio, _small_ratio, nu, x)
    mirrored = nu < -0.5
    ratio = _by_size(_uniform_ratio, _small_ratio, torch.where(mirrored, -1 - nu, nu), x)
    return torch.where(mirrored, 1 / torch.where(mirrored, ratio, 1.0), ratio)


def _doubles(nu: float | Tensor, x: Tensor) -> tuple[float | Tensor, Tensor, torch.dtype]:
    """Convert the arguments to float64; name the dtype of the result."""
    if not x.is_floating_point():
        raise ValueError(f"the argument has dtype {x.dtype}: give a floating-point tensor")
    if not isinstance(nu, Tensor):
        return float(nu), x.double(), x.dtype
    return nu.detach().double(), x.double(), torch.result_type(nu, x)


def log_kv(nu: float | Tensor, x: Tensor) -> Tensor:
    r"""Logarithm of the modified Bessel function of the second kind, :math:`\log K_\nu(x)`.

    Accurate to a few units in the last place of its largest part, :math:`\nu\log x` or x.

    Args:
        nu: Order, any real number or tensor; :math:`K_{-\nu} = K_\nu`. Dimensionless.
        x: Argument >= 1e-300, any shape that broadcasts with ``nu``. Dimensionless.

    Returns:
        A tensor of the broadcast shape, in the dtype of the arguments.

    Raises:
        ValueError: When ``x`` is not of a floating-point dtype.
    """
    order, argument, dtype = _doubles(nu, x)
    size = order.abs() if isinstance(order, Tensor) else abs(order)
    return _by_size(_uniform_log_kv, _small_log_kv, size, argument).to(dtype)


def kv_ratio(nu: float | Tensor, x: Tensor) -> Tensor:
    r"""Ratio of neighbouring orders, :math:`R_\nu(x) = K_\nu(x) / K_{\nu+1}(x)`.

    For :math:`\nu > -1/2` it grows from 0 to 1; it is 1 at :math:`\nu = -1/2` and
    :math:`x / (2\nu)` as x vanishes at :math:`\nu > 0`. Relative error 1e-15 in float64.

    Args:
        nu: The lower order, any real number or tensor. Dimensionless.
        x: Argument >= 1e-300, any shape that broadcasts with ``nu``. Dimensionless.

    Returns:
        A tensor of the broadcast shape, in the dtype of the arguments.

    Raises:
        ValueError: When ``x`` is not of a floating-point dtype.
    """
    order, argument, dtype = _doubles(nu, x)
    return _ratio(order, argument).to(dtype)


def log_matern(nu: float | Tensor, z: Tensor) -> Tensor:
    r"""Logarithm of the Matern function, 0 at z = 0 and falling.

    .. math:: \mathrm{Mat}_\nu(z) = \frac{2^{1-\nu}}{\Gamma(\nu)} z^\nu K_\nu(z), \qquad
        \frac{d}{dz} \log \mathrm{Mat}_\nu(z) = -\frac{K_{\nu-1}(z)}{K_\nu(z)}

    It is exp(-z) at :math:`\nu = 1/2`, and tends to :math:`e^{-z^2 / (4\nu)}` as the order grows.
    The logarithm has a relative error of 1e-15 in float64, also where it nearly vanishes.

    Args:
        nu: Order > 0, number or tensor. Dimensionless.
        z: Argument >= 0, any shape that broadcasts with ``nu``. Dimensionless.

    Returns:
        A tensor of the broadcast shape, in the dtype of the arguments.

    Raises:
        ValueError: When ``nu`` is a number <= 0, or ``z`` is not of a floating-point dtype.
    """
    order, argument, dtype = _doubles(nu, z)
    if not isinstance(order, Tensor):
        if not order > 0:
            raise ValueError(f"the Matern function has no order nu = {nu}: give nu > 0")
        if order >= _CLIMB:
            return _uniform_log_matern(order, argument).to(dtype)
    return _climbing_log_matern(order, argument, _ratio(order - 1, argument)).to(dtype)


def _stirling(a: Tensor) -> Tensor:
    return _horner(_STIRLING[0::2], 1 / a**2) / a


def log_gamma_ratio(a: float | Tensor, b: float | Tensor) -> Tensor:
    r"""Logarithm of :math:`\Gamma(a + b) / \Gamma(a)`, without cancellation at large a.

    Stirling's series (DLMF 5.11.1) is subtracted by formula from a = 16 on.

    Args:
        a: Number or tensor > 0. Dimensionless.
        b: Number or tensor >= 0 that broadcasts with ``a``. Dimensionless.

    Returns:
        A tensor of the broadcast shape; float64 where both arguments are numbers.
    """
    tensors = [value for value in (a, b) if isinstance(value, Tensor)]
    dtype = torch.result_type(tensors[0], tensors[-1]) if tensors else torch.float64
    device = tensors[0].device if tensors else None
    low, step = (torch.as_tensor(value, dtype=torch.float64, device=device) for value in (a, b))
    large = low >= _CLIMB
    x = torch.where(large, low, float(_CLIMB))
    growth = (x + step - 0.5) * torch.log1p(step / x) - step
    series = step * torch.log(x) + growth + (_stirling(x + step) - _stirling(x))
    y = torch.where(large, 1.0, low)
    return torch.where(large, series, torch.lgamma(y + step) - torch.lgamma(y)).to(dtype)
