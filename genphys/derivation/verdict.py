r"""Can it generate? Three conditions, each with its evidence.

* C1 density: the kernel is a density, p >= 0 with finite mass. In every N it holds exactly if h is
  completely monotone in k², that is, if a clock law exists (Schoenberg 1938).
* C2 smoothing: h(k, r)/h(0, r) -> 0 for every k > 0, so the data are forgotten. Where h is a sum of
  exponentials (or a Matérn function) of the progress, it holds exactly if every kept branch at k
  decays faster than the mass h(0, r): Im w(k) < Im w(0).
* C3 linear: p is linear in the data, else the mean of conditional targets is not the marginal one.

A verdict never says "proved" for what was only sampled. Source: GenPhys (arXiv:2304.02637), with
C2 sharpened to the branches that are excited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import mpmath
import sympy as sp

from genphys.derivation.laws import Law, PointMass, PositiveStable
from genphys.derivation.transfer import Transfer, generic_numbers
from genphys.pde import k

__all__ = ["Condition", "Evidence", "Verdict", "judge", "judge_nonlinear"]

Evidence = Literal["proved", "numerical", "refuted", "open"]
_WAVES = (0.05, 0.3, 1.0, 2.5, 7.0)  # wave numbers at which a refutation is sought
_DERIVATIVES = 8


@dataclass(frozen=True)
class Condition:
    """One condition and why.

    Attributes:
        holds: In every N: True, False, or None where open.
        evidence: "proved", "numerical", "refuted" or "open".
        reason: One sentence.
        max_dim: The largest N in which it holds: ``oo`` all, 0 none, None open.
        witness: Where it fails, or None.
    """

    holds: bool | None
    evidence: Evidence
    reason: str
    max_dim: sp.Expr | None = None
    witness: str | None = None

    def holds_in(self, n: int) -> bool | None:
        """Whether it holds for data of ``n`` dimensions; None where open."""
        if self.holds or self.max_dim is None:
            return True if self.holds else None
        return bool(n <= self.max_dim)

    def __str__(self) -> str:
        word = {True: "yes", False: "no", None: "open"}[self.holds]
        where = f" Witness: {self.witness}." if self.witness else ""
        return f"{word} ({self.evidence}): {self.reason}.{where}"


@dataclass(frozen=True)
class Verdict:
    """The three conditions together: *s-generative* where all hold."""

    density: Condition
    smoothing: Condition
    linear: Condition

    @property
    def conditions(self) -> tuple[Condition, Condition, Condition]:
        """C1, C2, C3."""
        return (self.density, self.smoothing, self.linear)

    @property
    def s_generative(self) -> bool | None:
        """In every N: True, False, or None where open."""
        return _all([condition.holds for condition in self.conditions])

    def generative_in(self, n: int) -> bool | None:
        """For data of ``n`` dimensions: True, False, or None where open."""
        return _all([condition.holds_in(n) for condition in self.conditions])

    def objections(self, n: int) -> list[str]:
        """The reasons of the conditions that fail for data of ``n`` dimensions."""
        return [c.reason for c in self.conditions if c.holds_in(n) is False]


def _all(values: list[bool | None]) -> bool | None:
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def judge(transfer: Transfer, clock: Law | None) -> Verdict:
    """The verdict on a linear equation."""
    linear = Condition(True, "proved", "the equation is linear in the field", sp.oo)
    return Verdict(_density(transfer, clock), _smoothing(transfer), linear)


def judge_nonlinear(term: sp.Expr, why: str) -> Verdict:
    """The verdict on an equation whose density is not linear in the data: C3 decides."""
    reason = f"{why} ({term}), so the mean of the targets is not the target of the mean"
    unknown = Condition(None, "open", "not examined: C3 fails first")
    return Verdict(unknown, unknown, Condition(False, "refuted", reason, sp.S.Zero, str(term)))


def _density(transfer: Transfer, clock: Law | None) -> Condition:
    if clock is None:
        return _seek_witness(transfer)
    conditions = [sp.simplify(condition) for condition in clock.conditions()]
    undecided = [str(condition) for condition in conditions if condition not in (sp.true, sp.false)]
    if sp.false in conditions:
        return _refuted_by_form(clock) or _seek_witness(transfer)
    if undecided:
        reason = f"a density in every N if {' and '.join(undecided)}, which the symbols leave open"
        return Condition(None, "open", reason)
    reason = (
        f"h/h(0) is the Laplace transform in k²/2 of S ~ {clock}, so the kernel is a Gaussian "
        "scale mixture: a density in every N"
    )
    return Condition(True, "proved", reason, sp.oo)


def _refuted_by_form(clock: Law) -> Condition | None:
    """A form whose numbers lie outside the law's domain, where that alone refutes every N."""
    if isinstance(clock, PositiveStable) and sp.simplify(clock.args[0] > 1) == sp.true:
        power = sp.simplify(2 * clock.args[0])
        reason = (
            f"h = exp(-c k^{power}) is flat to second order at k = 0: a density would have "
            "variance 0 and be a point, which it is not (Marcinkiewicz)"
        )
        return Condition(False, "refuted", reason, sp.S.Zero, "k -> 0")
    if isinstance(clock, PointMass):
        reason = "h grows with k beyond h(0), which no density's transform does"
        return Condition(False, "refuted", reason, sp.S.Zero, "any k > 0")
    return None


