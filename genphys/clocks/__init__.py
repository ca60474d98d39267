"""Clocks: the random variance S of a kernel, in torch."""

from genphys.clocks.base import Clock, Law, Posterior
from genphys.clocks.closed import GIG, InverseGamma, PointMass
from genphys.clocks.stable import PositiveStable

__all__ = ["GIG", "Clock", "InverseGamma", "Law", "PointMass", "PositiveStable", "Posterior"]
