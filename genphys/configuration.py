"""From the words of a command line to one resolved configuration, by Hydra.

Hydra composes ``configs/COMMAND.yaml`` from the choices and values typed after the command, and
calls the command once, or once for each job of a sweep. This module adds what Hydra leaves open:
potentials are choices without being imported, ``potential=FILE.py:Class`` is one too, a value has
the type of its default, and no folder is made before a command makes its own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import MISSING, field, make_dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import cast
from zlib import crc32

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from genphys import registry

__all__ = ["Command", "conform", "keys", "launch", "shown"]

Command = Callable[[dict[str, object], Path], None]

_KINDS = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
_NULLABLE = {  # the types of keys whose default is null
    "equation": str,
    "minutes": float,
    "resume": str,
    "sigma_max": float,
    "sigma_min": float,
}


def launch(name: str, words: list[str], command: Command) -> None:
    """Composes the configuration of a command and runs it, or does what Hydra's flags ask for.

    Args:
        name: The command, which is also the name of its primary configuration.
        words: What was typed after it, ``key=value`` and Hydra's flags.
        command: Called with the resolved configuration and a folder that it may make.

    Raises:
        HydraException: When the words do not fit the configuration; OmegaConf's errors likewise.
        ValueError: When a value is missing or of the wrong type.
        Exception: What the command raises.
    """
    for entry in registry.potentials().values():
        _offer(entry.name, entry)
    Plugins.instance().register(_PluginConfigs)
    failure: list[Exception] = []

    def task(config: DictConfig) -> None:
        try:
            _run(name, config, command)
        except Exception as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise  # Hydra names the job, goes on with the others, and raises it at the end
            failure.append(error)  # where Hydra would print a second line

    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints a traceback's end and exits with 1
    root = _runs() / name
    new = [folder for folder in (root, root.parent) if not folder.exists()]
    sweep = root / f"{_now()}_sweep_{os.getpid()}"
    os.environ["GENPHYS_SWEEP"] = str(sweep)  # read by the configurations, here and in workers
    sys.argv[1:] = [_readable(word) for word in words]
    try:
        hydra.main(version_base="1.3", config_path="pkg://genphys.configs", config_name=name)(
            task
        )()
    finally:
        if [file.name for file in sweep.glob("*")] == ["multirun.yaml"]:  # Hydra's; no job ran
            (sweep / "multirun.yaml").unlink()
        for folder in (sweep, *new):
            _remove_if_empty(folder)
    if failure:
        raise failure[0]


def keys(name: str) -> list[str]:
    """The keys and groups at the top of a command's primary configuration."""
    primary = _read_yaml(_folder() / f"{name}.yaml")
    defaults = cast(list[object], primary.pop("defaults"))
    return [group for item in defaults if isinstance(item, dict) for group in item] + [*primary]


def conform(key: str, default: object, given: object) -> object:
    """The given value in the type of its default, all the way down; no key more, no key less.

    A whole number may be written ``2e3``. Where the default is None anything is taken, unless the
    key's type is known otherwise.

    Raises:
        ValueError: Naming the key, the value, and what is wanted.
    """
    if isinstance(default, dict):
        return _conform_keys(key, default, given)
    if isinstance(default, list):
        if not isinstance(given, list):
            raise ValueError(f"{key}={shown(given)}: a list is wanted, as in {key}={default}")
        return [conform(key, default[0], value) for value in given]
    kind = type(default)
    if default is None:
        kind = _NULLABLE.get(key.rpartition(".")[2], type(given))
        if given is None:
            return None
    return _convert(key, kind, given)


def shown(value: object) -> str:
    """A value as it is typed."""
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def _conform_keys(key: str, default: dict[str, object], given: object) -> dict[str, object]:
    at = f"{key}." if key else ""
    if not isinstance(given, dict):
        there = ", ".join(at + name for name in default) or f"{at}NAME"
        raise ValueError(f"{key}={shown(given)}: set {there}")
    if not default:  # free names, such as the symbols of a formula
        return {name: _convert(at + name, float, value) for name, value in given.items()}
    for name in given:
        if name not in default:
            raise ValueError(registry.unknown("key", at + name, [at + k for k in default]))
    for name in default:
        if name not in given:
            raise ValueError(f"{at}{name} is missing: give {at}{name}=...")
    if key and "name" in default and given["name"] != default["name"]:
        raise ValueError(f"{key}.name={given['name']}: choose by {key}={given['name']}")
    return {name: conform(at + name, default[name], value) for name, value in given.items()}


