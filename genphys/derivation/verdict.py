r"""Can it generate? Three conditions, each with its evidence.

* C1 density: the kernel is a density, p >= 0 with finite mass. In every N it holds exactly if h is
  completely monotone in k², that is, if a clock law exists (Schoenberg 1938).
* C2 smoothing: h(k, r)/h(0, r) -> 0 for every k > 0, so the data are forgotten. Where h is a sum of
  exponentials (or a Matérn function) of the progress, it holds exactly if every kept branch decays
  faster at k than at 0: Im w(k) < Im w(0).
* C3 linear: p is linear in the data, else a conditional target does not average to the marginal one.

A verdict never says "proved" for what was only sampled. Source: GenPhys (arXiv:2304.02637), with
C2 sharpened to the branches that are excited.
"""

from __future__ import annotations

from collections.abc import Callable
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
    h, numbers = _numeric(transfer)
    at = ", ".join(f"{symbol} = {value}" for symbol, value in numbers.items())
    mass = h(mpmath.mpf(10) ** -12)
    for wave in _WAVES:
        if abs(h(mpmath.mpf(wave))) > mass * (1 + mpmath.mpf(10) ** -9):
            reason = "|h(k)| exceeds h(0), which no density's transform does"
            return Condition(False, "refuted", reason, sp.S.Zero, f"k = {wave}, {at}")
    for wave in _WAVES:
        for order in range(1, _DERIVATIVES + 1):
            slope = mpmath.diff(lambda q: h(mpmath.sqrt(q)), mpmath.mpf(wave) ** 2, order)
            if (-1) ** order * slope < -(mpmath.mpf(10) ** -9) * mass:
                reason = f"h is not completely monotone in k² (derivative {order} has the wrong sign)"
                place = f"k = {wave}, {at}"
                return Condition(False, "refuted", f"not in every N: {reason}", None, place)
    reason = (
        f"no clock law was recognised, and neither |h| nor {_DERIVATIVES} derivatives in k² at "
        f"k in {_WAVES} ({at}) refute one"
    )
    return Condition(None, "open", reason)


def _numeric(
    transfer: Transfer,
) -> tuple[Callable[[mpmath.mpf], mpmath.mpf], dict[sp.Symbol, sp.Rational]]:
    """h as a function of k with mpmath, the progress and every parameter a generic number."""
    h = transfer.h.rewrite(sp.besselk)
    numbers = generic_numbers(h.free_symbols - {k})
    function = sp.lambdify(k, h.subs(numbers), "mpmath")
    return (lambda wave: mpmath.re(function(wave))), numbers


def _smoothing(transfer: Transfer) -> Condition:
    decays = [sp.simplify(sp.I * branch.omega) for branch in transfer.branches if branch.kept]
    signs = [_exceeds(decay, decay.subs(k, 0)) for decay in decays]
    gap = sp.simplify(decays[0] - decays[0].subs(k, 0))
    if all(sign is True for sign in signs):
        reason = f"every kept branch decays faster at k > 0 than at 0 (by {gap} for the first)"
        return Condition(True, "proved", reason, sp.oo)
    if any(sign is False for sign in signs):
        reason = "a kept branch does not decay faster at k > 0 than at 0: the data are not forgotten"
        return Condition(False, "refuted", reason, sp.S.Zero, f"Im w(0) - Im w(k) = {gap}")
    return _smoothing_on_a_grid(decays)


def _exceeds(decay: sp.Expr, at_zero: sp.Expr) -> bool | None:
    """Whether decay(k) > decay(0) for every k > 0, by SymPy's assumptions; None if undecided."""
    gap = sp.simplify(decay - at_zero)
    moving = sum((a for a in sp.Add.make_args(gap) if a.has(k)), sp.S.Zero)
    still = gap - moving
    squares = sp.factor(sp.expand(moving**2 - still**2)) if still.is_nonpositive else gap
    for candidate in (gap, squares if moving.is_nonnegative else gap):
        if candidate.is_positive:
            return True
        if candidate.is_nonpositive or candidate.is_zero or candidate.is_imaginary:
            return False
    return None


def _smoothing_on_a_grid(decays: list[sp.Expr]) -> Condition:
    """Evidence where SymPy cannot decide: a grid of wave numbers, generic parameters."""
    at = generic_numbers(set().union(*(decay.free_symbols for decay in decays)) - {k})
    waves = [mpmath.mpf(10) ** (power / mpmath.mpf(10)) for power in range(-20, 21)]
    functions = [sp.lambdify(k, decay.subs(at), "mpmath") for decay in decays]

    def slowest(wave: mpmath.mpf) -> mpmath.mpf:
        return min(mpmath.re(function(wave)) for function in functions)

    rest = slowest(mpmath.mpf(0))
    failing = [wave for wave in waves if slowest(wave) <= rest]
    names = ", ".join(f"{symbol} = {value}" for symbol, value in at.items()) or "no parameters"
    if failing:
        witness = f"k = {mpmath.nstr(failing[0], 4)}, {names}"
        reason = "a kept branch does not decay faster there than at k = 0"
        return Condition(False, "refuted", reason, sp.S.Zero, witness)
    reason = f"every kept branch decays faster at 41 wave numbers in [0.01, 100] than at 0 ({names})"
    return Condition(True, "numerical", reason, sp.oo)
