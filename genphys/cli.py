"""``genphys COMMAND [key=value ...]``: the command line, which imports nothing heavy itself.

``list``, ``--help`` and ``--version`` read sources and metadata only. The other commands compose
their configuration with Hydra (:mod:`genphys.configuration`) and hand it to the function of the
same name in :mod:`genphys.runs`, imported then.

A mistake of the user is a ``ValueError``, an ``OSError`` or an error of Hydra: one line on stderr,
exit status 2. An ``ArithmeticError``, such as a loss that is not finite, is one line and status 1.
Anything else is a bug, shown with its traceback. ``GENPHYS_DEBUG=1`` shows every traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import MISSING
from importlib.metadata import version
from pathlib import Path

from genphys import registry

__all__ = ["main"]

_COMMANDS = ("derive", "train", "sample", "evaluate")
_GROUPS = {
    "potential": "potentials",
    "preset": "presets",
    "data": "datasets",
    "network": "networks",
}
_LISTS: dict[str, Callable[[], list[registry.Entry]]] = {
    "potentials": lambda: list(registry.potentials().values()),
    "presets": lambda: registry.choices("preset"),
    "datasets": lambda: registry.choices("data"),
    "networks": lambda: registry.choices("network"),
    "samplers": registry.samplers,
}
_NODES = {  # OmegaConf's name for the type of a potential's field, and ours
    "FloatNode": "a number",
    "IntegerNode": "a whole number",
    "BooleanNode": "true or false",
}
_USAGE = f"usage: genphys {{list,{','.join(_COMMANDS)}}} [key=value ...], or genphys --help"


def main() -> int:
    """Runs the command in ``sys.argv`` and returns the exit status."""
    words = sys.argv[1:]
    # Read when torch loads GNU OpenMP: how long a thread spins before it sleeps. By default threads
    # stop each other on a busy machine: 2.7 s a step of the digits' U-Net was seen. After 1,000
    # spins it is 22 ms on a quiet machine, 80 beside two busy processes; with none 39 and 78.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        if words[:1] == ["-sc"] and "COMP_LINE" in os.environ:
            return _guarded("completion", lambda: _complete(os.environ["COMP_LINE"].split(" ")))
        if not words:
            print(_USAGE, file=sys.stderr)
            return 2
        command = words[0] if words[0] in _COMMANDS else ""
        return _guarded(command, lambda: _dispatch(words))


def _dispatch(words: list[str]) -> None:
    command, *rest = words
    if command == "--version" or "--version" in rest:
        print(f"genphys {version('genphys')}")
    elif command in ("--help", "-h"):
        _help()
    elif command == "list":
        _list(rest)
    elif command in _COMMANDS and {"--help", "-h"}.intersection(rest):
        _help_command(command)
    elif command in _COMMANDS:
        _launch(command, rest)
    elif command == "-sc":  # Hydra prints what a shell needs for completion
        _launch("train", words)
    else:
        raise ValueError(registry.unknown("command", command, ["list", *_COMMANDS]))


def _launch(command: str, words: list[str]) -> None:
    from genphys.configuration import launch

    _check_flags(words)

    def run(config: dict[str, object], folder: Path) -> None:
        getattr(importlib.import_module("genphys.runs"), command)(config, folder)

    launch(command, words, run)


class _Flags(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise ValueError(f"{message}; options stand together, after or before all key=value")


def _check_flags(words: list[str]) -> None:
    """Hydra's flags that are of use here, so that another is one line and not Hydra's usage.

    ``--experimental-rerun`` is left out on purpose: it unpickles a file.
    """
    flags = _Flags(add_help=False, allow_abbrev=False)
    flags.add_argument("words", nargs="*")
    for names in (("--multirun", "-m"), ("--shell-completion", "-sc"), ("--resolve",)):
        flags.add_argument(*names, action="store_true")
    flags.add_argument("--cfg", "-c", choices=["job", "hydra", "all"])
    flags.add_argument("--package", "-p")
    flags.add_argument("--config-dir", "-cd")
    flags.add_argument("--info", "-i", nargs="?")
    flags.add_argument("--hydra-help", action="store_true")
    flags.parse_args(words)


def _guarded(command: str, action: Callable[[], None]) -> int:
    """Turns an exception into an exit status, and a mistake into one line."""
    try:
        action()
        sys.stdout.flush()
        return 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as in genphys list | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        status = _status(error)
        if status is None:
            raise
        if os.environ.get("GENPHYS_DEBUG") == "1":
            traceback.print_exc()
        print(f"genphys {command}".rstrip() + f": {_explain(command, error)}", file=sys.stderr)
        return status


def _status(error: Exception) -> int | None:
    if isinstance(error, ArithmeticError):
        return 1
    of_hydra = type(error).__module__.startswith(("hydra.", "omegaconf."))
    return 2 if of_hydra or isinstance(error, (ValueError, OSError)) else None


def _explain(command: str, error: Exception) -> str:
    """One line: what is wrong and what would be right."""
    if type(error).__module__.startswith(("hydra.", "omegaconf.")):
        return _explain_hydra(command, error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return "; ".join(line.strip() for line in str(error).splitlines()) or type(error).__name__


def _explain_hydra(command: str, error: BaseException) -> str:
    from hydra.errors import MissingConfigException, OverrideParseException
    from omegaconf import errors

    from genphys.configuration import keys, shown

    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        return registry.unknown(group, choice, error.options)
    if isinstance(error, OverrideParseException):
        return (
            f"cannot read {error.override!r}: give key=value, and a value with special characters "
            f"in quotes of its own, as in 'data.path=\"my folder (2)\"'"
        )
    cause = error.__cause__
    if isinstance(cause, errors.ValidationError) and cause.full_key:
        kind = _NODES.get(type(cause.child_node).__name__, "another value")
        return f"{cause.full_key}={shown(cause.value)}: {kind} is wanted"
    if isinstance(cause, (errors.ConfigKeyError, errors.ConfigAttributeError)) and cause.full_key:
        at, dot, _ = cause.full_key.rpartition(".")
        there = (
            [f"{at}.{key}" for key in cause.parent_node if key != "name"] if dot else keys(command)
        )
        return registry.unknown("key", cause.full_key, there)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if found := re.match(r"Could not override '(\w+)'. No match in the defaults", lines[0]):
        return registry.unknown("key", found[1], keys(command))
    if lines[0].startswith("Ambiguous value"):
        return f"{lines[0]}: to run each of them, add --multirun"
    return "; ".join(line for line in lines if not line.startswith("See "))


def _list(kinds: list[str]) -> None:
    """One table, or all of them under their headings."""
    for kind in kinds:
        if kind not in _LISTS:
            raise ValueError(registry.unknown("list", kind, _LISTS))
    for kind in kinds or _LISTS:
        if not kinds:
            print(f"{kind}:")
        _table([(entry.name, entry.text, entry.package) for entry in _LISTS[kind]()])


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  " + "  ".join(cells).rstrip())


def _help() -> None:
    print("genphys: generative models from the equations of physics\n")
    print("usage: genphys COMMAND [key=value ...]\n\ncommands:")
    commands = [(name, registry.first_comment(_primary(name))) for name in _COMMANDS]
    _table([*commands, ("list", f"List {', '.join(_LISTS)}.")])
    print("\npotentials and their parameters, as in potential=NAME potential.PARAMETER=0.5:")
    _table([(e.name, e.text, _fields(e)) for e in registry.potentials().values()])
    print("\ngenphys COMMAND --help: its keys. genphys --version: the version.")
    print('Tab completion in bash: eval "$(genphys -sc install=bash)"')


def _help_command(command: str) -> None:
    """What the primary configuration says of itself, its comments included."""
    text = _primary(command).read_text(encoding="utf-8")
    head, _, body = text.partition("\n\n")
    print(f"genphys {command}: {registry.first_comment(_primary(command))}\n")
    print(
        f"usage: genphys {command} [key=value ...] [--multirun] [--cfg job] [--config-dir FOLDER]"
    )
    groups = [group for group in _GROUPS if f"- {group}:" in head]
    if groups:
        print("\nchoices, which genphys list explains:")
        _table([(f"{g}=", ", ".join(e.name for e in _LISTS[_GROUPS[g]]())) for g in groups])
    must = " (??? must be given)" if "???" in body else ""
    print(f"\nkeys and their values{must}:\n")
    print("\n".join(f"  {line}".rstrip() for line in body.splitlines()))
    print(f"\nAll keys, with those of the choices: genphys {command} --cfg job")
    print(f"Several runs: genphys {command} --multirun KEY=a,b")
    if groups:
        print(f"Results go to runs/{command}/DATE_TIME; GENPHYS_RUNS names a folder for runs.")


def _primary(command: str) -> Path:
    return registry.config_folders()[0][1] / f"{command}.yaml"


def _fields(entry: registry.Entry) -> str:
    return " ".join(
        f"{p.name}={'?' if p.default is MISSING else p.default}" for p in entry.parameters
    )


def _complete(words: list[str]) -> None:
    """Print what may stand for the last word; Hydra knows the words after a command."""
    warnings.simplefilter("ignore")  # the shell shows stderr in the middle of the line being typed
    if len(words) == 2:
        print(" ".join(name for name in ("list", *_COMMANDS) if name.startswith(words[1])))
    elif words[1] == "list":
        print(" ".join(name for name in _LISTS if name.startswith(words[-1])))
    elif words[1] in _COMMANDS:
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
        _launch(words[1], sys.argv[1:])


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"genphys: {message}", file=sys.stderr)
