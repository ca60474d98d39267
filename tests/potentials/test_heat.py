from __future__ import annotations

import mpmath
import sympy as sp

from genphys.derivation import derive
from genphys.derivation.laws import PointMass
from genphys.pde import field, k, t
from genphys.potentials.heat import Heat


def test_heat_is_diffusion() -> None:
    d, phi = derive(Heat()), field(t)
    assert d.transfer == sp.exp(-t * k**2) and d.mass == 1
    assert d.clock == PointMass(2 * t) and d.scale == sp.sqrt(2) * sp.sqrt(t)
    assert d.flow is not None and (d.flow.density, d.flow.source) == (phi, 0)
    assert d.rays == 1 / (2 * t) and d.rate == (0, 0)
    assert d.verdict.s_generative is True and Heat().parameters == {} == d.defaults


def test_the_kernel_is_gaussian_with_variance_two_t() -> None:
    """The Fourier transform of N(0, 2t), by quadrature."""
    h = sp.lambdify([k, t], derive(Heat()).transfer, "mpmath")
    for time, wave in ((0.3, 1.2), (2, 0.5)):
        variance = 2 * mpmath.mpf(time)

        def integrand(q: mpmath.mpf, v: mpmath.mpf = variance, w: float = wave) -> mpmath.mpf:
            return (
                mpmath.cos(w * q) * mpmath.exp(-(q**2) / (2 * v)) / mpmath.sqrt(2 * mpmath.pi * v)
            )

        assert abs(mpmath.quad(integrand, [-30, 0, 30]) - h(wave, time)) < 1e-12


def test_bound_heat_is_edm() -> None:
    import torch

    process = Heat().bind(dim=3)
    times = torch.tensor([0.5, 2.0], dtype=torch.float64)
    assert torch.allclose(process.sigma(times), torch.tensor([1.0, 2.0], dtype=torch.float64))
