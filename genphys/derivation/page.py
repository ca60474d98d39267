"""A derivation as a page: the same rows in words, in LaTeX, and for the report."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE

from genphys.derivation.formula import show
from genphys.derivation.functions import KRatio, Matern
from genphys.derivation.transfer import Transfer
from genphys.pde import FractionalLaplacian, Gradient, Laplacian, source

if TYPE_CHECKING:
    from genphys.derivation.core import Derivation

__all__ = ["Row", "latex", "markdown", "rows", "text", "verdict_rows"]

_LABEL, _WIDTH = 12, 100


@dataclass(frozen=True)
class Row:
    """One line of the page.

    Attributes:
        label: What it is.
        text: In words and SymPy's notation.
        latex: In mathematics; "" where there is none.
    """

    label: str
    text: str
    latex: str = ""


def rows(d: Derivation) -> list[Row]:
    """Everything that was derived, from the equation to the clock."""
    found = [Row("Equation", show(d.equation), _math(d.equation))]
    if d.flow is None or d.transfer_function is None:
        return found
    name, h = str(d.progress), d.transfer_function
    for label, left, value in (
        ("Density", "p", d.flow.density),
        ("Flux", "J", d.flow.flux),
        ("Source", "R", d.flow.source),
    ):
        found.append(_equal(label, left, value))
    found.append(Row("Residual", f"dp/d{name} + div J - R = {d.flow.residual()}  on the equation"))
    for branch in d.dispersion:
        kept = "kept" if branch.kept else "removed by the boundary condition"
        row = _equal("Dispersion", r"\omega(k)", branch.omega)
        found.append(Row(row.label, f"{row.text}  ({kept})", row.latex))
    found.append(_equal("Transfer", f"h(k, {name})", h.h))
    found.append(_equal("Mass", f"M({name})", h.mass))
    return found + _clock_rows(d, name, h)


def _clock_rows(d: Derivation, name: str, h: Transfer) -> list[Row]:
    found = []
    if d.clock is not None and d.scale is not None:
        words = f"x = y + sqrt(S) z,  S ~ {d.clock}  ({d.clock.title})"
        found.append(Row("Clock", words, rf"x = y + \sqrt{{S}}\,z, \quad S \sim {_math(d.clock)}"))
        found.append(_equal("Scale", rf"\sigma({name})", d.scale))
    rays, rate = h.rays(), h.rate()
    if rays is not None:
        found.append(_equal("Rays", "v", (sp.Symbol("x") - sp.Symbol("y")) * rays))
    if rate is not None and rate != (0, 0):
        words = _affine(show, rate, " * E[S|x]")
        formula = _affine(_math, rate, r"\,\mathrm{E}[S \mid x]")
        found.append(Row("Rate", f"lambda = -R/p = {words}", rf"\lambda = -R/p = {formula}"))
    if h.h.has(Matern) or (d.scale is not None and d.scale.has(KRatio)):
        found.append(_WHERE)
    return found


_WHERE = Row(
    "Where",
    "Matern(nu, z) = 2**(1 - nu)/gamma(nu) z**nu K_nu(z), KRatio(nu, z) = K_nu(z)/K_{nu+1}(z)",
    r"\mathrm{Mat}_\nu(z) = \frac{2^{1-\nu}}{\Gamma(\nu)} z^\nu K_\nu(z), \quad "
    r"\rho_\nu(z) = \frac{K_\nu(z)}{K_{\nu+1}(z)}",
)


def _equal(label: str, left: str, value: sp.Expr) -> Row:
    words = left.replace(r"\sigma", "sigma").replace(r"\omega", "w")
    return Row(label, f"{words} = {show(value)}", f"{left} = {_math(value)}")


def _affine(printed: Callable[[sp.Expr], str], rate: tuple[sp.Expr, sp.Expr], mean: str) -> str:
    """The text of a0 + a1 E[S|x] in one notation."""
    uniform, slope = rate
    parts = [printed(uniform)] if uniform != 0 else []
    return " + ".join([*parts, printed(slope) + mean] if slope != 0 else parts)


def verdict_rows(d: Derivation) -> list[Row]:
    """The verdict and its three conditions."""
    word = {True: "yes", False: "no", None: "open"}[d.verdict.s_generative]
    names = ("C1 density", "C2 smoothing", "C3 linear")
    found = [Row("Generates", f"{word}, in every N" if word == "yes" else word)]
    return found + [Row(n, str(c)) for n, c in zip(names, d.verdict.conditions, strict=True)]


def text(d: Derivation) -> str:
    """The page for a terminal, 100 columns."""
    lines: list[str] = []
    for row in [*rows(d), *verdict_rows(d)]:
        body = textwrap.wrap(row.text, _WIDTH - _LABEL - 1, break_long_words=False) or [""]
        lines.append(f"{row.label:{_LABEL}} {body[0]}")
        lines.extend(" " * (_LABEL + 1) + line for line in body[1:])
    return "\n".join(lines)


def latex(d: Derivation) -> str:
    """The page for a notebook."""
    lines = [rf"\text{{{row.label}}} &\quad {row.latex}" for row in rows(d) if row.latex]
    lines += [rf"\text{{{row.label}}} &\quad \text{{{row.text}}}" for row in verdict_rows(d)[:1]]
    return "$$\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$$"


def markdown(d: Derivation) -> str:
    """The page as Markdown with LaTeX formulas."""
    lines = [f"# {show(d.equation)}", ""]
    for row in rows(d):
        formula = [f"$${row.latex}$$", ""] if row.latex else []
        lines += [f"**{row.label}**", "", f"`{row.text}`", "", *formula]
    lines += ["| condition | verdict |", "| --- | --- |"]
    cells = [(row.label, row.text.replace("|", r"\|")) for row in verdict_rows(d)]
    lines += [f"| {label} | {verdict} |" for label, verdict in cells]
    return "\n".join(lines) + "\n"


def _math(expression: sp.Basic) -> str:
    """LaTeX as a paper would write it."""
    return str(_Notation({"mul_symbol": r"\,"}).doprint(expression))


class _Notation(LatexPrinter):
    r"""The field without its arguments, the source as :math:`\rho`, long names upright."""

    def _print_Symbol(self, expression: sp.Symbol, style: str = "plain") -> str:
        name = r"\rho" if expression == source else super()._print_Symbol(expression, style)
        return rf"\mathrm{{{name}}}" if len(name) > 1 and name.isalpha() else str(name)

    def _print_Function(self, expression: sp.Expr, exp: str | None = None) -> str:
        if isinstance(expression, AppliedUndef):
            name = self._print(sp.Symbol(expression.func.__name__))
            return name if exp is None else f"{name}^{{{exp}}}"
        return str(super()._print_Function(expression, exp))

    def _needs_mul_brackets(self, expr: sp.Expr, first: bool = False, last: bool = False) -> bool:
        if isinstance(expr, Gradient | Laplacian | FractionalLaplacian):
            return False
        return bool(super()._needs_mul_brackets(expr, first, last))

    def _print_Derivative(self, expression: sp.Derivative) -> str:
        parts = [
            rf"\partial_{{{self._print(variable)}}}" + (f"^{{{count}}}" if count != 1 else "")
            for variable, count in expression.variable_count
        ]
        return " ".join([*parts, self.parenthesize(expression.expr, PRECEDENCE["Mul"])])
