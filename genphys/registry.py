"""Everything that can be named on the command line, read from source: nothing is imported.

A potential is registered by an entry point of the group ``genphys.potentials``. It names one class
(``dipole = "lab.fields:Dipole"``) or a package of one-file plugins (``lab = "lab.potentials"``);
then each module of the package is one potential named after its file, and a new file needs no new
entry. The group ``genphys.configs`` names packages of Hydra configurations in the same way: presets
and data sets to be found beside the built-in ones.

``genphys list`` and tab completion must not wait for SymPy and torch, and must survive a plugin
that is broken. So a class is *read*, by :mod:`ast`: its name, its first docstring line, and its
fields with their types and defaults. That is why a default must be a literal, and why a class must
derive from ``Potential`` itself. :func:`load` and :func:`load_file` alone import it.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genphys.potential import Potential

__all__ = [
    "Entry",
    "Parameter",
    "choices",
    "config_folders",
    "first_comment",
    "load",
    "load_file",
    "potentials",
    "read_file",
    "samplers",
    "unknown",
]

_TYPES: dict[str, type] = {"float": float, "int": int, "str": str, "bool": bool}


@dataclass(frozen=True)
class Parameter:
    """A field of a potential.

    Attributes:
        name: The field's name.
        type: float, int, str or bool.
        optional: Whether None is a value, as in ``float | None``.
        default: A value of the type, None, or ``dataclasses.MISSING`` where there is no default.
    """

    name: str
    type: type
    optional: bool
    default: object


@dataclass(frozen=True)
class Entry:
    """A name on the command line, a line of text, and where it comes from.

    Attributes:
        name: What is typed.
        text: The first line of its documentation.
        package: The distribution, or the file of a potential that is in no package.
        source: ``module:Class`` or ``/path/FILE.py:Class``; empty for what is no class.
        parameters: The fields of the class in order.
    """

    name: str
    text: str
    package: str
    source: str = ""
    parameters: tuple[Parameter, ...] = ()


def potentials() -> dict[str, Entry]:
    """All registered potentials, sorted by name. A broken one is named in a warning and skipped.

    Raises:
        ValueError: When a name is registered twice.
    """
    found: dict[str, Entry] = {}
    for entry in _plugins():
        if entry.name in found:
            raise ValueError(
                f"the potential {entry.name!r} is registered twice, by {found[entry.name].package} "
                f"and by {entry.package}: uninstall one of them"
            )
        found[entry.name] = entry
    return dict(sorted(found.items()))


def load(name: str) -> type[Potential]:
    """Imports the class of a registered potential.

    Raises:
        ValueError: When there is no such potential, or its module cannot be imported.
    """
    entries = potentials()
    if name not in entries:
        raise ValueError(unknown("potential", name, entries))
    module, _, cls = entries[name].source.rpartition(":")
    with _importing(f"potential {name!r} of {entries[name].package}"):
        found: type[Potential] = getattr(importlib.import_module(module), cls)
    return found


def load_file(where: str) -> type[Potential]:
    """Imports a potential from ``FILE.py:Class``, a file that is in no package.

    This runs the file: call it with what a user typed, never with what a run folder says.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the file holds no such potential, or cannot be imported.
    """
    file, _, cls = read_file(where).source.rpartition(":")
    spec = importlib.util.spec_from_file_location(file, file)  # its path: a name no other file has
    assert spec is not None and spec.loader is not None  # read_file found a .py file
    module = importlib.util.module_from_spec(spec)
    sys.modules[file] = module  # dataclasses look for it there
    with _importing(file), _without_bytecode():
        spec.loader.exec_module(module)
        found: type[Potential] = getattr(module, cls)
    return found


@contextmanager
def _without_bytecode() -> Iterator[None]:
    """A user's own folder is not to gain a __pycache__ from one command."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def read_file(where: str) -> Entry:
    """Reads the potential ``FILE.py:Class`` without importing it; name and source are absolute.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it is not Python, or holds no such potential.
    """
    path, _, cls = where.rpartition(":")
    file = Path(path).expanduser().resolve()
    if file.suffix != ".py" or not cls.isidentifier():
        raise ValueError(f"potential={where}: give FILE.py:Class")
    if not file.is_file():
        raise FileNotFoundError(f"potential={where}: there is no file {file}")
    try:
        return _read(f"{file}:{cls}", str(file), str(file), file, cls)
    except SyntaxError as error:
        raise ValueError(f"potential={where}: {error}") from error


def choices(group: str) -> list[Entry]:
    """The configurations of a group (preset, data, network), each with its first comment line."""
    return [
        Entry(file.stem, first_comment(file), package)
        for package, folder in config_folders()
        for file in sorted((folder / group).glob("*.yaml"))
    ]


def config_folders() -> list[tuple[str, Path]]:
    """The folders of configurations, each with its distribution; the built-in one comes first."""
    folders = [("genphys", _folder(_spec("genphys.configs")))]
    for point in entry_points(group="genphys.configs"):
        with _skipping(point):
            folders.append((_package(point), _folder(_spec(point.value))))
    return folders


