"""Deriving by the command line: a page, its files, and figures where there is something to draw."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


YUKAWA = "equation=Laplacian(phi, x) + Laplacian(phi, z) - m**2*phi = -source"


def derive(genphys: Call, *words: str) -> tuple[int, str, str]:
    return genphys("derive", *words, "hydra.run.dir=out")


def files() -> set[str]:
    return {p.name for p in Path("out").iterdir()}


PAGE = {"derivation.md", "derivation.json"}


def test_a_built_in_potential(genphys: Call) -> None:
    status, out, err = derive(genphys, "potential=yukawa", "potential.D=3", "dim=2")
    assert (status, err) == (0, "")
    names = ("kernel", "transfer", "clock", "survival")
    assert files() == PAGE | {f"{n}.{kind}" for n in names for kind in ("png", "svg")}
    assert "Laplacian(phi, x)" in out and out.rstrip().endswith("survival.png")
    page = json.loads(Path("out/derivation.json").read_text())
    assert page["s_generative"] is True
    assert page["rows"]["Equation"].endswith("= -source") and "Density" in page["rows"]
    assert page["verdict"] and "Equation" in Path("out/derivation.md").read_text()


def test_a_formula_without_its_numbers(genphys: Call) -> None:
    status, out, _ = derive(genphys, YUKAWA)
    assert status == 0 and files() == PAGE
    assert out.rstrip().endswith("figures need numbers: parameters.D=...")


def test_a_formula_with_its_numbers(genphys: Call) -> None:
    words = ("parameters.m=0.5", "parameters.D=3", "figures=false")
    status, out, _ = derive(genphys, YUKAWA, *words)
    assert status == 0 and files() == PAGE and out.rstrip().endswith("figures=false")


def test_a_formula_draws(genphys: Call) -> None:
    assert derive(genphys, "equation=diff(phi, t) = c*Laplacian(phi, x)", "parameters.c=2")[0] == 0
    assert {"kernel.png", "transfer.svg"} < files() and "clock.png" not in files()


@pytest.mark.parametrize(
    "equation", ["diff(phi, t, 2) = Laplacian(phi, x)", "diff(phi, t) = Laplacian(phi, x) + phi**2"]
)
def test_an_equation_that_does_not_generate_has_a_page(genphys: Call, equation: str) -> None:
    status, out, _ = derive(genphys, f"equation={equation}", "dim=3")
    assert status == 0 and files() == PAGE and "; no figures: " in out
    assert json.loads(Path("out/derivation.json").read_text())["s_generative"] is False


@pytest.mark.parametrize(
    "words",
    [
        *(["equation=phi"], ["equation=open(phi) = 0"], ["potential=yukaw"], ["dim=0"]),
        *(["dim=-2"], ["potential.D=0"], [YUKAWA, "parameters.m=-1", "parameters.D=2"]),
        [YUKAWA, "parameters.m=1", "parameters.D=2", "parameters.n=2"],
    ],
    ids=" ".join,
)
def test_mistakes_write_nothing(genphys: Call, words: list[str]) -> None:
    status, _, err = derive(genphys, *words)
    assert (status, err.count("\n")) == (2, 1), err
    assert list(Path().iterdir()) == []


def test_a_file(genphys: Call) -> None:
    Path("own.py").write_text(
        "import sympy as sp\n"
        "from dataclasses import dataclass\n"
        "from genphys import Potential\n"
        "from genphys.pde import *\n"
        "@dataclass(frozen=True)\n"
        "class Own(Potential):\n"
        "    def equation(self):\n"
        "        return sp.Eq(field(t).diff(t), 3 * Laplacian(field(t), x))\n"
    )
    status, out, _ = derive(genphys, "potential=own.py:Own", "figures=false")
    assert status == 0 and "3*Laplacian(phi, x)" in out
