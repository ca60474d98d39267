"""A derivation as a page: the same rows in words, in LaTeX, and for the report."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy as sp

from genphys.derivation.formula import show, write
from genphys.derivation.functions import KRatio, Matern
from genphys.derivation.transfer import Transfer

if TYPE_CHECKING:
    from genphys.derivation.core import Derivation

__all__ = ["Row", "latex", "rows", "text", "verdict_rows"]

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
    found = [Row("Equation", write(d.equation), sp.latex(_short(d.equation)))]
    if d.flow is None or d.transfer_function is None:
        return found
    name, h = str(d.progress), d.transfer_function
    for label, symbol, value in (
        ("Density", "p", d.flow.density),
        ("Flux", "J", d.flow.flux),
        ("Source", "R", d.flow.source),
    ):
        found.append(Row(label, f"{symbol} = {show(value)}", rf"{symbol} = {sp.latex(_short(value))}"))
    found.append(Row("Residual", f"dp/d{name} + div J - R = {d.flow.residual()}  on the equation"))
    for branch in d.dispersion:
        kept = "kept" if branch.kept else "removed by the boundary condition"
        words = f"w(k) = {show(branch.omega)}  ({kept})"
        found.append(Row("Dispersion", words, rf"\omega(k) = {sp.latex(branch.omega)}"))
    found.append(_equal("Transfer", rf"h(k, {name})", h.h))
    found.append(_equal("Mass", rf"M({name})", h.mass))
    return found + _clock_rows(d, name, h)


def _clock_rows(d: Derivation, name: str, h: Transfer) -> list[Row]:
    found = []
    if d.clock is not None and d.scale is not None:
        words = f"x = y + sqrt(S) z,  S ~ {d.clock}  ({d.clock.title})"
        found.append(Row("Clock", words, rf"x = y + \sqrt{{S}}\,z, \quad S \sim {sp.latex(d.clock)}"))
        found.append(_equal("Scale", rf"\sigma({name})", d.scale))
    rays, rate = h.rays(), h.rate()
    if rays is not None:
        found.append(Row("Rays", f"v = (x - y) * {show(rays)}", rf"v = (x - y)\,{sp.latex(rays)}"))
    if rate is not None and rate != (0, 0):
        uniform, slope = rate
        value = uniform + slope * sp.Symbol("E[S|x]")
        words = f"lambda = -R/p = {show(value)}"
        shown = sp.latex(uniform + slope * sp.Symbol(r"E[S \mid x]"))
        found.append(Row("Rate", words, rf"\lambda = -R/p = {shown}"))
    if h.h.has(Matern) or (d.scale is not None and d.scale.has(KRatio)):
        found.append(
            Row(
                "Where",
                "Matern(nu, z) = 2**(1 - nu)/gamma(nu) z**nu K_nu(z),  "
                "KRatio(nu, z) = K_nu(z)/K_{nu+1}(z)",
                r"\mathrm{Mat}_\nu(z) = \frac{2^{1-\nu}}{\Gamma(\nu)} z^\nu K_\nu(z), \quad "
                r"\rho_\nu(z) = \frac{K_\nu(z)}{K_{\nu+1}(z)}",
            )
        )
    return found


def _equal(label: str, left: str, value: sp.Expr) -> Row:
    words = left.replace(r"\sigma", "sigma")
    return Row(label, f"{words} = {show(value)}", f"{left} = {sp.latex(value)}")


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


def _short(expression: sp.Basic) -> sp.Basic:
    """The field without its arguments and the source as rho, as papers write them."""
    source = sp.Symbol("source")
    return expression.subs(source, sp.Symbol("rho"))
