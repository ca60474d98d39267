r"""Heat: diffusion of the data density, the process behind diffusion models."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from genphys import Potential
from genphys.pde import Laplacian, field, t, x

__all__ = ["Heat"]


@dataclass(frozen=True)
class Heat(Potential):
    r"""Heat equation: diffusion models, EDM's process [1].

    .. math:: \partial_t \phi = \Delta_x \phi

    The kernel is Gaussian of variance :math:`\sigma^2 = 2 t`. It is the limit :math:`D \to \infty`
    of the Poisson equation in N + D dimensions at fixed sigma.

    References:
        [1] Elucidating the Design Space of Diffusion-Based Generative Models. Karras et al., 2022,
            arXiv:2206.00364.
    """

    def equation(self) -> sp.Eq:
        """The heat equation for a field over time."""
        phi = field(t)
        return sp.Eq(phi.diff(t), Laplacian(phi, x))
