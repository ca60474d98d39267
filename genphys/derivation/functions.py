r"""The two special functions of the symbolic side: the Matérn function and the ratio of Bessel K.

.. math::
    \mathrm{Mat}_\nu(z) = \frac{2^{1-\nu}}{\Gamma(\nu)} z^\nu K_\nu(z), \qquad
    \rho_\nu(z) = \frac{K_\nu(z)}{K_{\nu+1}(z)}, \qquad
    \mathrm{Mat}_\nu'(z) = -\rho_{\nu-1}(z)\, \mathrm{Mat}_\nu(z)

They are kept as names because SymPy neither solves nor simplifies Bessel functions of symbolic
order; with them, flows and rates reduce to algebra.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import ArgumentIndexError

__all__ = ["KRatio", "Matern"]


class Matern(sp.Function):
    r"""The Matérn function :math:`\mathrm{Mat}_\nu(z)`: 1 at z = 0, decreasing to 0.

    ``Matern(1/2, z)`` is ``exp(-z)``. Numbers come from mpmath through ``evalf``.
    """

    nargs = 2

    @classmethod
    def eval(cls, nu: sp.Expr, z: sp.Expr) -> sp.Expr | None:
        if z.is_zero:
            return sp.S.One
        if nu == sp.S.Half:
            return sp.exp(-z)
        return None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        nu, z = self.args
        return -KRatio(nu - 1, z) * self

    def _eval_rewrite_as_besselk(self, nu: sp.Expr, z: sp.Expr, **_: Any) -> sp.Expr:
        return 2 ** (1 - nu) / sp.gamma(nu) * z**nu * sp.besselk(nu, z)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.rewrite(sp.besselk)._eval_evalf(prec)

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_positive and self.args[1].is_nonnegative else None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        nu, z = sp.latex(self.args[0], fold_short_frac=True), printer.doprint(self.args[1])
        power = "" if exp is None else rf"^{{{exp}}}"
        return rf"\mathrm{{Mat}}_{{{nu}}}{power}\left({z}\right)"


class KRatio(sp.Function):
    r"""The ratio :math:`\rho_\nu(z) = K_\nu(z) / K_{\nu+1}(z)`, dimensionless.

    It obeys the Riccati equation :math:`\rho' = \rho^2 + (2\nu+1)\rho/z - 1`; 1 at order -1/2.
    """

    nargs = 2

    @classmethod
    def eval(cls, nu: sp.Expr, z: sp.Expr) -> sp.Expr | None:
        return sp.S.One if nu == -sp.S.Half else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        if argindex != 2:
            raise ArgumentIndexError(self, argindex)
        nu, z = self.args
        return self**2 + (2 * nu + 1) / z * self - 1

    def _eval_rewrite_as_besselk(self, nu: sp.Expr, z: sp.Expr, **_: Any) -> sp.Expr:
        return sp.besselk(nu, z) / sp.besselk(nu + 1, z)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.rewrite(sp.besselk)._eval_evalf(prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        nu, z = sp.latex(self.args[0], fold_short_frac=True), printer.doprint(self.args[1])
        return rf"\rho_{{{nu}}}\left({z}\right)" + ("" if exp is None else rf"^{{{exp}}}")
