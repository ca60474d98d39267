r"""Exact draws from the generalised inverse Gaussian law at every order and argument.

The logarithm X of a GIG variable over its mode has the log-concave density

.. math:: \propto e^{\psi(x)}, \qquad
    \psi(x) = -\alpha(\cosh x - 1) - \lambda(e^x - x - 1), \quad
    \alpha = \sqrt{\omega^2 + \lambda^2} - \lambda .

Rejection from a flat top with exponential tails accepts more than 0.4 of its proposals for every
order and omega. Thinning the Poisson clock instead accepts M(r), which underflows.
Source: L. Devroye, Random variate generation for the generalized inverse Gaussian distribution,
Statistics and Computing 24 (2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["gig_exponent"]


def gig_exponent(order: float, alpha: Tensor, generator: torch.Generator | None) -> Tensor:
    """X for GIG variables of order ``order`` >= 0: the variable is its mode times e^X.

    Args:
        order: lambda >= 0.
        alpha: hypot(omega, lambda) - lambda, positive, any shape, float64.
        generator: Random state.

    Returns:
        X with the shape of ``alpha``.
    """
    envelope = _Envelope.of(order, alpha.reshape(-1))
    result = torch.empty_like(envelope.alpha)
    pending = torch.arange(result.numel(), device=alpha.device)
    while pending.numel():
        part = envelope.at(pending)
        value, accepted = part.propose(generator)
        result[pending[accepted]] = value[accepted]
        pending = pending[~accepted]
    return result.reshape(alpha.shape)


@dataclass(frozen=True)
class _Envelope:
    """Break points -s and t of the envelope and its slopes there, one per row."""

    order: float
    alpha: Tensor
    s: Tensor
    t: Tensor

    @classmethod
    def of(cls, order: float, alpha: Tensor) -> _Envelope:
        ones = torch.ones_like(alpha)
        right, left = -_psi(order, alpha, ones), -_psi(order, alpha, -ones)
        t = torch.where(right < 0.5, (4 / (alpha + 2 * order)).log(), ones)
        t = torch.where(right > 2, (2 / (alpha + order)).sqrt(), t)
        inverse = 1 / alpha
        short = torch.log1p(inverse + (inverse**2 + 2 * inverse).sqrt())
        if order > 0:
            short = short.clamp(max=1 / order)
        s = torch.where(left < 0.5, short, ones)
        s = torch.where(left > 2, (4 / (alpha * math.cosh(1) + order)).sqrt(), s)
        return cls(order, alpha, s, t)

    def at(self, index: Tensor) -> _Envelope:
        return _Envelope(self.order, self.alpha[index], self.s[index], self.t[index])

    def propose(self, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """One proposal a row, and whether it is accepted."""
        eta, zeta = -_psi(self.order, self.alpha, self.t), -_slope(self.order, self.alpha, self.t)
        theta, xi = -_psi(self.order, self.alpha, -self.s), _slope(self.order, self.alpha, -self.s)
        p, r = 1 / xi, 1 / zeta
        low, high = -(self.s - p * theta), self.t - r * eta
        q = high - low
        # rand is in [0, 1): 1 - rand is never 0, so the logarithms are finite.
        which, where, level = 1 - torch.rand(
            3,
            self.alpha.numel(),
            generator=generator,
            dtype=torch.float64,
            device=self.alpha.device,
        )
        share = which * (p + q + r)
        tail = -where.log()
        value = torch.where(share <= q, low + q * where, high + r * tail)
        value = torch.where(share > q + r, low - p * tail, value)
        bound = torch.where(value > high, -eta - zeta * (value - self.t), torch.zeros_like(value))
        bound = torch.where(value < low, -theta + xi * (value + self.s), bound)
        return value, level.log() + bound <= _psi(self.order, self.alpha, value)


def _psi(order: float, alpha: Tensor, x: Tensor) -> Tensor:
    return -alpha * 2 * torch.sinh(x / 2) ** 2 - order * (torch.expm1(x) - x)


def _slope(order: float, alpha: Tensor, x: Tensor) -> Tensor:
    return -alpha * torch.sinh(x) - order * torch.expm1(x)
