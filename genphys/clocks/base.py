r"""The clock: a random variance S that turns data into noise, one scalar a sample in any dimension.

.. math::
    x = y + \sqrt{S}\, z, \qquad z \sim N(0, I_N), \quad S \sim \mathrm{law}(\sigma)

A kernel has a clock exactly if it is a density in every dimension. The marginal laws at two noise
scales do not fix how S at one depends on S at the other, and nothing here promises that.

A *law* is S at one noise scale per row: it samples S, knows its moments and density, and conditions
on a distance. Given :math:`|x - y|^2`, the law of S is tilted by the Gaussian density of that
distance; its normaliser is the kernel,

.. math::
    p(x|y) = \int (2\pi S)^{-N/2} e^{-|x-y|^2/2S}\, dF(S).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Clock", "Law", "Posterior"]


class Law(Protocol):
    """S at one noise scale per row; shapes are those of its parameters, () or (B,) or (B, n)."""

    def sample(self, generator: torch.Generator | None) -> Tensor:
        """One draw of S per row, float64."""

    def mean(self) -> Tensor:
        """E[S]; inf where it does not exist."""

    def inverse_mean(self) -> Tensor:
        """E[1/S]."""

    def log_variance(self) -> Tensor:
        """Var[log S], dimensionless: how random the noise level is."""

    def log_window(self) -> tuple[Tensor, Tensor]:
        """(low, high): log S lies between with all but 1e-18 of its mass."""

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density of S at ``value``, normalised to 1."""

    def log_kernel(self, distance2: Tensor, dim: int) -> Tensor:
        """log p(x|y) in ``dim`` dimensions at squared distance ``distance2``."""

    def given(self, distance2: Tensor, dim: int) -> Posterior:
        """The law of S given the squared distance."""


class Posterior(Protocol):
    """S given a distance, as far as targets and scales need it."""

    def mean(self) -> Tensor:
        """E[S | distance]; inf where it does not exist."""

    def inverse_mean(self) -> Tensor:
        """E[1/S | distance]."""


@dataclass(frozen=True)
class Clock:
    r"""The law of S as a function of sigma, for data of ``dim`` entries.

    Attributes:
        dim: N.
        law: sigma of any shape -> law of that shape.

    Units: S has the unit of the data squared, sigma that of the data.
    """

    dim: int
    law: Callable[[Tensor], Law]

    def sample(self, sigma: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One S per sigma, float64, shape of ``sigma``."""
        return self.law(sigma).sample(generator)

    def mean(self, sigma: Tensor) -> Tensor:
        """E[S], shape of ``sigma``; inf where it does not exist."""
        return self.law(sigma).mean()

    def log_prob(self, value: Tensor, sigma: Tensor) -> Tensor:
        """The log density of S at ``value``."""
        return self.law(sigma).log_prob(value.double())

    def posterior_mean(self, distance2: Tensor, sigma: Tensor) -> Tensor:
        r""":math:`E[S \mid |x - y|^2]`, shapes broadcast; inf where it does not exist."""
        return self.law(sigma).given(distance2.double(), self.dim).mean()
