r"""The language in which a process is declared: a SymPy equation for a field over data and time.

A field :math:`\phi` lives on N data coordinates ``x`` and one *progress* direction. Either that is
the time ``t``, or it is the distance ``r = |z|`` from the data in D more coordinates ``z``, which
enter through ``r`` alone. The data are the source at progress 0.

.. math::
    \Delta_x = \sum_{i=1}^{N} \partial_{x_i}^2, \qquad
    \Delta_z \phi(x, r) = \phi_{rr} + \frac{D-1}{r} \phi_r, \qquad
    \widehat{(-\Delta_x)^{\alpha/2} \phi} = |k|^\alpha \hat\phi

N, D and every parameter stay symbols until numbers are bound. D is any positive real. Coefficients
are SymPy expressions in parameters; a parameter's assumptions (``positive=True``) are its domain.

Example:
    >>> from genphys.pde import Laplacian, field, r, source, x, z
    >>> import sympy as sp
    >>> phi = field(r)
    >>> sp.Eq(Laplacian(phi, x) + Laplacian(phi, z), -source)
    Eq(Laplacian(phi(x, r), x) + Laplacian(phi(x, r), z), -source)
"""

from __future__ import annotations

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE

__all__ = [
    "D",
    "Divergence",
    "FractionalLaplacian",
    "Gradient",
    "Laplacian",
    "N",
    "field",
    "k",
    "r",
    "source",
    "t",
    "x",
    "z",
]

N = sp.Symbol("N", positive=True, integer=True)
D = sp.Symbol("D", positive=True)
t = sp.Symbol("t", positive=True)
r = sp.Symbol("r", positive=True)
k = sp.Symbol("k", positive=True)  # the length of the wave vector conjugate to x
x = sp.Symbol("x")  # stands for all N data coordinates
z = sp.Symbol("z")  # stands for all D augmented coordinates
source = sp.Symbol("source")  # the data distribution, a density at progress 0


def field(progress: sp.Symbol, name: str = "phi") -> sp.Expr:
    r"""A field :math:`\phi(x, t)`, or :math:`\phi(x, z)` seen through :math:`r = |z|`.

    Args:
        progress: ``t`` or ``r`` of this module.
        name: Name of the field, for printing.

    Returns:
        An applied SymPy function; ``phi.diff(t)`` is its derivative.

    Raises:
        ValueError: When ``progress`` is neither ``t`` nor ``r``.
    """
    if progress not in (t, r):
        raise ValueError(f"field({progress}): the progress variable is t or r of genphys.pde")
    return sp.Function(name)(x, progress)


class _Operator(sp.Expr):
    """A linear operator applied to a field: kept as it is written, differentiated inside."""

    _symbol: str
    _orders = 0  # arguments after the coordinates
    is_commutative = True  # with coefficients; SymPy would keep it apart from them otherwise

    def __new__(cls, operand: sp.Expr, coordinates: sp.Symbol, *order: sp.Expr) -> sp.Expr:
        operand = sp.sympify(operand, strict=True)
        if len(order) != cls._orders:
            raise ValueError(f"{cls.__name__} takes {2 + cls._orders} arguments")
        if coordinates not in (x, z):
            name = cls.__name__
            raise ValueError(f"{name}(phi, {coordinates}): coordinates are x or z of genphys.pde")
        if operand.is_zero:
            return sp.S.Zero
        strict = (sp.sympify(argument, strict=True) for argument in order)
        return super().__new__(cls, operand, coordinates, *strict)

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        return self.func(sp.diff(self.args[0], symbol), *self.args[1:])

    def _latex(self, printer: LatexPrinter) -> str:
        body = printer.parenthesize(self.args[0], PRECEDENCE["Mul"])
        return rf"{self._symbol}_{{{self.args[1]}}} {body}"


class Laplacian(_Operator):
    r"""The Laplacian over ``x`` (N coordinates) or over ``z`` (D coordinates, through ``r``).

    ``Laplacian(phi, z).doit()`` is :math:`\phi_{rr} + \frac{D-1}{r}\phi_r`.
    """

    _symbol = r"\Delta"

    def doit(self, **hints: bool) -> sp.Expr:
        """Write the Laplacian over z out in derivatives with respect to r."""
        operand = self.args[0].doit(**hints)
        if self.args[1] == z:
            return sp.diff(operand, r, 2) + (D - 1) / r * sp.diff(operand, r)
        return Laplacian(operand, x)


class FractionalLaplacian(_Operator):
    r"""The fractional Laplacian :math:`(-\Delta_x)^{\alpha/2}`: a wave times :math:`|k|^\alpha`.

    ``alpha`` = 2 is ``-Laplacian``; ``alpha`` = 0 is the identity.
    """

    _orders = 1

    def __new__(cls, operand: sp.Expr, coordinates: sp.Symbol, alpha: sp.Expr) -> sp.Expr:
        """Apply the operator of order ``alpha`` to ``operand``."""
        if coordinates != x:
            raise ValueError("FractionalLaplacian acts on the data coordinates x")
        if sp.sympify(alpha, strict=True).is_zero:
            return sp.sympify(operand, strict=True)
        return super().__new__(cls, operand, coordinates, alpha)

    def _latex(self, printer: LatexPrinter) -> str:
        body = printer.parenthesize(self.args[0], PRECEDENCE["Mul"])
        return rf"(-\Delta_x)^{{{printer.doprint(self.args[2] / 2)}}} {body}"


class Gradient(_Operator):
    """The gradient over the data coordinates: the form that fluxes take."""

    _symbol = r"\nabla"


class Divergence(_Operator):
    """The divergence over the data coordinates; of ``c * Gradient(u)`` it is ``c * Laplacian(u)``.

    ``doit`` writes it so.
    """

    _symbol = r"\nabla \cdot"

    def doit(self, **hints: bool) -> sp.Expr:
        """Write the divergence of gradients out in Laplacians."""
        total = sp.S.Zero
        for term in sp.Add.make_args(sp.expand(self.args[0])):
            (gradient,) = term.atoms(Gradient)
            total += term / gradient * Laplacian(gradient.args[0], x)
        return total
