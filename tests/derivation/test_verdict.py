from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy import integrate

from genphys.derivation import derive
from genphys.derivation.verdict import Condition, Verdict, judge_nonlinear
from genphys.pde import D, FractionalLaplacian, Laplacian, field, k, r, source, t, x, z

phi, psi = field(t), field(r)
a, b, c = sp.symbols("a b c", positive=True)
m = sp.Symbol("m", nonnegative=True)
lap, bilap = Laplacian(phi, x), Laplacian(Laplacian(phi, x), x)
over_z = Laplacian(psi, x) + Laplacian(psi, z)

GENERATES = {
    "heat": sp.Eq(phi.diff(t), lap),
    "heat with kappa": sp.Eq(phi.diff(t), a * lap),
    "killed": sp.Eq(phi.diff(t), lap - a * phi),
    "bred": sp.Eq(phi.diff(t), lap + a * phi),
    "fractional 1/2": sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, sp.S.Half)),
    "fractional 1": sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, 1)),
    "fractional 1.5": sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, 1.5)),
    "fractional 2": sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, 2)),
    "PFGM": sp.Eq(phi.diff(t, 2) + lap, 0),
    "Yukawa over t": sp.Eq(phi.diff(t, 2) + lap - m**2 * phi, 0),
    "mixed": sp.Eq(a * phi.diff(t, 2) - b * phi.diff(t) + lap, 0),
    "mixed and killed": sp.Eq(a * phi.diff(t, 2) - b * phi.diff(t) + lap - c * phi, 0),
    "fourth order in disguise": sp.Eq(phi.diff(t, 2), bilap),
    "Poisson": sp.Eq(over_z, -source),
    "Yukawa": sp.Eq(over_z - m**2 * psi, -source),
    "Yukawa, r scaled": sp.Eq(Laplacian(psi, x) + a**2 * Laplacian(psi, z) - m**2 * psi, -source),
    "fractional Poisson": sp.Eq(Laplacian(psi, z), FractionalLaplacian(psi, x, 2) - source),
}
REFUTED = {
    "backward heat": sp.Eq(phi.diff(t), -lap),
    "biharmonic": sp.Eq(phi.diff(t), -bilap),
    "biharmonic and heat": sp.Eq(phi.diff(t), lap - bilap),
    "Kuramoto-Sivashinsky": sp.Eq(phi.diff(t), -a * lap - b * bilap),
    "fractional 2.5": sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, sp.Rational(5, 2))),
    "ideal wave": sp.Eq(phi.diff(t, 2), c**2 * lap),
    "telegraph": sp.Eq(phi.diff(t, 2) + 2 * a * phi.diff(t), c**2 * lap),
    "anti-telegraph": sp.Eq(phi.diff(t, 2) - 2 * a * phi.diff(t), c**2 * lap),
    "Klein-Gordon": sp.Eq(phi.diff(t, 2), lap - a**2 * phi),
    "Helmholtz": sp.Eq(phi.diff(t, 2) + lap + a**2 * phi, 0),
    "Helmholtz over z": sp.Eq(over_z + a * psi, -source),
}


@pytest.mark.timeout(5)
@pytest.mark.parametrize("name", GENERATES)
def test_proved_to_generate(name: str) -> None:
    d = derive(GENERATES[name])
    assert [c.evidence for c in d.verdict.conditions] == ["proved"] * 3
    assert d.verdict.s_generative is True and d.clock is not None
    assert all(d.verdict.generative_in(n) for n in (1, 2, 3072)) and d.verdict.objections(2) == []


@pytest.mark.timeout(5)
@pytest.mark.parametrize("name", REFUTED)
def test_refuted(name: str) -> None:
    d = derive(REFUTED[name])
    assert d.verdict.density.evidence == "refuted" and d.verdict.density.holds is False
    assert d.verdict.density.witness and d.clock is None
    assert d.verdict.s_generative is False


SMOOTHING = {
    "backward heat": False,
    "biharmonic": True,
    "biharmonic and heat": True,
    "Kuramoto-Sivashinsky": False,
    "fractional 2.5": True,
    "ideal wave": False,
    "telegraph": True,
    "anti-telegraph": False,  # passes branch by branch, but the branch at k = 0 has no weight
    "Klein-Gordon": False,
    "Helmholtz": False,
    "Helmholtz over z": False,
}


@pytest.mark.parametrize("name", SMOOTHING)
def test_smoothing_is_the_ratio_going_to_zero(name: str) -> None:
    """h(k, T)/M(T) late, for waves on both sides of a = 0.5, where b = 1 and c = 1.3."""
    d = derive(REFUTED[name])
    assert d.verdict.smoothing.holds is SMOOTHING[name]
    numbers = {"a": 0.5, "b": 1, "c": 1.3, "D": 3}
    assert d.transfer is not None and d.mass is not None
    given = [sp.Symbol(n, positive=True) for n in numbers] + [k, d.progress]
    ratio = d.transfer.rewrite(sp.besselk) / d.mass.rewrite(sp.besselk)
    h = sp.lambdify(given, ratio, "mpmath")
    with mpmath.workdps(40):
        late = [abs(h(*numbers.values(), mpmath.mpf(w), 2e4)) for w in (0.2, 0.8, 2)]
    assert (max(late) < 1e-10) is SMOOTHING[name]


