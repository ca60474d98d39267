from __future__ import annotations

from collections.abc import Callable

import pytest
import sympy as sp

from genphys.derivation.operator import DerivationError, NonlinearTerm, Order, find_field, read, s
from genphys.pde import FractionalLaplacian, Gradient, Laplacian, field, k, r, source, t, x, z

phi, psi = field(t), field(r)
a, b = sp.symbols("a b", positive=True)
unknown = sp.Symbol("q")


def table(equation: sp.Eq) -> dict[tuple[int, int], sp.Expr]:
    return {(o.time, o.radial): value for o, value in read(equation).terms.items()}


def test_the_table_of_a_plane_wave() -> None:
    equation = sp.Eq(a * phi.diff(t, 2) + b * phi.diff(t), 3 * Laplacian(phi, x) - phi)
    assert table(equation) == {(2, 0): a, (1, 0): b, (0, 0): 3 * s + 1}
    radial = sp.Eq(Laplacian(psi, x) + a * Laplacian(psi, z), b * psi - source)
    assert table(radial) == {(0, 1): a, (0, 0): -s - b}


@pytest.mark.parametrize("alpha", [sp.Integer(2), sp.Rational(1, 3), a, a + 2])
def test_fractional_powers(alpha: sp.Expr) -> None:
    assert table(sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, alpha)))[0, 0] == s ** (alpha / 2)


def test_nested_operators_multiply() -> None:
    nested = Laplacian(FractionalLaplacian(Laplacian(phi, x), x, a), x)
    assert table(sp.Eq(phi.diff(t), nested))[0, 0] == -(s ** (a / 2 + 2))
    twice = FractionalLaplacian(FractionalLaplacian(phi, x, a), x, b)
    assert sp.powsimp(table(sp.Eq(phi.diff(t), twice))[0, 0] + s ** (a / 2 + b / 2)) == 0


def test_terms_that_cancel_leave_no_trace() -> None:
    equation = sp.Eq(phi.diff(t) + phi**2, Laplacian(phi, x) + phi**2)
    assert table(equation) == {(1, 0): 1, (0, 0): s}
    factored = sp.Eq(phi.diff(t), (a + b) * (Laplacian(phi, x) - phi) - a * Laplacian(phi, x))
    assert table(factored) == {(1, 0): 1, (0, 0): b * s + a + b}


def test_the_users_symbol_s_is_a_parameter_like_any_other() -> None:
    mine = sp.Symbol("s", positive=True)
    assert table(sp.Eq(phi.diff(t), mine * Laplacian(phi, x)))[0, 0] == mine * s


def test_the_field_may_have_any_name() -> None:
    u = field(t, "temperature")
    assert find_field(sp.Eq(u.diff(t), Laplacian(u, x))) == u


@pytest.mark.parametrize(
    "term", [phi**2, phi * phi.diff(t), sp.sin(phi), 1 / phi, Laplacian(phi**2, x), sp.Abs(phi)]
)
def test_nonlinear_terms_are_named(term: sp.Expr) -> None:
    with pytest.raises(NonlinearTerm) as found:
        read(sp.Eq(phi.diff(t), Laplacian(phi, x) + term))
    assert found.value.args[0].has(phi)


