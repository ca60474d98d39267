from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from genphys.derivation.flow import density_flow, normal_form
from genphys.derivation.operator import DerivationError, read
from genphys.pde import D, FractionalLaplacian, Gradient, Laplacian, field, r, source, t, x, z

phi, psi = field(t), field(r)
a, b, c = sp.symbols("a b c", positive=True)
m = sp.Symbol("m", nonnegative=True)
unknown = sp.Symbol("q")

# equation -> (p, J, R), by hand, as in section 2 of GenPhys
FLOWS: dict[str, tuple[sp.Eq, sp.Expr, sp.Expr, sp.Expr]] = {
    "heat": (
        sp.Eq(phi.diff(t), a * Laplacian(phi, x)),
        phi,
        -Gradient(a * phi, x),
        sp.S.Zero,
    ),
    "killed heat": (
        sp.Eq(phi.diff(t), Laplacian(phi, x) - a * phi),
        phi,
        -Gradient(phi, x),
        -a * phi,
    ),
    "fractional": (
        sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, a)),
        phi,
        -Gradient(FractionalLaplacian(phi, x, a - 2), x),
        sp.S.Zero,
    ),
    "biharmonic": (
        sp.Eq(phi.diff(t), -Laplacian(Laplacian(phi, x), x)),
        phi,
        -Gradient(FractionalLaplacian(phi, x, 2), x),
        sp.S.Zero,
    ),
    "mixed": (
        sp.Eq(a * phi.diff(t, 2) - b * phi.diff(t) + Laplacian(phi, x), 0),
        -(a * phi.diff(t) - b * phi),
        -Gradient(phi, x),
        sp.S.Zero,
    ),
    "Helmholtz": (
        sp.Eq(phi.diff(t, 2) + Laplacian(phi, x) + a * phi, 0),
        -phi.diff(t),
        -Gradient(phi, x),
        a * phi,
    ),
    "telegraph": (
        sp.Eq(phi.diff(t, 2) + 2 * a * phi.diff(t), c**2 * Laplacian(phi, x)),
        phi.diff(t) + 2 * a * phi,
        -Gradient(c**2 * phi, x),
        sp.S.Zero,
    ),
    "Poisson": (
        sp.Eq(Laplacian(psi, x) + Laplacian(psi, z), -source),
        -(r ** (D - 1)) * psi.diff(r),
        -(r ** (D - 1)) * Gradient(psi, x),
        sp.S.Zero,
    ),
    "Yukawa": (
        sp.Eq(Laplacian(psi, x) + Laplacian(psi, z) - m**2 * psi, -source),
        -(r ** (D - 1)) * psi.diff(r),
        -(r ** (D - 1)) * Gradient(psi, x),
        -(m**2) * r ** (D - 1) * psi,
    ),
}


@pytest.mark.parametrize("name", FLOWS)
def test_the_flow_is_the_one_of_genphys_and_is_the_equation(name: str) -> None:
    equation, density, flux, rate = FLOWS[name]
    operator = read(equation)
    flow = density_flow(operator, normal_form(operator))
    assert sp.expand(flow.density - density) == 0
    assert sp.expand(flow.flux - flux) == 0
    assert sp.expand(flow.source - rate) == 0
    assert flow.residual() == 0


@pytest.mark.parametrize("name", FLOWS)
def test_a_wrong_flow_has_a_residual(name: str) -> None:
    operator = read(FLOWS[name][0])
    flow = density_flow(operator, normal_form(operator))
    assert replace(flow, flux=2 * flow.flux).residual() != 0
    assert replace(flow, source=flow.source + operator.phi).residual() != 0
    assert replace(flow, density=2 * flow.density).residual() != 0


@pytest.mark.parametrize("factor", [-1, 7, -a, 1 / b])
@pytest.mark.parametrize("name", FLOWS)
def test_the_normal_form_forgets_a_factor(name: str, factor: sp.Expr) -> None:
    equation = FLOWS[name][0]
    plain = normal_form(read(equation))
    scaled = normal_form(read(sp.Eq(factor * equation.rhs, sp.expand(factor * equation.lhs))))
    assert scaled.kind == plain.kind
    ratio = sp.simplify(scaled.leading / plain.leading)
    assert ratio.is_positive
    assert sp.simplify(scaled.rest - ratio * plain.rest) == 0
    assert sp.simplify(scaled.damping - ratio * plain.damping) == 0


REFUSED = {
    "no progress": (sp.Eq(Laplacian(phi, x), phi), "no derivative of phi.* along its progress"),
    "no progress over z": (sp.Eq(Laplacian(psi, x), -source), "no derivative of"),
    "nothing moves": (sp.Eq(phi.diff(t), -phi), "nothing moves the data"),
    "nothing moves over z": (sp.Eq(Laplacian(psi, z), -source), "nothing moves the data"),
    "t and z": (sp.Eq(phi.diff(t), Laplacian(phi, x) + Laplacian(phi, z)), "cannot stand together"),
    "z of a field over t": (sp.Eq(Laplacian(phi, x) + Laplacian(phi, z), 0), r"needs field\(r\)"),
    "Kelvin-Voigt": (
        sp.Eq(phi.diff(t, 2), Laplacian(phi.diff(t), x) + Laplacian(phi, x)),
        "coefficient of d/dt holds a Laplacian over x",
    ),
    "x inside z": (
        sp.Eq(Laplacian(Laplacian(psi, z), x) + Laplacian(psi, x), 0),
        "coefficient of Laplacian over z holds a Laplacian over x",
    ),
    "unknown sign": (
        sp.Eq(phi.diff(t, 2) + unknown * Laplacian(phi, x), 0),
        "no known common sign",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_equation_of_another_shape_is_refused(name: str) -> None:
    equation, message = REFUSED[name]
    with pytest.raises(DerivationError, match=message) as caught:
        normal_form(read(equation))
    assert "\n" not in str(caught.value)
