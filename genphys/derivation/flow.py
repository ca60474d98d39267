r"""The density flow of an equation: p, J and R with dp/dr + div_x J = R.

.. math::
    \text{first order in } t: \quad & p = \phi, & J &= -\nabla g(-\Delta)\phi, & R &= -f(0)\,\phi \\
    a\phi_{tt} + b\phi_t + c\Delta\phi + d\phi = 0: \quad
        & p = -(a\phi_t + b\phi), & J &= -c\nabla\phi, & R &= d\,\phi \\
    c_z\Delta_z\phi - A(-\Delta)\phi = 0: \quad
        & p = -c_z r^{D-1}\phi_r, & J &= -r^{D-1}\nabla g(-\Delta)\phi, & R &= -A(0)\, r^{D-1}\phi

with :math:`g(s) = (f(s) - f(0))/s`. What stands under a progress derivative is the density, what
stands under a divergence the flux, the rest annihilates (R < 0) or creates; the velocity is J/p.
Source: GenPhys (arXiv:2304.02637), eq. 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from genphys.derivation.operator import (
    DerivationError,
    LinearOperator,
    Order,
    expand,
    s,
    symbol,
)
from genphys.pde import (
    D,
    Divergence,
    FractionalLaplacian,
    Gradient,
    Laplacian,
    r,
    x,
    z,
)

__all__ = ["Flow", "NormalForm", "density_flow", "normal_form"]


@dataclass(frozen=True)
class NormalForm:
    r"""An equation brought to one of three shapes, its first coefficient made positive.

    ``kind`` is "first" (:math:`\phi_t = -f(s) \phi`), "second"
    (:math:`a\phi_{tt} + b\phi_t = q(s)\phi`) or "radial" (:math:`c\,\Delta_z\phi = q(s)\phi`).

    Attributes:
        kind: The shape.
        leading: 1, a, or c.
        damping: b, and 0 for the other shapes.
        rest: f, or q, as an expression in ``s`` that grows with s where the equation smooths.
    """

    kind: str
    leading: sp.Expr
    damping: sp.Expr
    rest: sp.Expr

    @property
    def at_zero(self) -> sp.Expr:
        """The zeroth-order term: ``rest`` at s = 0."""
        return self.rest.subs(s, 0)


@dataclass(frozen=True)
class Flow:
    """A density flow in terms of the field.

    Attributes:
        density: p, what the particles' density is.
        flux: J, a multiple of a :class:`~genphys.pde.Gradient`.
        source: R; negative where particles are annihilated on the way to the noise.
    """

    operator: LinearOperator
    density: sp.Expr
    flux: sp.Expr
    source: sp.Expr
    multiplier: sp.Expr

    def residual(self) -> sp.Expr:
        """dp/dr + div J - R on the equation: 0 says that the flow *is* the equation."""
        progress, phi = self.operator.progress, self.operator.phi
        change = sp.diff(self.density, progress)
        spread = Divergence(self.flux, x).doit() if self.flux != 0 else sp.S.Zero
        left = sp.expand((change + spread - self.source).doit() / self.multiplier)
        return sp.simplify(_difference(left, self.operator, phi))


def _difference(left: sp.Expr, operator: LinearOperator, phi: sp.Expr) -> sp.Expr:
    """The plane-wave value of ``left`` minus that of the equation, the field's derivatives kept."""
    progress = operator.progress
    wave = sp.Function("f")(progress)
    value = left.replace(lambda e: isinstance(e, FractionalLaplacian), lambda e: _apply(e, phi))
    value = value.replace(lambda e: isinstance(e, Laplacian), lambda e: _apply(e, phi))
    value = value.subs(phi, wave).doit()
    equation = sp.S.Zero
    for order, coefficient in operator.terms.items():
        term = sp.diff(wave, progress, order.time)
        if order.radial:
            term = Laplacian(wave, z).doit()
        equation += coefficient * term
    return sp.expand(value - equation)


