r"""The one bridge: SymPy expressions, laws and scales with numbers become functions of tensors.

No code is generated or evaluated: an expression becomes a tree of closures over torch operations,
for the few kinds of node that derivations produce. Nothing else in the package knows both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import sympy as sp
import torch
from torch import Tensor

from genphys import clocks, special
from genphys.derivation import laws
from genphys.derivation.core import Derivation
from genphys.derivation.functions import KRatio, Matern
from genphys.derivation.operator import DerivationError
from genphys.process import Function, Process, Scale

__all__ = ["bind", "function"]


def bind(d: Derivation, dim: int, numbers: Mapping[sp.Symbol, sp.Expr]) -> Process:
    """The process of a derivation with numbers that :meth:`Derivation.bind` has checked.

    Raises:
        DerivationError: When the equation does not generate in ``dim`` dimensions, or has no clock,
            with the reason.
        ValueError: When ``dim`` is not a positive integer.
    """
    if isinstance(dim, bool) or not isinstance(dim, int) or dim < 1:
        raise ValueError(f"dim = {dim!r}: it must be a positive integer, the entries of a datum")
    law, variable = _numeric_law(d, dim, numbers), d.progress
    assert d.transfer_function is not None  # a law comes from a transfer function
    h = d.transfer_function
    rays, rate = h.rays(), h.rate()
    bound = None if rate is None else tuple(part.subs(numbers) for part in rate)
    log_mass = sp.expand_log(sp.log(h.mass.subs(numbers)), force=True)
    return Process(
        derivation=d,
        dim=dim,
        parameters={str(symbol): float(value) for symbol, value in numbers.items()},
        annihilates=bound != (0, 0),
        uniform=bound is not None and bound[1] == 0,
        law_at=_law_of(law, variable),
        scale=_scale(sp.sqrt(1 / law.inverse_moment()), variable),
        log_mass_at=function(log_mass, variable),
        ray_at=None if rays is None else function(rays.subs(numbers), variable),
        rate_at=None
        if bound is None
        else (function(bound[0], variable), function(bound[1], variable)),
    )


def _numeric_law(d: Derivation, dim: int, numbers: Mapping[sp.Symbol, sp.Expr]) -> laws.Law:
    objections = d.verdict.objections(dim)
    if objections:
        raise DerivationError(f"the equation does not generate: {'; '.join(objections)}")
    if d.clock is None:
        raise DerivationError(f"no clock was found: {d.verdict.density.reason}")
    law = d.clock.subs(numbers)
    if sp.false in law.conditions():
        broken = [str(c) for c in d.clock.conditions() if c.subs(numbers) == sp.false]
        raise DerivationError(f"the equation does not generate: it needs {' and '.join(broken)}")
    return law


def _scale(expression: sp.Expr, variable: sp.Symbol) -> Scale:
    """sigma(progress) with its slope and inverse; a power of the progress is inverted exactly."""
    expression = sp.powsimp(sp.simplify(expression))
    sigma = function(expression, variable)
    slope = function(sp.diff(expression, variable), variable)
    factor, power = expression.as_independent(variable, as_Add=False)
    base, exponent = power.as_base_exp()
    if base != variable or not exponent.is_number:
        return Scale(sigma, slope, _inverse(sigma, slope))
    inverse, scale = 1 / float(exponent), float(factor)
    return Scale(sigma, slope, lambda value: (value / scale) ** inverse)


def _inverse(sigma: Function, slope: Function) -> Function:
    """The inverse of an increasing function: a table in logarithms, then Newton's method."""
    table = torch.linspace(-32.0, 32.0, 1281, dtype=torch.float64)
    values = sigma(table.exp()).log()

    def progress(value: Tensor) -> Tensor:
        target, grid, known = value.detach().log(), table.to(value.device), values.to(value.device)
        index = torch.searchsorted(known, target.contiguous()).clamp(1, len(grid) - 1)
        share = (target - known[index - 1]) / (known[index] - known[index - 1])
        log_r = grid[index - 1] + share * (grid[index] - grid[index - 1])
        for _ in range(4):  # quadratic: 1e-3 from the table, below 1e-15 after three
            r = log_r.exp()
            here = sigma(r)
            elasticity = here / (r * slope(r))
            log_r = log_r - (here.log() - target) * elasticity
        # Derivatives (of first order) come from here: 0 is added to the value.
        return (log_r + (value.log() - target) * elasticity).exp()

    return progress


def _law_of(numeric: sp.Basic, progress: sp.Symbol) -> Callable[[Tensor], clocks.Law]:
    """A derived law with numbers as a law in torch, a function of the progress."""
    arguments = [function(argument, progress) for argument in numeric.args]
    match numeric:
        case laws.PointMass():
            return lambda r: clocks.PointMass(arguments[0](r))
        case laws.InverseGamma():
            shape = float(numeric.args[0])
            return lambda r: clocks.InverseGamma(shape, arguments[1](r))
        case laws.GIG():
            order = -float(numeric.args[0])
            return lambda r: clocks.GIG(order, arguments[1](r), arguments[2](r))
        case laws.PositiveStable():
            index = float(numeric.args[0])
            return lambda r: clocks.PositiveStable(index, arguments[1](r))
    raise DerivationError(f"the clock {numeric} has no counterpart in torch")


def function(expression: sp.Expr, variable: sp.Symbol) -> Function:
    """A SymPy expression of one variable as a function of tensors, without generated code.

    Raises:
        DerivationError: For a node with no counterpart in torch.
    """
    if expression == variable:
        return lambda value: value
    if expression.is_number:
        constant = float(expression)
        return lambda value: torch.full_like(value, constant)
    if isinstance(expression, sp.log) and isinstance(expression.args[0], Matern | KRatio):
        return _special(expression.args[0], variable, log=True)
    if isinstance(expression, Matern | KRatio):
        return _special(expression, variable, log=False)
    if isinstance(expression, sp.Pow) and expression.exp.is_number:
        base, exponent = function(expression.base, variable), float(expression.exp)
        return lambda value: base(value) ** exponent
    parts = [function(argument, variable) for argument in expression.args]
    return _combine(expression, parts)


def _combine(expression: sp.Expr, parts: list[Function]) -> Function:
    match expression:
        case sp.Add():
            return lambda value: sum((p(value) for p in parts[1:]), parts[0](value))
        case sp.Mul():
            return lambda value: math.prod((p(value) for p in parts[1:]), start=parts[0](value))
        case sp.exp():
            return lambda value: parts[0](value).exp()
        case sp.log():
            return lambda value: parts[0](value).log()
    raise DerivationError(f"{expression} has no counterpart in torch")


def _special(expression: sp.Expr, variable: sp.Symbol, log: bool) -> Function:
    order, argument = float(expression.args[0]), function(expression.args[1], variable)
    match expression, log:
        case Matern(), True:
            return lambda value: special.log_matern(order, argument(value))
        case Matern(), False:
            return lambda value: special.log_matern(order, argument(value)).exp()
        case _, True:
            return lambda value: special.kv_ratio(order, argument(value)).log()
        case _:
            return lambda value: special.kv_ratio(order, argument(value))
