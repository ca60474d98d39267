r"""A declared equation as a linear operator: what each term does to a plane wave.

Over the data coordinates a plane wave turns :math:`\Delta_x` into :math:`-s`, :math:`s = k^2`, so a
linear equation is a table

.. math:: \sum_{j} a_j(s)\, \partial_t^j \hat\phi + b(s)\, \Delta_z \hat\phi = c\, \hat\rho .

Everything later reads this table; nothing reads the equation's text again. A term that is not
linear in the field is found here, one that the table cannot hold is refused here, by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from genphys.pde import (
    D,
    Divergence,
    FractionalLaplacian,
    Gradient,
    Laplacian,
    N,
    k,
    r,
    source,
    t,
    x,
    z,
)

__all__ = [
    "DerivationError",
    "LinearOperator",
    "NonlinearTerm",
    "Order",
    "expand",
    "find_field",
    "read",
    "s",
]

s = sp.Dummy("s", positive=True)  # the square of the wave number; equal to no user's symbol
_MOVING = {k, r, source, t, x, z}  # what no coefficient may depend on
_RESERVED = {symbol.name: symbol for symbol in _MOVING | {D, N}}


class DerivationError(ValueError):
    """An equation that cannot be handled: one sentence names the term and what is supported."""


class NonlinearTerm(Exception):
    """A term that is not linear in the field; its only argument is the term."""


@dataclass(frozen=True)
class Order:
    """How often a term differentiates: ``time`` times by t, ``radial`` times by Delta_z."""

    time: int = 0
    radial: int = 0


@dataclass(frozen=True)
class LinearOperator:
    r"""The equation as L phi = 0 away from the data.

    Attributes:
        phi: The field, phi(x, t) or phi(x, r).
        terms: Coefficient of each order of progress derivative, an expression in ``s`` and
            parameters.
    """

    phi: sp.Expr
    terms: Mapping[Order, sp.Expr]

    @property
    def progress(self) -> sp.Symbol:
        """``t`` or ``r``."""
        return self.phi.args[1]

    def coefficient(self, time: int = 0, radial: int = 0) -> sp.Expr:
        """The coefficient of one order, 0 where the equation has no such term."""
        return self.terms.get(Order(time, radial), sp.S.Zero)


def find_field(equation: sp.Eq) -> sp.Expr:
    """The one field phi(x, t) or phi(x, r) of an equation."""
    if not isinstance(equation, sp.Eq) or equation.lhs.is_Matrix:
        raise DerivationError(
            f"{equation} is no equation: declare sympy.Eq(left, right) for a field of genphys.pde"
        )
    fields = {f for f in equation.atoms(AppliedUndef) if len(f.args) == 2 and f.args[0] == x}
    unknown = equation.atoms(AppliedUndef) - fields
    if unknown:
        raise DerivationError(f"{min(unknown, key=str)} is no field: use field(t) or field(r)")
    if len(fields) != 1:
        names = ", ".join(sorted(map(str, fields))) or "none"
        raise DerivationError(f"an equation has exactly one field(t) or field(r); found {names}")
    (phi,) = fields
    if phi.args[1] not in (t, r):
        raise DerivationError(f"{phi} is no field: its progress variable must be t or r")
    return phi


def _check_symbols(equation: sp.Eq) -> None:
    """One symbol per name, the language's names for its own symbols, finite numbers, orders > 0."""
    if equation.has(sp.oo, -sp.oo, sp.zoo, sp.nan):
        raise DerivationError("the equation holds a number that is not finite")
    names: dict[str, sp.Symbol] = {}
    for symbol in sorted(equation.free_symbols, key=str):
        if symbol != _RESERVED.get(symbol.name, symbol):
            raise DerivationError(
                f"the symbol {symbol} is not that of genphys.pde: import it or rename the parameter"
            )
        if symbol != names.setdefault(symbol.name, symbol):
            raise DerivationError(f"two symbols are called {symbol}: declare it once")
        if not symbol.is_commutative:
            raise DerivationError(f"the symbol {symbol} does not commute: it must be a number")
    for term in equation.atoms(FractionalLaplacian):
        alpha = term.args[2]
        if not alpha.is_positive or alpha.free_symbols & _MOVING:
            raise DerivationError(
                f"the order {alpha} of {term} must be a positive constant: declare it positive"
            )


