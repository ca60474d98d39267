r"""The positive stable law, the clock of fractional diffusion.

It has :math:`E[e^{-\theta S}] = e^{-c\theta^\alpha}`. Its density is an integral
(Zolotarev 1986, Chambers, Mallows and Stuck 1976, Kanter 1975),

.. math::
    f(x) = \frac{\alpha}{1-\alpha} \frac{x^{-1/(1-\alpha)}}{\pi} \int_0^\pi
        a(u)\, e^{-a(u)\, x^{-\alpha/(1-\alpha)}} du, \qquad
    a(u) = \frac{\sin((1-\alpha)u) \sin(\alpha u)^{\alpha/(1-\alpha)}}{\sin(u)^{1/(1-\alpha)}},

and :math:`X = (a(U)/E)^{(1-\alpha)/\alpha}` with U uniform on (0, pi) and E exponential draws it.
Far out the integrand crowds at u = pi; there the density is its series (Humbert 1945),

.. math:: f(x) = \frac{1}{\pi} \sum_{n \ge 1} (-1)^{n+1} \frac{\Gamma(n\alpha+1)}{n!}
    \sin(\pi n \alpha)\, x^{-n\alpha-1} .
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genphys.clocks.quadrature import Given

__all__ = ["PositiveStable"]

_ANGLES = 128
_FAR = 1.3  # up to here the integral errs by 1e-9 at alpha = 0.9 (3e-6 at 0.95), beyond the series
_TERMS = 150
_PAIRS = 512  # distances at once: a table of 128 angles and 400 nodes each, 200 MB


@dataclass(frozen=True)
class PositiveStable:
    """S = c^(1/alpha) X with X positive stable of index alpha.

    Args:
        index: alpha in (0, 1), dimensionless.
        scale: c > 0, one a row.
    """

    index: float
    scale: Tensor

    @property
    def _unit(self) -> Tensor:
        return self.scale ** (1 / self.index)

    def sample(self, generator: torch.Generator | None) -> Tensor:
        """Kanter's two uniforms."""
        draw = torch.rand(
            2, *self.scale.shape, generator=generator, dtype=torch.float64, device=self.scale.device
        )
        angle, level = math.pi * (1 - draw[0]), -torch.log1p(-draw[1])
        power = (1 - self.index) / self.index
        return self._unit * torch.exp(power * (self._log_a(angle) - level.log()))

    def mean(self) -> Tensor:
        """Infinite."""
        return torch.full_like(self.scale, math.inf)

    def inverse_mean(self) -> Tensor:
        """Gamma(1 + 1/alpha) c^(-1/alpha)."""
        return math.gamma(1 + 1 / self.index) / self._unit

    def log_variance(self) -> Tensor:
        """(1/alpha² - 1) pi²/6: log X is a difference of log-exponentials."""
        return torch.full_like(self.scale, (1 / self.index**2 - 1) * math.pi**2 / 6)

    def log_window(self, dim: int = 0) -> tuple[Tensor, Tensor]:
        r"""Where log S has all but 1e-18 of its mass, as (low, high).

        With ``dim`` > 0 also where it has it once tilted by :math:`S^{-dim/2}`. The tail at 0 is
        exp(-y) with y = a(0) x^-b, b = alpha / (1 - alpha): the tilted one peaks at y = dim/2b.
        """
        alpha = self.index
        least = (1 - alpha) * alpha ** (alpha / (1 - alpha))  # a(0)
        peak = dim / 2 * (1 - alpha) / alpha
        low = -(1 - alpha) / alpha * math.log((peak + math.sqrt(90 * peak) + 45) / least)
        return self._unit.log() + low, self._unit.log() + 45 / alpha

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density at ``value``: Gauss-Legendre over the angle, or the series."""
        log_x = value.log() - self._unit.log()
        far = log_x > math.log(_FAR)
        near = self._integral(torch.where(far, 0.0, log_x))
        series = self._series(torch.where(far, log_x, math.log(_FAR)))
        return torch.where(far, series, near) - self._unit.log()

    def log_kernel(self, distance2: Tensor, dim: int) -> Tensor:
        """The symmetric stable density in ``dim`` dimensions, by quadrature over log S."""
        if distance2.numel() <= _PAIRS:
            return self.given(distance2, dim).log_evidence()
        square = distance2 + torch.zeros_like(self.scale)
        scale = self.scale + torch.zeros_like(square)
        parts = zip(
            torch.split(scale.reshape(-1), _PAIRS),
            torch.split(square.reshape(-1), _PAIRS),
            strict=True,
        )
        pieces = [PositiveStable(self.index, c).log_kernel(d, dim) for c, d in parts]
        return torch.cat(pieces).reshape(square.shape)

    def given(self, distance2: Tensor, dim: int) -> Given:
        """The law of S given a squared distance, by quadrature."""
        return Given(self, distance2, dim, has_mean=self.index + dim / 2 > 1)

    def _integral(self, log_x: Tensor) -> Tensor:
        alpha = self.index
        angle, weight = (
            torch.as_tensor(part, dtype=log_x.dtype, device=log_x.device).reshape(
                -1, *[1] * log_x.dim()
            )
            for part in np.polynomial.legendre.leggauss(_ANGLES)
        )
        log_a = self._log_a(math.pi / 2 * (1 + angle))
        terms = log_a - torch.exp(log_a - alpha / (1 - alpha) * log_x) + torch.log(weight / 2)
        return math.log(alpha / (1 - alpha)) - log_x / (1 - alpha) + torch.logsumexp(terms, 0)

    def _series(self, log_x: Tensor) -> Tensor:
        alpha, total = self.index, torch.zeros_like(log_x)
        power = torch.exp(-alpha * log_x)
        for n in range(_TERMS, 0, -1):  # Horner's rule in x^-alpha
            ratio = math.exp(math.lgamma(n * alpha + 1) - math.lgamma(n + 1))
            total = total * power - (-1) ** n * ratio * math.sin(math.pi * n * alpha)
        return torch.log(total / math.pi) - (1 + alpha) * log_x

    def _log_a(self, angle: Tensor) -> Tensor:
        alpha = self.index
        return (
            torch.log(torch.sin((1 - alpha) * angle))
            + alpha / (1 - alpha) * torch.log(torch.sin(alpha * angle))
            - torch.log(torch.sin(angle)) / (1 - alpha)
        )
