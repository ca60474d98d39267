from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import mpmath
import pytest
import sympy as sp

from genphys.derivation.flow import normal_form
from genphys.derivation.functions import KRatio, Matern
from genphys.derivation.operator import DerivationError, read
from genphys.derivation.transfer import Transfer, generic_numbers, transfer_of
from genphys.pde import D, FractionalLaplacian, Laplacian, field, k, r, source, t, x, z

phi, psi = field(t), field(r)
a, b, c = sp.symbols("a b c", positive=True)
m = sp.Symbol("m", nonnegative=True)
unknown = sp.Symbol("q")

HEAT = sp.Eq(phi.diff(t), Laplacian(phi, x))
POISSON = sp.Eq(Laplacian(psi, x) + Laplacian(psi, z), -source)
YUKAWA = sp.Eq(Laplacian(psi, x) + Laplacian(psi, z) - m**2 * psi, -source)
MIXED = sp.Eq(a * phi.diff(t, 2) - b * phi.diff(t) + Laplacian(phi, x) - c * phi, 0)
TELEGRAPH = sp.Eq(phi.diff(t, 2) + 2 * a * phi.diff(t), c**2 * Laplacian(phi, x))
KLEIN_GORDON = sp.Eq(phi.diff(t, 2) + 2 * a * phi.diff(t), Laplacian(phi, x) - b * phi)
FRACTIONAL = sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, a) - b * phi)


def solve(equation: sp.Eq) -> Transfer:
    return transfer_of(normal_form(read(equation)))


def number(expression: sp.Expr, **values: object) -> mpmath.mpf:
    """An expression with numbers by name, in mpmath, without this package's special functions."""
    names, function = compiled(expression)
    return mpmath.re(function(*(mpmath.mpmathify(values[name]) for name in names)))


@lru_cache
def compiled(expression: sp.Expr) -> tuple[list[str], Callable[..., mpmath.mpf]]:
    symbols = sorted(expression.free_symbols, key=str)
    return list(map(str, symbols)), sp.lambdify(symbols, expression.rewrite(sp.besselk), "mpmath")


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    with mpmath.workdps(30):
        yield


@pytest.mark.parametrize(("wave", "time"), [(0.3, 0.7), (2.0, 0.2)])
@pytest.mark.parametrize(("equation", "alpha", "loss"), [(HEAT, 2, 0), (FRACTIONAL, 1.5, 0.4)])
def test_heat_and_fractional_obey_their_ode(
    equation: sp.Eq, alpha: float, loss: float, wave: float, time: float
) -> None:
    h = solve(equation).h

    def value(moment: mpmath.mpf) -> mpmath.mpf:
        return number(h, t=moment, k=wave, a=alpha, b=loss)

    rate = mpmath.mpf(wave) ** alpha + mpmath.mpf(loss)
    assert abs(mpmath.diff(value, time) + rate * value(mpmath.mpf(time))) < 1e-14
    assert value(mpmath.mpf(0)) == 1


@pytest.mark.parametrize("dimension", [0.5, 1, 2, 3.7, 8])
@pytest.mark.parametrize("mass", [0, 0.6])
def test_over_z_the_transfer_obeys_the_equation_of_the_density(
    dimension: float, mass: float
) -> None:
    """p = -r^(D-1) phi_r and phi_rr + (D-1)/r phi_r = q phi give p_rr + (1-D)/r p_r = q p."""
    h = solve(YUKAWA).h

    def value(radius: mpmath.mpf, wave: float = 0.8) -> mpmath.mpf:
        return number(h, r=radius, k=wave, D=dimension, m=mass)

    for radius in (0.3, 2.0):
        first, second = mpmath.diff(value, radius), mpmath.diff(value, radius, 2)
        square = mpmath.mpf(0.8) ** 2 + mpmath.mpf(mass) ** 2
        residual = second + (1 - mpmath.mpf(dimension)) / radius * first - square * value(radius)
        assert abs(residual) < 1e-14 * (abs(second) + 1)
    assert abs(value(mpmath.mpf(10) ** -12) - 1) < (1e-5 if dimension < 1 else 1e-10)
    assert value(mpmath.mpf(200)) < 1e-50


@pytest.mark.parametrize("equation", [MIXED, TELEGRAPH, KLEIN_GORDON], ids=["mixed", "tel", "KG"])
def test_second_order_transfers_obey_their_ode_and_start_at_one(equation: sp.Eq) -> None:
    """phi and its time derivative solve the same ODE, so p does; p is 1 at the data."""
    numbers = {"a": 0.9, "b": 0.5, "c": 1.3, "k": 0.7}
    h = solve(equation).h
    first, second, zeroth = {
        MIXED: (-0.5, 0.9, -(mpmath.mpf(0.7) ** 2) - 1.3),
        TELEGRAPH: (1.8, 1, (mpmath.mpf(1.3) * 0.7) ** 2),
        KLEIN_GORDON: (1.8, 1, mpmath.mpf(0.7) ** 2 + 0.5),
    }[equation]

    def value(time: mpmath.mpf) -> mpmath.mpf:
        return number(h, t=time, **numbers)

    for time in (0.2, 1.7):
        terms = second * mpmath.diff(value, time, 2) + first * mpmath.diff(value, time)
        assert abs(terms + zeroth * value(time)) < 1e-14
    assert abs(value(mpmath.mpf(0)) - 1) < 1e-25


