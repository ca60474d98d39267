r"""The transfer function h(k, r) = p̂_r / p̂_0: what the process does to each wave of the data.

.. math::
    \text{first order in } t: \quad & h = e^{-t f(k^2)} \\
    \text{elliptic in } t: \quad & h = e^{\lambda_- t}, \qquad
        \lambda_\pm = \frac{-b \pm \sqrt{b^2 + 4 a q(k^2)}}{2a} \\
    \text{hyperbolic in } t: \quad & h = e^{\mu t}
        \left(\cosh \omega t - \frac{\mu}{\omega} \sinh \omega t\right) \\
    \text{over } z: \quad & h = \mathrm{Mat}_{D/2}(\kappa r), \qquad \kappa^2 = q(k^2)/c

Elliptic equations keep the decaying branch, hyperbolic ones both with phi(0) = 0. Over z the wave
obeys :math:`f'' + \frac{a}{r} f' - \kappa^2 f = 0` with a = D - 1, whose decaying solution is
:math:`r^\nu K_\nu(\kappa r)`, :math:`\nu = (1-a)/2`; SymPy's dsolve cannot do it for symbolic D.

From h, R and the flow follow two facts about one charge, each an identity in k:

* rays: the velocity is :math:`v = (x - y)\,c(r)` exactly if
  :math:`c = (\partial_r h - \hat R)/(k\,\partial_k h)` does not depend on k;
* rate: :math:`\lambda = -R/p = a_0(r) + a_1(r)\,E[S|x]` exactly if
  :math:`-\hat R/h = a_0 - a_1\,\partial_k h/(k h)`, since
  :math:`-\partial_k h / k` is the transform of E[S; x].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from genphys.derivation.flow import NormalForm
from genphys.derivation.functions import KRatio, Matern
from genphys.derivation.operator import DerivationError, s
from genphys.pde import D, k, r, t

__all__ = ["Branch", "Transfer", "generic_numbers", "transfer_of"]


@dataclass(frozen=True)
class Branch:
    """One branch w(k) of the dispersion relation, phi ~ exp(-i w t + i k x).

    ``kept`` says whether the conditions at the data and far away excite it.
    """

    omega: sp.Expr
    kept: bool


@dataclass(frozen=True)
class Transfer:
    """What the equation does to a wave.

    Attributes:
        progress: ``t`` or ``r``.
        h: The transfer function, normalised to 1 at progress 0; None where the density has no mass.
        branches: The dispersion relation (over z: of the waves far from the data).
        reaction: R̂/p̂ as a function of k and the progress.
    """

    progress: sp.Symbol
    h: sp.Expr
    branches: tuple[Branch, ...]
    reaction: sp.Expr

    @property
    def mass(self) -> sp.Expr:
        """M(r) = h(0, r), the fraction of particles that is left."""
        return sp.simplify(self.h.subs(k, 0)) if self.h.has(k) else self.h

    def rays(self) -> sp.Expr | None:
        """c(r) where one charge drives particles along v = (x - y) c(r), else None."""
        transport = self._log_slope(self.progress) - self.reaction
        return _independent_of_k(transport / (k * self._log_slope(k)))

    def rate(self) -> tuple[sp.Expr, sp.Expr] | None:
        """(a0, a1) where the annihilation rate is a0 + a1 E[S|x] per unit progress, else None."""
        if self.reaction == 0:
            return sp.S.Zero, sp.S.Zero
        loss = _independent_of_k(-self.reaction)
        if loss is not None:
            return loss, sp.S.Zero
        slope = _independent_of_k(self.reaction * k / self._log_slope(k))
        return None if slope is None else (sp.S.Zero, slope)

    def _log_slope(self, variable: sp.Symbol) -> sp.Expr:
        return sp.diff(self.h, variable) / self.h


def _independent_of_k(expression: sp.Expr) -> sp.Expr | None:
    """The expression without k where it does not depend on k, else None.

    Two numbers decide first, because simplifying what does depend on k can take minutes; a number
    can only refuse, so the answer still rests on SymPy.
    """
    numbers = generic_numbers(expression.free_symbols - {k})
    low, high = (
        sp.N(expression.subs(numbers | {k: wave}).rewrite(sp.besselk), 30)
        for wave in (sp.pi / 5, sp.E / 2)  # no equation in rational numbers is singular there
    )
    if abs(low - high) > sp.Float("1e-15") * (1 + abs(low)):
        return None
    simple = sp.simplify(expression)
    return None if simple.has(k) else simple


def generic_numbers(
    symbols: Iterable[sp.Symbol], reverse: bool = False
) -> dict[sp.Symbol, sp.Rational]:
    """Unremarkable numbers in the symbols' domains: no two equal, none whole or a half."""
    ordered = sorted(symbols, key=str, reverse=reverse)
    values = {
        symbol: sp.Integer(i + 2) if symbol.is_integer else sp.Rational(70 + 37 * i, 100)
        for i, symbol in enumerate(ordered)
    }
    return {symbol: -v if symbol.is_nonpositive else v for symbol, v in values.items()}


