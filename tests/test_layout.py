"""The folders are one package, starting is light, and the wheel has it all."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import genphys

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]


def python(*words: str, cwd: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=cwd, env=env
    )


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
