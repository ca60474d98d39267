r"""Distances between two sets of samples, and copies of the training data.

Samples are flattened to points in :math:`\mathbb{R}^N`; a set is the law that gives each of its
points the same weight. All numbers are computed in float64 and are in the units of the samples.

Sliced Wasserstein-2 [1]. On the line, the cheapest transport joins equal quantiles. Along a
direction :math:`\theta` on the unit sphere, with quantile functions :math:`F^{-1}`,

.. math::
    W_2^2(\theta) = \int_0^1 \bigl(F_{\theta \cdot a}^{-1}(u) - F_{\theta \cdot b}^{-1}(u)\bigr)^2
    du, \qquad
    SW_2 = \Bigl(\frac{1}{L} \sum_{l=1}^{L} W_2^2(\theta_l)\Bigr)^{1/2}.

Both quantile functions are steps, at multiples of 1/n and 1/m. The integral is exact: a sum over
the n + m - 1 pieces between the steps of both, and the same pieces serve every direction.

Energy distance [2]. With independent :math:`A, A' \sim a` and :math:`B, B' \sim b`,

.. math:: \mathcal{E}^2 = 2\, \mathrm{E}|A - B| - \mathrm{E}|A - A'| - \mathrm{E}|B - B'| \ge 0.

Memorisation. A sample is called a copy when it lies nearer to some training point than nearly all
test points do: a test point is new, so its nearest distance shows what chance alone gives.

References:
    [1] Wasserstein Barycenter and Its Application to Texture Mixing. Rabin et al., 2012,
        doi:10.1007/978-3-642-24785-9_37.
    [2] Energy statistics: A class of statistics based on distances. Székely and Rizzo, 2013,
        doi:10.1016/j.jspi.2013.03.018.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

__all__ = ["energy_distance", "memorised_fraction", "nearest_distance", "sliced_wasserstein"]

CHUNK = 2**22  # float64 entries of a working array: 32 MiB


def sliced_wasserstein(a: Tensor, b: Tensor, *, directions: int = 512, seed: int = 0) -> float:
    r"""Sliced Wasserstein-2 distance: the root mean square over random directions of 1-D W2.

    0 where a and b hold the same points in any order; for b = a + v it is the root mean square of
    :math:`|v \cdot \theta|`, which is :math:`|v| / \sqrt N` in expectation; for N = 1 it is W2.

    Args:
        a: Samples (n, \*), any real dtype.
        b: Samples (m, \*); n and m are free.
        directions: Number L of directions, uniform on the sphere.
        seed: Of the directions, which depend on ``(N, directions, seed)`` alone.

    Returns:
        The distance, in the units of the samples.

    Raises:
        ValueError: When the samples differ in shape, are none, or hold NaN or infinity.
    """
    a, b = _points(a, b)
    theta = _directions(a.shape[1], directions, seed).to(a.device)
    i, j, width = (v.to(a.device) for v in _pieces(len(a), len(b)))
    total = 0.0
    for block in _blocks(theta, len(width)):
        along_a, along_b = (block.mm(x.T).sort(dim=1).values for x in (a, b))
        total += float(((along_a[:, i] - along_b[:, j]) ** 2 * width).sum())
    return math.sqrt(total / directions)


def energy_distance(a: Tensor, b: Tensor) -> float:
    r"""Energy distance :math:`\mathcal{E}`, over all pairs of points.

    0 where a and b hold the same points in any order, and only there. In one dimension its square
    is :math:`2 \int (F_a - F_b)^2`. For b = a + v with :math:`|v|` far above the spread it tends to
    :math:`\sqrt{2 |v|}`.

    Args:
        a: Samples (n, \*), any real dtype.
        b: Samples (m, \*).

    Returns:
        The distance, in the square root of the units of the samples.

    Raises:
        ValueError: As for :func:`sliced_wasserstein`.
    """
    a, b = _points(a, b)
    square = 2 * _mean_distance(a, b) - _mean_distance(a, a) - _mean_distance(b, b)
    return math.sqrt(max(square, 0.0))  # below 0 by rounding only


def nearest_distance(a: Tensor, b: Tensor) -> Tensor:
    r"""Distance of each point of ``a`` to its nearest point of ``b``.

    0 where a point of a is in b; for b = a + v it is at most :math:`|v|`.

    The nearest point is found by matrix products, and its distance then taken from the difference:
    a copy is at exactly 0, not at the rounding of :math:`|a|^2 - 2 a \cdot b + |b|^2`.

    Args:
        a: Samples (n, \*), any real dtype.
        b: Samples (m, \*).

    Returns:
        Euclidean distances, float64 (n,), in the units of the samples.

    Raises:
        ValueError: As for :func:`sliced_wasserstein`.
    """
    a, b = _points(a, b)
    centre = b.mean(0)  # keeps the squares, and their rounding, small
    b = b - centre
    half = (b**2).sum(1) / 2
    nearest = []
    for block in _blocks(a - centre, max(b.shape)):
        index = (half - block.mm(b.T)).argmin(1)
        nearest.append(torch.linalg.vector_norm(block - b[index], dim=1))
    return torch.cat(nearest)


def memorised_fraction(
    samples: Tensor, train: Tensor, test: Tensor, *, quantile: float = 0.01
) -> float:
    r"""Share of the samples that lie suspiciously near to a training point.

    Near is below the given quantile of the test points' nearest distances to the training set. For
    samples = test it is about ``quantile``; for samples = train it is 1, unless so many test points
    are in the training set themselves that the quantile is 0.

    Args:
        samples: Samples to judge (k, \*), any real dtype.
        train: Training samples (n, \*).
        test: Test samples (m, \*), which were not trained on.
        quantile: In [0, 1].

    Returns:
        A share in [0, 1], dimensionless.

    Raises:
        ValueError: As for :func:`sliced_wasserstein`, or when the quantile is not in [0, 1].
    """
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile={quantile}: it must lie in [0, 1]")
    near = torch.quantile(nearest_distance(test, train), quantile)
    return float((nearest_distance(samples, train) < near).double().mean())


def _points(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets as float64 (n, N) and (m, N), on the device of ``a``."""
    if a.shape[1:] != b.shape[1:] or a.ndim == 0:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)}: samples must be alike")
    for x in (a, b):
        if x.numel() == 0:
            raise ValueError(f"shape {tuple(x.shape)}: at least one sample is wanted")
        if not x.isfinite().all():
            raise ValueError("the samples hold NaN or infinity: finite numbers are wanted")
    return (
        a.detach().reshape(len(a), -1).double(),
        b.detach().reshape(len(b), -1).to(a.device).double(),
    )


