from __future__ import annotations

import math

import mpmath
import pytest
import sympy as sp

from genphys.derivation import derive
from genphys.derivation.functions import Matern
from genphys.derivation.laws import InverseGamma
from genphys.pde import D, Gradient, field, k, r, x
from genphys.potentials.pfgmpp import Pfgmpp


def test_pfgmpp_is_electrostatics_in_any_dimension() -> None:
    d, phi = derive(Pfgmpp(D=3)), field(r)
    assert d.transfer == Matern(D / 2, k * r) and d.mass == 1
    assert d.clock == InverseGamma(D / 2, r**2 / 2) and d.scale == r / sp.sqrt(D)
    assert d.flow is not None and d.flow.residual() == 0 == d.flow.source
    assert d.flow.density == -(r ** (D - 1)) * phi.diff(r)
    assert d.flow.flux == -(r ** (D - 1)) * Gradient(phi, x)
    assert d.rays == 1 / r and d.rate == (0, 0)
    assert d.verdict.s_generative is True and d.defaults == {"D": 3} and d.parameters == (D,)


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_the_kernel_is_the_field_of_a_charge(dimension: int) -> None:
    """p = -|S^(D-1)| r^(D-1) d_r G with G the Green's function of N + D = 2 + D dimensions."""
    n, d = 2, dimension
    with mpmath.workdps(25):
        radius, distance = mpmath.mpf("0.8"), mpmath.mpf("1.1")

        def green(q: mpmath.mpf) -> mpmath.mpf:
            sphere = 2 * mpmath.pi ** mpmath.mpf((n + d) / 2) / mpmath.gamma((n + d) / 2)
            return (q**2 + distance**2) ** (1 - mpmath.mpf(n + d) / 2) / (n + d - 2) / sphere

        sphere = 2 * mpmath.pi ** (mpmath.mpf(d) / 2) / mpmath.gamma(mpmath.mpf(d) / 2)
        charge = -sphere * radius ** (d - 1) * mpmath.diff(green, radius)
        # the clock's mixture of Gaussians: S = r²/chi²_D
        shape, scale = mpmath.mpf(d) / 2, radius**2 / 2

        def mixture(u: mpmath.mpf) -> mpmath.mpf:
            s = mpmath.exp(u)
            law = scale**shape / mpmath.gamma(shape) * s**-shape * mpmath.exp(-scale / s)
            return law * mpmath.exp(-(distance**2) / (2 * s)) / (2 * mpmath.pi * s)

        assert abs(mpmath.quad(mixture, range(-20, 61, 4)) - charge) < 1e-12 * charge


@pytest.mark.parametrize("dimension", [0, -1, math.nan, math.inf, True])
def test_a_dimension_that_is_none_is_refused(dimension: float) -> None:
    with pytest.raises(ValueError, match=r"D = .*: it must be a finite positive number"):
        Pfgmpp(D=dimension).bind(dim=2)