def _apply(expression: sp.Expr, phi: sp.Expr) -> sp.Expr:
    """A spatial operator on the field (or its progress derivative) as multiplication."""
    operand = expression.args[0]
    (factor,) = symbol(expression.func(phi, *expression.args[1:]), phi).values()
    return factor * operand


def normal_form(operator: LinearOperator) -> NormalForm:
    """The shape of an operator.

    Raises:
        DerivationError: When the progress derivatives fit none of the three shapes.
    """
    zeroth, radial = operator.coefficient(), operator.coefficient(radial=1)
    first, second = operator.coefficient(time=1), operator.coefficient(time=2)
    if operator.terms.keys() & {Order(1, 1), Order(2, 1)} or (radial != 0 and first + second != 0):
        raise DerivationError("time derivatives and the Laplacian over z cannot stand together")
    for name, value in (("d/dt", first), ("d²/dt²", second), ("Laplacian over z", radial)):
        if value.has(s):
            raise DerivationError(
                f"the coefficient of {name} holds a Laplacian over x: only constants are supported"
            )
    if radial != 0 and operator.progress != r:
        raise DerivationError(f"the Laplacian over z needs field(r), not {operator.phi}")
    if not zeroth.has(s):
        raise DerivationError("the equation has no Laplacian over x: nothing moves the data")
    if radial != 0:
        return _signed("radial", radial, sp.S.Zero, -zeroth)
    if second != 0:
        return _signed("second", second, first, -zeroth)
    if first != 0:
        return NormalForm("first", sp.S.One, sp.S.Zero, expand(zeroth / first))
    raise DerivationError(
        f"the equation has no derivative of {operator.phi} along its progress: "
        "add phi.diff(t) or Laplacian(phi, z)"
    )


def _signed(kind: str, leading: sp.Expr, damping: sp.Expr, rest: sp.Expr) -> NormalForm:
    """Multiply by +-1 so that ``rest`` grows with s."""
    growth = sp.diff(rest, s)
    if growth.is_negative:
        return NormalForm(kind, -leading, -damping, expand(-rest))
    if growth.is_positive:
        return NormalForm(kind, leading, damping, rest)
    raise DerivationError(
        f"the terms over x, {-rest} with s = -Laplacian, have no known common sign: "
        "declare their symbols positive"
    )


def density_flow(operator: LinearOperator, form: NormalForm) -> Flow:
    """Read p, J and R off the normal form."""
    phi, progress = operator.phi, operator.progress
    potential = _flux_potential(form.rest - form.at_zero, phi)
    if form.kind == "first":
        density, weight = phi, sp.S.One
        multiplier = 1 / operator.coefficient(time=1)
    elif form.kind == "second":
        density, weight = -(form.leading * phi.diff(progress) + form.damping * phi), sp.S.One
        multiplier = -form.leading / operator.coefficient(time=2)
    else:
        weight = r ** (D - 1)
        density = -form.leading * weight * phi.diff(r)
        multiplier = -weight * form.leading / operator.coefficient(radial=1)
    flux = -weight * Gradient(potential, x)
    return Flow(operator, density, flux, -form.at_zero * weight * phi, multiplier)


def _flux_potential(symbol_of_flux: sp.Expr, phi: sp.Expr) -> sp.Expr:
    r"""g(-Delta) phi with g(s) = symbol/s, term by term: s^e becomes (-Delta)^(e-1)."""
    potential = sp.S.Zero
    for term in sp.Add.make_args(expand(symbol_of_flux)):
        coefficient, power = term.as_independent(s, as_Add=False)
        base, exponent = power.as_base_exp()
        if base != s:
            raise DerivationError(f"{power} with s = -Laplacian is not a power of the Laplacian")
        potential += coefficient * FractionalLaplacian(phi, x, 2 * (exponent - 1))
    return potential
