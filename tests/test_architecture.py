"""Which way imports run: docs/ARCHITECTURE.md as a test, read from every module's syntax tree.

An import under ``if TYPE_CHECKING`` is for type checkers and counts as none. One inside a function
counts, except the two in ``LATE``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import genphys

ROOT = Path(__file__).resolve().parents[1]

FLOORS = {
    1: {"pde", "potential", "special", "networks", "data", "metrics", "report", "registry"},
    2: {"derivation", "clocks"},
    3: {"process", "bridge"},
    4: {"field", "potentials"},
    5: {"preconditioning", "model", "sampling"},
    6: {"training"},
    7: {"runs", "configuration"},
    8: {"cli", "__main__"},
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
SIDE_ROOMS = ("special", "networks", "data", "metrics", "report")

# A declared thing is bound by asking what stands above it, and only when it is asked.
LATE = {
    ("genphys.derivation.core", "Derivation.bind", "genphys.bridge"),
    ("genphys.potential", "Potential.bind", "genphys.derivation"),
}

# The rooms that must start without torch, and those that must run without SymPy.
SYMBOLIC = {"pde", "derivation", "potential", "potentials"}
LIGHT = {"registry", "configuration", "cli", "__main__", "potential"}
NUMERICAL = {
    *("clocks", "special", "networks", "data", "metrics", "report"),
    *("process", "field", "preconditioning", "model", "sampling"),
}


@dataclass(frozen=True)
class Import:
    """One imported module, and the function that it stands in ("" at the top)."""

    module: str
    where: str


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "potentials":
        parts = ("genphys", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    _name(file): file
    for folder in ("genphys", "potentials")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if not {"potentials", "configs"} & set(file.relative_to(ROOT).parts[1:])  # seen without links
}
MODULES = sorted(FILES.keys() - {"genphys"})  # whose lazy table leads everywhere


def _room(module: str) -> str:
    return module.split(".")[1]


def _outside_of_type_checking(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        yield from node.orelse
    else:
        yield from ast.iter_child_nodes(node)


def _walk(node: ast.AST, where: tuple[str, ...], inside: bool) -> Iterator[Import]:
    """Imports below a node; ``where`` names classes and functions, ``inside`` is in a function."""
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0 and node.module, "imports here are absolute"
        found = [_target(node.module, alias.name) for alias in node.names]
    else:
        found = []
    yield from (Import(module, ".".join(where) if inside else "") for module in found)
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        where, inside = (*where, node.name), inside or not isinstance(node, ast.ClassDef)
    for child in _outside_of_type_checking(node):
        yield from _walk(child, where, inside)


def _target(module: str, name: str) -> str:
    """What ``from module import name`` loads: a module of ours where there is one."""
    if module == "genphys" and name in genphys._HOME:
        return genphys._HOME[name]
    whole = f"{module}.{name}"
    return whole if whole in FILES else module


@cache
def imports(module: str) -> frozenset[Import]:
    """What a module imports when it runs."""
    return frozenset(_walk(ast.parse(FILES[module].read_text(encoding="utf-8")), (), False))


def ours(module: str, top: bool = False) -> set[str]:
    """Modules of genphys that a module imports, the named exceptions left out."""
    return {
        i.module
        for i in imports(module)
        if i.module.startswith("genphys.")
        and (module, i.where, i.module) not in LATE
        and not (top and i.where)
    }


def packages(module: str) -> set[str]:
    """The packages that a module imports, by their top names."""
    return {i.module.split(".")[0] for i in imports(module)}


def _graph(edges: Iterator[tuple[str, str]]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for here, there in edges:
        if here != there:
            graph.setdefault(here, set()).add(there)
    return graph


def test_the_walk_sees_what_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
import torch
if TYPE_CHECKING:
    import sympy
else:
    import numpy
class A:
    import math
    def f(self):
        from genphys import derive, pde
        if True:
            import genphys.bridge
"""
    found = set(_walk(ast.parse(text), (), False))
    assert found == {
        *(Import(module, "") for module in ("torch", "numpy", "math")),
        *(Import(f"genphys.{name}", "A.f") for name in ("derivation", "pde", "bridge")),
    }


def test_every_room_stands_on_one_floor() -> None:
    assert {_room(module) for module in MODULES} == FLOOR.keys()
    assert sum(map(len, FLOORS.values())) == len(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_from_its_floor_or_below(module: str) -> None:
    above = {m for m in ours(module) if FLOOR[_room(m)] > FLOOR[_room(module)]}
    assert not above, f"{module} on floor {FLOOR[_room(module)]} imports {sorted(above)}"


def test_the_named_exceptions_are_all_there() -> None:
    found = {(m, i.where, i.module) for m in MODULES for i in imports(m)}
    assert found >= LATE, "an exception that is no longer needed must go"


def test_modules_and_rooms_have_no_cycles() -> None:
    # prepare() raises CycleError, which names the circle.
    TopologicalSorter(_graph((m, i) for m in MODULES for i in ours(m, top=True))).prepare()
    TopologicalSorter(_graph((_room(m), _room(i)) for m in MODULES for i in ours(m))).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_torch_and_sympy_meet_on_the_bridge_only(module: str) -> None:
    room, used = _room(module), packages(module)
    if room in SYMBOLIC | LIGHT:
        assert "torch" not in used
    if room in NUMERICAL | LIGHT:
        assert "sympy" not in used
    if room in NUMERICAL:
        assert not {"derivation", "pde", "bridge"} & {_room(m) for m in ours(module)}
    if room != "bridge":
        assert not {"torch", "sympy"} <= used


@pytest.mark.parametrize("module", [m for m in MODULES if _room(m) in SIDE_ROOMS])
def test_side_rooms_know_nothing_of_physics(module: str) -> None:
    assert {_room(m) for m in ours(module)} <= {_room(module)}


@pytest.mark.parametrize("module", [m for m in MODULES if _room(m) == "potentials"])
def test_potentials_use_the_public_interface_only(module: str) -> None:
    allowed = {"__future__", "dataclasses", "math", "sympy", "genphys"}
    assert packages(module) <= allowed
    text = FILES[module].read_text(encoding="utf-8")
    used = re.findall(r"^\s*(?:from|import) (genphys[.\w]*)", text, re.MULTILINE)
    assert set(used) <= {"genphys", "genphys.pde"}


def test_nothing_imports_the_command_line() -> None:
    users = {m for m in MODULES if "genphys.cli" in ours(m)}
    assert users == {"genphys.__main__"}


def _strings(tree: ast.Module) -> Iterator[str]:
    """String constants that are not documentation."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_no_potential_is_known_by_name() -> None:
    names = {_name(file).rpartition(".")[2] for file in (ROOT / "potentials").glob("[!_]*.py")}
    assert names
    for module in MODULES:
        if _room(module) != "potentials":
            for text in _strings(ast.parse(FILES[module].read_text(encoding="utf-8"))):
                assert not names & set(re.findall(r"\w+", text)), f"{module}: {text!r}"
