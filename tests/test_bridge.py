"""SymPy's side and torch's agree: expressions, laws, scales and refusals."""

from __future__ import annotations

import math

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genphys import clocks
from genphys.bridge import function
from genphys.derivation import DerivationError, derive
from genphys.derivation.functions import KRatio, Matern
from genphys.pde import FractionalLaplacian, Laplacian, field, r, source, t, x, z

PHI, PSI = field(t), field(r)
HEAT = sp.Eq(PHI.diff(t), Laplacian(PHI, x))
MASS = sp.Symbol("mass", nonnegative=True)
YUKAWA = sp.Eq(Laplacian(PSI, x) + Laplacian(PSI, z) - MASS**2 * PSI, -source)
ALPHA = sp.Symbol("alpha", positive=True)
FRACTIONAL = sp.Eq(PHI.diff(t), -FractionalLaplacian(PHI, x, ALPHA))


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    "expression",
    [
        r,
        sp.Rational(7, 3),
        3 * r**2 - sp.sqrt(r) / 5 + sp.pi,
        sp.exp(-r / 2) * sp.log(1 + r),
        1 / (1 + r**3),
        Matern(sp.Rational(3, 4), 2 * r),
        sp.log(Matern(4, 2 * r)) * r,
        KRatio(sp.Rational(1, 4), r) / r,
        sp.log(KRatio(2, 3 * r)),
    ],
    ids=str,
)
def test_function_is_the_expression(expression: sp.Expr) -> None:
    value = double(0.1, 1.0, 7.0)
    found = function(expression, r)(value)
    exact = [
        sp.N(expression.subs(r, sp.Float(v, 17)).rewrite(sp.besselk), 25) for v in value.tolist()
    ]
    torch.testing.assert_close(found, double(*map(float, exact)), rtol=1e-13, atol=0)


def test_function_keeps_shapes_and_differentiates() -> None:
    f = function(sp.exp(-r) + r**2, r)
    assert f(torch.ones(2, 3, dtype=torch.float64)).shape == (2, 3)
    slope = torch.func.jvp(f, (double(2.0),), (double(1.0),))[1]
    torch.testing.assert_close(slope, double(4 - math.exp(-2)))


def test_function_refuses_what_torch_lacks() -> None:
    with pytest.raises(DerivationError, match="airyai"):
        function(sp.airyai(r), r)


@pytest.mark.parametrize(
    ("equation", "numbers", "law"),
    [
        (HEAT, {}, clocks.PointMass),
        (YUKAWA, {"D": 4, "mass": 0}, clocks.InverseGamma),
        (YUKAWA, {"D": 4, "mass": 0.5}, clocks.GIG),
        (FRACTIONAL, {"alpha": 1.2}, clocks.PositiveStable),
    ],
)
def test_each_law_has_its_counterpart(
    equation: sp.Eq, numbers: dict[str, float], law: type
) -> None:
    """The same E[1/S] on both sides."""
    process = derive(equation).bind(dim=2, **numbers)
    found = process.law_at(double(0.3, 2.0))
    assert isinstance(found, law)
    derived = process.derivation.clock
    assert derived is not None
    values = process.derivation.numbers(numbers)
    precision = derived.subs(values).inverse_moment()
    exact = [
        float(sp.N(precision.subs(process.derivation.progress, p).rewrite(sp.besselk)))
        for p in (sp.Rational(3, 10), 2)
    ]
    torch.testing.assert_close(found.inverse_mean(), double(*exact), rtol=1e-12, atol=0)


@given(mass=st.floats(1e-3, 1e3), d=st.floats(0.1, 3000), sigma=st.floats(1e-4, 1e4))
@settings(max_examples=6, deadline=None)
def test_a_scale_without_closed_inverse_is_inverted(mass: float, d: float, sigma: float) -> None:
    process = derive(YUKAWA).bind(dim=2, D=d, mass=mass)
    progress = process.progress(double(sigma))
    assert float(process.sigma(progress)) == pytest.approx(sigma, rel=1e-12)
    step = 1e-4 * progress
    ahead, behind = (process.scale.sigma(progress + sign * step) for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    torch.testing.assert_close(
        process.scale.slope(progress), slope, rtol=1e-6 + 1e-15 * float(mass * progress), atol=0
    )


def test_parameters_are_kept_by_name() -> None:
    process = derive(YUKAWA).bind(dim=3, D=2.5, mass=1)
    assert process.parameters == {"D": 2.5, "mass": 1.0} and process.dim == 3


@pytest.mark.parametrize("dim", [0, -1, 2.0, True, "2"])
def test_dim_is_a_positive_integer(dim: object) -> None:
    with pytest.raises(ValueError, match="dim"):
        derive(HEAT).bind(dim=dim)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"D": 0, "mass": 1}, "D = 0"),
        ({"D": -2, "mass": 1}, "D = -2"),
        ({"D": math.nan, "mass": 1}, "D = nan"),
        ({"D": math.inf, "mass": 1}, "D = inf"),
        ({"D": 2, "mass": -1}, "mass = -1"),
        ({"D": 2}, "mass has no value"),
        ({"D": 2, "mas": 1}, "did you mean mass"),
    ],
)
def test_bad_numbers_are_named(numbers: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        derive(YUKAWA).bind(dim=2, **numbers)
    assert "\n" not in str(caught.value)


def test_what_does_not_generate_is_refused() -> None:
    wave = sp.Eq(PHI.diff(t, 2), Laplacian(PHI, x))
    with pytest.raises(DerivationError, match="generate"):
        derive(wave).bind(dim=2)
    with pytest.raises(DerivationError, match="generate"):
        derive(FRACTIONAL).bind(dim=2, alpha=2.5)