def first_comment(file: Path) -> str:
    """The first comment in a configuration that is not Hydra's ``# @package`` directive."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    comments = (line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return next((text for text in comments if not text.startswith("@package")), "")


def samplers() -> list[Entry]:
    """The solvers in the table ``SAMPLERS``, each with the first line of its docstring."""
    tree = ast.parse(_file(_spec("genphys.sampling.solvers")).read_bytes())
    text = {node.name: _text(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    (table,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "SAMPLERS"
    )
    assert isinstance(table, ast.Dict)
    return [
        Entry(ast.literal_eval(key), text[ast.unparse(value)], "genphys")
        for key, value in zip(table.keys, table.values, strict=True)
        if key is not None  # a table in a table: **others
    ]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One line for a name that does not exist: the nearest ones, and all there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=2)
    hint = f"; did you mean {' or '.join(near)}?" if near else ";"
    return f"unknown {kind} {name!r}{hint} there are: {', '.join(names) or 'none'}"


def _plugins() -> list[Entry]:
    """One entry for each class, or for each file of each package, that is registered."""
    found: list[Entry] = []
    for point in entry_points(group="genphys.potentials"):
        package, files = _package(point), list[Path]()
        with _skipping(point):
            spec = _spec(point.module)
            if point.attr or spec.submodule_search_locations is None:
                found.append(_read(point.name, package, point.module, _file(spec), point.attr))
            else:
                files = sorted(_folder(spec).glob("[!_]*.py"))
        for file in files:
            with _skipping(point, file.stem):
                module = f"{point.module}.{file.stem}"
                found.append(_read(file.stem, package, module, file, ""))
    return found


def _spec(module: str) -> ModuleSpec:
    """Finds a module without importing its parents, which ``importlib.util.find_spec`` does."""
    path: list[str] | None = None
    names = module.split(".")
    for depth in range(1, len(names) + 1):
        name = ".".join(names[:depth])
        found = (finder.find_spec(name, path) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None:
            raise ValueError(f"there is no module {name}")
        path = list(spec.submodule_search_locations or ())
    assert spec is not None  # split gives at least one name
    return spec


def _file(spec: ModuleSpec) -> Path:
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise ValueError(f"{spec.name} has no Python source")
    return Path(spec.origin)


def _folder(spec: ModuleSpec) -> Path:
    if not spec.submodule_search_locations:
        raise ValueError(f"{spec.name} is not a package")
    return Path(next(iter(spec.submodule_search_locations)))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "?"


def _read(name: str, package: str, module: str, file: Path, cls: str) -> Entry:
    """The entry of the class ``cls``, or of the only potential in the file where it is empty."""
    tree = ast.parse(file.read_bytes(), str(file))
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).split(".")[-1] == "Potential" for base in node.bases)
    ]
    fitting = [node for node in found if cls in ("", node.name)]
    if len(fitting) != 1:
        wanted = f"a class {cls}" if cls else "exactly one class"
        there = ", ".join(node.name for node in found) or "none"
        raise ValueError(f"{file}: {wanted} deriving from Potential is wanted, there is: {there}")
    (node,) = fitting
    return Entry(name, _text(node), package, f"{module}:{node.name}", tuple(_parameters(node)))


def _parameters(node: ast.ClassDef) -> Iterator[Parameter]:
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            name, annotation = line.target.id, ast.unparse(line.annotation)
            if "ClassVar" in annotation:
                continue
            kind = _TYPES.get(annotation.removesuffix(" | None"))
            if name == "name":
                raise ValueError(f"{node.name}.name: a potential's field may not be called 'name'")
            if kind is None:
                raise ValueError(
                    f"{node.name}.{name} has the type {annotation}: "
                    f"{', '.join(_TYPES)} or one of them with '| None' is wanted"
                )
            optional = annotation.endswith("| None")
            yield Parameter(name, kind, optional, _default(line, kind, optional))


def _default(line: ast.AnnAssign, kind: type, optional: bool) -> object:
    if line.value is None:
        return MISSING
    try:
        value: object = ast.literal_eval(line.value)
    except ValueError:
        value = MISSING  # an expression, such as math.inf
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind or (optional and value is None):
        return value
    raise ValueError(f"'{ast.unparse(line)}': a literal {kind.__name__} is wanted as default")


def _text(node: ast.ClassDef | ast.FunctionDef) -> str:
    line = (ast.get_docstring(node) or "").partition("\n")[0]
    return re.sub(r" \[\d+\]", "", line)  # a reference, which is not in sight


@contextmanager
def _skipping(point: EntryPoint, name: str = "") -> Iterator[None]:
    try:
        yield
    except (OSError, SyntaxError, ValueError) as error:
        message = f"plugin {name or point.name!r} of {_package(point)} was skipped: {error}"
        warnings.warn(message, stacklevel=3)


@contextmanager
def _importing(what: str) -> Iterator[None]:
    """Says in one line whose code failed: an error in a plugin is not an error of this package."""
    try:
        yield
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise ValueError(f"{what} cannot be imported: {cause}") from error
