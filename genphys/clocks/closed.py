r"""The laws of S that are known in closed form.

Parameters are float64 tensors, one entry a row. ``InverseGamma`` is Poisson's clock r²/chi²_D,
``GIG`` is Yukawa's; a = 0 of the latter is the former, and both stay in their family when
conditioned on a distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genphys.clocks.quadrature import moments_of_log
from genphys.clocks.sampling import gig_exponent
from genphys.special import kv_ratio, log_gamma_ratio, log_kv, log_matern

__all__ = ["GIG", "InverseGamma", "PointMass"]

_LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class PointMass:
    """S is the number ``variance``: the Gaussian kernel of the heat equation."""

    variance: Tensor

    def sample(self, generator: torch.Generator | None) -> Tensor:
        """The variance itself."""
        return self.variance

    def mean(self) -> Tensor:
        """The variance itself."""
        return self.variance

    def inverse_mean(self) -> Tensor:
        """One over the variance."""
        return 1 / self.variance

    def log_variance(self) -> Tensor:
        """0: nothing is random."""
        return torch.zeros_like(self.variance)

    def log_window(self) -> tuple[Tensor, Tensor]:
        """The point itself, twice."""
        return self.variance.log(), self.variance.log()

    def log_prob(self, value: Tensor) -> Tensor:
        """There is none.

        Raises:
            ValueError: Always.
        """
        raise ValueError("S is not random for this process: it has no density")

    def log_kernel(self, distance2: Tensor, dim: int) -> Tensor:
        """The Gaussian density."""
        return -0.5 * (dim * (_LOG_2PI + self.variance.log()) + distance2 / self.variance)

    def given(self, distance2: Tensor, dim: int) -> PointMass:
        """Itself: a distance says nothing new."""
        return PointMass(self.variance + torch.zeros_like(distance2))


@dataclass(frozen=True)
class InverseGamma:
    r"""Density :math:`b^a / \Gamma(a)\, S^{-a-1} e^{-b/S}`: S = b / Gamma(a).

    Args:
        shape: a > 0, dimensionless; D/2 for the Poisson equation.
        scale: b > 0, in units of S; r²/2 for the Poisson equation.
    """

    shape: float
    scale: Tensor

    def sample(self, generator: torch.Generator | None) -> Tensor:
        """Scale over a Gamma draw (chi-squared over 2), never clipped."""
        shape = torch.full_like(self.scale, self.shape)
        return self.scale / torch._standard_gamma(shape, generator=generator)

    def mean(self) -> Tensor:
        """b / (a - 1); inf for a <= 1."""
        return self.scale / (self.shape - 1) if self.shape > 1 else self.scale * math.inf

    def inverse_mean(self) -> Tensor:
        """a / b."""
        return self.shape / self.scale

    def log_variance(self) -> Tensor:
        """The trigamma function at a; about 1/a."""
        value = torch.special.polygamma(1, torch.tensor(self.shape, dtype=torch.float64))
        return torch.full_like(self.scale, float(value))

    def log_window(self) -> tuple[Tensor, Tensor]:
        """Where log S has all but 1e-18 of its mass, as (low, high)."""
        return _window((self.scale / self.shape).log(), self.shape, torch.zeros_like(self.scale))

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density at ``value``."""
        a, b = self.shape, self.scale
        return a * b.log() - math.lgamma(a) - (a + 1) * value.log() - b / value

    def log_kernel(self, distance2: Tensor, dim: int) -> Tensor:
        """The multivariate Student t density of 2a degrees of freedom."""
        a, b, half = self.shape, self.scale, dim / 2
        constant = log_gamma_ratio(a, half) - half * _LOG_2PI
        return constant - half * b.log() - (a + half) * torch.log1p(distance2 / (2 * b))

    def given(self, distance2: Tensor, dim: int) -> InverseGamma:
        """InverseGamma(a + N/2, b + distance²/2)."""
        return InverseGamma(self.shape + dim / 2, self.scale + distance2 / 2)


@dataclass(frozen=True)
class GIG:
    r"""Density proportional to :math:`S^{-\nu-1} e^{-(a S + b/S)/2}`: Yukawa's clock.

    Args:
        order: nu > 0, dimensionless; D/2 for Yukawa.
        decay: a > 0, in 1 / units of S; the mass squared for Yukawa.
        scale: b > 0, in units of S; r² for Yukawa.
    """

    order: float
    decay: Tensor
    scale: Tensor

    @property
    def _omega(self) -> Tensor:
        return (self.decay * self.scale).sqrt()

    @property
    def _alpha(self) -> Tensor:
        """hypot(omega, nu) - nu, without its cancellation."""
        hypotenuse = torch.hypot(self._omega, torch.full_like(self._omega, self.order))
        return self._omega.square() / (hypotenuse + self.order)

    @property
    def _mode(self) -> Tensor:
        """The mode of log S, exponentiated."""
        return self.scale / (2 * self.order + self._alpha)

    def sample(self, generator: torch.Generator | None) -> Tensor:
        r"""Exact rejection from a log-concave envelope in log S, fast at every order and omega."""
        return self._mode * torch.exp(-gig_exponent(self.order, self._alpha, generator))

    def mean(self) -> Tensor:
        r""":math:`\sqrt{b/a}\, K_{\nu-1}(\omega)/K_\nu(\omega)`."""
        return (self.scale / self.decay).sqrt() * kv_ratio(self.order - 1, self._omega)

    def inverse_mean(self) -> Tensor:
        r""":math:`\sqrt{a/b}\, K_{\nu+1}(\omega)/K_\nu(\omega)`."""
        return (self.decay / self.scale).sqrt() / kv_ratio(self.order, self._omega)

    def log_variance(self) -> Tensor:
        """By quadrature over log S."""
        return moments_of_log(self)[1]

    def log_window(self) -> tuple[Tensor, Tensor]:
        """Where log S has all but 1e-18 of its mass, as (low, high)."""
        return _window(self._mode.log(), self.order, self._alpha)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density at ``value``."""
        a, b, nu = self.decay, self.scale, self.order
        constant = -nu / 2 * (a / b).log() - math.log(2) - log_kv(nu, self._omega)
        return constant - (nu + 1) * value.log() - (a * value + b / value) / 2

    def log_kernel(self, distance2: Tensor, dim: int) -> Tensor:
        r"""The Poisson kernel times :math:`\mathrm{Mat}_{\nu+N/2}(m\rho)/\mathrm{Mat}_\nu(m r)`."""
        poisson = InverseGamma(self.order, self.scale / 2).log_kernel(distance2, dim)
        outer = (self.decay * (self.scale + distance2)).sqrt()
        kept = log_matern(self.order + dim / 2, outer) - log_matern(self.order, self._omega)
        return poisson + kept

    def given(self, distance2: Tensor, dim: int) -> GIG:
        """GIG of order nu + N/2 with b + distance²."""
        return GIG(self.order + dim / 2, self.decay, self.scale + distance2)


def _window(mode: Tensor, order: float, alpha: Tensor) -> tuple[Tensor, Tensor]:
    r"""Where log S falls by less than e^-45 from its mode.

    At a distance w above the mode it has fallen by
    :math:`\alpha(\cosh w - 1) + \nu(e^{-w} + w - 1)`, below by
    :math:`\alpha(\cosh w - 1) + \nu(e^w - w - 1)`; each summand alone bounds w.
    """
    by_alpha = torch.acosh(1 + 45 / alpha)  # inf at alpha = 0
    spread = 45 / order + math.sqrt(90 / order)
    return mode - by_alpha.clamp(max=math.log1p(spread)), mode + by_alpha.clamp(max=spread + 1)
