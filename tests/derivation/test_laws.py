from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import mpmath
import pytest
import sympy as sp

from genphys.derivation.functions import Matern
from genphys.derivation.laws import (
    GIG,
    InverseGamma,
    Law,
    PointMass,
    PositiveStable,
    recognise,
)
from genphys.pde import D, k, r, t

a, b, c = sp.symbols("a b c", positive=True)
m = sp.Symbol("m", nonnegative=True)
theta = sp.Symbol("theta", positive=True)
Expect = Callable[[Callable[[mpmath.mpf], mpmath.mpf]], mpmath.mpf]


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    with mpmath.workdps(25):
        yield


def mp(expression: sp.Expr) -> mpmath.mpf:
    value = sp.lambdify([], sp.sympify(expression).rewrite(sp.besselk), "mpmath")()
    return mpmath.re(mpmath.mpmathify(value))


def integral(density: Callable[[mpmath.mpf], mpmath.mpf]) -> Expect:
    """Expectations under an unnormalised density of S, by quadrature over log S."""

    def expect(function: Callable[[mpmath.mpf], mpmath.mpf]) -> mpmath.mpf:
        def over(g: Callable[[mpmath.mpf], mpmath.mpf]) -> mpmath.mpf:
            def integrand(u: mpmath.mpf) -> mpmath.mpf:
                value = mpmath.exp(u)
                return g(value) * density(value) * value

            return mpmath.quad(integrand, range(-60, 61, 6))

        return over(function) / over(lambda _: mpmath.mpf(1))

    return expect


def decay(rate: mpmath.mpf, value: mpmath.mpf) -> mpmath.mpf:
    return mpmath.exp(-rate * value)


def stable(alpha: mpmath.mpf, scale: mpmath.mpf) -> Expect:
    """Kanter 1975: S = c^(1/a) (A(U)/E)^((1-a)/a) with U uniform on (0, pi), E exponential."""

    def expect(function: Callable[[mpmath.mpf], mpmath.mpf]) -> mpmath.mpf:
        power = (1 - alpha) / alpha

        def integrand(u: mpmath.mpf, log_e: mpmath.mpf) -> mpmath.mpf:
            sine = mpmath.sin(alpha * u) / mpmath.sin(u)
            amplitude = sine ** (1 / (1 - alpha)) * mpmath.sin((1 - alpha) * u)
            amplitude /= mpmath.sin(alpha * u)
            e = mpmath.exp(log_e)
            value = scale ** (1 / alpha) * (amplitude / e) ** power
            return function(value) * mpmath.exp(log_e - e) / mpmath.pi

        with mpmath.workdps(15):
            return mpmath.quad(integrand, [0, mpmath.pi], [-40, -12, 0, 5], maxdegree=4)

    return expect


