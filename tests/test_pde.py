from __future__ import annotations

import subprocess
import sys

import pytest
import sympy as sp

from genphys.pde import (
    D,
    Divergence,
    FractionalLaplacian,
    Gradient,
    Laplacian,
    N,
    field,
    r,
    source,
    t,
    x,
    z,
)


def test_a_field_is_a_function_of_x_and_its_progress() -> None:
    phi, psi = field(t), field(r, "psi")
    assert phi.args == (x, t)
    assert psi.args == (x, r) and psi.func.__name__ == "psi"
    assert phi.diff(t) != 0 and phi.diff(r) == 0


@pytest.mark.parametrize("progress", [x, z, N, sp.Symbol("t"), sp.Symbol("r", real=True)])
def test_a_field_over_anything_else_is_refused(progress: sp.Symbol) -> None:
    with pytest.raises(ValueError, match="the progress variable is t or r"):
        field(progress)


def test_the_radial_laplacian_is_that_of_d_dimensions() -> None:
    phi = field(r)
    written = Laplacian(phi, z).doit()
    for dimension in (1, 2, 3, 7):
        coordinates = sp.symbols(f"z1:{dimension + 1}", positive=True)
        radius = sp.sqrt(sum(c**2 for c in coordinates))
        profile = sp.Function("f")
        brute = sum(sp.diff(profile(radius), c, 2) for c in coordinates)
        ours = written.subs(D, dimension).subs(phi, profile(r)).doit().subs(r, radius).doit()
        for test_profile in (lambda q: sp.exp(-q), lambda q: q**3):
            difference = (ours - brute).replace(profile, test_profile).doit()
            at = {c: sp.Rational(i + 2, 3) for i, c in enumerate(coordinates)}
            assert abs(sp.N(difference.subs(at), 20)) < 1e-15


def test_the_laplacian_over_x_stays_a_symbol() -> None:
    phi = field(t)
    assert Laplacian(phi, x).doit() == Laplacian(phi, x)
    assert Laplacian(0 * phi, x) == 0
    assert FractionalLaplacian(phi, x, 0) == phi


def test_operators_commute_with_coefficients_and_progress() -> None:
    phi, c = field(t), sp.Symbol("c", positive=True)
    assert Laplacian(phi, x) * c == c * Laplacian(phi, x)
    assert c * Laplacian(phi, x) / Laplacian(phi, x) == c
    assert Laplacian(phi, x) * Gradient(phi, x) == Gradient(phi, x) * Laplacian(phi, x)
    assert sp.diff(Laplacian(phi, x), t) == Laplacian(phi.diff(t), x)
    fractional = FractionalLaplacian(phi, x, c)
    assert sp.diff(fractional, t) == FractionalLaplacian(phi.diff(t), x, c)


def test_the_divergence_of_a_flux_is_a_laplacian() -> None:
    phi, c = field(t), sp.Symbol("c", positive=True)
    flux = -c * Gradient(phi, x) + 2 * Gradient(FractionalLaplacian(phi, x, 1), x)
    expected = -c * Laplacian(phi, x) + 2 * Laplacian(FractionalLaplacian(phi, x, 1), x)
    assert sp.expand(Divergence(flux, x).doit() - expected) == 0


@pytest.mark.parametrize("coordinates", [t, r, N, sp.Symbol("y"), 3])
def test_operators_act_over_x_or_z_only(coordinates: sp.Symbol) -> None:
    with pytest.raises(ValueError, match="coordinates are x or z"):
        Laplacian(field(t), coordinates)


def test_the_fractional_laplacian_acts_over_x_only() -> None:
    with pytest.raises(ValueError, match="acts on the data coordinates x"):
        FractionalLaplacian(field(r), z, 1)


def test_nothing_is_parsed_from_strings() -> None:
    with pytest.raises(sp.SympifyError):
        Laplacian("__import__('os').getcwd()", x)
    with pytest.raises(sp.SympifyError):
        FractionalLaplacian(field(t), x, "1 + 1")


def test_symbols_know_their_domains() -> None:
    assert D.is_positive and not D.is_integer
    assert N.is_positive and N.is_integer
    assert t.is_positive and r.is_positive
    assert not source.is_positive  # a density, nothing is assumed of it


def test_latex_reads_as_operators() -> None:
    phi = field(t)
    assert r"\Delta_{x}" in sp.latex(Laplacian(phi, x))
    assert r"\nabla_{x}" in sp.latex(Gradient(phi, x))
    assert r"(-\Delta_x)^{\frac{3}{4}}" in sp.latex(FractionalLaplacian(phi, x, sp.Rational(3, 2)))


def test_the_language_and_the_derivation_load_no_torch() -> None:
    code = "import sys, genphys.pde, genphys.derivation; print('torch' in sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "False"


def test_operators_take_their_arguments_and_no_more() -> None:
    phi = field(t)
    with pytest.raises(ValueError, match="Laplacian takes 2 arguments"):
        Laplacian(phi, x, x)
    assert FractionalLaplacian(phi, x, 1).func(phi, x, 2) == FractionalLaplacian(phi, x, 2)
