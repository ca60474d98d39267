"""Integrals over log S: narrow and wide peaks, windows, means given a distance."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from genphys.clocks import InverseGamma
from genphys.clocks.quadrature import integrate, log_gaussian, nodes, span


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_nodes_are_even_and_reach_both_ends() -> None:
    grid, step = nodes(double(0.0, -1.0), double(1.0, 3.0), 5)
    assert grid.shape == (5, 2)
    torch.testing.assert_close(grid[:, 1], double(-1, 0, 1, 2, 3))
    torch.testing.assert_close(step, double(0.25, 1.0))


@pytest.mark.parametrize("width", [30.0, 1.0, 0.03])
def test_integrate_finds_a_peak_of_any_width(width: float) -> None:
    """A Gaussian of which the first pass of 400 nodes over 1,000 sees only a few points or none."""
    centre = 3.1234
    total, u, weights = integrate(
        lambda u: -0.5 * ((u - centre) / width) ** 2, double(-500.0), double(500.0)
    )
    tolerance = 1e-12 if width > 0.1 else 1e-6
    assert float(total) == pytest.approx(math.log(width * math.sqrt(2 * math.pi)), abs=tolerance)
    assert float((weights * u).sum()) == pytest.approx(centre, abs=1e-9)


def test_log_gaussian_is_the_normal_density() -> None:
    point = double(0.2, -1.0, 3.0)
    found = log_gaussian(double(math.log(1.5**2)), point.square().sum(), 3)
    assert float(found) == pytest.approx(stats.norm(scale=1.5).logpdf(point).sum(), rel=1e-13)


def test_span_holds_both_windows() -> None:
    narrow, far = InverseGamma(100.0, double(1.0)), InverseGamma(100.0, double(1e6))
    low, high = span(narrow, far)
    assert low.equal(narrow.log_window()[0]) and high.equal(far.log_window()[1])