def _convert(key: str, kind: type, given: object) -> object:
    if kind in (int, float) and isinstance(given, (int, float)) and not isinstance(given, bool):
        if kind is float or given == given // 1:
            return kind(given)
    elif kind is str and isinstance(given, (str, int, float)):
        return shown(given)
    elif isinstance(given, kind):
        return given
    raise ValueError(f"{key}={shown(given)}: {_KINDS[kind]} is wanted")


def _run(name: str, config: DictConfig, command: Command) -> None:
    """One run: what is missing or of the wrong type is said before anything is made."""
    settings = HydraConfig.get()
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise ValueError(f"{missing[0]} is missing: give {missing[0]}=...")
    given = OmegaConf.to_container(config, resolve=True)
    choices = settings.runtime.choices
    checked = _conform_keys("", _defaults(name, choices), given)
    if "preset" in choices:
        checked["preset"] = choices["preset"]
    with _reserved(_place(name)) as folder:
        command(checked, folder)


def _defaults(name: str, choices: Mapping[str, str | None]) -> dict[str, object]:
    """The values where they are declared; None where another package declares them."""
    primary = _read_yaml(_folder() / f"{name}.yaml")
    groups = [key for key in keys(name) if key not in primary and key != "preset"]
    del primary["defaults"]
    return {group: _choice(group, choices.get(group)) for group in groups} | primary


def _choice(group: str, choice: str | None) -> object:
    file = _folder() / group / f"{choice}.yaml"
    if group == "potential" and choice is not None:
        node = ConfigStore.instance().load(f"{group}/{choice}.yaml").node
        return {key: None if node[key] == "???" else node[key] for key in node}
    return _read_yaml(file) if file.is_file() else None


def _folder() -> Path:
    return registry.config_folders()[0][1]


def _read_yaml(file: Path) -> dict[str, object]:
    return cast(dict[str, object], OmegaConf.to_container(OmegaConf.load(file)))


def _runs() -> Path:
    return Path(os.environ.get("GENPHYS_RUNS") or "runs")


def _now() -> str:
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}"


def _place(name: str) -> Path:
    """Where a run is to be kept."""
    settings = HydraConfig.get()
    if settings.mode == RunMode.MULTIRUN:
        return Path(settings.sweep.dir) / str(settings.job.num)
    if settings.run.dir == ".":
        return _runs() / name / _now()
    _remove_if_empty(Path(settings.run.dir))  # the user's own; Hydra has just made it
    return Path(settings.run.dir)


@contextmanager
def _reserved(folder: Path) -> Iterator[Path]:
    """The folder, or the first of folder_2, folder_3, ... that no other run has; not made yet.

    Two runs may start in the same second. Making the mark beside the folder is atomic.
    """
    for number in count(1):
        path = folder if number == 1 else folder.with_name(f"{folder.name}_{number}")
        mark = path.with_name(f".{path.name}")
        with suppress(FileExistsError):
            mark.mkdir(parents=True)
            if not path.exists():
                break
            mark.rmdir()
    try:
        yield path
    finally:
        mark.rmdir()


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _offer(name: str, entry: registry.Entry) -> None:
    """Makes a potential a choice of its group, with its fields as typed keys."""
    typed: list[tuple[str, object, object]] = [("name", str, field(default=entry.name))]
    for parameter in entry.parameters:
        kind = parameter.type | None if parameter.optional else parameter.type
        default = "???" if parameter.default is MISSING else parameter.default
        typed.append((parameter.name, kind, field(default=default)))
    node = make_dataclass("Parameters", typed)
    ConfigStore.instance().store(group="potential", name=name, node=node, provider=entry.package)


def _readable(word: str) -> str:
    """A file, a formula and its parameters, typed plainly, in Hydra's grammar."""
    key, _, value = word.partition("=")
    if key == "potential":
        return f"{key}=" + re.sub(r"[^,]+\.py(:\w*)?(?=,|$)", _offer_file, value)
    if key == "equation" and value not in ("", "null") and value[0] not in "\"'":
        return f'{key}="' + value.replace('"', '\\"') + '"'
    return f"++{word}" if key.startswith("parameters.") else word  # a formula's symbols


def _offer_file(match: re.Match[str]) -> str:
    entry = registry.read_file(match[0])
    cls = entry.source.rpartition(":")[2]
    name = f"{cls.lower()}_{crc32(entry.name.encode()):08x}"  # another file may have such a class
    _offer(name, entry)
    return name


class _PluginConfigs(SearchPathPlugin):
    """Presets and data sets of other packages, found beside the built-in ones."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for package, folder in registry.config_folders()[1:]:
            search_path.append(provider=f"genphys plugin {package}", path=f"file://{folder}")
