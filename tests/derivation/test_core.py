from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from genphys.derivation import Derivation, DerivationError, derive
from genphys.derivation.laws import GIG, InverseGamma, PointMass
from genphys.pde import D, FractionalLaplacian, Laplacian, field, k, r, source, t, x, z
from genphys.potentials.heat import Heat
from genphys.potentials.pfgm import Pfgm
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa

phi, psi = field(t), field(r)
a, b, c = sp.symbols("a b c", positive=True)
kappa = sp.Symbol("kappa", positive=True)
sigma = sp.Symbol("sigma", positive=True)
mass = sp.Symbol("mass", nonnegative=True)
BUILT_IN = [Heat(), Pfgm(), Pfgmpp(), Yukawa()]


def same(one: sp.Expr, other: sp.Expr) -> bool:
    """Equal for every value: by SymPy, the symbols positive."""
    names = one.free_symbols | other.free_symbols
    positive = {s: sp.Symbol(str(s), positive=True) for s in names}
    return bool(sp.simplify((one - other).subs(positive)) == 0)


# --- no table of known equations: rewritten forms give the same process ---

REWRITTEN: dict[str, tuple[type, sp.Eq]] = {
    "heat, sides swapped": (Heat, sp.Eq(Laplacian(phi, x), phi.diff(t))),
    "heat, all on one side": (Heat, sp.Eq(phi.diff(t) - Laplacian(phi, x), 0)),
    "heat, times -3": (Heat, sp.Eq(-3 * phi.diff(t), -3 * Laplacian(phi, x))),
    "heat, times c": (Heat, sp.Eq(c * phi.diff(t), c * Laplacian(phi, x))),
    "heat, fractional": (Heat, sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, 2))),
    "heat, two halves": (
        Heat,
        sp.Eq(phi.diff(t), -FractionalLaplacian(FractionalLaplacian(phi, x, 1), x, 1)),
    ),
    "heat, as a wave": (Heat, sp.Eq(phi.diff(t, 2), Laplacian(Laplacian(phi, x), x))),
    "heat, with its source": (Heat, sp.Eq(phi.diff(t) - Laplacian(phi, x), source)),
    "pfgm, negative": (Pfgm, sp.Eq(-Laplacian(phi, x), phi.diff(t, 2))),
    "pfgm, half order": (Pfgm, sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, 1))),
    "pfgm, squared half order": (Pfgm, sp.Eq(phi.diff(t, 2), FractionalLaplacian(phi, x, 2))),
    "pfgmpp, no source": (Pfgmpp, sp.Eq(Laplacian(psi, z), -Laplacian(psi, x))),
    "pfgmpp, factored": (Pfgmpp, sp.Eq(-c * (Laplacian(psi, x) + Laplacian(psi, z)), c * source)),
    "pfgmpp, opposite charge": (Pfgmpp, sp.Eq(Laplacian(psi, x) + Laplacian(psi, z), source)),
    "yukawa, factored": (
        Yukawa,
        sp.Eq(-b * (mass**2 * psi - Laplacian(psi, x) - Laplacian(psi, z)) / 7, -source),
    ),
    "yukawa, terms apart": (
        Yukawa,
        sp.Eq(Laplacian(psi, x) / 2 + Laplacian(psi, z), mass**2 * psi - Laplacian(psi, x) / 2),
    ),
}


@pytest.mark.timeout(5)
@pytest.mark.parametrize("name", REWRITTEN)
def test_a_rewritten_equation_is_the_same_process(name: str) -> None:
    kind, equation = REWRITTEN[name]
    plain, written = derive(kind()), derive(equation)
    assert written.flow is not None and written.flow.residual() == 0
    assert plain.transfer is not None and written.transfer is not None
    assert same(written.transfer, plain.transfer)
    assert written.clock == plain.clock
    assert written.scale == plain.scale and written.rays == plain.rays
    assert written.rate == plain.rate and same(written.mass, plain.mass)
    assert written.verdict.s_generative is True


def test_a_diffusion_constant_rescales_time_only() -> None:
    d = derive(sp.Eq(phi.diff(t), kappa * Laplacian(phi, x)))
    assert same(d.transfer, derive(Heat()).transfer.subs(t, kappa * t))  # type: ignore[union-attr]
    assert d.clock == PointMass(2 * kappa * t)
    assert in_sigma(d) == in_sigma(derive(Heat()))


