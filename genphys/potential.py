"""A named equation with numbers: what a plugin declares. Imports neither torch nor SymPy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sympy

    from genphys.process import Process

__all__ = ["Potential"]


@dataclass(frozen=True)
class Potential(ABC):
    """An equation and the numbers for its symbols.

    A subclass is a frozen dataclass. Its first docstring line is shown by ``genphys list``, its
    fields are the parameters, and each symbol of the equation is bound from the field of the same
    name.

    Example:
        >>> from genphys.potentials.yukawa import Yukawa
        >>> Yukawa(D=8, mass=0.5).parameters
        {'D': 8, 'mass': 0.5}
    """

    @abstractmethod
    def equation(self) -> sympy.Eq:
        """The process as a SymPy equation in the language of :mod:`genphys.pde`."""

    @property
    def parameters(self) -> dict[str, float]:
        """The fields by name: the numbers bound to the equation's symbols."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def bind(self, dim: int) -> Process:
        """Derive the equation and bind this potential's numbers, for data of ``dim`` entries.

        Raises:
            DerivationError: When the equation cannot be handled or does not generate.
            ValueError: When a field holds a value that its symbol excludes.
        """
        from genphys.derivation import derive

        return derive(self).bind(dim=dim)
