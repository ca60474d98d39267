from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genphys.networks.embedding import FASTEST, LIMIT, SLOWEST, NoiseEmbedding


def waves(c_noise: torch.Tensor) -> torch.Tensor:
    angle = c_noise[:, None] * NoiseEmbedding(2).omega.double()
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def test_frequencies_run_from_slowest_to_fastest() -> None:
    omega = NoiseEmbedding(4).omega
    torch.testing.assert_close(omega[[0, -1]], torch.tensor([SLOWEST, FASTEST]))
    torch.testing.assert_close(omega[1:] / omega[:-1], (omega[1] / omega[0]).expand(15))
    assert "omega" not in NoiseEmbedding(4).state_dict()


@settings(deadline=None)
@given(st.floats(-LIMIT, LIMIT), st.floats(-LIMIT, LIMIT))
def test_different_levels_look_different(a: float, b: float) -> None:
    one, other = waves(torch.tensor([a, b], dtype=torch.float64))
    gap = abs(a - b)
    # 16 pairs of waves; the slowest alone keeps |2 sin(gap / 8)| >= gap / 9 over the whole range.
    assert (one - other).norm() >= min(gap / 9, 1.0) - 1e-12


def test_levels_are_taken_in_the_wider_precision() -> None:
    embedding = NoiseEmbedding(8)
    c_noise = torch.tensor([0.3, -1.7], dtype=torch.float64)
    assert embedding(c_noise).dtype == torch.float32
    torch.testing.assert_close(embedding(c_noise), embedding(c_noise.float()))
    half = NoiseEmbedding(8).to(torch.bfloat16)
    assert half(c_noise.bfloat16()).dtype == torch.bfloat16
