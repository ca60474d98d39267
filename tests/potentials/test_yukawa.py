from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from genphys.derivation import derive
from genphys.derivation.functions import Matern
from genphys.derivation.laws import GIG
from genphys.pde import D, Gradient, field, k, r, x
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa

mass = sp.Symbol("mass", nonnegative=True)


def test_yukawa_is_screened_electrostatics() -> None:
    d, phi = derive(Yukawa(D=3, mass=0.5)), field(r)
    assert d.transfer == Matern(D / 2, r * sp.sqrt(k**2 + mass**2))
    assert d.mass == Matern(D / 2, mass * r) and d.clock == GIG(-D / 2, mass**2, r**2)
    assert d.flow is not None and d.flow.residual() == 0
    assert d.flow.density == -(r ** (D - 1)) * phi.diff(r)
    assert d.flow.flux == -(r ** (D - 1)) * Gradient(phi, x)
    assert d.flow.source == -(mass**2) * r ** (D - 1) * phi
    assert d.rays == 1 / r and d.rate == (0, mass**2 / r)
    assert d.verdict.s_generative is True and d.defaults == {"D": 3, "mass": 0.5}


def test_in_one_dimension_the_mass_is_exponential() -> None:
    assert derive(Yukawa()).mass.subs(D, 1) == sp.exp(-mass * r)  # type: ignore[union-attr]


def test_without_mass_it_is_poisson() -> None:
    yukawa, poisson = derive(Yukawa()), derive(Pfgmpp())
    assert yukawa.clock is not None and yukawa.transfer is not None
    assert yukawa.clock.subs(mass, 0) == poisson.clock
    assert yukawa.transfer.subs(mass, 0) == poisson.transfer


@pytest.mark.parametrize("dimension", [1, 2.5, 8])
def test_the_mass_is_lost_at_the_mean_rate(dimension: float) -> None:
    """-M'/M = (mass²/r) E[S], with E[S] of the clock by quadrature over log S."""
    d = derive(Yukawa())
    survive = sp.lambdify([D, mass, r], d.mass.rewrite(sp.besselk), "mpmath")  # type: ignore
    with mpmath.workdps(25):
        m, radius, order = mpmath.mpf("0.6"), mpmath.mpf("1.3"), mpmath.mpf(dimension) / 2

        def moment(power: int) -> mpmath.mpf:
            def integrand(u: mpmath.mpf) -> mpmath.mpf:
                s = mpmath.exp(u)
                return s ** (power - order) * mpmath.exp(-(m**2 * s + radius**2 / s) / 2)

            return mpmath.quad(integrand, range(-20, 21, 4))

        lost = -mpmath.diff(lambda q: mpmath.log(survive(dimension, m, q)), radius)
        assert abs(lost - m**2 / radius * moment(1) / moment(0)) < 1e-12


def test_many_dimensions_lose_uniformly() -> None:
    """M -> exp(-mass² sigma²/2) at r = sigma sqrt(D)."""
    survive = sp.lambdify([D, mass, r], derive(Yukawa()).mass.rewrite(sp.besselk), "mpmath")  # type: ignore
    with mpmath.workdps(30):
        gaps = [
            abs(survive(d, 0.7, 1.2 * mpmath.sqrt(d)) - mpmath.exp(-(mpmath.mpf("0.84") ** 2) / 2))
            for d in (256, 1024, 4096)
        ]
    assert 3.8 < gaps[0] / gaps[1] < 4.2 and 3.8 < gaps[1] / gaps[2] < 4.2  # like 1/D


@pytest.mark.parametrize(("values", "name"), [({"D": 0}, "D"), ({"mass": -0.1}, "mass")])
def test_values_outside_their_domain_are_refused(values: dict[str, float], name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} = .*: it must be a finite"):
        Yukawa(**values).bind(dim=2)
