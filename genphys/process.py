r"""Numbers bound: a derived process in torch.

Everything downstream speaks one noise scale sigma, with :math:`1/\sigma^2 = E[1/S]`; the progress
variable r (or t) of the equation is a function of it. All methods broadcast over a batch: x and y
of shape (B, \*), sigma of shape (B,). Scalars per row are computed in float64, whatever x is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from genphys.clocks import Clock, Law
from genphys.clocks.quadrature import nodes, span

if TYPE_CHECKING:
    from genphys.derivation import Derivation

__all__ = ["Gauge", "Process", "Scale", "distance2", "over"]

Gauge = Literal["physical", "balanced"]
Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Process:
    """A process with numbers, for data of ``dim`` entries.

    Attributes:
        derivation: Where it comes from.
        dim: N, the number of entries of a datum.
        parameters: The numbers, by name.
        annihilates: Whether R != 0: particles are lost on the way to the noise.
        uniform: Whether R/p is the same everywhere, so that losses change no law.
        law_at: The law of S at a progress.
        scale: sigma as a function of the progress.
        log_mass_at: log M at a progress.
        ray_at: c with v = (x - y) c per unit progress, None where rays are not straight.
        rate_at: (a0, a1) with rate a0 + a1 E[S|x] per unit progress, None where it is not so.

    Example:
        >>> from genphys.potentials.pfgmpp import Pfgmpp
        >>> process = Pfgmpp(D=8).bind(dim=2)
        >>> process.progress(torch.tensor([1.0, 2.0]))  # r = sigma sqrt(D)
        tensor([2.8284, 5.6569])
    """

    derivation: Derivation
    dim: int
    parameters: Mapping[str, float]
    annihilates: bool
    uniform: bool
    law_at: Callable[[Tensor], Law]
    scale: Scale
    log_mass_at: Function
    ray_at: Function | None
    rate_at: tuple[Function, Function] | None

    @property
    def clock(self) -> Clock:
        """The law of S as a function of sigma."""
        return Clock(self.dim, lambda sigma: self.law_at(self.scale.progress(sigma.double())))

    def sigma(self, progress: Tensor) -> Tensor:
        """The noise scale at a progress r or t, in the unit of the data."""
        return self.scale.sigma(progress.double()).to(progress.dtype)

    def progress(self, sigma: Tensor) -> Tensor:
        """The progress r or t at a noise scale; the inverse of :meth:`sigma`."""
        return self.scale.progress(sigma.double()).to(sigma.dtype)

    def sample(self, y: Tensor, sigma: Tensor, generator: torch.Generator | None = None) -> Tensor:
        r"""Noisy data :math:`x = y + \sqrt{S} z` from the kernel around y, normalised to mass 1.

        Args:
            y: Data, (B, \*).
            sigma: Noise scale, (B,).
            generator: Random state, of y's device.

        Returns:
            x like y. The clock is drawn in float64.
        """
        noise = torch.randn(y.shape, generator=generator, dtype=y.dtype, device=y.device)
        root = self.clock.sample(sigma, generator).sqrt().to(y.dtype)
        return torch.addcmul(y, noise, over(root, y))

    def log_density(self, x: Tensor, y: Tensor, sigma: Tensor) -> Tensor:
        r"""Log of the normalised kernel p(x|y) in nats, (B,); units 1 / (unit of the data)^N."""
        return self.clock.law(sigma).log_kernel(distance2(x, y), self.dim).to(x.dtype)

    def log_mass(self, sigma: Tensor) -> Tensor:
        """log M, the fraction of particles left at sigma; dimensionless, 0 where R = 0."""
        return self.log_mass_at(self.scale.progress(sigma.double())).to(sigma.dtype)

    def velocity(self, x: Tensor, y: Tensor, sigma: Tensor, gauge: Gauge = "physical") -> Tensor:
        r"""dx/dsigma of the particles of one charge at y, dimensionless, like x.

        ``gauge="physical"`` is J/p of the equation. ``gauge="balanced"`` is the one isotropic
        velocity that carries the normalised kernel without births,
        :math:`-\partial_r F / \partial_R F` with F the radial distribution function.

        Raises:
            ValueError: For an unknown gauge, or a physical velocity without a closed form.
        """
        if self.straight(gauge):
            rate = self.ray(sigma)
        else:
            rate = self.balanced_ray(distance2(x, y), sigma)
        return (x - y) * over(rate.to(x.dtype), x)

    def straight(self, gauge: Gauge = "physical") -> bool:
        """Whether one charge drives particles along v = (x - y) c(sigma) in this gauge.

        Raises:
            ValueError: For an unknown gauge, or a physical velocity without a closed form.
        """
        if gauge not in ("physical", "balanced"):
            raise ValueError(f"gauge={gauge!r}: it is 'physical' or 'balanced'")
        if gauge == "physical" and self.ray_at is None and self.annihilates:
            raise ValueError(
                "the physical velocity of this process has no closed form: use gauge='balanced'"
            )
        return self.ray_at is not None and (gauge == "physical" or self.uniform)

    def ray(self, sigma: Tensor) -> Tensor:
        r"""c(sigma) with dx/dsigma = (x - y) c, float64, (B,); 1/sigma for Poisson and heat."""
        if self.ray_at is None:
            raise ValueError("rays are not straight for this process")
        progress = self.scale.progress(sigma.double())
        return self.ray_at(progress) / self.scale.slope(progress)

    def rate(self, x: Tensor, y: Tensor, sigma: Tensor) -> Tensor:
        """Annihilation rate per unit sigma for one charge at y, (B,), in 1 / (unit of the data).

        Towards the noise; the same numbers are births on the way back. 0 where R = 0.

        Raises:
            ValueError: When the rate has no closed form for this process.
        """
        if self.uniform:  # then no clock is asked for, whose mean may not exist
            return self.rate_from_clock(x.new_zeros(len(x)), sigma)
        return self.rate_from_clock(self.mean_clock(x, y, sigma), sigma)

    def mean_clock(self, x: Tensor, y: Tensor, sigma: Tensor) -> Tensor:
        """E[S | x, y], (B,), in the unit of the data squared; inf where it does not exist."""
        return self.clock.posterior_mean(distance2(x, y), sigma).to(x.dtype)

    def rate_from_clock(self, mean_clock: Tensor, sigma: Tensor) -> Tensor:
        """The annihilation rate per unit sigma from E[S|x]: a0 + a1 E[S|x], (B,)."""
        if self.rate_at is None:
            raise ValueError("the annihilation rate of this process has no closed form")
        progress = self.scale.progress(sigma.double())
        uniform, slope = (part(progress) for part in self.rate_at)
        moving = torch.where(slope == 0, torch.zeros_like(mean_clock), slope * mean_clock)
        return ((uniform + moving) / self.scale.slope(progress)).to(mean_clock.dtype)

    def balanced_ray(self, square: Tensor, sigma: Tensor) -> Tensor:
        r"""c with v = (x - y) c: the radial distribution function's flow, by quadrature over log S.

        :math:`F(R) = E[P(N/2, R^2/2S)]` with P the regularised incomplete gamma function, so only
        the law's density is differentiated along the progress. P is a step of width
        :math:`\sqrt{2/N}` in log S: the nodes crowd there.
        """
        progress = self.scale.progress(sigma.double())
        square = torch.maximum(square, 1e-16 * sigma.double().square())
        centre, width = (square / self.dim).log(), math.sqrt(2 / self.dim)
        law = self.law_at(progress)
        low, high = span(law, law.given(square, self.dim))  # type: ignore[arg-type]
        tau, step = nodes(((low - centre) / width).asinh(), ((high - centre) / width).asinh())
        u = centre + width * torch.sinh(tau)

        def log_density(progress: Tensor) -> Tensor:
            return self.law_at(progress).log_prob(u.exp()) + u

        value, slope = torch.func.jvp(log_density, (progress,), (torch.ones_like(progress),))[:2]
        area = math.log(2) + self.dim / 2 * math.log(math.pi) - math.lgamma(self.dim / 2)
        log_radial = area + self.dim / 2 * square.log() + law.log_kernel(square, self.dim)
        change = slope * torch.exp(value - log_radial + self._log_tail(square, sigma, u))
        change = (change * width * torch.cosh(tau)).sum(0) * step
        change = torch.where(square > self.dim * sigma.square(), -change, change)
        return -change / self.scale.slope(progress)

    def _log_tail(self, square: Tensor, sigma: Tensor, u: Tensor) -> Tensor:
        """log P(|x - y|² < square) given log S, or log of 1 - that, whichever tail is small."""
        half, scaled = torch.full_like(u, self.dim / 2), square * torch.exp(-u) / 2
        below, above = torch.special.gammainc(half, scaled), torch.special.gammaincc(half, scaled)
        return torch.where(square > self.dim * sigma.square(), above, below).log()


@dataclass(frozen=True)
class Scale:
    """sigma as a function of the progress, its slope, and its inverse; all float64."""

    sigma: Function
    slope: Function
    progress: Function


def over(scalar: Tensor, x: Tensor) -> Tensor:
    r"""A scalar per row, (B,), shaped to multiply x, (B, \*)."""
    return scalar.reshape(scalar.shape + (1,) * (x.dim() - scalar.dim()))


def distance2(x: Tensor, y: Tensor) -> Tensor:
    """Squared distance between rows, (B,), float64."""
    return (x.double() - y.double()).flatten(1).square().sum(1)
