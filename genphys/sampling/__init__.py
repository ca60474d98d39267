"""Sampling from a field: grids, solvers, reproducible noise, the loop."""

from genphys.sampling.loop import Samples, sample
from genphys.sampling.solvers import SAMPLERS

__all__ = ["SAMPLERS", "Samples", "sample"]