@pytest.mark.parametrize("unit", [sp.Integer(3), c, 1 / c])
def test_a_scaled_radius_is_the_same_process_in_sigma(unit: sp.Expr) -> None:
    scaled = derive(sp.Eq(Laplacian(psi, x) + unit**2 * Laplacian(psi, z), -source))
    assert same(scaled.transfer, derive(Pfgmpp()).transfer.subs(r, r / unit))  # type: ignore
    assert in_sigma(scaled) == in_sigma(derive(Pfgmpp()))
    screened = sp.Eq(Laplacian(psi, x) + unit**2 * Laplacian(psi, z) - mass**2 * psi, -source)
    assert derive(screened).clock == GIG(-D / 2, mass**2, r**2 / unit**2)
    assert derive(screened).rays == 1 / r
    assert same(derive(screened).rate[1], mass**2 / r)  # type: ignore[index]


def in_sigma(d: Derivation) -> sp.Expr:
    """h/h(0) as a function of sigma: the process without its progress variable."""
    assert d.scale is not None and d.transfer is not None
    (progress,) = sp.solve(sp.Eq(d.scale, sigma), d.progress)
    return sp.simplify((d.transfer / d.mass).subs(d.progress, progress))


def test_renamed_symbols_and_fields_change_nothing() -> None:
    u, screening = field(r, "voltage"), sp.Symbol("xi", nonnegative=True)
    d = derive(sp.Eq(Laplacian(u, x) + Laplacian(u, z), screening**2 * u - source))
    assert d.clock == derive(Yukawa()).clock.subs(mass, screening)  # type: ignore[union-attr]
    assert d.parameters == (D, screening)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_random_rewritings_change_nothing(data: st.DataObject) -> None:
    potential = data.draw(st.sampled_from(BUILT_IN))
    plain = potential.equation()
    terms = list(sp.Add.make_args(sp.expand(plain.lhs - plain.rhs)))
    factor = data.draw(st.sampled_from([1, -1, 5, sp.Rational(-2, 3), 0.25, c, -c, a / b, a + b]))
    left, right = sp.S.Zero, sp.S.Zero
    for term in data.draw(st.permutations(terms)):
        share = data.draw(st.sampled_from([0, 1, sp.S.Half, -1, b]))
        left += factor * share * term
        right -= factor * (1 - share) * term
    if data.draw(st.booleans()):
        left, right = right, left
    if data.draw(st.booleans()):
        left, right = sp.factor(left), sp.expand(right)
    phi_of = derive(potential)
    renamed = field(phi_of.progress, "u")
    old = phi_of.flow.operator.phi  # type: ignore[union-attr]
    equation = sp.Eq(left, right).subs(old, renamed)
    d = derive(equation)
    assert same(sp.nsimplify(d.transfer), phi_of.transfer)
    assert d.verdict.s_generative is True and d.flow.residual() == 0  # type: ignore[union-attr]
    assert all(e == "proved" for e in (v.evidence for v in d.verdict.conditions))


# --- identities between the built-ins ---


def test_what_the_built_ins_are() -> None:
    heat, pfgm, pfgmpp, yukawa = map(derive, BUILT_IN)
    assert heat.clock == PointMass(2 * t) and heat.scale == sp.sqrt(2) * sp.sqrt(t)
    assert pfgm.clock == InverseGamma(sp.S.Half, t**2 / 2) and pfgm.scale == t
    assert pfgmpp.clock == InverseGamma(D / 2, r**2 / 2) and pfgmpp.scale == r / sp.sqrt(D)
    assert yukawa.clock == GIG(-D / 2, mass**2, r**2)
    assert heat.progress == pfgm.progress == t and pfgmpp.progress == yukawa.progress == r


def test_pfgm_is_pfgmpp_in_one_dimension() -> None:
    pfgm, pfgmpp = derive(Pfgm()), derive(Pfgmpp())
    assert pfgmpp.transfer.subs(D, 1).subs(r, t) == pfgm.transfer  # type: ignore[union-attr]
    assert pfgmpp.clock.subs(D, 1).subs(r, t) == pfgm.clock  # type: ignore[union-attr]
    assert pfgmpp.scale.subs(D, 1).subs(r, t) == pfgm.scale  # type: ignore[union-attr]


def test_yukawa_without_mass_is_poisson() -> None:
    yukawa, poisson = derive(Yukawa()), derive(Pfgmpp())
    assert yukawa.transfer.subs(mass, 0) == poisson.transfer  # type: ignore[union-attr]
    assert yukawa.clock.subs(mass, 0) == poisson.clock  # type: ignore[union-attr]
    assert yukawa.mass.subs(mass, 0) == 1  # type: ignore[union-attr]


