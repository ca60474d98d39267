"""Potentials are read from source, for what they are, whoever ships them."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from genphys import registry

HEAD = """\
from __future__ import annotations
from dataclasses import dataclass
from genphys.potential import Potential

"""
DIPOLE = '''@dataclass(frozen=True)
class Dipole(Potential):
    """Field of a dipole [2].

    More of it.
    """

    p: float = 2
    order: int = -1
    label: str | None = None
    loud: bool = False
    needed: float

    def equation(self): ...
'''
PLAIN = DIPOLE.replace("    needed: float\n", "")
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution on the path, as an installer would leave it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def _install(
        points: str, group: str = "genphys.potentials", name: str = "plug", **files: str
    ) -> None:
        for path, text in files.items():
            file = tmp_path / (path.replace("__in__", "/") + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{points}\n")

    return _install


def genphys(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(cwd)}
    command = [sys.executable, "-m", "genphys", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=env)


def test_what_is_read_is_what_is_imported() -> None:
    entries = registry.potentials()
    assert {"heat", "pfgm", "pfgmpp"} <= entries.keys()
    for name, entry in entries.items():
        cls = registry.load(name)
        assert entry.source == f"{cls.__module__}:{cls.__qualname__}"
        assert inspect.getdoc(cls).startswith(entry.text.rstrip(".:"))  # type: ignore[union-attr]
        read = [(p.name, p.type.__name__, p.default) for p in entry.parameters]
        assert read == [(f.name, f.type, f.default) for f in fields(cls)]


def test_class_of_another_package_is_read_without_importing_it(install: Install) -> None:
    alarm = "raise SystemExit('this package was imported')\n"
    install(
        "dipole = lab.fields:Dipole", lab__in____init__=alarm, lab__in__fields=alarm + HEAD + DIPOLE
    )
    entry = registry.potentials()["dipole"]
    assert (entry.text, entry.package) == ("Field of a dipole.", "plug")
    assert entry.source == "lab.fields:Dipole"
    assert [(p.name, p.type, p.optional, p.default) for p in entry.parameters] == [
        ("p", float, False, 2.0),
        ("order", int, False, -1),
        ("label", str, True, None),
        ("loud", bool, False, False),
        ("needed", float, False, MISSING),
    ]


def test_package_of_plugins_is_one_entry_a_file(install: Install) -> None:
    other = PLAIN.replace("Dipole", "Quadrupole")
    files = {"many__in__one": HEAD + PLAIN, "many__in__two": HEAD + other, "many__in___not": "("}
    install("lab = many", many__in____init__="", **files)
    assert {"one", "two"} <= registry.potentials().keys()
    assert registry.load("one").__name__ == "Dipole"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("class Dipole(:\n", "invalid syntax"),
        (HEAD, "exactly one class deriving from Potential is wanted, there is: none"),
        (HEAD + DIPOLE + DIPOLE.replace("Dipole", "Other"), "there is: Dipole, Other"),
        (HEAD + DIPOLE.replace("(Potential)", "(Other)"), "there is: none"),
        (HEAD + DIPOLE.replace("= 2", "= math.inf"), "'p: float = math.inf': a literal float"),
        (HEAD + DIPOLE.replace("= 2", "= 'two'"), "a literal float is wanted as default"),
        (HEAD + DIPOLE.replace("p: float", "p: list[float]"), "Dipole.p has the type list[float]"),
        (HEAD + DIPOLE.replace("p: float", "name: float"), "may not be called 'name'"),
    ],
)
def test_broken_plugin_is_named_and_skipped(install: Install, text: str, why: str) -> None:
    install("lab = broken", broken__in____init__="", broken__in__bad=text)
    with pytest.warns(UserWarning, match="plugin 'bad' of plug was skipped: ") as seen:
        entries = registry.potentials()
    assert "bad" not in entries and "heat" in entries
    (warning,) = seen
    assert why in str(warning.message) and "\n" not in str(warning.message)


@pytest.mark.parametrize("points", ["gone = nowhere.fields:Dipole", "gone = sys:Dipole"])
def test_missing_module_is_named_and_skipped(install: Install, points: str) -> None:
    install(points)
    with pytest.warns(UserWarning, match="plugin 'gone' of plug was skipped: "):
        assert "heat" in registry.potentials()


def test_name_registered_twice_is_refused(install: Install) -> None:
    install("heat = dip:Dipole", dip=HEAD + DIPOLE)
    with pytest.raises(ValueError, match=r"'heat' is registered twice, by .* and by ") as raised:
        registry.potentials()
    assert "genphys" in str(raised.value) and "plug" in str(raised.value)


def test_error_in_a_plugin_is_one_line(install: Install) -> None:
    install("dipole = bomb:Dipole", bomb=HEAD + PLAIN + "1 / 0\n")
    with pytest.raises(ValueError, match=r"'dipole' of plug cannot be imported: ZeroDivisionError"):
        registry.load("dipole")


def test_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(
        ValueError, match=r"unknown potential 'haet'; did you mean heat\? there are"
    ):
        registry.load("haet")
    assert registry.unknown("key", "x", []) == "unknown key 'x'; there are: none"


def test_file_in_no_package(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HEAD + PLAIN)
    where = f"{tmp_path}/mine.py:Dipole"
    entry = registry.read_file(where)
    assert entry.name == entry.source == f"{(tmp_path / 'mine.py').resolve()}:Dipole"
    cls = registry.load_file(where)
    assert cls.__name__ == "Dipole" and next(f.name for f in fields(cls)) == "p"
    with pytest.raises(ValueError, match="unknown potential"):  # a name never leads to a file
        registry.load(where)


@pytest.mark.parametrize(
    ("where", "error", "why"),
    [
        ("none.py:X", FileNotFoundError, "there is no file"),
        ("mine.py", ValueError, r"give FILE\.py:Class"),
        ("mine.py:", ValueError, r"give FILE\.py:Class"),
        ("mine.py:Other", ValueError, "a class Other deriving from Potential is wanted"),
        ("torn.py:X", ValueError, r"invalid syntax \(torn.py, line 1\)|torn.py"),
    ],
)
def test_wrong_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: type[Exception], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(HEAD + DIPOLE)
    (tmp_path / "torn.py").write_text("class X(:\n")
    with pytest.raises(error, match=why):
        registry.read_file(where)


def test_file_that_fails_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bomb.py").write_text(HEAD + PLAIN + "1 / 0\n")
    with pytest.raises(ValueError, match=r"bomb\.py cannot be imported: ZeroDivisionError"):
        registry.load_file(f"{tmp_path}/bomb.py:Dipole")


def test_samplers_are_those_of_the_table() -> None:
    from genphys.sampling.solvers import SAMPLERS

    assert [entry.name for entry in registry.samplers()] == list(SAMPLERS)
    assert all(entry.text.endswith(".") for entry in registry.samplers())


def test_every_choice_has_a_line_of_text() -> None:
    for group in ("preset", "data", "network"):
        entries = registry.choices(group)
        assert entries and all(entry.text and entry.package == "genphys" for entry in entries)


def test_configurations_of_another_package(tmp_path: Path, install: Install) -> None:
    install(
        "lab = conf\nnone = nowhere\nfile = single",
        "genphys.configs",
        conf__in____init__="",
        single="",
    )
    (tmp_path / "conf" / "preset").mkdir()
    (tmp_path / "conf" / "preset" / "weak.yaml").write_text("# @package _global_\n# Weak.\n")
    with pytest.warns(UserWarning, match="there is no module nowhere|single is not a package"):
        assert registry.Entry("weak", "Weak.", "plug") in registry.choices("preset")


def test_plugin_on_the_command_line(tmp_path: Path, install: Install) -> None:
    text = HEAD + PLAIN
    install("dipole = dip:Dipole\nbad = nowhere:X", dip=text)
    install("lab = conf", "genphys.configs", "plug-configs", conf__in____init__="")
    preset = "# @package _global_\n# Weak.\ndefaults:\n  - override /potential: dipole\n"
    (tmp_path / "conf" / "preset").mkdir()
    (tmp_path / "conf" / "preset" / "weak.yaml").write_text(preset)
    listed = genphys("list", cwd=tmp_path)
    assert "genphys: plugin 'bad' of plug was skipped: there is no module nowhere" in listed.stderr
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert ["dipole", "Field", "of", "a", "dipole.", "plug"] in rows
    assert ["weak", "Weak.", "plug-configs"] in rows
    shown = genphys("train", "preset=weak", "potential.p=9", "--cfg", "job", cwd=tmp_path)
    assert "name: dipole\n  p: 9.0\n" in shown.stdout, shown.stderr
