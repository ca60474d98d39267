r"""PFGM++: electrostatics with D augmented dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from genphys import Potential
from genphys.pde import Laplacian, field, r, source, x, z

__all__ = ["Pfgmpp"]


@dataclass(frozen=True)
class Pfgmpp(Potential):
    r"""Poisson equation in N + D dimensions: PFGM++ [1].

    .. math:: \Delta_x \phi + \Delta_z \phi = -\rho, \qquad r = |z|

    The kernel is a multivariate Student t with D degrees of freedom and scale
    :math:`\sigma = r / \sqrt{D}`. D = 1 is PFGM; D -> oo at fixed sigma is diffusion.

    Args:
        D: Number of augmented dimensions, any positive real. Dimensionless.

    Raises:
        ValueError: When bound with ``D <= 0``.

    References:
        [1] PFGM++: Unlocking the Potential of Physics-Inspired Generative Models. Xu et al., 2023,
            arXiv:2302.04265.
    """

    D: float = 128.0

    def equation(self) -> sp.Eq:
        """Poisson's equation with the data as charges at z = 0."""
        phi = field(r)
        return sp.Eq(Laplacian(phi, x) + Laplacian(phi, z), -source)
