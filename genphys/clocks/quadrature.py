r"""What can be had of any law of S by integrating over u = log S.

The trapezoid rule on an infinite line converges geometrically for smooth integrands, so a few
hundred nodes give close to machine precision. An integrand may be very narrow (N = 3072): a coarse
pass finds its peak, a fine one integrates there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = [
    "NODES",
    "Given",
    "Tilted",
    "Windowed",
    "integrate",
    "log_gaussian",
    "moments_of_log",
    "nodes",
    "span",
]

NODES = 400
_DROP = 45.0  # exp(-45) = 3e-20: what the fine pass leaves out


class Windowed(Protocol):
    """A law with a density and a window: log S lies in it with all but 1e-18 of the mass."""

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density of S."""

    def log_window(self) -> tuple[Tensor, Tensor]:
        """The window, (low, high)."""


class Tilted(Windowed, Protocol):
    """A law that also knows its window once tilted by S^(-dim/2)."""

    def log_window(self, dim: int = 0) -> tuple[Tensor, Tensor]:
        """The window, (low, high)."""


def span(*laws: Windowed) -> tuple[Tensor, Tensor]:
    """One window that holds those of all laws."""
    lows, highs = zip(*(law.log_window() for law in laws), strict=True)
    low, high = lows[0], highs[0]
    for other in range(1, len(laws)):
        low, high = torch.minimum(low, lows[other]), torch.maximum(high, highs[other])
    return low, high


def nodes(low: Tensor, high: Tensor, count: int = NODES) -> tuple[Tensor, Tensor]:
    """(nodes, spacing) of an even grid: shapes (count, *) and (*)."""
    grid = torch.arange(count, dtype=low.dtype, device=low.device).reshape(-1, *[1] * low.dim())
    spacing = (high - low) / (count - 1)
    return low + spacing * grid, spacing


def integrate(
    log_integrand: Callable[[Tensor], Tensor], low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """log of the integral over u in (low, high), with the nodes and normalised weights.

    Returns:
        (log integral (*), u (n, *), weights (n, *) that sum to 1 over the nodes).
    """
    coarse, step = nodes(low, high)
    value = log_integrand(coarse)
    inside = value > value.amax(0) - _DROP
    low = torch.where(inside, coarse, math.inf).amin(0) - step
    high = torch.where(inside, coarse, -math.inf).amax(0) + step
    fine, step = nodes(low, high)
    value = log_integrand(fine)
    total = torch.logsumexp(value, 0)
    return total + step.log(), fine, torch.exp(value - total)


def log_gaussian(u: Tensor, distance2: Tensor, dim: int) -> Tensor:
    """The log density of a Gaussian of variance e^u in ``dim`` dimensions at a squared distance."""
    return -0.5 * (dim * (math.log(2 * math.pi) + u) + distance2 * torch.exp(-u))


def moments_of_log(law: Windowed) -> tuple[Tensor, Tensor]:
    """(mean, variance) of log S."""
    _, u, weights = integrate(lambda u: law.log_prob(u.exp()) + u, *law.log_window())
    mean = (weights * u).sum(0)
    return mean, (weights * (u - mean) ** 2).sum(0)


@dataclass(frozen=True)
class Given:
    """The law of S given a squared distance, for a law without a closed form."""

    law: Tilted
    distance2: Tensor
    dim: int
    has_mean: bool = True

    def log_evidence(self) -> Tensor:
        """The log kernel: the density of the distance, S integrated out."""
        return self._integrate()[0]

    def mean(self) -> Tensor:
        """E[S | distance]; inf where it does not exist."""
        _, u, weights = self._integrate()
        return (weights * u.exp()).sum(0) if self.has_mean else torch.full_like(u[0], math.inf)

    def inverse_mean(self) -> Tensor:
        """E[1/S | distance]."""
        _, u, weights = self._integrate()
        return (weights * torch.exp(-u)).sum(0)

    def _integrate(self) -> tuple[Tensor, Tensor, Tensor]:
        low, high = self.law.log_window(self.dim)
        far = torch.log(self.distance2.clamp_min(1e-300) / self.dim) + 5  # where the Gaussian peaks
        high = torch.maximum(high, far)
        low, high = low.expand(high.shape), high

        def log_integrand(u: Tensor) -> Tensor:
            return self.law.log_prob(u.exp()) + u + log_gaussian(u, self.distance2, self.dim)

        return integrate(log_integrand, low, high)
