"""What depends on the number of a step alone: data order, learning rate, seeds."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genphys.training.schedule import Batches, learning_rate, seed_for


@settings(deadline=None, max_examples=50)
@given(n=st.integers(1, 40), batch=st.integers(1, 90), seed=st.integers(0, 2**40))
def test_each_datum_comes_once_an_epoch(n: int, batch: int, seed: int) -> None:
    steps = 3 * n
    batches = Batches(n, batch, seed)
    pieces = [batches.indices(step) for step in range(steps)]
    assert all(len(piece) == batch and piece.dtype == torch.int64 for piece in pieces)
    order = torch.cat(pieces)
    for epoch in order[: len(order) // n * n].reshape(-1, n):
        assert sorted(epoch.tolist()) == list(range(n))


@settings(deadline=None, max_examples=50)
@given(asked=st.lists(st.integers(0, 60), max_size=8), step=st.integers(0, 60))
def test_a_batch_does_not_depend_on_those_before(asked: list[int], step: int) -> None:
    batches = Batches(23, 9, 1)
    for other in asked:
        batches.indices(other)
    assert torch.equal(batches.indices(step), Batches(23, 9, 1).indices(step))


def test_epochs_and_seeds_differ() -> None:
    first, second = (Batches(100, 100, 0).indices(step) for step in (0, 1))
    assert not torch.equal(first, second)
    assert not torch.equal(first, Batches(100, 100, 1).indices(0))


def test_the_learning_rate_rises_and_then_falls_as_a_cosine() -> None:
    rates = [learning_rate(k, k / 100, peak=2.0, warmup=10) for k in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert all(low < high for low, high in pairwise(rates[:10]))
    assert all(low > high for low, high in pairwise(rates[10:]))
    assert rates[50] == pytest.approx(1.0) and max(rates) <= 2.0
    assert learning_rate(0, 0.0, peak=3.0, warmup=0) == 3.0
    assert learning_rate(99, 1.0, peak=3.0, warmup=0) == pytest.approx(0, abs=1e-15)
    assert learning_rate(99, 1.7, peak=3.0, warmup=0) == pytest.approx(0, abs=1e-15)


def test_seeds_are_spread() -> None:
    """10,000 places: all differ, and each of the 63 bits is set in half of them, within 5 sd."""
    seeds = [seed_for(seed, "noise", k) for seed in range(10) for k in range(1000)]
    assert len(set(seeds)) == 10_000 and min(seeds) >= 0 and max(seeds) < 2**63
    for bit in range(63):
        assert abs(sum(value >> bit & 1 for value in seeds) - 5000) < 5 * 50
    assert seed_for(1, "noise", 2) == seed_for(1, "noise", 2) != seed_for(1, "epoch", 2)
    assert seed_for(1, 12) != seed_for(11, 2)