def transfer_of(form: NormalForm) -> Transfer:
    """Solve the wave's equation along the progress."""
    rest = form.rest.subs(s, k**2)
    if form.kind == "first":
        branch = Branch(-sp.I * rest, True)
        return Transfer(t, sp.exp(-t * rest), (branch,), -form.at_zero)
    if form.kind == "radial":
        return _over_z(form, rest)
    if form.leading.is_positive:
        return _elliptic(form, rest)
    if form.leading.is_negative:
        return _hyperbolic(form, rest)
    raise _unknown_sign("d²/dt²", form.leading)


def _unknown_sign(name: str, coefficient: sp.Expr) -> DerivationError:
    return DerivationError(
        f"the sign of the coefficient of {name}, {coefficient}, is not known: "
        "declare its symbols positive"
    )


def _over_z(form: NormalForm, rest: sp.Expr) -> Transfer:
    if form.leading.is_negative:
        raise DerivationError(
            "the Laplacians over x and z have opposite signs: a wave in z has no decaying solution"
        )
    if not form.leading.is_positive:
        raise _unknown_sign("the Laplacian over z", form.leading)
    square = sp.factor(rest / form.leading)
    kappa = sp.sqrt(square)
    branches = (Branch(-sp.I * kappa, True), Branch(sp.I * kappa, False))
    reaction = -form.at_zero / form.leading * KRatio(D / 2 - 1, kappa * r) / kappa
    return Transfer(r, Matern(D / 2, kappa * r), branches, reaction)


def _roots(form: NormalForm, rest: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """(mean, half difference) of the two growth rates lambda of exp(lambda t)."""
    a, b = form.leading, form.damping
    return -b / (2 * a), sp.sqrt(sp.factor((b**2 + 4 * a * rest) / (4 * a**2)))


def _elliptic(form: NormalForm, rest: sp.Expr) -> Transfer:
    mean, half = _roots(form, rest)
    decaying, growing = mean - half, mean + half
    branches = (Branch(sp.I * decaying, True), Branch(sp.I * growing, False))
    weight = sp.simplify(form.leading * decaying + form.damping)
    if form.at_zero == 0 and form.damping.is_positive:
        raise DerivationError(
            "the decaying wave has no mass at k = 0: the sign of the damping term, "
            f"{form.damping}*d/dt, is wrong"
        )
    if form.at_zero == 0 and not form.damping.is_nonpositive:
        raise _unknown_sign("d/dt", form.damping)
    reaction = sp.S.Zero if form.at_zero == 0 else sp.simplify(form.at_zero / weight)
    return Transfer(t, sp.exp(sp.expand(decaying * t)), branches, reaction)


def _hyperbolic(form: NormalForm, rest: sp.Expr) -> Transfer:
    mean, half = _roots(form, rest)
    branches = tuple(Branch(sp.I * (mean + sign * half), True) for sign in (1, -1))
    wave, slope = sp.sinh(half * t) / half, sp.cosh(half * t)
    h = sp.exp(mean * t) * (slope - mean * wave)
    reaction = -form.at_zero / -form.leading * wave / (slope - mean * wave)
    return Transfer(t, h, branches, reaction)
