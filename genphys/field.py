r"""What samplers and likelihoods take: the field of a data distribution, exact or learned.

A field answers, at a point x and a noise scale sigma,

.. math::
    D(x, \sigma) = E[y|x], \quad E[S|x], \quad v(x, \sigma) = E[v(x|y)|x], \quad
    \lambda(x, \sigma) = E[\lambda(x|y)|x],

averages over which datum y the particle at x came from. :class:`ExactField` knows the data and
averages over them; a trained :class:`~genphys.model.Model` has learned the averages. Both stand on
the same floor: a sampler cannot tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from genphys.clocks import Law
from genphys.clocks.quadrature import NODES
from genphys.data import Units
from genphys.process import Gauge, Process, over

__all__ = ["ExactField", "Field", "Start"]

_PAIRS = 4_000_000  # (row, reference) pairs held at once: 32 MB a float64 table


class Start(Protocol):
    """The law that sampling starts from and a likelihood ends at."""

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        r"""``n`` points, (n, \*), on the generator's device."""

    def log_density(self, x: Tensor) -> Tensor:
        """Log density in nats, (B,)."""


class Field(Protocol):
    r"""E[y|x] and what follows from it; x is (B, \*), sigma (B,) or (1,)."""

    @property
    def process(self) -> Process:
        """The process whose particles move in this field."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a datum."""

    @property
    def units(self) -> Units:
        """The map between the field's units and the data's own."""

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[y|x], like x."""

    def velocity(self, x: Tensor, sigma: Tensor, gauge: Gauge = "physical") -> Tensor:
        """dx/dsigma of the particles, like x, dimensionless."""

    def mean_clock(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[S|x], (B,)."""

    def rate(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Annihilation rate per unit sigma, (B,); 0 where R = 0."""

    def start(self, sigma: Tensor) -> Start:
        """The law to start from at this noise scale, a scalar tensor."""


@dataclass(frozen=True)
class _Averages:
    r"""Averages over the posterior of y given x: log p(x) (B,), E[f] (B,), E[f y] (B, N)."""

    log_density: Tensor
    scalar: Tensor
    vector: Tensor


class ExactField:
    r"""The field of the data themselves: no training, every average a sum over the data.

    .. math:: p(x|\sigma) = \sum_i w_i\, p(x|y_i, \sigma)

    Sums run over chunks of data with a running log-sum-exp, distances in float64, so memory does
    not grow with the data and nothing underflows.

    Args:
        process: The bound process; its ``dim`` is the number of entries of a datum.
        data: (n, \*), taken as given, in the units that sigma is in.
        weights: (n,), non-negative; equal where None. Normalised here.

    Raises:
        ValueError: When shapes do not fit, or data or weights are not finite.
    """

    def __init__(self, process: Process, data: Tensor, weights: Tensor | None = None) -> None:
        flat = data.flatten(1).double()
        if flat.shape[1] != process.dim:
            raise ValueError(
                f"data have {flat.shape[1]} entries each, the process has {process.dim}"
            )
        if not bool(torch.isfinite(flat).all()):
            raise ValueError("data hold values that are not finite")
        weights = torch.ones(len(data)) if weights is None else weights
        if weights.shape != data.shape[:1] or not bool(
            (weights >= 0).all() & weights.isfinite().all()
        ):
            raise ValueError("weights must be one non-negative, finite number per datum")
        kept = weights > 0  # a chunk of data without weight would have no peak
        if not bool(kept.any()):
            raise ValueError("at least one datum of positive weight is needed")
        weights, kept = weights[kept].double(), kept.to(data.device)
        self.process, self.data, self._flat = process, data[kept], flat[kept]
        self._log_weights = (weights / weights.sum()).log().to(data.device)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a datum."""
        return tuple(self.data.shape[1:])

    @property
    def units(self) -> Units:
        """The identity: data are taken as given."""
        return Units.identity()

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[y|x], like x."""
        return self._average(x, sigma).vector.reshape(x.shape).to(x.dtype)

    def mean_clock(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[S|x], (B,), in the unit of the data squared; inf where it does not exist."""
        dim = self.process.dim
        found = self._average(x, sigma, lambda law, square, _: law.given(square, dim).mean())
        return found.scalar.to(x.dtype)

    def rate(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Annihilation rate per unit sigma, (B,)."""
        if self.process.uniform:  # then no clock is asked for, whose mean may not exist
            return self.process.rate_from_clock(x.new_zeros(len(x)), sigma)
        return self.process.rate_from_clock(self.mean_clock(x, sigma), sigma)

    def velocity(self, x: Tensor, sigma: Tensor, gauge: Gauge = "physical") -> Tensor:
        """dx/dsigma, like x."""
        if self.process.straight(gauge):
            ray = self.process.ray(sigma).to(x.dtype)
            return (x - self.denoise(x, sigma)) * over(ray, x)
        found = self._average(
            x, sigma, lambda _, square, s: self.process.balanced_ray(square, s), NODES
        )
        flow = x.flatten(1).double() * found.scalar[:, None] - found.vector
        return flow.reshape(x.shape).to(x.dtype)

    def log_density(self, x: Tensor, sigma: Tensor) -> Tensor:
        """log p(x|sigma) in nats, (B,), float64, of the normalised law."""
        return self._average(x, sigma).log_density

    def start(self, sigma: Tensor) -> Start:
        """Its own law at sigma: a datum and a draw of its kernel."""
        return _ExactStart(self, sigma.reshape(1))

    def _average(
        self,
        x: Tensor,
        sigma: Tensor,
        weigh: Callable[[Law, Tensor, Tensor], Tensor] | None = None,
        tables: int = 1,
    ) -> _Averages:
        """Averages over the posterior, weighed by f = ``weigh(law, distance², sigma)`` or 1.

        ``tables`` is how many numbers a pair takes while f is computed.
        """
        flat = x.flatten(1).double()
        scale = sigma.double().reshape(-1, 1)
        law = self.process.clock.law(scale)
        peak = flat.new_full((len(x), 1), -math.inf)
        total, scalar, vector = (
            torch.zeros_like(peak),
            torch.zeros_like(peak),
            torch.zeros_like(flat),
        )
        for data, log_weights in self._chunks(len(x) * tables):
            square = _squares(flat, data)
            logit = log_weights + law.log_kernel(square, self.process.dim)
            above = torch.maximum(peak, logit.amax(1, keepdim=True))
            fade, weight = torch.exp(peak - above), torch.exp(logit - above)
            total = total * fade + weight.sum(1, keepdim=True)
            if weigh is not None:
                weight = torch.where(weight == 0, weight, weight * weigh(law, square, scale))
            scalar = scalar * fade + weight.sum(1, keepdim=True)
            vector, peak = vector * fade + weight @ data, above
        return _Averages((peak + total.log())[:, 0], (scalar / total)[:, 0], vector / total)

    def _chunks(self, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
        size = max(1, _PAIRS // max(1, rows))
        return zip(torch.split(self._flat, size), torch.split(self._log_weights, size), strict=True)


def _squares(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances, (B, n), by one matrix product; float64 keeps their differences."""
    cross = torch.addmm(y.square().sum(1), x, y.T, alpha=-2)
    return (cross + x.square().sum(1, keepdim=True)).clamp_min_(0)


@dataclass(frozen=True)
class _ExactStart:
    field: ExactField
    sigma: Tensor

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        weights = self.field._log_weights.exp().cpu()
        device = "cpu" if generator is None else generator.device
        index = torch.multinomial(weights.to(device), n, replacement=True, generator=generator)
        y = self.field.data[index.to(self.field.data.device)].to(device)
        return self.field.process.sample(y, self.sigma.to(device).expand(n), generator)

    def log_density(self, x: Tensor) -> Tensor:
        return self.field.log_density(x, self.sigma)
