"""Run folders, and what each command does with one.

Each name arrives with its first use: ``genphys derive`` prints its page before torch is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genphys.runs.deriving import derive
    from genphys.runs.drawing import sample
    from genphys.runs.folder import RunFolder, load
    from genphys.runs.judging import evaluate
    from genphys.runs.training import train

__all__ = ["RunFolder", "derive", "evaluate", "load", "sample", "train"]

_HOME = {
    "RunFolder": "genphys.runs.folder",
    "derive": "genphys.runs.deriving",
    "evaluate": "genphys.runs.judging",
    "load": "genphys.runs.folder",
    "sample": "genphys.runs.drawing",
    "train": "genphys.runs.training",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'genphys.runs' has no attribute {name!r}")
