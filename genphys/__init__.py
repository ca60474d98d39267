"""Declare an equation, derive its flow, bind numbers, train and sample.

``import genphys`` imports neither torch nor SymPy: each name below arrives with its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genphys.derivation import Derivation, DerivationError, derive
    from genphys.field import ExactField
    from genphys.model import Model
    from genphys.potential import Potential
    from genphys.runs import load
    from genphys.sampling import sample
    from genphys.training import train

    __version__: str

__all__ = [
    "Derivation",
    "DerivationError",
    "ExactField",
    "Model",
    "Potential",
    "__version__",
    "derive",
    "load",
    "sample",
    "train",
]

# A function may not share its name with a module: importing genphys/derive.py would replace
# genphys.derive. Hence the nouns derivation, training and sampling.
_HOME = {
    "Derivation": "genphys.derivation",
    "DerivationError": "genphys.derivation",
    "ExactField": "genphys.field",
    "Model": "genphys.model",
    "Potential": "genphys.potential",
    "derive": "genphys.derivation",
    "load": "genphys.runs",
    "sample": "genphys.sampling",
    "train": "genphys.training",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("genphys")
    raise AttributeError(f"module 'genphys' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
