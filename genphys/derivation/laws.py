r"""The laws of the clock: which random variance S a transfer function is made of.

A kernel is a density in every dimension exactly if it mixes Gaussians of scale (Schoenberg 1938),

.. math::
    x = y + \sqrt{S} z, \qquad \frac{h(k, r)}{h(0, r)} = E\left[e^{-k^2 S / 2}\right],

so the law of S is the inverse Laplace transform of h in :math:`\theta = k^2 / 2`. A law here is its
Laplace transform and its moments; :func:`recognise` finds the law of a given h by its form in
k, whatever equation it came from.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp

from genphys.derivation.functions import KRatio, Matern
from genphys.derivation.operator import expand
from genphys.pde import k

__all__ = ["GIG", "InverseGamma", "Law", "PointMass", "PositiveStable", "recognise"]


class Law(sp.Basic):
    """A law of S > 0: SymPy arguments and their domain, a Laplace transform, moments."""

    title: ClassVar[str]

    def laplace(self, theta: sp.Expr) -> sp.Expr:
        r""":math:`E[e^{-\theta S}]`."""
        raise NotImplementedError

    def inverse_moment(self) -> sp.Expr:
        r""":math:`E[1/S]`, which fixes the noise scale by :math:`1/\sigma^2 = E[1/S]`."""
        raise NotImplementedError

    def spread(self) -> sp.Expr | None:
        r"""Var[1/S] / E[1/S]², dimensionless: 0 where S is not random; None where not known."""
        return None

    def conditions(self) -> tuple[sp.Basic, ...]:
        """What must hold for the arguments to make a law; each a SymPy relation."""
        return ()

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__}({', '.join(printer.doprint(a) for a in self.args)})"

    def _latex(self, printer: Any) -> str:
        arguments = ", ".join(printer.doprint(a) for a in self.args)
        return rf"\mathrm{{{type(self).__name__}}}\left({arguments}\right)"


class PointMass(Law):
    r"""S is the number v: a Gaussian kernel."""

    title = "S is not random: the kernel is Gaussian"

    def laplace(self, theta: sp.Expr) -> sp.Expr:
        r""":math:`e^{-\theta v}`."""
        return sp.exp(-theta * self.args[0])

    def inverse_moment(self) -> sp.Expr:
        """1 / v."""
        return 1 / self.args[0]

    def spread(self) -> sp.Expr:
        """0."""
        return sp.S.Zero

    def conditions(self) -> tuple[sp.Basic, ...]:
        """A variance is positive."""
        return (sp.Gt(self.args[0], 0),)


class InverseGamma(Law):
    r"""Density proportional to :math:`S^{-a-1} e^{-b/S}`; r²/chi²_D is InverseGamma(D/2, r²/2)."""

    title = "S is a number over a chi-squared variable: the kernel is Student's t"

    def laplace(self, theta: sp.Expr) -> sp.Expr:
        r""":math:`\mathrm{Mat}_a(2\sqrt{b\theta})`."""
        shape, scale = self.args
        return Matern(shape, _root(4 * scale * theta))

    def inverse_moment(self) -> sp.Expr:
        """a / b."""
        shape, scale = self.args
        return shape / scale

    def spread(self) -> sp.Expr:
        """1 / a: 1/S is Gamma of that shape."""
        return 1 / self.args[0]

    def conditions(self) -> tuple[sp.Basic, ...]:
        """Shape and scale are positive."""
        return tuple(sp.Gt(argument, 0) for argument in self.args)


class GIG(Law):
    r"""Generalised inverse Gaussian: density proportional to :math:`S^{p-1} e^{-(a S + b/S)/2}`.

    Here p < 0, a >= 0 and b > 0.
    a = 0 is ``InverseGamma(-p, b/2)``; p = -1/2 is the inverse Gaussian law.
    """

    title = "S is generalised inverse Gaussian: Student's t near the data, Gaussian far away"

    def __new__(cls, p: Any, a: Any, b: Any) -> sp.Basic:
        p, a, b = (sp.sympify(argument, strict=True) for argument in (p, a, b))
        if a.is_zero:
            return InverseGamma(-p, b / 2)
        return super().__new__(cls, p, a, b)

    def laplace(self, theta: sp.Expr) -> sp.Expr:
        r""":math:`\mathrm{Mat}_{-p}(\sqrt{b(a+2\theta)}) / \mathrm{Mat}_{-p}(\sqrt{ab})`."""
        p, a, b = self.args
        return Matern(-p, _root(b * (a + 2 * theta))) / Matern(-p, _root(a * b))

    def inverse_moment(self) -> sp.Expr:
        r""":math:`\sqrt{a/b}\, K_{1-p}(\sqrt{ab}) / K_{-p}(\sqrt{ab})`."""
        p, a, b = self.args
        return _root(a / b) / KRatio(-p, _root(a * b))

    def conditions(self) -> tuple[sp.Basic, ...]:
        """p < 0, a >= 0, b > 0."""
        p, a, b = self.args
        return (sp.Lt(p, 0), sp.Ge(a, 0), sp.Gt(b, 0))


class PositiveStable(Law):
    r"""The law on S > 0 with :math:`E[e^{-\theta S}] = e^{-c \theta^\alpha}`, 0 < alpha < 1.

    alpha = 1 is ``PointMass(c)``.
    """

    title = "S is positive stable: the kernel is Levy stable"

    def __new__(cls, alpha: sp.Expr, scale: sp.Expr) -> sp.Basic:
        """Return the law; a point mass at its limit alpha = 1."""
        alpha, scale = sp.sympify(alpha, strict=True), sp.sympify(scale, strict=True)
        return PointMass(scale) if alpha == 1 else super().__new__(cls, alpha, scale)

    def laplace(self, theta: sp.Expr) -> sp.Expr:
        r""":math:`e^{-c\theta^\alpha}`."""
        alpha, scale = self.args
        return sp.exp(-scale * theta**alpha)

    def inverse_moment(self) -> sp.Expr:
        r""":math:`\Gamma(1 + 1/\alpha)\, c^{-1/\alpha}`."""
        alpha, scale = self.args
        return sp.gamma(1 + 1 / alpha) * scale ** (-1 / alpha)

    def conditions(self) -> tuple[sp.Basic, ...]:
        """0 < alpha < 1 and a positive scale."""
        alpha, scale = self.args
        return (sp.Gt(alpha, 0), sp.Lt(alpha, 1), sp.Gt(scale, 0))


def _root(square: sp.Expr) -> sp.Expr:
    return sp.sqrt(sp.factor(square))


def recognise(transfer: sp.Expr) -> Law | None:
    r"""The law of S with :math:`E[e^{-k^2 S/2}] = h(k)/h(0)`, or None.

    Args:
        transfer: h as an expression in ``k`` (and in a progress variable and parameters).

    Returns:
        The law, with arguments free of k. Its conditions may still depend on parameters.
    """
    dependent = [f for f in sp.Mul.make_args(sp.powsimp(transfer)) if f.has(k)]
    if len(dependent) != 1:
        return None
    (factor,) = dependent
    if isinstance(factor, Matern):
        return _from_matern(factor.args[0], factor.args[1])
    if isinstance(factor, sp.exp):
        return _from_exponent(factor.args[0])
    return None


def _from_matern(nu: sp.Expr, argument: sp.Expr) -> Law | None:
    affine = _affine(argument**2)
    if affine is None or nu.has(k):
        return None
    slope, rest = affine
    return GIG(-nu, sp.simplify(rest / slope), slope)


def _from_exponent(exponent: sp.Expr) -> Law | None:
    """exp(-v k²/2), exp(-c k^(2 alpha)) or exp(-sqrt(b k² + a b)), times what is free of k."""
    terms = sp.Add.make_args(expand(exponent))
    exponent = sp.collect(sum((a for a in terms if a.has(k)), sp.S.Zero), k)
    coefficient, power = exponent.as_independent(k, as_Add=False)
    base, order = power.as_base_exp()
    if base == k and order == 2:
        return PointMass(-2 * coefficient)
    if base == k and order == 1:
        return InverseGamma(sp.S.Half, coefficient**2 / 2)
    if base == k and not order.has(k):
        return PositiveStable(order / 2, sp.simplify(-coefficient * 2 ** (order / 2)))
    if order == sp.S.Half and coefficient.could_extract_minus_sign():
        return _from_matern(sp.S.Half, -exponent)
    return None


def _affine(square: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(b, c) with square = b k² + c, or None."""
    terms = sp.collect(sp.expand(square), k, evaluate=False)
    if set(terms) - {sp.S.One, k**2} or k**2 not in terms:
        return None
    return sp.factor(terms[k**2]), sp.factor(terms.get(sp.S.One, sp.S.Zero))
