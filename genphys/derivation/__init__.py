"""From a declared equation to its flow, transfer function, clock and verdict: SymPy only."""

from genphys.derivation.core import Derivation, derive
from genphys.derivation.operator import DerivationError

__all__ = ["Derivation", "DerivationError", "derive"]
