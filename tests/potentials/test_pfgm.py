from __future__ import annotations

import mpmath
import sympy as sp

from genphys.derivation import derive
from genphys.derivation.laws import InverseGamma
from genphys.pde import D, field, k, r, t
from genphys.potentials.pfgm import Pfgm
from genphys.potentials.pfgmpp import Pfgmpp


def test_pfgm_is_electrostatics_above_a_plane() -> None:
    d, phi = derive(Pfgm()), field(t)
    assert d.transfer == sp.exp(-k * t) and d.mass == 1
    assert d.clock == InverseGamma(sp.S.Half, t**2 / 2) and d.scale == t
    assert d.flow is not None and d.flow.density == -phi.diff(t)
    assert d.rays == 1 / t and d.rate == (0, 0)
    assert d.verdict.s_generative is True and Pfgm().parameters == {}


def test_two_ways_through_the_derivation_meet_at_one_dimension() -> None:
    plane, general = derive(Pfgm()), derive(Pfgmpp())
    for one, other in (
        (plane.transfer, general.transfer),
        (plane.clock, general.clock),
        (plane.scale, general.scale),
        (plane.rays, general.rays),
    ):
        assert one is not None and other is not None
        assert sp.simplify(other.subs(D, 1).subs(r, t)) == one


def test_the_kernel_in_one_dimension_is_cauchy() -> None:
    """The inverse Fourier transform of h, by quadrature, is t / (pi (R² + t²))."""
    h = sp.lambdify([k, t], derive(Pfgm()).transfer, "mpmath")
    for distance, height in ((0.0, 0.7), (1.5, 0.4), (3.0, 2.0)):

        def integrand(w: mpmath.mpf, q: float = distance, s: float = height) -> mpmath.mpf:
            return mpmath.cos(w * q) * h(w, s) / mpmath.pi

        found = mpmath.quad(integrand, [0, 2, 5, 10, 20, 40, 80, mpmath.inf])
        assert abs(found - height / (mpmath.pi * (distance**2 + height**2))) < 1e-9


def test_bound_pfgm_and_pfgmpp_in_one_dimension_agree() -> None:
    import torch

    x, y = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sigma = torch.full((5,), 0.7, dtype=torch.float64)
    one, other = Pfgm().bind(dim=3), Pfgmpp(D=1).bind(dim=3)
    assert torch.allclose(one.log_density(x, y, sigma), other.log_density(x, y, sigma))
    assert torch.allclose(one.velocity(x, y, sigma), other.velocity(x, y, sigma))
