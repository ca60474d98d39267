r"""From an equation to everything that is known of its process: one pass, symbols throughout.

equation -> operator -> normal form -> flow -> transfer function -> clock -> verdict
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING

import sympy as sp

from genphys.derivation.flow import Flow, density_flow, normal_form
from genphys.derivation.laws import Law, PointMass, recognise
from genphys.derivation.operator import DerivationError, NonlinearTerm, find_field, read
from genphys.derivation.transfer import Branch, Transfer, transfer_of
from genphys.derivation.verdict import Verdict, judge, judge_nonlinear
from genphys.pde import N, k, r, source, t, x, z
from genphys.potential import Potential

if TYPE_CHECKING:
    from genphys.process import Process

__all__ = ["Derivation", "derive"]

sigma = sp.Symbol("sigma", positive=True)
_DOMAINS = ("positive", "nonnegative", "negative", "nonpositive", "nonzero", "integer")


@dataclass(frozen=True)
class Derivation:
    r"""All that follows from an equation, in symbols.

    Attributes:
        equation: As declared.
        flow: The density flow p, J, R; None where the equation is not linear and real.
        transfer_function: The wave's side of it; None likewise.
        clock: The law of S, or None where no law was recognised.
        verdict: The three conditions with their evidence.
        defaults: Numbers for parameters, from a :class:`~genphys.potential.Potential`.

    Example:
        >>> import genphys
        >>> from genphys.potentials.pfgmpp import Pfgmpp
        >>> d = genphys.derive(Pfgmpp())
        >>> d.transfer, d.mass, d.clock
        (Matern(D/2, k*r), 1, InverseGamma(D/2, r**2/2))
    """

    equation: sp.Eq
    flow: Flow | None
    transfer_function: Transfer | None
    clock: Law | None
    verdict: Verdict
    defaults: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def transfer(self) -> sp.Expr | None:
        """h(k, r), dimensionless: 1 at progress 0."""
        return self.transfer_function.h if self.transfer_function else None

    @property
    def mass(self) -> sp.Expr | None:
        """M(r) = h(0, r), the fraction of particles left, dimensionless."""
        return self.transfer_function.mass if self.transfer_function else None

    @property
    def dispersion(self) -> tuple[Branch, ...]:
        """The branches w_j(k) and which of them the boundary conditions keep."""
        return self.transfer_function.branches if self.transfer_function else ()

    @property
    def progress(self) -> sp.Symbol:
        """``t`` or ``r``."""
        return find_field(self.equation).args[1]

    @property
    def scale(self) -> sp.Expr | None:
        r"""The noise scale at a progress, by :math:`1/\sigma^2 = E[1/S]`; None without clock."""
        return None if self.clock is None else sp.sqrt(sp.simplify(1 / self.clock.inverse_moment()))

    @property
    def rays(self) -> sp.Expr | None:
        """The c with v = (x - y) c for one charge, per unit progress; None where there is none."""
        return self.transfer_function.rays() if self.transfer_function else None

    @property
    def rate(self) -> tuple[sp.Expr, sp.Expr] | None:
        """(a0, a1): annihilation rate a0 + a1 E[S|x] per unit progress; None where it is not so."""
        return self.transfer_function.rate() if self.transfer_function else None

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The symbols that numbers are bound to, in alphabetical order."""
        known = {N, t, r, x, z, k, source}
        free = self.equation.free_symbols
        if self.transfer is not None:
            free = free | self.transfer.free_symbols
        return tuple(sorted(free - known, key=str))

    def limit(self, parameter: sp.Symbol, value: sp.Expr) -> sp.Expr:
        r"""The limit of h at fixed sigma, where the clock stops being random.

        With :math:`u = \sigma^2/S`: E[u] = 1 by the choice of sigma, so where Var[u] -> 0 the clock
        tends to sigma² in probability and :math:`h/h(0) \to e^{-k^2 \sigma^2/2}` (bounded
        convergence). The inverse clock's variance is that of the law; for S = r²/chi²_D it is 2/D.

        Raises:
            DerivationError: When the variance does not vanish in that limit, or is not known.
        """
        variance = self.clock.spread() if self.clock is not None else None
        if variance is None or sp.limit(variance, parameter, value) != 0:
            raise DerivationError(f"the clock stays random as {parameter} -> {value}")
        return PointMass(sigma**2).laplace(k**2 / 2)

    def bind(self, dim: int, **parameters: float) -> Process:
        """Bind numbers: a process in torch, for data of ``dim`` entries.

        Raises:
            DerivationError: When the equation does not generate, with the reason.
            ValueError: For a parameter that is missing, unknown, or outside its symbol's domain.
        """
        from genphys.bridge import bind  # the one door to torch

        return bind(self, dim, self.numbers(parameters))

    def numbers(self, parameters: Mapping[str, float]) -> dict[sp.Symbol, sp.Expr]:
        """Parameters by symbol, defaults filled in, each checked against its symbol's domain."""
        symbols = {str(symbol): symbol for symbol in self.parameters}
        given = {n: v for n, v in self.defaults.items() if n in symbols} | dict(parameters)
        for name in given:
            if name not in symbols:
                close = difflib.get_close_matches(name, symbols, 1)
                hint = f"did you mean {close[0]}?" if close else f"it has {_names(symbols)}"
                raise ValueError(f"the equation has no parameter {name!r}: {hint}")
        missing = symbols.keys() - given.keys()
        if missing:
            needed = _names(symbols)
            raise ValueError(f"parameter {min(missing)} has no value: the equation needs {needed}")
        return {symbols[name]: _checked(symbols[name], value) for name, value in given.items()}

    def __str__(self) -> str:
        from genphys.derivation.page import text

        return text(self)

    def _repr_latex_(self) -> str:
        from genphys.derivation.page import latex

        return latex(self)


