r"""What the networks share: their interface, the noise input, and the checks of parameters.

A network is told the noise level as :math:`c_\mathrm{noise} = \frac14 \log \sigma` [1], one number
per row. It enters as cosines and sines of angular frequencies :math:`\omega_j`, spaced
geometrically, through two dense layers:

.. math:: e = \mathrm{SiLU}\bigl(W_2\, \mathrm{SiLU}(W_1 [\cos \omega c, \sin \omega c])\bigr).

Nothing here is random, so a network is its weights.

References:
    [1] Elucidating the Design Space of Diffusion-Based Generative Models. Karras et al., 2022,
        arXiv:2206.00364, table 1.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

__all__ = ["Network", "NoiseEmbedding", "checked", "zeroed"]

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)

LIMIT = 8.0  # |c_noise| at sigma = e^32; beyond it, also at infinity, the embedding is constant

# Radians per unit of c_noise. The slowest wave does not repeat within the limits. A fastest of 16
# resolved trained levels no better than 6 (eight Gaussians), and its error at a level that training
# seldom visits (sigma = 80) was twice as large.
SLOWEST, FASTEST = 0.25, 6.0


class Network(nn.Module):
    r"""A module ``(x, c_noise) -> like x``, or with two heads ``-> (like x, (B,))``.

    Attributes:
        config: Name and parameters as plain values: ``build(shape=shape, heads=heads, **config)``
            is this network with new weights.
    """

    config: dict[str, Any]


class NoiseEmbedding(nn.Module):
    r"""Embeds noise levels, :math:`c_\mathrm{noise} \mapsto e`, (B,) -> (B, width).

    Waves are computed in the wider of the dtypes of ``c_noise`` and the weights, then rounded to
    that of the weights. A level beyond :math:`\pm 8` counts as :math:`\pm 8`.

    Args:
        width: Number of features returned. Dimensionless.
        frequencies: Number of angular frequencies from 1/4 to 6.
    """

    omega: Tensor

    def __init__(self, width: int, *, frequencies: int = 16) -> None:
        super().__init__()
        omega = SLOWEST * torch.logspace(0, 1, frequencies, base=FASTEST / SLOWEST)
        self.register_buffer("omega", omega, persistent=False)
        self.first = nn.Linear(2 * frequencies, width)
        self.second = nn.Linear(width, width)

    def forward(self, c_noise: Tensor) -> Tensor:
        r"""Return the embedding, (B, width), of the levels ``c_noise``, (B,)."""
        angle = c_noise.clamp(-LIMIT, LIMIT)[:, None] * self.omega
        waves = torch.cat([angle.cos(), angle.sin()], dim=1).to(self.first.weight.dtype)
        silu = nn.functional.silu
        return silu(self.second(silu(self.first(waves))))


def zeroed(layer: Layer) -> Layer:
    """Return the layer with weights and bias set to zero: it starts out silent."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def checked(
    name: str, value: int, *, least: int = 1, most: int | None = None, step: int = 1
) -> int:
    """Return ``value`` if it is an integer from ``least`` to ``most`` and a multiple of ``step``.

    Raises:
        ValueError: When it is not; the message names the parameter and what it may be.
    """
    integral = isinstance(value, int) and not isinstance(value, bool)
    if integral and least <= value and (most is None or value <= most) and value % step == 0:
        return value
    upper = "" if most is None else f" and at most {most}"
    factor = f", a multiple of {step}" if step > 1 else ""
    raise ValueError(
        f"network: {name}={value!r} must be an integer, at least {least}{upper}{factor}"
    )
