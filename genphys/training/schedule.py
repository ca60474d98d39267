r"""What a step needs that depends on its number alone: its data, its noise, its learning rate.

Because nothing here has a state, a run that is resumed at step k goes on exactly as it would have.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

__all__ = ["Batches", "learning_rate", "seed_for"]


def seed_for(seed: int, *position: int | str) -> int:
    """A seed for one place in a run, well mixed: different places, unrelated random numbers."""
    text = "/".join(map(str, (seed, *position))).encode()
    mixed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return mixed & 0x7FFF_FFFF_FFFF_FFFF


def learning_rate(step: int, done: float, *, peak: float, warmup: int) -> float:
    r"""Linear over ``warmup`` steps, then a cosine to 0 as ``done`` goes from 0 to 1.

    Args:
        step: Number of the step, from 0.
        done: Fraction of the budget (steps or minutes) that is spent.
        peak: The largest rate.
        warmup: Steps of the linear rise.
    """
    rise = min(1.0, (step + 1) / max(1, warmup))
    return peak * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done))))


class Batches:
    """Which data step k sees: consecutive pieces of one random permutation per epoch.

    Args:
        n: Number of data.
        batch: Data a step.
        seed: Of the permutations.
    """

    def __init__(self, n: int, batch: int, seed: int) -> None:
        self.n, self.batch, self.seed = n, batch, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    def indices(self, step: int) -> Tensor:
        """The ``batch`` indices of step ``step``, int64 on the CPU."""
        pieces, start, left = [], step * self.batch, self.batch
        while left:
            epoch, offset = divmod(start, self.n)
            piece = self._permutation(epoch)[offset : offset + left]
            pieces.append(piece)
            start, left = start + len(piece), left - len(piece)
        return torch.cat(pieces)

    def _permutation(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(seed_for(self.seed, "epoch", epoch))
            self._epoch, self._order = epoch, torch.randperm(self.n, generator=generator)
        return self._order