def _names(symbols: Mapping[str, sp.Symbol]) -> str:
    return ", ".join(symbols) or "none"


def _checked(symbol: sp.Symbol, value: float) -> sp.Expr:
    """The value as an exact SymPy number inside the symbol's domain."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{symbol} = {value!r}: it must be {_domain(symbol)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    exact = sp.Integer(int(number)) if number.is_integer() else sp.Float(number, 17)
    if not math.isfinite(number) or any(
        getattr(symbol, f"is_{name}") and getattr(exact, f"is_{name}") is False for name in _DOMAINS
    ):
        raise ValueError(f"{symbol} = {value}: it must be {_domain(symbol)}")
    return exact


def _domain(symbol: sp.Symbol) -> str:
    kind = "integer" if symbol.is_integer else "number"
    for name in _DOMAINS[:-1]:
        if getattr(symbol, f"is_{name}"):
            return f"a finite {name} {kind}"
    return f"a finite {kind}"


def derive(equation: sp.Eq | Potential) -> Derivation:
    r"""Derive everything from an equation: flow, dispersion, transfer function, clock, verdict.

    Args:
        equation: A SymPy equation in the language of :mod:`genphys.pde`, or a potential, whose
            fields then stand as defaults for ``bind``.

    Returns:
        The derivation. Nonlinear and complex equations get one too: its verdict says why they do
        not generate.

    Raises:
        DerivationError: When a term cannot be handled, naming it.
    """
    if isinstance(equation, Potential):
        return replace(derive(equation.equation()), defaults=equation.parameters)
    find_field(equation)  # what is no equation need not even be hashable
    return _derive(equation)


@lru_cache(maxsize=64)
def _derive(equation: sp.Eq) -> Derivation:
    try:
        operator = read(equation)
    except NonlinearTerm as found:
        verdict = judge_nonlinear(found.args[0], "a term is not linear in the field")
        return Derivation(equation, None, None, None, verdict)
    if any(_is_complex(value) for value in operator.terms.values()):
        verdict = judge_nonlinear(equation.lhs - equation.rhs, "the field is complex, p = |phi|²")
        return Derivation(equation, None, None, None, verdict)
    form = normal_form(operator)
    transfer = transfer_of(form)
    law = recognise(transfer.h)
    verdict = judge(transfer, law)
    clock = None if verdict.density.holds is False else law
    return Derivation(equation, density_flow(operator, form), transfer, clock, verdict)


def _is_complex(coefficient: sp.Expr) -> bool:
    return coefficient.has(sp.I) or any(a.is_real is False for a in coefficient.free_symbols)
