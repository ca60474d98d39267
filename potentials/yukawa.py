r"""Yukawa: electrostatics with a massive photon, charges screened beyond a length of 1/mass."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from genphys import Potential
from genphys.pde import Laplacian, field, r, source, x, z

__all__ = ["Yukawa"]


@dataclass(frozen=True)
class Yukawa(Potential):
    r"""Screened Poisson equation in N + D dimensions: charges annihilate on the way out [1].

    .. math:: \Delta_x \phi + \Delta_z \phi - m^2 \phi = -\rho, \qquad r = |z|

    Particles are annihilated on the way to the noise and created again on the way back. A fraction
    :math:`M(r) = \mathrm{Mat}_{D/2}(m r)` reaches the radius :math:`r`; for D = 1 it is
    :math:`e^{-m r}`. mass = 0 is PFGM++; D -> oo at fixed sigma is diffusion with a uniform loss,
    :math:`M = e^{-m^2 \sigma^2 / 2}`.

    Args:
        D: Number of augmented dimensions, any positive real. Dimensionless.
        mass: Inverse screening length m >= 0, in 1 / (unit of the mapped data).

    Raises:
        ValueError: When bound with ``D <= 0`` or ``mass < 0``.

    References:
        [1] GenPhys: From Physical Processes to Generative Models. Liu et al., 2023,
            arXiv:2304.02637.
    """

    D: float = 128.0
    mass: float = 0.05

    def equation(self) -> sp.Eq:
        """The screened Poisson equation with the data as charges at z = 0."""
        phi = field(r)
        mass = sp.Symbol("mass", nonnegative=True)  # bound from the field of the same name
        return sp.Eq(Laplacian(phi, x) + Laplacian(phi, z) - mass**2 * phi, -source)