def _blocks(x: Tensor, width: int) -> Iterator[Tensor]:
    """The rows of ``x`` in turn, as many at once as keep rows x width below `CHUNK`."""
    rows = max(1, CHUNK // width)
    return (x[start : start + rows] for start in range(0, len(x), rows))


def _directions(dim: int, count: int, seed: int) -> Tensor:
    """Unit vectors (count, dim), drawn on the CPU so that every device sees the same."""
    if count < 1:
        raise ValueError(f"directions={count}: at least 1 is wanted")
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(theta, dim=1)


def _pieces(n: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices into both sorted sets, and the width of each piece on which both are constant.

    In units of 1/(n m), the steps are whole numbers: no piece is lost to rounding.
    """
    steps = torch.from_numpy(np.union1d(np.arange(n) * m, np.arange(m) * n))
    width = torch.diff(steps, append=torch.tensor([n * m]))
    return steps // m, steps // n, width.double() / (n * m)


def _mean_distance(a: Tensor, b: Tensor) -> float:
    total = 0.0
    for block in _blocks(a, len(b)):
        # Not by matrix products: their rounding would not cancel between the three terms.
        distance = torch.cdist(block, b, compute_mode="donot_use_mm_for_euclid_dist")
        total += float(distance.sum())
    return total / (len(a) * len(b))