G = sp.Function("g")
other = field(t, "u")
M = sp.Symbol("M", commutative=False)
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "an expression": (lambda: Laplacian(phi, x), "is no equation"),
    "a string": (lambda: "phi", "phi is no equation"),
    "nothing": (lambda: None, "None is no equation"),
    "a number": (lambda: 5, "5 is no equation"),
    "always true": (lambda: sp.Eq(phi, phi), "True is no equation"),
    "always false": (lambda: sp.Eq(a, a + 1), "False is no equation"),
    "an inequality": (lambda: phi > 0, "is no equation"),
    "matrices": (lambda: sp.Eq(sp.Matrix([phi]), sp.Matrix([a])), "is no equation"),
    "no field": (lambda: sp.Eq(a, b), "found none"),
    "two fields": (lambda: sp.Eq(phi.diff(t), Laplacian(other, x)), "phi.*u"),
    "two progresses": (lambda: sp.Eq(phi.diff(t), Laplacian(psi, x)), "found phi.*phi"),
    "shifted field": (lambda: sp.Eq(phi.subs(t, 2 * t), Laplacian(phi, x)), "exactly one"),
    "unknown function": (lambda: sp.Eq(phi.diff(t), G(t) * Laplacian(phi, x)), r"g\(t\) is no"),
    "function of nothing": (lambda: sp.Eq(phi.diff(t), G() * phi), r"g\(\) is no field"),
    "foreign progress": (lambda: sp.Eq(G(x, a), Laplacian(G(x, a), x)), "must be t or r"),
    "derivative by x": (lambda: sp.Eq(phi.diff(t), phi.diff(x, 2)), "use .*Laplacian.phi, x"),
    "derivative by r": (lambda: sp.Eq(psi.diff(r, 2), Laplacian(psi, x)), "Laplacian.phi, z"),
    "derivative by a": (lambda: sp.Eq(sp.Derivative(phi, t, a), phi), "outside the language"),
    "n-th derivative": (lambda: sp.Eq(sp.Derivative(phi, (t, a)), phi), "outside the language"),
    "third order": (lambda: sp.Eq(phi.diff(t, 3), Laplacian(phi, x)), "too high an order"),
    "twice over z": (
        lambda: sp.Eq(Laplacian(Laplacian(psi, z), z), Laplacian(psi, x)),
        "too high an order",
    ),
    "flux": (lambda: sp.Eq(phi.diff(t), Gradient(phi, x)), "only scalar terms"),
    "depends on t": (lambda: sp.Eq(phi.diff(t), t * Laplacian(phi, x)), "depends on t"),
    "depends on x": (lambda: sp.Eq(phi.diff(t), Laplacian(x * phi, x)), "depends on x"),
    "depends on r": (lambda: sp.Eq(Laplacian(psi, z), r * Laplacian(psi, x)), "depends on r"),
    "depends on k": (lambda: sp.Eq(phi.diff(t), k * Laplacian(phi, x)), "depends on k"),
    "times the source": (lambda: sp.Eq(phi.diff(t), source * phi), "depends on source"),
    "source squared": (lambda: sp.Eq(phi.diff(t), phi + source**2), "source.*no constant multiple"),
    "moving source": (lambda: sp.Eq(phi.diff(t), phi + t * source), "no constant multiple"),
    "constant term": (lambda: sp.Eq(phi.diff(t), Laplacian(phi, x) + a), "the term -a holds"),
    "infinite": (lambda: sp.Eq(phi.diff(t), sp.oo * Laplacian(phi, x)), "not finite"),
    "complex infinity": (lambda: sp.Eq(phi.diff(t), sp.zoo * phi), "not finite"),
    "not commuting": (lambda: sp.Eq(phi.diff(t), M * Laplacian(phi, x)), "M does not commute"),
    "someone else's D": (lambda: sp.Eq(phi.diff(t), sp.Symbol("D") * phi), "D is not that of"),
    "someone else's t": (lambda: sp.Eq(phi.diff(t), sp.Symbol("t") * phi), "t is not that of"),
    "one name, two symbols": (
        lambda: sp.Eq(phi.diff(t), a * Laplacian(phi, x) - sp.Symbol("a") * phi),
        "two symbols are called a",
    ),
    "order of unknown sign": (
        lambda: sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, unknown)),
        "order q .* positive constant",
    ),
    "negative order": (
        lambda: sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, -1)),
        "order -1 .* positive constant",
    ),
    "moving order": (
        lambda: sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, t)),
        "order t .* positive constant",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_language_lacks_is_refused_in_one_line(name: str) -> None:
    build, message = REFUSED[name]
    with pytest.raises(DerivationError, match=message) as caught:
        read(build())
    assert "\n" not in str(caught.value)


def test_orders_are_values() -> None:
    assert Order(1) == Order(time=1, radial=0) and hash(Order(0, 1)) == hash(Order(radial=1))
    operator = read(sp.Eq(phi.diff(t), Laplacian(phi, x)))
    assert operator.coefficient(time=2) == 0 and operator.progress == t