def _seek_witness(transfer: Transfer) -> Condition:
    """No law was recognised: look for a wave or a derivative that no density allows."""
    places = _places(transfer.h.free_symbols - {k})
    found = [_witness(transfer.h, numbers) for numbers in places]
    refuted = [condition for condition in found if condition is not None]
    if len(refuted) == len(found):
        return refuted[0]
    if refuted:
        return _depends(refuted[0])
    reason = (
        f"no clock law was recognised, and neither |h| nor {_DERIVATIVES} derivatives in k² at "
        f"k in {_WAVES} ({_text(places[0])}) refute one"
    )
    return Condition(None, "open", reason)


def _places(symbols: set[sp.Symbol]) -> list[dict[sp.Symbol, sp.Rational]]:
    """Two sets of generic numbers, in opposite orders: what fails in both fails by itself."""
    numbers = generic_numbers(symbols)
    opposite = generic_numbers(symbols, reverse=True)
    return [numbers] if numbers == opposite else [numbers, opposite]


def _text(numbers: dict[sp.Symbol, sp.Rational]) -> str:
    return ", ".join(f"{symbol} = {value}" for symbol, value in numbers.items()) or "no parameters"


def _depends(refuted: Condition) -> Condition:
    """Open: what fails at some numbers and not at others."""
    reason = f"it depends on the parameters: {refuted.reason}, but only for some of them"
    return Condition(None, "open", reason, witness=refuted.witness)


def _witness(transfer: sp.Expr, numbers: dict[sp.Symbol, sp.Rational]) -> Condition | None:
    """A refutation at these numbers, or None."""
    function = sp.lambdify(k, transfer.rewrite(sp.besselk).subs(numbers), "mpmath")
    at, small = _text(numbers), mpmath.mpf(10) ** -9

    def h(square: mpmath.mpf) -> mpmath.mpf:
        return mpmath.re(function(mpmath.sqrt(square)))

    mass = h(mpmath.mpf(10) ** -24)
    # A hair off, because sinh(w)/w is 0/0 at w = 0 and equations have round numbers.
    squares = {wave: (mpmath.mpf(wave) * (1 + mpmath.mpf(2) ** -40)) ** 2 for wave in _WAVES}
    for wave, square in squares.items():
        if abs(h(square)) > mass * (1 + small):
            reason = "|h(k)| exceeds h(0), which no density's transform does"
            return Condition(False, "refuted", reason, sp.S.Zero, f"k = {wave}, {at}")
    for wave, square in squares.items():
        for order in range(1, _DERIVATIVES + 1):
            if (-1) ** order * mpmath.diff(h, square, order) < -small * mass:
                reason = (
                    "not in every N: h is not completely monotone in k² "
                    f"(derivative {order} has the wrong sign)"
                )
                return Condition(False, "refuted", reason, None, f"k = {wave}, {at}")
    return None


def _smoothing(transfer: Transfer) -> Condition:
    decays = [sp.simplify(sp.I * branch.omega) for branch in transfer.branches if branch.kept]
    steady = not transfer.mass.has(transfer.progress)
    rest = sp.S.Zero if steady else decays[0].subs(k, 0)  # the slowest branch comes first
    signs = [_exceeds(decay, rest) for decay in decays]
    gap = sp.simplify(decays[0] - rest)
    if all(sign is True for sign in signs):
        reason = f"every kept branch decays faster at k > 0 than at 0 (by {gap} for the first)"
        return Condition(True, "proved", reason, sp.oo)
    if any(sign is False for sign in signs):
        reason = "a kept branch decays no faster at k > 0 than at 0, so the data are not forgotten"
        return Condition(False, "refuted", reason, sp.S.Zero, f"Im w(0) - Im w(k) = {gap}")
    return _smoothing_on_a_grid([decay - rest for decay in decays])


def _exceeds(decay: sp.Expr, at_zero: sp.Expr) -> bool | None:
    """Whether decay(k) > decay(0) for every k > 0, by SymPy's assumptions; None if undecided."""
    gap = sp.expand(sp.simplify(decay - at_zero))
    moving = sum((a for a in sp.Add.make_args(gap) if a.has(k)), sp.S.Zero)
    still = gap - moving
    squares = sp.factor(sp.expand(moving**2 - still**2)) if still.is_nonpositive else gap
    for candidate in (gap, squares if moving.is_nonnegative else gap):
        if candidate.is_positive:
            return True
        if candidate.is_nonpositive or candidate.is_zero or candidate.is_imaginary:
            return False
    return None


def _smoothing_on_a_grid(gaps: list[sp.Expr]) -> Condition:
    """Evidence where SymPy cannot decide: a grid of wave numbers, generic parameters."""
    places = _places(set().union(*(gap.free_symbols for gap in gaps)) - {k})
    failing = [(_first_failure(gaps, numbers), numbers) for numbers in places]
    witnesses = [f"k = {wave}, {_text(numbers)}" for wave, numbers in failing if wave is not None]
    if witnesses:
        reason = "a kept branch decays no faster there than at k = 0"
        refuted = Condition(False, "refuted", reason, sp.S.Zero, witnesses[0])
        return refuted if len(witnesses) == len(places) else _depends(refuted)
    reason = (
        "every kept branch decays faster at 41 wave numbers in [0.01, 100] than at 0 "
        f"({_text(places[0])})"
    )
    return Condition(True, "numerical", reason, sp.oo)


def _first_failure(gaps: list[sp.Expr], numbers: dict[sp.Symbol, sp.Rational]) -> str | None:
    """The first wave number of the grid at which some gap is not positive."""
    functions = [sp.lambdify(k, gap.subs(numbers), "mpmath") for gap in gaps]
    for wave in (mpmath.mpf(10) ** (power / mpmath.mpf(10)) for power in range(-20, 21)):
        if min(mpmath.re(function(wave)) for function in functions) <= 0:
            return str(mpmath.nstr(wave, 4))
    return None
