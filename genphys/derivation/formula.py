r"""Equations as text, and text as equations: nothing typed in or stored is ever evaluated as code.

``parse`` walks Python's syntax tree of the text and builds SymPy nodes for a short list of node
types, functions and names; all else is refused. ``write`` is its inverse. Both speak of one field
``phi``:

    diff(phi, t) = Laplacian(phi, x)
    Laplacian(phi, x) + Laplacian(phi, z) - mass**2*phi = -source

Names that the language does not know are parameters. Limits on length, size, depth and numbers keep
a hostile text from hanging the parser.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Callable, Mapping

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.str import StrPrinter

from genphys import pde
from genphys.derivation.operator import DerivationError, find_field

__all__ = ["assumptions", "parse", "write"]

_MAX_LENGTH, _MAX_NODES, _MAX_DEPTH = 2000, 400, 40
_MAX_EXPONENT = 64.0  # of a numeric power; also bounds the logarithm of its value
_MAX_NUMBER = 1e12
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_DOMAINS = ("positive", "nonnegative", "negative", "nonpositive", "nonzero", "integer", "real")
_FUNCTIONS: dict[str, Callable[..., sp.Expr]] = {
    name: getattr(sp, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "gamma")
}
_OPERATORS: dict[str, Callable[..., sp.Expr]] = {
    "Laplacian": pde.Laplacian,
    "FractionalLaplacian": pde.FractionalLaplacian,
}
_NAMES: dict[str, sp.Expr] = {
    "x": pde.x,
    "z": pde.z,
    "t": pde.t,
    "r": pde.r,
    "N": pde.N,
    "D": pde.D,
    "source": pde.source,
    "pi": sp.pi,
    "I": sp.I,
}


def parse(text: str, domains: Mapping[str, str] | None = None) -> sp.Eq:
    """The equation that a text declares.

    Args:
        text: ``left = right``; ``^`` is read as ``**``; ``phi.diff(t)`` as ``diff(phi, t)``.
        domains: For each parameter the assumptions of its symbol, separated by spaces;
            ``"positive"`` where a name is missing.

    Raises:
        DerivationError: For anything outside the language, in one sentence with the place.
    """
    if len(text) > _MAX_LENGTH:
        raise DerivationError(f"the formula is longer than {_MAX_LENGTH} characters")
    sides = text.replace("^", "**").replace("==", "=").split("=")
    if len(sides) != 2:
        raise DerivationError("a formula is one equation: left = right, with one '='")
    phi = pde.field(pde.r if re.search(r"\b[rz]\b", text) else pde.t)
    reader = _Reader(text, phi, domains or {})
    left, right = (reader.read(side) for side in sides)
    return sp.Eq(left, right, evaluate=False)


class _Reader:
    """Builds SymPy nodes from the syntax tree of one formula."""

    def __init__(self, text: str, phi: sp.Expr, domains: Mapping[str, str]) -> None:
        self.text, self.domains, self.nodes = text, domains, 0
        self.names = _NAMES | {"phi": phi}

    def read(self, side: str) -> sp.Expr:
        try:
            tree = ast.parse(side.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise DerivationError(f"cannot read the formula {side.strip()[:60]!r}") from None
        return self.node(tree.body, 0)

    def refuse(self, node: ast.AST, reason: str) -> DerivationError:
        place = ast.unparse(node)[:40] if isinstance(node, ast.expr) else ""
        return DerivationError(f"{reason} in the formula, at {place!r}")

    def count(self, depth: int) -> None:
        self.nodes += 1
        if self.nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise DerivationError(f"the formula has more than {_MAX_NODES} parts or is too deep")

    def node(self, node: ast.expr, depth: int) -> sp.Expr:
        self.count(depth)
        value = self.value(node, depth)
        if value.has(sp.oo, -sp.oo, sp.zoo, sp.nan):
            raise self.refuse(node, "a value that is not finite")
        return value

    def value(self, node: ast.expr, depth: int) -> sp.Expr:
        if isinstance(node, ast.Constant):
            return self.number(node)
        if isinstance(node, ast.Name):
            return self.name(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            value = self.node(node.operand, depth + 1)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            return self.binary(node, depth)
        if isinstance(node, ast.Call) and not node.keywords:
            return self.call(node, depth)
        raise self.refuse(node, f"{type(node).__name__} is not allowed")

    def number(self, node: ast.Constant) -> sp.Expr:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(node, "only numbers are allowed")
        if not abs(value) <= _MAX_NUMBER:
            raise self.refuse(node, f"a number above {_MAX_NUMBER:g} is not allowed")
        return sp.Integer(value) if isinstance(value, int) else sp.Float(value)

    def name(self, node: ast.Name) -> sp.Expr:
        if node.id in self.names:
            return self.names[node.id]
        if node.id in _FUNCTIONS | _OPERATORS or node.id == "diff":
            raise self.refuse(node, f"{node.id} needs arguments")
        if not _PARAMETER.fullmatch(node.id):
            raise self.refuse(node, "a parameter's name is letters, digits and _, at most 32")
        words = self.domains.get(node.id, "positive").split()
        if set(words) - set(_DOMAINS):
            raise DerivationError(f"parameter {node.id}: a domain is made of {', '.join(_DOMAINS)}")
        try:
            self.names[node.id] = sp.Symbol(node.id, **dict.fromkeys(words, True))
        except ValueError:
            raise DerivationError(f"parameter {node.id}: no number is {' '.join(words)}") from None
        return self.names[node.id]

    def factors(self, node: ast.expr, depth: int) -> list[sp.Expr]:
        """The factors of a product: multiplied one by one, SymPy would expand -2*(a + b)*c."""
        self.count(depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return [sp.S.NegativeOne, *self.factors(node.operand, depth + 1)]
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult | ast.Div):
            return [self.node(node, depth)]
        left, right = self.factors(node.left, depth + 1), self.node(node.right, depth + 1)
        if isinstance(node.op, ast.Div):
            if right.is_zero:
                raise self.refuse(node, "division by zero")
            right = 1 / right
        return [*left, right]

    def binary(self, node: ast.BinOp, depth: int) -> sp.Expr:
        if isinstance(node.op, ast.Mult | ast.Div):
            return sp.Mul(*self.factors(node, depth))
        left, right = self.node(node.left, depth + 1), self.node(node.right, depth + 1)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Pow():
                return self.power(node, left, right)
        raise self.refuse(node, f"{type(node.op).__name__} is not allowed")

    def power(self, node: ast.BinOp, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        if exponent.is_number:
            size = _size(exponent) if exponent.is_real else math.inf
            growth = size * abs(math.log(max(_size(base), 1e-9))) if base.is_number else 0.0
            if (
                not size <= _MAX_EXPONENT
                or not growth <= _MAX_EXPONENT
                or (base.is_zero and exponent < 0)
            ):
                raise self.refuse(node, "a power out of bounds")
        elif base.is_number and base.has(sp.Pow):
            raise self.refuse(node, "a tower of powers")
        return base**exponent

    def call(self, node: ast.Call, depth: int) -> sp.Expr:
        arguments = [self.node(argument, depth + 1) for argument in node.args]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "diff":
            name, arguments = "diff", [self.node(node.func.value, depth + 1), *arguments]
        else:
            name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)[:40]
        if name == "diff":
            return self.derivative(node, arguments)
        known = _FUNCTIONS | _OPERATORS
        if name not in known:
            close = difflib.get_close_matches(name, [*known, "diff"], 1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise self.refuse(node, f"the function {name} is not allowed{hint}")
        if name in _FUNCTIONS and len(arguments) != 1:
            raise self.refuse(node, f"{name} takes one argument")
        large = [a for a in arguments if a.is_number and _size(a) > _MAX_EXPONENT]
        if large and name in _FUNCTIONS and name not in ("sqrt", "log"):  # these two shrink it
            raise self.refuse(node, f"an argument above {_MAX_EXPONENT:g}")
        try:
            return known[name](*arguments)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.refuse(node, f"{name}: {str(error).splitlines()[0]}") from None

    def derivative(self, node: ast.Call, arguments: list[sp.Expr]) -> sp.Expr:
        if len(arguments) not in (2, 3) or arguments[1] not in (pde.t, pde.r):
            raise self.refuse(node, "a derivative is diff(phi, t) or diff(phi, t, 2)")
        count = arguments[2] if len(arguments) == 3 else sp.S.One
        if not (count.is_Integer and 1 <= count <= 4):
            raise self.refuse(node, "a derivative has an order from 1 to 4")
        return sp.diff(arguments[0], arguments[1], int(count))


def _size(number: sp.Expr) -> float:
    """The absolute value of a number, inf where it is beyond floats."""
    try:
        return abs(complex(number))
    except (TypeError, ValueError, OverflowError):
        return math.inf


class _Writer(StrPrinter):
    """Prints the field as ``phi`` and its derivatives as ``diff(phi, t)``."""

    def _print_Function(self, expression: sp.Expr) -> str:
        if isinstance(expression, AppliedUndef):
            return "phi"
        return str(super()._print_Function(expression))

    def _print_Derivative(self, expression: sp.Derivative) -> str:
        body = self._print(expression.expr)
        for variable, count in expression.variable_count:
            order = f", {count}" if count != 1 else ""
            body = f"diff({body}, {variable}{order})"
        return body

    def _print_Float(self, expression: sp.Float) -> str:
        return repr(float(expression))

    def _print_Exp1(self, expression: sp.Expr) -> str:
        return "exp(1)"


def write(equation: sp.Eq) -> str:
    """The text that :func:`parse` reads back as the same equation, the field called phi.

    Raises:
        DerivationError: When the language of formulas has no text for the equation.
    """
    name, text = find_field(equation).func, show(equation)
    try:
        back = parse(text, assumptions(equation))
    except DerivationError as error:
        raise DerivationError(f"the equation cannot be stored as a formula: {error}") from None
    named = equation.replace(name, sp.Function("phi"))
    if sp.expand((back.lhs - back.rhs) - (named.lhs - named.rhs)) != 0:
        raise DerivationError(
            f"the equation cannot be stored as a formula: it reads back as {back}"
        )
    return text


def show(expression: sp.Basic) -> str:
    """An expression or equation in the same short form, for pages."""
    printer = _Writer()
    if isinstance(expression, sp.Eq):
        return f"{printer.doprint(expression.lhs)} = {printer.doprint(expression.rhs)}"
    return str(printer.doprint(expression))


def assumptions(equation: sp.Eq) -> dict[str, str]:
    """The domains of an equation's parameters, in the form that :func:`parse` takes.

    Raises:
        DerivationError: When a parameter's name cannot be written in a formula.
    """
    domains = {}
    for symbol in equation.free_symbols - set(_NAMES.values()):
        if not _PARAMETER.fullmatch(symbol.name) or symbol.name in _NAMES:
            raise DerivationError(
                f"the parameter {symbol.name!r} cannot be stored: use letters, digits and _"
            )
        domains[symbol.name] = " ".join(n for n in _DOMAINS if getattr(symbol, f"is_{n}"))
    return dict(sorted(domains.items()))