def test_what_was_only_sampled_is_not_proved() -> None:
    smoothing = derive(REFUTED["telegraph"]).verdict.smoothing
    assert smoothing.evidence == "numerical" and "41 wave numbers" in smoothing.reason
    sums = derive(sp.Eq(phi.diff(t), lap - FractionalLaplacian(phi, x, 1))).verdict
    assert sums.density.evidence == "open" and sums.density.holds is None
    assert "no clock law was recognised" in sums.density.reason
    assert sums.s_generative is None and sums.generative_in(2) is None


def test_what_depends_on_parameters_is_open() -> None:
    """kappa = a - b smooths for a > b only; a mass squared a - b is a mass for a > b only."""
    for equation in (
        sp.Eq(phi.diff(t), (a - b) * lap),
        sp.Eq(over_z - (a - b) * psi, -source),
        sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, a)),
    ):
        d = derive(equation)
        assert d.verdict.density.evidence == "open" and d.verdict.s_generative is None
        assert d.clock is not None  # bind decides with numbers
    mixed = derive(sp.Eq(phi.diff(t), lap - (a - b) * FractionalLaplacian(phi, x, 1)))
    assert mixed.clock is None and mixed.verdict.density.evidence == "open"
    assert "depends on the parameters" in mixed.verdict.density.reason
    damped = derive(sp.Eq(phi.diff(t, 2) + 2 * a * phi.diff(t), lap - b**2 * phi))
    assert damped.verdict.smoothing.evidence == "open"  # yes for a > b, no for a < b
    assert "depends on the parameters" in damped.verdict.smoothing.reason


@pytest.mark.parametrize(
    ("term", "equation"),
    [
        ("phi(x, t)**2", sp.Eq(phi.diff(t), Laplacian(phi**2, x))),  # porous medium
        ("phi(x, t)", sp.Eq(phi.diff(t), lap + phi * (1 - phi))),  # Fisher-KPP
        ("phi(x, t)", sp.Eq(phi.diff(t), lap + sp.sin(phi))),
    ],
)
def test_nonlinear_equations_say_why(term: str, equation: sp.Eq) -> None:
    d = derive(equation)
    linear = d.verdict.linear
    assert (linear.holds, linear.evidence) == (False, "refuted")
    assert term in linear.reason and "not linear" in linear.reason
    assert d.transfer is None and d.clock is None and d.flow is None and d.mass is None
    assert d.dispersion == () and d.scale is None and d.rays is None and d.rate is None
    assert d.verdict.s_generative is False and d.verdict.density.evidence == "open"


@pytest.mark.parametrize(
    "equation",
    [
        sp.Eq(sp.I * phi.diff(t), -lap),  # Schroedinger
        sp.Eq(phi.diff(t), (a + sp.I * b) * lap),
        sp.Eq(phi.diff(t), sp.Symbol("w", imaginary=True) * lap),
    ],
)
def test_complex_equations_say_why(equation: sp.Eq) -> None:
    verdict = derive(equation).verdict
    assert verdict.s_generative is False and "complex" in verdict.linear.reason


def kernel(h: Callable[[np.ndarray], np.ndarray], n: int, distance: np.ndarray) -> np.ndarray:
    """The inverse Hankel transform in N = 1 or 3, by Simpson's rule in k = u^3."""
    u = np.linspace(1e-6, 7.5, 60001)
    wave, weight = u**3, 3 * u**2 * h(u**3)
    phase = wave * distance[:, None]
    shape = np.cos(phase) if n == 1 else np.sinc(phase / np.pi) * wave**2 / (2 * np.pi)
    return np.asarray(integrate.simpson(shape * weight / np.pi, x=u))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", GENERATES)
def test_a_proved_density_is_not_negative(name: str, n: int) -> None:
    d = derive(GENERATES[name])
    numbers = {"a": 0.7, "b": 0.4, "c": 0.3, "m": 0.6, "D": 3.0, "t": 1.1, "r": 1.4}
    if name == "fractional 1/2":
        numbers["t"] = 2.2
    assert d.transfer is not None
    given = {s: numbers[str(s)] for s in d.transfer.free_symbols - {k}}
    h = sp.lambdify(k, d.transfer.rewrite(sp.besselk).subs(given), ["numpy", "scipy"])
    distance = np.linspace(0.02, 12, 60)
    found = kernel(lambda wave: h(wave) * np.ones_like(wave), n, distance)
    # an independent check of the inversion: truncated at k = 420, where h < 1e-13 of its start
    assert h(420.0) < 1e-13
    assert found.min() > -1e-8 * found.max()
    if n == 1 and name == "heat":
        exact = np.exp(-(distance**2) / 4.4) / np.sqrt(4.4 * np.pi)
        assert np.abs(found - exact).max() < 1e-10


