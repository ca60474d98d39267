r"""Noise scales at which a sampler evaluates the field.

.. math:: \sigma_i = \left(\sigma_{max}^{1/\rho} + \frac{i}{n-1}
    (\sigma_{min}^{1/\rho} - \sigma_{max}^{1/\rho})\right)^\rho, \qquad \sigma_n = 0

Source: EDM (arXiv:2206.00364), eq. 5; rho = 7 spends most steps near the data.
"""

from __future__ import annotations

import math

__all__ = ["rho_grid"]


def rho_grid(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> list[float]:
    """``steps`` noise scales from ``sigma_max`` down to ``sigma_min``, and 0 after them.

    Raises:
        ValueError: For no steps, or scales that are not 0 < sigma_min < sigma_max < inf.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps={steps!r}: a sampler takes a whole number of steps, at least 1")
    if not 0 < sigma_min < sigma_max < math.inf:
        raise ValueError(
            f"sigma_min={sigma_min}, sigma_max={sigma_max}: "
            "it must be 0 < sigma_min < sigma_max < inf"
        )
    if not 0 < rho < math.inf:
        raise ValueError(f"rho={rho}: it must be positive")
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    grid = [(high + i / max(steps - 1, 1) * (low - high)) ** rho for i in range(steps)]
    return [sigma_max, *grid[1:], 0.0]