def test_hyperbolic_waves_begin_with_phi_zero() -> None:
    """With phi(0) = 0 and p = phi_t + 2a phi = 1 at 0: p_t(0) = phi_tt + 2a phi_t = 0."""
    for equation in (TELEGRAPH, KLEIN_GORDON):
        h = solve(equation).h
        slope = mpmath.diff(lambda s, h=h: number(h, t=s, a=0.9, b=0.5, c=1.3, k=0.7), 0)
        assert abs(slope) < 1e-14


@pytest.mark.parametrize("dimension", [1, 2, 3.7, 8])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_poisson_is_the_transform_of_student_t(dimension: float, n: int) -> None:
    """Hankel transform of Gamma((N+D)/2) / (pi^(N/2) Gamma(D/2)) r^D / rho^(N+D), by quadrature."""
    h, d = solve(POISSON).h, mpmath.mpf(dimension)
    radius, half = mpmath.mpf(0.8), mpmath.mpf(n) / 2

    def kernel(distance: mpmath.mpf) -> mpmath.mpf:
        constant = mpmath.gamma(half + d / 2) / (mpmath.pi**half * mpmath.gamma(d / 2))
        return constant * radius**d / (distance**2 + radius**2) ** (half + d / 2)

    with mpmath.workdps(15):
        for wave in (0.5, 3.0):

            def integrand(distance: mpmath.mpf, wave: float = wave) -> mpmath.mpf:
                bessel = mpmath.besselj(half - 1, wave * distance)
                return distance**half * bessel * kernel(distance)

            zero = lambda i, w=wave: mpmath.besseljzero(abs(half - 1), i) / w  # noqa: E731
            if n == 1:  # J_{-1/2} is a cosine
                zero = lambda i, w=wave: (i - mpmath.mpf(0.5)) * mpmath.pi / w  # noqa: E731
            integral = mpmath.quadosc(integrand, [0, mpmath.inf], zeros=zero)
            found = (2 * mpmath.pi) ** half * wave ** (1 - half) * integral
            assert abs(found - number(h, r=0.8, k=wave, D=dimension)) < 1e-9


@pytest.mark.parametrize("dimension", [0.5, 1, 2.5, 8, 128])
def test_the_mass_of_yukawa_is_the_matern_function(dimension: float) -> None:
    mass = solve(YUKAWA).mass
    nu = mpmath.mpf(dimension) / 2
    for argument in (mpmath.mpf("0.02"), mpmath.mpf(1), mpmath.mpf(9)):
        expected = 2 ** (1 - nu) / mpmath.gamma(nu) * argument**nu * mpmath.besselk(nu, argument)
        found = number(mass, m=2, r=argument / 2, D=dimension)
        assert abs(found / expected - 1) < 1e-9
        if dimension == 1:
            assert abs(found / mpmath.exp(-argument) - 1) < 1e-25


def test_masses() -> None:
    assert solve(HEAT).mass == solve(POISSON).mass == solve(TELEGRAPH).mass == 1
    assert solve(YUKAWA).mass == Matern(D / 2, m * r)
    assert sp.simplify(solve(FRACTIONAL).mass - sp.exp(-b * t)) == 0


def test_dispersion_and_what_the_boundary_keeps() -> None:
    def branches(equation: sp.Eq) -> list[tuple[sp.Expr, bool]]:
        return [(branch.omega, branch.kept) for branch in solve(equation).branches]

    assert branches(HEAT) == [(-sp.I * k**2, True)]
    assert branches(POISSON) == [(-sp.I * k, True), (sp.I * k, False)]
    root = sp.sqrt(k**2 + m**2)
    assert branches(YUKAWA) == [(-sp.I * root, True), (sp.I * root, False)]
    assert [kept for _, kept in branches(MIXED)] == [True, False]
    assert [kept for _, kept in branches(TELEGRAPH)] == [True, True]


@pytest.mark.parametrize("equation", [MIXED, TELEGRAPH, KLEIN_GORDON, HEAT, FRACTIONAL])
def test_every_branch_solves_the_equation(equation: sp.Eq) -> None:
    operator = read(equation)
    for branch in solve(equation).branches:
        growth = -sp.I * branch.omega
        total = sum(v * growth**o.time for o, v in operator.terms.items())
        (square,) = {s for s in total.free_symbols if isinstance(s, sp.Dummy)}
        assert sp.simplify(sp.expand(total.subs(square, k**2))) == 0


