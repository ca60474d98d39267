r"""Laws on the plane with known shapes, to see a process at work.

Each function draws n points, float64 (n, 2), in own units, from NumPy's generator. The mixture's
constants are public, so that its density is known in closed form:

.. math:: p(x) = \sum_j w_j\, \mathcal{N}(x;\, c_j,\, \tau^2 I).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "CENTRES",
    "SPREAD",
    "WEIGHTS",
    "draw_checkerboard",
    "draw_gaussians",
    "draw_moons",
    "draw_swiss_roll",
]

Points: TypeAlias = npt.NDArray[np.float64]

ANGLES = 2 * math.pi * np.arange(8) / 8
CENTRES: Points = np.stack([4.0 * np.cos(ANGLES), 2.4 * np.sin(ANGLES)], axis=1)
WEIGHTS: Points = np.array([0.30, 0.20, 0.15, 0.12, 0.09, 0.07, 0.04, 0.03])
SPREAD = 0.2


def draw_gaussians(rng: np.random.Generator, n: int) -> Points:
    """The mixture of :data:`WEIGHTS`, :data:`CENTRES` and the standard deviation `SPREAD`."""
    which = rng.choice(len(WEIGHTS), size=n, p=WEIGHTS)
    return CENTRES[which] + SPREAD * rng.standard_normal((n, 2))


def draw_moons(rng: np.random.Generator, n: int) -> Points:
    """Half circles of radius 1 around (0, 0) and (1, 1/2), each with noise of 0.1."""
    angle = math.pi * rng.random(n)
    lower = rng.random(n) < 0.5
    x = np.where(lower, 1 - np.cos(angle), np.cos(angle))
    y = np.where(lower, 0.5 - np.sin(angle), np.sin(angle))
    return np.stack([x, y], axis=1) + 0.1 * rng.standard_normal((n, 2))


def draw_checkerboard(rng: np.random.Generator, n: int) -> Points:
    """The 8 squares of side 1 of one colour, of the 16 that tile [-2, 2] x [-2, 2]."""
    row = rng.integers(0, 4, n)
    column = 2 * rng.integers(0, 2, n) + row % 2
    return np.stack([column, row], axis=1) - 2.0 + rng.random((n, 2))


def draw_swiss_roll(rng: np.random.Generator, n: int) -> Points:
    """The spiral of radius t at the angle t, for t from 3 pi/2 to 9 pi/2, with noise of 0.5."""
    t = 1.5 * math.pi * (1 + 2 * rng.random(n))
    return np.stack([t * np.cos(t), t * np.sin(t)], axis=1) + 0.5 * rng.standard_normal((n, 2))
