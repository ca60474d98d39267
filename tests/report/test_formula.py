from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genphys.report import formula_svg

READ = [
    r"- mass^{2} \phi{\left(x,r \right)} + \Delta_{x} \phi{\left(x,r \right)} = - \rho",
    r"p = - r^{D - 1} \frac{\partial}{\partial r} \phi{\left(x,r \right)}",
    r"h(k, r) = \mathrm{Mat}_{\frac{D}{2}}\left(r \sqrt{k^{2} + mass^{2}}\right)",
    r"x = y + \sqrt{S}\,z, \quad S \sim \mathrm{GIG}\left(- \frac{D}{2}, mass^{2}, r^{2}\right)",
    r"\lambda = -R/p = \frac{E[S \mid x] mass^{2}}{r}",
    r"\rho_\nu(z) = \frac{K_\nu(z)}{\Gamma(\nu)}, \nabla_{x} \operatorname{re}{\left(x\right)}",
]


def box(svg: str) -> list[float]:
    return [float(v) for v in ElementTree.fromstring(svg).attrib["viewBox"].split()]


def outline(svg: str) -> str:
    return ElementTree.fromstring(svg)[0].attrib["d"]


@pytest.mark.parametrize("latex", READ)
def test_formulas_become_one_path_in_the_text_colour(latex: str) -> None:
    svg = formula_svg(latex)
    root = ElementTree.fromstring(svg)
    assert root.attrib["fill"] == "currentColor"
    assert [child.tag for child in root] == ["path"]
    assert "id=" not in svg
    assert svg == formula_svg(latex)


@pytest.mark.parametrize("latex", READ)
def test_every_point_lies_in_the_view(latex: str) -> None:
    svg = formula_svg(latex)
    left, top, width, height = box(svg)
    numbers = [float(v) for v in re.findall(r"-?\d+(?:\.\d+)?", outline(svg))]
    assert left <= min(numbers[::2]) <= max(numbers[::2]) <= left + width
    assert top <= min(numbers[1::2]) <= max(numbers[1::2]) <= top + height


@pytest.mark.parametrize(
    "latex",
    [
        "",
        " ",
        r"\begin{aligned} a \end{aligned}",
        "a $ b",
        r"\left(x",
        "a\nb",
        r"a \\ b",
        r"\unknown",
        "\u6f22",
        "{" * 3000 + "x" + "}" * 3000,
        r"\,",
    ],
)
def test_what_cannot_be_read_gives_nothing(latex: str) -> None:
    assert formula_svg(latex) == ""


@settings(max_examples=50)
@given(st.text(max_size=20))
def test_any_text_gives_an_element_or_nothing(latex: str) -> None:
    svg = formula_svg(latex)
    assert svg == "" or ElementTree.fromstring(svg).tag == "svg"


def test_size_is_in_units_of_the_text_around() -> None:
    width = [
        float(ElementTree.fromstring(formula_svg("x + y", size)).attrib["width"][:-2])
        for size in (1.0, 2.0)
    ]
    assert width[1] == pytest.approx(2 * width[0], abs=2e-3)
    assert 1.5 < width[0] < 3.5


def test_the_baseline_is_that_of_the_text() -> None:
    svg = formula_svg("x", 1.0)
    _, top, _, height = box(svg)
    below = re.search(r"vertical-align:-([0-9.]+)em", svg)
    assert below is not None
    assert 100 * float(below[1]) == pytest.approx(top + height, abs=1)


def test_names_are_upright_and_apart() -> None:
    assert outline(formula_svg("mass r")) == outline(formula_svg(r"\mathrm{mass}\,r"))
    assert outline(formula_svg("r mass^{2}")) == outline(formula_svg(r"r\,\mathrm{mass}^{2}"))
    assert outline(formula_svg(r"\sqrt{mass}")) == outline(formula_svg(r"\sqrt{\mathrm{mass}}"))
    assert outline(formula_svg("dx")) != outline(formula_svg(r"\mathrm{dx}"))


def test_fractions_are_in_full_size_outside_of_indices() -> None:
    assert outline(formula_svg(r"\frac{a}{b}")) == outline(formula_svg(r"\dfrac{a}{b}"))
    assert outline(formula_svg(r"x_{\frac{a}{b}}")) != outline(formula_svg(r"x_{\dfrac{a}{b}}"))