def test_rays_and_rates() -> None:
    assert solve(HEAT).rays() == 1 / (2 * t)
    assert solve(POISSON).rays() == solve(YUKAWA).rays() == 1 / r
    assert solve(HEAT).rate() == solve(POISSON).rate() == (0, 0)
    assert solve(YUKAWA).rate() == (0, m**2 / r)
    assert solve(FRACTIONAL).rate() == (b, 0)
    fractional = sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, sp.Rational(3, 2)))
    assert sp.simplify(solve(fractional).rays() - 1 / (sp.Rational(3, 2) * t)) == 0
    assert solve(MIXED).rays() is None
    assert solve(TELEGRAPH).rays() is None and solve(TELEGRAPH).rate() == (0, 0)


@pytest.mark.parametrize("dimension", [1, 2.5])
@pytest.mark.parametrize("mass", [0, 0.8])
def test_the_ray_and_the_rate_close_the_continuity_equation(dimension: float, mass: float) -> None:
    """d_r p + div(p x c) = -(a1 E[S|x]) p in real space, for the kernel of one charge, N = 3."""
    transfer, n, d = solve(YUKAWA), 3, mpmath.mpf(dimension)
    ray = transfer.rays()
    uniform, slope = transfer.rate() or (None, None)
    assert ray is not None and uniform == 0

    def moment(power: int, distance: mpmath.mpf, radius: mpmath.mpf) -> mpmath.mpf:
        """The integral of S^power N(x; S) over the clock InverseGamma(D/2, r²/2) e^(-m² S/2)."""
        rate = (radius**2 + distance**2) / 2
        order = (n + d) / 2 - power
        constant = (radius**2 / 2) ** (d / 2) / mpmath.gamma(d / 2) / (2 * mpmath.pi) ** 1.5
        if mass == 0:
            return constant * mpmath.gamma(order) / rate**order
        kill = mpmath.mpf(mass) ** 2 / 2
        bessel = mpmath.besselk(order, 2 * mpmath.sqrt(rate * kill))
        return 2 * constant * (kill / rate) ** (order / 2) * bessel

    with mpmath.workdps(20):
        for distance, radius in ((0.5, 0.9), (2.0, 0.4)):
            point, r0 = mpmath.mpf(distance), mpmath.mpf(radius)
            c0 = number(ray, r=r0)
            lam = number(slope, r=r0, m=mass) if mass else 0
            change = mpmath.diff(lambda q, y=point: moment(0, y, q), r0)
            flux = (
                mpmath.diff(lambda q, y=r0: q**n * moment(0, q, y), point) * c0 / point ** (n - 1)
            )
            killed = lam * moment(1, point, r0) if mass else 0
            assert abs(change + flux + killed) < 1e-10 * abs(change)


REFUSED = {
    "wave in z": (sp.Eq(Laplacian(psi, x) - Laplacian(psi, z), 0), "opposite signs"),
    "sign over z": (
        sp.Eq(Laplacian(psi, x) + unknown * Laplacian(psi, z), 0),
        "Laplacian over z, q, is not known",
    ),
    "sign of the second order": (
        sp.Eq(m * phi.diff(t, 2) - phi.diff(t) + Laplacian(phi, x), 0),
        "d²/dt², m, is not known",
    ),
    "sign of the damping": (
        sp.Eq(phi.diff(t, 2) + unknown * phi.diff(t) + Laplacian(phi, x), 0),
        "d/dt, q, is not known",
    ),
    "wrong damping": (
        sp.Eq(phi.diff(t, 2) + 2 * b * phi.diff(t) + Laplacian(phi, x), 0),
        "no mass at k = 0.*2\\*b",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_transfer_is_refused(name: str) -> None:
    equation, message = REFUSED[name]
    with pytest.raises(DerivationError, match=message) as caught:
        solve(equation)
    assert "\n" not in str(caught.value)


def test_generic_numbers_lie_in_the_domains() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    low = sp.Symbol("l", negative=True)
    for reverse in (False, True):
        numbers = generic_numbers({a, n, low, t}, reverse)
        assert numbers[low] < 0 < numbers[a] and numbers[n].is_integer
        assert len(set(numbers.values())) == 4
    assert generic_numbers({a, b}) != generic_numbers({a, b}, reverse=True)


def test_special_functions_know_their_limits_and_slopes() -> None:
    nu, y = sp.Symbol("nu", positive=True), sp.Symbol("y", positive=True)
    assert Matern(nu, 0) == 1 and Matern(sp.S.Half, y) == sp.exp(-y)
    assert KRatio(-sp.S.Half, y) == 1
    for function in (Matern(nu, y), KRatio(nu, y)):
        slope = function.diff(y)
        for order, at in ((0.5, 0.3), (2.3, 1.7)):
            found = number(slope, nu=order, y=at)
            brute = mpmath.diff(lambda q, f=function, o=order: number(f, nu=o, y=q), at)
            assert abs(found - brute) < 1e-14
        with pytest.raises(sp.core.function.ArgumentIndexError):
            function.fdiff(1)
    exact = 2 ** mpmath.mpf("0.7") / mpmath.gamma("0.3") * mpmath.mpf(2) ** mpmath.mpf("0.3")
    exact *= mpmath.besselk(mpmath.mpf("0.3"), 2)
    assert abs(mpmath.mpmathify(str(Matern(sp.Rational(3, 10), 2).evalf(30))) - exact) < 1e-25