def test_many_dimensions_are_diffusion() -> None:
    poisson = derive(Pfgmpp())
    limit = poisson.limit(D, sp.oo)
    assert limit == sp.exp(-(sigma**2) * k**2 / 2)
    assert limit == in_sigma(derive(Heat()))
    h = sp.lambdify([D, k, r], poisson.transfer.rewrite(sp.besselk), "mpmath")  # type: ignore

    def gap(dimension: int, noise: float = 0.9) -> mpmath.mpf:
        radius = noise * mpmath.sqrt(dimension)
        waves = [mpmath.mpf(w) / 4 for w in range(1, 20)]
        return max(
            abs(h(dimension, w, radius) - mpmath.exp(-((noise * w) ** 2) / 2)) for w in waves
        )

    with mpmath.workdps(30):
        gaps = [gap(dimension) for dimension in (64, 256, 1024, 4096)]
    ratios = [one / two for one, two in pairwise(gaps)]
    assert all(3.8 < ratio < 4.2 for ratio in ratios)  # like 1/D


@pytest.mark.parametrize(
    ("d", "parameter", "value"),
    [
        (derive(Pfgmpp()), D, 3),
        (derive(Pfgm()), t, sp.oo),
        (derive(Yukawa()), D, sp.oo),
        (derive(sp.Eq(phi.diff(t, 2), Laplacian(phi, x))), t, sp.oo),
    ],
)
def test_where_the_clock_stays_random_there_is_no_limit(
    d: Derivation, parameter: sp.Symbol, value: sp.Expr
) -> None:
    with pytest.raises(DerivationError, match="the clock stays random"):
        d.limit(parameter, value)


# --- the object ---


def test_a_derivation_is_a_value() -> None:
    d = derive(Yukawa(D=8, mass=0.5))
    assert d.defaults == {"D": 8, "mass": 0.5} and d.parameters == (D, mass)
    assert d == derive(Yukawa()) and derive(Yukawa().equation()).defaults == {}
    with pytest.raises(FrozenInstanceError):
        d.clock = None  # type: ignore[misc]


def test_a_potential_with_a_bad_equation_says_so() -> None:
    class Bad(Heat):
        def equation(self) -> sp.Eq:
            return sp.Eq(phi.diff(t, 3), Laplacian(phi, x))

    with pytest.raises(DerivationError, match="too high an order"):
        derive(Bad())


@pytest.mark.parametrize("nothing", [[1], {}, {1}, sp.Matrix([1]), None, 1, "phi", object()])
def test_what_is_no_equation_is_refused(nothing: Any) -> None:
    with pytest.raises(DerivationError, match="is no equation"):
        derive(nothing)


STRANGE: dict[str, Callable[[], sp.Eq]] = {
    "Piecewise": lambda: sp.Eq(
        phi.diff(t), sp.Piecewise((1, a > 1), (2, True)) * Laplacian(phi, x)
    ),
    "Max": lambda: sp.Eq(phi.diff(t), sp.Max(a, 1) * Laplacian(phi, x)),
    "floats": lambda: sp.Eq(phi.diff(t, 2) + 0.3 * Laplacian(phi, x) - 0.7 * phi, 0),
    "huge": lambda: sp.Eq(phi.diff(t), sp.Rational(10**400, 3) * Laplacian(phi, x)),
    "tiny": lambda: sp.Eq(phi.diff(t), 1e-300 * Laplacian(phi, x)),
    "symbolic power": lambda: sp.Eq(phi.diff(t), 2**a * Laplacian(phi, x) - a**b * phi),
    "no assumptions": lambda: sp.Eq(phi.diff(t), sp.Symbol("q") * Laplacian(phi, x)),
    "integral": lambda: sp.Eq(phi.diff(t), sp.Integral(a**b, (b, 1, 3)) * Laplacian(phi, x)),
    "deep root": lambda: sp.Eq(
        phi.diff(t), sp.sqrt(a + sp.sqrt(b + sp.sqrt(c))) * Laplacian(phi, x)
    ),
    "nested fractional": lambda: sp.Eq(
        phi.diff(t), -FractionalLaplacian(FractionalLaplacian(phi, x, a), x, b)
    ),
    "Laplacian of fractional": lambda: sp.Eq(
        phi.diff(t), Laplacian(FractionalLaplacian(phi, x, a), x)
    ),
    "20 fractional terms": lambda: sp.Eq(
        phi.diff(t), -sum(FractionalLaplacian(phi, x, sp.Rational(i, 10)) for i in range(1, 21))
    ),
    "fractional over z": lambda: sp.Eq(Laplacian(psi, z), FractionalLaplacian(psi, x, 1) + psi),
    "difference": lambda: sp.Eq(phi.diff(t), Laplacian(phi, x) + FractionalLaplacian(phi, x, 1)),
    "damped mixture": lambda: sp.Eq(
        phi.diff(t, 2) + a * phi.diff(t), b * Laplacian(phi, x) - FractionalLaplacian(phi, x, c)
    ),
    "N in a coefficient": lambda: sp.Eq(D * Laplacian(psi, x) + Laplacian(psi, z) / D, psi),
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", STRANGE)
def test_strange_equations_end(name: str) -> None:
    d = derive(STRANGE[name]())
    assert d.flow is not None and d.flow.residual() == 0
    assert str(d) and d._repr_latex_()


# --- binding numbers ---

Values = dict[str, Any]
BAD: dict[str, tuple[Values, str]] = {
    "missing": ({"D": 3}, "parameter mass has no value: the equation needs D, mass"),
    "unknown": ({"D": 3, "mass": 1, "depth": 2}, "no parameter 'depth': it has D, mass"),
    "misspelt": ({"D": 3, "mas": 1}, "no parameter 'mas': did you mean mass?"),
    "not a number": ({"D": math.nan, "mass": 1}, "D = nan: it must be a finite positive number"),
    "infinite": ({"D": math.inf, "mass": 1}, "D = inf: it must be a finite positive number"),
    "too large": ({"D": 10**400, "mass": 1}, "it must be a finite positive number"),
    "zero": ({"D": 0, "mass": 1}, "D = 0: it must be a finite positive number"),
    "negative": ({"D": -2.5, "mass": 1}, "D = -2.5: it must be a finite positive number"),
    "negative mass": ({"D": 1, "mass": -1}, "mass = -1: it must be a finite nonnegative number"),
    "bool": ({"D": True, "mass": 1}, "D = True: it must be a finite positive number"),
    "string": ({"D": "3", "mass": 1}, "D = '3': it must be a finite positive number"),
    "complex": ({"D": 3j, "mass": 1}, "D = 3j: it must be"),
    "none": ({"D": None, "mass": 1}, "D = None: it must be"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_numbers_are_refused_in_one_line(name: str) -> None:
    values, message = BAD[name]
    d = derive(Yukawa().equation())
    with pytest.raises(ValueError) as caught:
        d.bind(dim=2, **values)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_domains_of_other_symbols() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    low, free = sp.Symbol("low", negative=True), sp.Symbol("q", real=True)
    d = derive(sp.Eq(phi.diff(t), n * Laplacian(phi, x) + low * phi + free * phi))
    assert d.numbers({"n": 2.0, "low": -1, "q": 0}) == {n: 2, low: -1, free: 0}
    for values, message in (
        ({"n": 2.5, "low": -1, "q": 0}, "n = 2.5: it must be a finite positive integer"),
        ({"n": 2, "low": 1, "q": 0}, "low = 1: it must be a finite negative number"),
        ({"n": 2, "low": -1, "q": math.nan}, "q = nan: it must be a finite number"),
    ):
        with pytest.raises(ValueError, match=message):
            d.numbers(values)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), sp.Integer(2)])