@pytest.mark.parametrize("name", REFUTED)
def test_the_witness_is_real(name: str) -> None:
    d = derive(REFUTED[name])
    density = d.verdict.density
    assert density.witness is not None and d.transfer is not None
    values = {n: sp.Rational(v) for n, v in re.findall(r"(\w+) = ([\d./-]*\d)", density.witness)}
    given = {s: values.get(str(s), sp.Rational(7, 10)) for s in d.transfer.free_symbols - {k}}
    h = sp.lambdify(k, d.transfer.rewrite(sp.besselk).subs(given), "mpmath")
    wave = mpmath.mpf(values["k"].p) / values["k"].q if "k" in values else mpmath.mpf(1)
    with mpmath.workdps(40):
        mass = mpmath.re(h(mpmath.mpf(10) ** -15))
        derivative = re.search(r"derivative (\d)", density.reason)
        if "exceeds" in density.reason or "grows" in density.reason:
            assert abs(h(wave)) > mass and density.max_dim == 0
        elif derivative is not None:
            order = int(derivative.group(1))
            slope = mpmath.diff(lambda q: mpmath.re(h(mpmath.sqrt(q))), wave**2, order)
            assert (-1) ** order * slope < 0
        else:  # flat at k = 0: a variance of zero without being a point
            curve = (mass - h(mpmath.mpf("1e-3"))) / mpmath.mpf("1e-6")
            assert abs(curve) < 0.05 and abs(h(1)) < 0.9 and density.max_dim == 0


@pytest.mark.parametrize("n", [1, 3])
def test_the_biharmonic_kernel_is_negative_somewhere(n: int) -> None:
    distance = np.linspace(0.02, 12, 200)
    found = kernel(lambda wave: np.exp(-(np.minimum(wave, 10) ** 4)), n, distance)
    assert found.min() < -1e-3 * found.max()


YES = Condition(True, "proved", "it is so", sp.oo)
NO = Condition(False, "refuted", "it is not", sp.S.Zero, "k = 1")
OPEN = Condition(None, "open", "who knows")
LOW = Condition(False, "refuted", "only in low dimension", sp.Integer(2))
SOME = Condition(False, "refuted", "not in every N")


def test_conditions_by_dimension() -> None:
    assert [YES.holds_in(n) for n in (1, 10**6)] == [True, True]
    assert [NO.holds_in(n) for n in (1, 3)] == [False, False]
    assert [LOW.holds_in(n) for n in (1, 2, 3)] == [True, True, False]
    assert OPEN.holds_in(1) is None and SOME.holds_in(1) is None
    assert str(YES) == "yes (proved): it is so."
    assert str(NO) == "no (refuted): it is not. Witness: k = 1."
    assert str(OPEN).startswith("open (open)")


@pytest.mark.parametrize(
    "conditions", list(itertools.product([YES, NO, OPEN, LOW, SOME], repeat=3))
)
def test_verdicts_combine_as_three_valued_logic(
    conditions: tuple[Condition, Condition, Condition],
) -> None:
    verdict = Verdict(*conditions)
    assert verdict.conditions == conditions

    def both(values: list[bool | None]) -> bool | None:
        return False if False in values else None if None in values else True

    assert verdict.s_generative is both([c.holds for c in conditions])
    for n in (1, 2, 3):
        answers = [c.holds_in(n) for c in conditions]
        assert verdict.generative_in(n) is both(answers)
        assert len(verdict.objections(n)) == answers.count(False)


def test_a_nonlinear_verdict_leaves_the_rest_open() -> None:
    verdict = judge_nonlinear(phi**2, "because")
    assert [c.holds for c in verdict.conditions] == [None, None, False]
    assert verdict.objections(1) == [verdict.linear.reason]


def test_dimension_is_no_parameter_of_a_proof() -> None:
    assert derive(GENERATES["Poisson"]).transfer.free_symbols == {D, k, r}  # type: ignore[union-attr]


@pytest.mark.parametrize("damping", [0.05, 0.3, 0.6, 1, 1.0, sp.Rational(5, 2), 7, 1.7, 10])
def test_round_numbers_meet_no_singular_point(damping: float) -> None:
    """h holds sinh(w)/w with w = sqrt(e² - k²), which is 0/0 where k is the damping e."""
    verdict = derive(sp.Eq(phi.diff(t, 2) + 2 * damping * phi.diff(t), lap)).verdict
    assert verdict.density.evidence == ("refuted" if damping <= 3 else "open")  # where it looked
    assert verdict.smoothing.holds is True
