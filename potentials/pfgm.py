r"""PFGM: electrostatics with one augmented dimension."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from genphys import Potential
from genphys.pde import Laplacian, field, t, x

__all__ = ["Pfgm"]


@dataclass(frozen=True)
class Pfgm(Potential):
    r"""Poisson equation in N + 1 dimensions: PFGM [1].

    .. math:: \partial_t^2 \phi + \Delta_x \phi = 0, \qquad t > 0

    The one more coordinate is written as ``t`` and the data are the charge on the plane t = 0, so
    this equation takes another way through the derivation than PFGM++ does; both give the
    multivariate Cauchy kernel of PFGM++ at D = 1.

    References:
        [1] Poisson Flow Generative Models. Xu et al., 2022, arXiv:2209.11178.
    """

    def equation(self) -> sp.Eq:
        """Laplace's equation above the plane that holds the data."""
        phi = field(t)
        return sp.Eq(phi.diff(t, 2) + Laplacian(phi, x), 0)