LAWS: dict[str, tuple[Law, Expect]] = {
    "point": (PointMass(sp.Rational(7, 5)), lambda f: f(mpmath.mpf(7) / 5)),
    "inverse gamma": (
        InverseGamma(sp.Rational(5, 4), sp.Rational(4, 5)),
        integral(lambda s: s ** (-mpmath.mpf(9) / 4) * mpmath.exp(-mpmath.mpf(4) / 5 / s)),
    ),
    "D = 1": (
        InverseGamma(sp.S.Half, sp.Integer(2)),
        integral(lambda s: s ** (-mpmath.mpf(3) / 2) * mpmath.exp(-2 / s)),
    ),
    "GIG": (
        GIG(sp.Rational(-7, 4), sp.Rational(2, 5), sp.Integer(3)),
        integral(
            lambda s: s ** (-mpmath.mpf(11) / 4) * mpmath.exp(-(mpmath.mpf(2) / 5 * s + 3 / s) / 2)
        ),
    ),
    "inverse Gaussian": (
        GIG(-sp.S.Half, sp.Integer(1), sp.Integer(2)),
        integral(lambda s: s ** (-mpmath.mpf(3) / 2) * mpmath.exp(-(s + 2 / s) / 2)),
    ),
    "Levy": (
        PositiveStable(sp.S.Half, sp.Integer(2)),  # the density c/(2 sqrt(pi)) S^-3/2 e^(-c²/4S)
        integral(lambda s: s ** (-mpmath.mpf(3) / 2) * mpmath.exp(-1 / s)),
    ),
    "stable": (
        PositiveStable(sp.Rational(7, 10), sp.Rational(3, 2)),
        stable(mpmath.mpf(7) / 10, mpmath.mpf(3) / 2),
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_laplace_transform_is_that_of_the_density(name: str) -> None:
    law, expect = LAWS[name]
    tolerance = 1e-5 if name == "stable" else 1e-12
    for at in (0.2, 1.0, 4.0):
        found = mp(law.laplace(sp.Rational(str(at))))
        brute = expect(partial(decay, mpmath.mpf(str(at))))
        assert abs(found - brute) < tolerance


@pytest.mark.parametrize("name", LAWS)
def test_the_inverse_moments_are_those_of_the_density(name: str) -> None:
    law, expect = LAWS[name]
    tolerance = 1e-5 if name == "stable" else 1e-12
    first = expect(lambda s: 1 / s)
    assert abs(mp(law.inverse_moment()) / first - 1) < tolerance
    spread = law.spread()
    if spread is not None:
        second = expect(lambda s: 1 / s**2)
        assert abs(mp(spread) - (second / first**2 - 1)) < tolerance


def test_every_law_holds_where_its_conditions_say() -> None:
    for law, _ in LAWS.values():
        assert all(condition == sp.true for condition in law.conditions())
    for bad in (
        PointMass(sp.Integer(-1)),
        InverseGamma(sp.Integer(-1), sp.Integer(1)),
        InverseGamma(sp.Integer(1), sp.Integer(0)),
        GIG(sp.Integer(1), sp.Integer(1), sp.Integer(1)),
        GIG(sp.Integer(-1), sp.Integer(-1), sp.Integer(1)),
        PositiveStable(sp.Rational(5, 4), sp.Integer(1)),
    ):
        assert sp.false in bad.conditions()


def test_limits_of_the_families() -> None:
    assert GIG(-D / 2, 0, r**2) == InverseGamma(D / 2, r**2 / 2)
    assert GIG(-D / 2, m**2, r**2).subs(m, 0) == InverseGamma(D / 2, r**2 / 2)
    assert PositiveStable(1, c) == PositiveStable(a, c).subs(a, 1) == PointMass(c)
    assert PositiveStable(a, c).subs(a, sp.S.Half) == PositiveStable(sp.S.Half, c)
    at = sp.Rational(3, 7)
    levy, inverse = PositiveStable(sp.S.Half, 2 * c), InverseGamma(sp.S.Half, c**2)
    assert sp.simplify(levy.laplace(at) - inverse.laplace(at)) == 0


@pytest.mark.parametrize(
    "law",
    [
        PointMass(2 * t),
        PointMass(2 * t * (a - b)),
        InverseGamma(D / 2, r**2 / 2),
        InverseGamma(sp.S.Half, t**2 / 2),
        GIG(-D / 2, m**2, r**2),
        GIG(-D / 2, a / b, r**2 / c),
        GIG(-sp.S.Half, a**2 / 4, t**2),
        PositiveStable(sp.Rational(1, 3), t),
        PositiveStable(a / 2, t * 2 ** (a / 2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("mass", [sp.S.One, sp.exp(-c * t), 1 / c])
def test_a_law_is_recognised_from_its_transform_times_any_mass(law: Law, mass: sp.Expr) -> None:
    found = recognise(mass * law.laplace(k**2 / 2))
    assert found is not None and type(found) is type(law)
    for mine, theirs in zip(found.args, law.args, strict=True):
        assert sp.simplify(mine - theirs) == 0


@pytest.mark.parametrize(
    "transfer",
    [
        sp.cos(k * t),
        sp.exp(-t * (k**4 + k**2)),
        sp.exp(-t * (k + k**2)),
        1 / (1 + k**2 * t),
        Matern(D / 2, r * k**2),
        Matern(D / 2, r * sp.sqrt(k)),
        Matern(D / 2, k * r) * sp.exp(-t * k**2),
        sp.exp(t * sp.sqrt(k**2 + 1)),
    ],
    ids=str,
)
def test_what_is_no_known_transform_is_not_recognised(transfer: sp.Expr) -> None:
    assert recognise(transfer) is None


def test_laws_print_with_their_arguments() -> None:
    assert str(GIG(-D / 2, m**2, r**2)) == "GIG(-D/2, m**2, r**2)"
    assert sp.latex(PointMass(2 * t)) == r"\mathrm{PointMass}\left(2 t\right)"
    assert all(law.title for law, _ in LAWS.values())