def test_numbers_of_any_real_type(value: Any) -> None:
    assert derive(Pfgmpp()).numbers({"D": value}) == {D: 2}


@pytest.mark.parametrize("dim", [0, -1, 2.5, True, "2", None])
def test_bad_dimensions_are_refused(dim: Any) -> None:
    with pytest.raises(ValueError, match=r"dim = .*: it must be a positive integer") as caught:
        derive(Pfgmpp()).bind(dim=dim)
    assert "\n" not in str(caught.value)


alpha = sp.Symbol("alpha", positive=True)
UNBINDABLE: dict[str, tuple[sp.Eq, Values, str]] = {
    "biharmonic": (sp.Eq(phi.diff(t), -Laplacian(Laplacian(phi, x), x)), {}, "does not generate"),
    "wave": (sp.Eq(phi.diff(t, 2), Laplacian(phi, x)), {}, "does not generate"),
    "Fisher-KPP": (sp.Eq(phi.diff(t), Laplacian(phi, x) + phi * (1 - phi)), {}, "not linear"),
    "fractional": (
        sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, alpha)),
        {"alpha": 2.5},
        "does not generate: it needs alpha/2 < 1",
    ),
    "no law": (
        sp.Eq(phi.diff(t), Laplacian(phi, x) - FractionalLaplacian(phi, x, 1)),
        {},
        "no clock",
    ),
    "backward": (sp.Eq(phi.diff(t), (a - b) * Laplacian(phi, x)), {"a": 1, "b": 2}, "generate"),
}


@pytest.mark.parametrize("name", UNBINDABLE)
def test_what_does_not_generate_is_refused_with_its_reason(name: str) -> None:
    equation, values, message = UNBINDABLE[name]
    with pytest.raises(DerivationError, match=message) as caught:
        derive(equation).bind(dim=2, **values)
    assert "\n" not in str(caught.value)


def test_open_conditions_are_decided_by_numbers() -> None:
    assert derive(sp.Eq(phi.diff(t), (a - b) * Laplacian(phi, x))).bind(dim=2, a=2, b=1).dim == 2
    stable = derive(sp.Eq(phi.diff(t), -FractionalLaplacian(phi, x, alpha)))
    assert stable.bind(dim=3, alpha=1.5).parameters == {"alpha": 1.5}
