r"""Random states such that the noise of sample i depends on (seed, i) alone.

Samples come in blocks of 64 with one generator each, seeded from the given seed, the block and the
step. So a sample is the same in any batch, on any number of devices, and next to any others, and
there is no loop over samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["BLOCK", "block_generator", "draw"]

BLOCK = 64


def block_generator(seed: int, block: int, step: int = 0) -> torch.Generator:
    """The random state of one block at one step, on the CPU."""
    text = f"{seed}/{block}/{step}".encode()
    mixed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return torch.Generator().manual_seed(mixed & 0x7FFF_FFFF_FFFF_FFFF)


def draw(
    sampler: Callable[[int, torch.Generator], Tensor], seed: int, first: int, n: int
) -> Tensor:
    """Rows ``first`` to ``first + n`` of an endless sequence drawn block by block."""
    blocks = range(first // BLOCK, (first + n - 1) // BLOCK + 1)
    rows = torch.cat([sampler(BLOCK, block_generator(seed, block)) for block in blocks])
    offset = first - blocks[0] * BLOCK
    return rows[offset : offset + n]
