from __future__ import annotations

import re

import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

from genphys.derivation import Derivation, derive
from genphys.derivation.page import latex, markdown, rows, text, verdict_rows
from genphys.pde import FractionalLaplacian, Laplacian, field, r, source, t, x, z
from genphys.potentials.heat import Heat
from genphys.potentials.pfgm import Pfgm
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa

phi, psi = field(t), field(r)
a, b = sp.symbols("a b", positive=True)
kappa, loss = sp.Symbol("kappa", positive=True), sp.Symbol("loss", positive=True)
PAGES: dict[str, Derivation] = {
    "heat": derive(Heat()),
    "pfgm": derive(Pfgm()),
    "pfgmpp": derive(Pfgmpp()),
    "yukawa": derive(Yukawa()),
    "killed": derive(sp.Eq(phi.diff(t), kappa * Laplacian(phi, x) - loss * phi)),
    "fractional": derive(sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, sp.Rational(3, 2)))),
    "mixed": derive(sp.Eq(a * phi.diff(t, 2) - b * phi.diff(t) + Laplacian(phi, x), 0)),
    "telegraph": derive(sp.Eq(phi.diff(t, 2) + 2 * a * phi.diff(t), Laplacian(phi, x))),
    "unscreened": derive(sp.Eq(Laplacian(psi, x) + Laplacian(psi, z) + a * psi, -source)),
    "Fisher-KPP": derive(sp.Eq(phi.diff(t), Laplacian(phi, x) + phi * (1 - phi))),
}
BUILT_IN = ["heat", "pfgm", "pfgmpp", "yukawa"]


def row(name: str, label: str) -> tuple[str, str]:
    (found,) = [line for line in rows(PAGES[name]) if line.label == label]
    return found.text, found.latex


@pytest.mark.parametrize("name", PAGES)
def test_the_page_fits_a_terminal_and_holds_every_row(name: str) -> None:
    page = text(PAGES[name])
    assert page == str(PAGES[name])
    assert max(map(len, page.splitlines())) <= 100
    joined = re.sub(r"\s+", "", page)
    for line in [*rows(PAGES[name]), *verdict_rows(PAGES[name])]:
        assert line.label.replace(" ", "") in joined
        assert re.sub(r"\s+", "", line.text) in joined


@pytest.mark.parametrize("name", PAGES)
def test_formulas_are_mathematics_that_matplotlib_reads(name: str) -> None:
    parser = MathTextParser("path")
    for line in rows(PAGES[name]):
        assert line.latex or line.label == "Residual"
        if line.latex:
            parser.parse(f"${line.latex}$")


@pytest.mark.parametrize("name", PAGES)
def test_formulas_have_no_clutter(name: str) -> None:
    for line in rows(PAGES[name]):
        assert r"{\left(x," not in line.latex and "source" not in line.latex
        assert r"\left(\nabla" not in line.latex and r"\left(\Delta" not in line.latex
        assert r"\frac{\partial" not in line.latex
        for word in re.findall(r"(?<![\\a-zA-Z])[a-zA-Z]{3,}", line.latex):
            assert rf"\mathrm{{{word}}}" in line.latex  # long names stand upright


def test_the_rows_of_a_process() -> None:
    labels = [line.label for line in rows(PAGES["yukawa"])]
    assert labels == [
        *("Equation", "Density", "Flux", "Source", "Residual", "Dispersion", "Dispersion"),
        *("Transfer", "Mass", "Clock", "Scale", "Rays", "Rate", "Where"),
    ]
    assert "Rate" not in [line.label for line in rows(PAGES["pfgmpp"])]
    assert [line.label for line in rows(PAGES["Fisher-KPP"])] == ["Equation"]
    verdict = [line.label for line in verdict_rows(PAGES["heat"])]
    assert verdict == ["Generates", "C1 density", "C2 smoothing", "C3 linear"]


@pytest.mark.parametrize(
    ("name", "label", "words", "formula"),
    [
        (
            "heat",
            "Equation",
            "diff(phi, t) = Laplacian(phi, x)",
            r"\partial_{t} \phi = \Delta_{x} \phi",
        ),
        ("heat", "Rays", "v = (x - y)/(2*t)", r"v = \frac{x - y}{2\,t}"),
        ("pfgm", "Density", "p = -diff(phi, t)", r"p = - \partial_{t} \phi"),
        (
            "pfgmpp",
            "Equation",
            "Laplacian(phi, x) + Laplacian(phi, z) = -source",
            r"\Delta_{x} \phi + \Delta_{z} \phi = - \rho",
        ),
        ("pfgmpp", "Rays", "v = (x - y)/r", r"v = \frac{x - y}{r}"),
        (
            "pfgmpp",
            "Transfer",
            "h(k, r) = Matern(D/2, k*r)",
            r"\mathrm{Mat}_{D / 2}\left(k\,r\right)",
        ),
        ("pfgmpp", "Flux", "J = -r**(D - 1)*Gradient(phi, x)", r"r^{D - 1}\,\nabla_{x} \phi"),
        (
            "yukawa",
            "Rate",
            "lambda = -R/p = mass**2/r * E[S|x]",
            r"\frac{\mathrm{mass}^{2}}{r}\,\mathrm{E}[S \mid x]",
        ),
        ("yukawa", "Residual", "dp/dr + div J - R = 0  on the equation", ""),
        ("killed", "Rate", "lambda = -R/p = loss", r"\mathrm{loss}"),
        ("fractional", "Equation", "FractionalLaplacian(phi, x, 3/2)", r"(-\Delta_x)^{"),
    ],
)
def test_a_row_reads_as_a_physicist_writes_it(
    name: str, label: str, words: str, formula: str
) -> None:
    found, mathematics = row(name, label)
    assert words in found and formula in mathematics


def test_the_kept_branch_is_marked() -> None:
    lines = [line.text for line in rows(PAGES["pfgmpp"]) if line.label == "Dispersion"]
    assert lines == ["w(k) = -I*k  (kept)", "w(k) = I*k  (removed by the boundary condition)"]


def test_verdicts_on_the_page() -> None:
    assert verdict_rows(PAGES["heat"])[0].text == "yes, in every N"
    assert verdict_rows(PAGES["telegraph"])[0].text == "no"
    refuted = verdict_rows(PAGES["Fisher-KPP"])[3].text
    assert refuted.startswith("no (refuted)") and "not linear" in refuted


@pytest.mark.parametrize("name", PAGES)
def test_latex_and_markdown_hold_the_same_rows(name: str) -> None:
    d = PAGES[name]
    notebook, page = latex(d), markdown(d)
    assert notebook == d._repr_latex_() and notebook.startswith("$$") and notebook.endswith("$$")
    for line in rows(d):
        assert line.latex in notebook and line.latex in page and line.text in page
    assert page.count("| ") >= 5 and page.endswith("\n")


def test_absolute_values_do_not_break_the_table_of_verdicts() -> None:
    table = [line for line in markdown(PAGES["unscreened"]).splitlines() if line.startswith("| C1")]
    assert r"\|h(k)\|" in table[0]
