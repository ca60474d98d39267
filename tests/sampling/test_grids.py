"""The grid of noise scales against EDM's formula, and what it refuses."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genphys.sampling.grids import rho_grid


def test_the_formula() -> None:
    grid = rho_grid(5, 0.002, 80.0)
    low, high = 0.002 ** (1 / 7), 80 ** (1 / 7)
    assert grid == pytest.approx([(high + i / 4 * (low - high)) ** 7 for i in range(5)] + [0.0])
    assert len(grid) == 6


@given(
    steps=st.integers(1, 200),
    low=st.floats(1e-5, 1),
    factor=st.floats(1.01, 1e6),
    rho=st.floats(1, 20),
)
def test_it_falls_from_end_to_end(steps: int, low: float, factor: float, rho: float) -> None:
    grid = rho_grid(steps, low, low * factor, rho)
    assert grid[0] == low * factor and grid[-1] == 0 and len(grid) == steps + 1
    assert all(here > there for here, there in pairwise(grid))
    if steps > 1:
        assert grid[-2] == pytest.approx(low, rel=1e-8)


@pytest.mark.parametrize("steps", [0, -1, 2.0, True, None])
def test_steps_are_whole_and_positive(steps: object) -> None:
    with pytest.raises(ValueError, match="steps="):
        rho_grid(steps, 0.002, 80.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-1, 1), (1, 1), (2, 1), (1, math.inf), (math.nan, 1), (1, math.nan)]
)
def test_scales_are_ordered(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="0 < sigma_min < sigma_max") as caught:
        rho_grid(3, low, high)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rho", [0, -7, math.inf, math.nan])
def test_rho_is_positive(rho: float) -> None:
    with pytest.raises(ValueError, match="rho"):
        rho_grid(3, 0.1, 1, rho)
