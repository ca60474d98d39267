from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as scipy_energy_distance
from torch import Tensor

from genphys import metrics
from genphys.metrics import (
    energy_distance,
    memorised_fraction,
    nearest_distance,
    sliced_wasserstein,
)

sizes = st.integers(1, 9)
seeds = st.integers(0, 1000)


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def shuffled(x: Tensor, seed: int) -> Tensor:
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))]


# Sliced Wasserstein


@given(sizes, sizes, seeds)
def test_line_equals_the_cheapest_transport(n: int, m: int, seed: int) -> None:
    a, b = normal(n, 1, seed=seed), normal(m, 1, seed=seed + 1)
    cost = cdist(a, b, "sqeuclidean")
    # All plans with the right sums of rows and columns: the definition, which knows no quantiles.
    sums = np.concatenate([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    weights = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    plan = linprog(cost.ravel(), A_eq=sums, b_eq=weights)
    assert sliced_wasserstein(a, b, directions=2) == pytest.approx(math.sqrt(plan.fun), abs=1e-6)


@given(seeds)
def test_slices_equal_the_optimal_assignments(seed: int) -> None:
    a, b = normal(30, 3, seed=seed), 1 + 2 * normal(30, 3, seed=seed + 1)
    theta = metrics._directions(3, 8, seed)
    total = 0.0
    for direction in theta:
        cost = cdist((a @ direction)[:, None], (b @ direction)[:, None], "sqeuclidean")
        total += cost[linear_sum_assignment(cost)].mean() / 8
    got = sliced_wasserstein(a, b, directions=8, seed=seed)
    assert got == pytest.approx(math.sqrt(total), rel=1e-12)


def test_normal_laws_on_the_line() -> None:
    # Between N(0, 1) and N(3, 2^2) it is sqrt(3^2 + (2 - 1)^2). Quantiles at the middle of each of
    # n pieces: an error of order 1/n, from the tails.
    u = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    x = math.sqrt(2) * torch.erfinv(2 * u - 1)
    assert sliced_wasserstein(x[:, None], 3 + 2 * x[:, None]) == pytest.approx(
        math.sqrt(10), rel=1e-3
    )


@given(sizes, sizes, seeds)
def test_sliced_symmetric_and_blind_to_order(n: int, m: int, seed: int) -> None:
    a, b = normal(n, 2, 3, seed=seed), normal(m, 2, 3, seed=seed + 1)
    got = sliced_wasserstein(a, b, directions=16)
    assert got == pytest.approx(sliced_wasserstein(b, a, directions=16), rel=1e-12)
    assert got == pytest.approx(sliced_wasserstein(shuffled(a, seed), b, directions=16), rel=1e-12)
    assert sliced_wasserstein(a, a.flip(0), directions=16) == pytest.approx(0, abs=1e-12)


@given(sizes, sizes, st.integers(2, 4), seeds)
def test_sliced_counts_laws_not_points(n: int, m: int, times: int, seed: int) -> None:
    a, b = normal(n, 2, seed=seed), normal(m, 2, seed=seed + 1)
    got = sliced_wasserstein(a.repeat(times, 1), b, directions=16)
    assert got == pytest.approx(sliced_wasserstein(a, b, directions=16), rel=1e-9)


@given(seeds, st.floats(0.01, 100))
def test_sliced_of_a_shifted_copy_and_of_other_units(seed: int, unit: float) -> None:
    a, v = normal(7, 4, seed=seed), normal(4, seed=seed + 1)
    along = metrics._directions(4, 32, 0) @ v
    assert sliced_wasserstein(a, a + v, directions=32) == pytest.approx(
        math.sqrt((along**2).mean()), rel=1e-9
    )
    b = normal(5, 4, seed=seed + 2)
    assert sliced_wasserstein(unit * a, unit * b, directions=32) == pytest.approx(
        unit * sliced_wasserstein(a, b, directions=32), rel=1e-9
    )


@pytest.mark.parametrize("dim", [2, 64])
def test_directions_are_uniform_on_the_sphere(dim: int) -> None:
    # (theta . e)^2 has the mean 1/N and the variance 2 (N - 1) / (N^2 (N + 2)); L = 20,000, seed 0:
    # 5 standard errors, a false alarm of 6e-7 each were the seed random.
    v = torch.zeros(dim, dtype=torch.float64)
    v[1] = 3
    got = sliced_wasserstein(torch.zeros(1, dim), v[None], directions=20_000) ** 2 / 9
    error = math.sqrt(2 * (dim - 1) / (dim + 2) / 20_000) / dim
    assert abs(got - 1 / dim) < 5 * error
    theta = metrics._directions(dim, 100, 0)
    assert torch.equal(theta, metrics._directions(dim, 100, 0))
    assert not torch.equal(theta, metrics._directions(dim, 100, 1))
    np.testing.assert_allclose(torch.linalg.vector_norm(theta, dim=1), 1)


@pytest.mark.parametrize(("n", "m"), [(4, 6), (5, 5), (1, 7), (3, 100_003)])
def test_pieces_fill_the_unit_interval(n: int, m: int) -> None:
    i, j, width = metrics._pieces(n, m)
    assert len(width) == n + m - math.gcd(n, m)
    np.testing.assert_allclose(np.bincount(i, width), 1 / n)
    np.testing.assert_allclose(np.bincount(j, width), 1 / m)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = normal(40, 3), normal(31, 3, seed=1)

    def all_numbers() -> list[float]:
        return [
            sliced_wasserstein(a, b, directions=17),
            energy_distance(a, b),
            float(nearest_distance(a, b).sum()),
        ]

    whole = all_numbers()
    monkeypatch.setattr(metrics, "CHUNK", 100)
    np.testing.assert_allclose(all_numbers(), whole, rtol=1e-12)


# Energy distance


@given(sizes, sizes, seeds)
def test_energy_on_the_line(n: int, m: int, seed: int) -> None:
    a, b = normal(n, 1, seed=seed), 0.5 + normal(m, 1, seed=seed + 1)
    # SciPy integrates the difference of the distribution functions: no pair of points in it.
    expected = scipy_energy_distance(a.ravel().numpy(), b.ravel().numpy())
    assert energy_distance(a, b) == pytest.approx(expected, rel=1e-9)


@given(sizes, sizes, seeds)
def test_energy_symmetric_and_blind_to_order(n: int, m: int, seed: int) -> None:
    a, b = normal(n, 3, seed=seed), normal(m, 3, seed=seed + 1)
    got = energy_distance(a, b)
    assert got > 0
    assert got == pytest.approx(energy_distance(b, a), rel=1e-9)
    assert got == pytest.approx(energy_distance(shuffled(a, seed), b), rel=1e-9)
    assert energy_distance(a, a) == 0
    assert energy_distance(a, shuffled(a, seed)) == pytest.approx(0, abs=1e-7)  # a root of 1e-16


def test_energy_far_apart() -> None:
    a = normal(50, 3)
    v = torch.tensor([3e6, 4e6, 0.0])
    assert energy_distance(a, a + v) == pytest.approx(math.sqrt(2 * 5e6), rel=1e-5)


# Nearest distances


@given(sizes, sizes, st.integers(1, 5), seeds, st.sampled_from([0.0, 1e8]))
def test_nearest(n: int, m: int, dim: int, seed: int, offset: float) -> None:
    a, b = offset + normal(n, dim, seed=seed), offset + normal(m, dim, seed=seed + 1)
    np.testing.assert_allclose(nearest_distance(a, b), cdist(a, b).min(1), rtol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_nearest_of_a_copy_is_exactly_zero(offset: float) -> None:
    b = (offset + normal(200, 1, 8, 8)).float()
    assert nearest_distance(b.flip(0)[:50], b).eq(0).all()
    near = nearest_distance(b.double() + 1e-9 / 8, b)  # 1e-9 away: below the rounding of squares
    np.testing.assert_allclose(near, 1e-9, rtol=0.5)


def test_memorised() -> None:
    train, test = normal(500, 6), normal(400, 6, seed=1)
    assert memorised_fraction(train, train, test) == 1
    # The quantile lies between the 4th and the 5th of 400: 4 are below it.
    assert memorised_fraction(test, train, test) == 4 / 400
    mixed = torch.cat([train[:30] + 1e-4, 100 + test[:70]])
    assert memorised_fraction(mixed, train, test) == 0.3
    assert memorised_fraction(mixed, train, test, quantile=1) == 0.3
    assert memorised_fraction(test, train, test, quantile=0.5) == 0.5
    # Where test points are copies themselves, nothing is nearer than chance.
    assert memorised_fraction(train, train, train) == 0
    # Fresh samples of the same law: n = 400, expected 4, 12 or more in one seed of 1,000.
    assert memorised_fraction(normal(400, 6, seed=2), train, test) < 12 / 400


# Mistakes and types


@pytest.mark.parametrize("function", [sliced_wasserstein, energy_distance, nearest_distance])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (torch.zeros(3, 2), torch.zeros(3, 4), r"shapes \(3, 2\) and \(3, 4\)"),
        (torch.zeros(()), torch.zeros(()), "must be alike"),
        (torch.zeros(3, 2), torch.zeros(0, 2), r"shape \(0, 2\): at least one sample"),
        (torch.zeros(3, 2), torch.full((1, 2), torch.nan), "NaN or infinity"),
        (torch.full((1, 2), torch.inf), torch.zeros(3, 2), "NaN or infinity"),
    ],
)
def test_mistakes(function: Any, a: Tensor, b: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(a, b)


def test_parameters_out_of_range() -> None:
    a = normal(3, 2)
    with pytest.raises(ValueError, match="directions=0: at least 1"):
        sliced_wasserstein(a, a, directions=0)
    with pytest.raises(ValueError, match=r"quantile=1.5: it must lie in \[0, 1\]"):
        memorised_fraction(a, a, a, quantile=1.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.uint8, torch.int64])
def test_any_type_counts_in_float64(dtype: torch.dtype) -> None:
    a, b = ((10 * normal(9, 2, seed=s).abs()).to(dtype).requires_grad_(False) for s in (0, 1))
    for function in (sliced_wasserstein, energy_distance):
        assert function(a, b) == function(a.double(), b.double())
    assert nearest_distance(a, b).dtype == torch.float64


def test_a_vector_is_a_set_of_points_on_the_line() -> None:
    a, b = normal(9), normal(7, seed=1)
    assert sliced_wasserstein(a, b) == sliced_wasserstein(a[:, None], b[:, None])
