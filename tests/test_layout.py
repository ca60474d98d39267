"""The folders are one package, each module imports only from below, and the wheel has it all."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import genphys

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]

# A room may import what stands on a lower floor, when it is imported itself. (Derivation.bind calls
# the bridge above it, but only when it is called.)
FLOORS = [
    {"data", "metrics", "networks", "pde", "potential", "registry", "report", "special"},
    {"clocks", "derivation"},
    {"process"},
    {"bridge", "field", "potentials", "preconditioning"},
    {"model", "sampling"},
    {"training"},
    {"runs"},
    {"configuration"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def python(*words: str, cwd: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=cwd, env=env
    )


def sources() -> list[Path]:
    return sorted({*ROOT.glob("genphys/**/*.py"), *ROOT.glob("potentials/*.py")})


def room_of(file: Path) -> str:
    parts = file.relative_to(ROOT).parts
    return (parts[0] if parts[0] == "potentials" else parts[1]).removesuffix(".py")


def imported(nodes: list[ast.stmt] | Iterator[ast.AST]) -> set[str]:
    """The modules imported by statements; ``from genphys import x`` counts as genphys.x."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "genphys":
            names |= {f"genphys.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def rooms(modules: set[str]) -> set[str]:
    """The rooms of genphys among the modules; public names come from the rooms that define them."""
    seconds = {name.split(".")[1] for name in modules if name.startswith("genphys.")}
    return {genphys._HOME.get(name, f"genphys.{name}").split(".")[1] for name in seconds}


def test_every_module_stands_on_a_floor() -> None:
    found = {room_of(file) for file in sources()} - {"__init__", "configs"}
    assert found == FLOOR.keys()


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_come_from_lower_floors(file: Path) -> None:
    room = room_of(file)
    if room in ("__init__", "configs"):
        return
    tree = ast.parse(file.read_text())
    wrong = {r for r in rooms(imported(tree.body)) - {room} if FLOOR[r] >= FLOOR[room]}
    assert not wrong, f"{room} imports {wrong}, which does not stand below it"
    everywhere = rooms(imported(ast.walk(tree)))
    assert room == "__main__" or "cli" not in everywhere, "nothing imports the command line"


def test_symbolic_and_numerical_rooms_stay_apart() -> None:
    for file in sources():
        used = {name.split(".")[0] for name in imported(ast.walk(ast.parse(file.read_text())))}
        room = room_of(file)
        if room in ("derivation", "pde", "potential", "potentials", "registry", "cli"):
            assert "torch" not in used, file
        if room in ("clocks", "field", "sampling", "model", "networks", "data", "metrics"):
            assert "sympy" not in used, file


def test_potentials_import_the_public_interface_only() -> None:
    for file in (ROOT / "potentials").glob("[!_]*.py"):
        names = imported(ast.walk(ast.parse(file.read_text())))
        ours = {name for name in names if name.split(".")[0] == "genphys"}
        assert ours <= {"genphys.Potential", "genphys.pde"}, file


def test_nothing_knows_a_potential_by_name() -> None:
    names = {file.stem for file in (ROOT / "potentials").glob("[!_]*.py")}
    for file in sources():
        if room_of(file) == "potentials":
            continue
        tree = ast.parse(file.read_text())
        constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not names & {value for value in constants if isinstance(value, str)}, file


@pytest.mark.parametrize(
    "code",
    [
        "import genphys",
        "import genphys.cli, genphys.configuration, genphys.registry as r; r.potentials()",
        "import genphys.registry as r; r.samplers(), r.choices('preset'), r.choices('data')",
    ],
)
def test_start_imports_neither_torch_nor_sympy(code: str) -> None:
    done = python(
        "-c", f"{code}; import sys; print({{'torch', 'sympy'}} & {{*sys.modules}})", cwd=ROOT
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_symbolic_side_imports_no_torch() -> None:
    code = "import genphys.pde, genphys.derivation, genphys.potentials.yukawa, sys"
    done = python("-c", f"{code}; print('torch' in sys.modules)", cwd=ROOT)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_public_names_come_from_where_they_are_said_to() -> None:
    for name in genphys.__all__:
        value = getattr(genphys, name)
        assert name == "__version__" or value.__module__.startswith("genphys."), name
    assert dir(genphys) == genphys.__all__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = genphys.nonsense


def test_every_sub_package_is_listed_for_the_wheel() -> None:
    found = {
        ".".join(f.parent.relative_to(ROOT).parts) for f in ROOT.glob("genphys/**/__init__.py")
    }
    assert found | {"genphys.potentials", "genphys.configs"} == set(PACKAGES)


def test_links_are_links() -> None:
    for name in ("potentials", "configs"):
        link = ROOT / "genphys" / name
        if link.is_dir():  # where links are not allowed git leaves a text file: mypy alone minds
            assert link.resolve() == ROOT / name


@pytest.mark.parametrize("name", ["potentials", "configs"])
def test_folder_cannot_be_imported_by_its_bare_name(name: str) -> None:
    assert f"genphys.{name}" in python("-c", f"import {name}", cwd=ROOT).stderr


@pytest.mark.slow
def test_wheel_from_the_sdist_has_every_file_and_runs_elsewhere(tmp_path: Path) -> None:
    words = ("-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT))
    built = python(*words, cwd=tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "site")
    files = {*ROOT.glob("genphys/**/*"), *ROOT.glob("potentials/*"), *ROOT.glob("configs/**/*")}
    kept = {f.relative_to(ROOT) for f in files if f.is_file() and "__pycache__" not in f.parts}
    parts = {file.as_posix() for file in kept}
    assert names == {p if p.startswith("genphys/") else f"genphys/{p}" for p in parts}
    site = str(tmp_path / "site")
    where = python("-c", "import genphys.registry as r; print(r.__file__)", cwd=tmp_path, path=site)
    assert where.stdout.startswith(site), where.stderr
    run = python("-m", "genphys", "train", "preset=edm", "--cfg", "job", cwd=tmp_path, path=site)
    assert "name: heat" in run.stdout, run.stderr