def read(equation: sp.Eq) -> LinearOperator:
    """The operator of an equation.

    Raises:
        DerivationError: When a term is outside the language, naming it.
        NonlinearTerm: When a term is not linear in the field.
    """
    phi = find_field(equation)
    _check_symbols(equation)
    terms = symbol(equation.lhs - equation.rhs, phi)
    terms = {order: value for order, value in terms.items() if value != 0}
    return LinearOperator(phi, terms)


def symbol(expression: sp.Expr, phi: sp.Expr) -> dict[Order, sp.Expr]:
    """The Fourier symbol of an expression linear in ``phi``, by order of progress derivative."""
    if not expression.has(phi.func):
        return _inhomogeneous(expression)
    if expression == phi:
        return {Order(): sp.S.One}
    if isinstance(expression, sp.Add):
        return _add(*(symbol(term, phi) for term in expression.args))
    if isinstance(expression, sp.Mul):
        return _product(expression, phi)
    if isinstance(expression, sp.Derivative):
        return _derivative(expression, phi)
    if isinstance(expression, FractionalLaplacian):
        return _scale(symbol(expression.args[0], phi), s ** (expression.args[2] / 2))
    if isinstance(expression, Laplacian):
        inner = symbol(expression.args[0], phi)
        return _scale(inner, -s) if expression.args[1] == x else _raise(inner, 0, 1, expression)
    if isinstance(expression, Gradient | Divergence):
        raise DerivationError(f"{expression}: only scalar terms are supported in an equation")
    raise NonlinearTerm(expression)


def _inhomogeneous(expression: sp.Expr) -> dict[Order, sp.Expr]:
    """What is free of the field: a multiple of the source, which vanishes away from the data."""
    for term in sp.Add.make_args(sp.expand(expression)):
        if term != 0 and not term.has(source):
            raise DerivationError(
                f"the term {term} holds neither the field nor the source: remove it"
            )
        if (term / source).free_symbols & _MOVING:
            raise DerivationError(f"the term {term} is no constant multiple of the source")
    return {}


def _product(expression: sp.Mul, phi: sp.Expr) -> dict[Order, sp.Expr]:
    factors = [factor for factor in expression.args if factor.has(phi.func)]
    if len(factors) > 1:
        raise NonlinearTerm(expression)
    coefficient = expression / factors[0]
    if isinstance(factors[0], sp.Add):
        return symbol(sp.expand(expression), phi)
    inner = symbol(factors[0], phi)
    moving = coefficient.free_symbols & _MOVING
    if moving:
        names = ", ".join(sorted(map(str, moving)))
        raise DerivationError(
            f"the coefficient of {expression} depends on {names}: it may hold parameters only"
        )
    return _scale(inner, coefficient)


def _derivative(expression: sp.Derivative, phi: sp.Expr) -> dict[Order, sp.Expr]:
    inner = symbol(expression.expr, phi)
    for variable, count in expression.variable_count:
        if variable != t or phi.args[1] != t or not count.is_Integer:
            hint = "Laplacian(phi, z)" if phi.args[1] == r else "phi.diff(t) and Laplacian(phi, x)"
            raise DerivationError(f"the term {expression} is outside the language: use {hint}")
        inner = _raise(inner, int(count), 0, expression)
    return inner


def _raise(
    terms: dict[Order, sp.Expr], time: int, radial: int, expression: sp.Expr
) -> dict[Order, sp.Expr]:
    raised = {Order(o.time + time, o.radial + radial): value for o, value in terms.items()}
    if any(o.time > 2 or o.radial > 1 for o in raised):
        raise DerivationError(
            f"the term {expression} is of too high an order in the progress: "
            "supported are d/dt, d²/dt² and one Laplacian over z"
        )
    return raised


def expand(expression: sp.Expr) -> sp.Expr:
    """Expand products but keep s^(a + b) one power, which SymPy would split."""
    return sp.powsimp(sp.expand(expression), combine="exp")


def _scale(terms: dict[Order, sp.Expr], factor: sp.Expr) -> dict[Order, sp.Expr]:
    return {order: expand(factor * value) for order, value in terms.items()}


def _add(*tables: dict[Order, sp.Expr]) -> dict[Order, sp.Expr]:
    orders = {order for table in tables for order in table}
    return {o: expand(sum(table.get(o, sp.S.Zero) for table in tables)) for o in orders}
