"""The noise of sample i depends on (seed, i) alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genphys.sampling.noise import BLOCK, block_generator, draw


def normal(n: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, 3, generator=generator)


@pytest.mark.parametrize("batch", [1, 7, BLOCK, 100, 200])
def test_any_batch_gives_the_same_rows(batch: int) -> None:
    whole = draw(normal, 5, 0, 200)
    parts = [draw(normal, 5, first, min(batch, 200 - first)) for first in range(0, 200, batch)]
    assert torch.cat(parts).equal(whole)


def test_rows_and_seeds_differ() -> None:
    whole = draw(normal, 5, 0, 300)
    assert len({tuple(row) for row in whole.tolist()}) == 300
    other = draw(normal, 6, 0, 300)
    assert not bool((whole == other).all(1).any())


def test_generators_differ_by_seed_block_and_step() -> None:
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (10, 0, 0), (1, 0, 1), (-1, 0, 0)]
    seeds = {block_generator(*key).initial_seed() for key in keys}
    assert len(seeds) == len(keys)
    assert block_generator(3, 4, 5).initial_seed() == block_generator(3, 4, 5).initial_seed()


def test_the_noise_is_normal() -> None:
    """Over blocks, n = 64,000 numbers of seed 0: mean within 5 errors, KS p > 1e-3."""
    from scipy import stats

    drawn = draw(lambda n, g: torch.randn(n, 1, generator=g), 0, 0, 64_000)[:, 0]
    assert abs(float(drawn.mean())) < 5 / 64_000**0.5
    assert stats.kstest(drawn.numpy(), "norm").pvalue > 1e-3
    pairs = drawn.view(-1, BLOCK)  # blocks are independent: neighbours do not correlate
    correlation = float((pairs[1:] * pairs[:-1]).mean())
    assert abs(correlation) < 5 / pairs[1:].numel() ** 0.5
