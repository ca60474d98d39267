r"""A small network for points and tables.

A residual network in which the noise level scales and shifts the features of every layer [1], so
that one set of weights serves all levels. With the noise embedding :math:`e`:

.. math::
    h_0 = W_\mathrm{in}\, x, \qquad
    h_l = h_{l-1} + W_l\, \mathrm{SiLU}\bigl((1 + a_l(e))\, h_{l-1} + b_l(e)\bigr), \qquad
    F = W_\mathrm{out}\, \mathrm{SiLU}(h_\mathrm{depth})

:math:`W_\mathrm{out}` starts at zero: a new network returns zeros. Normalising the layers or adding
Fourier features of x made eight Gaussians of width 0.05 (in a space of width 0.5) no sharper, so
neither is here.

References:
    [1] FiLM: Visual Reasoning with a General Conditioning Layer. Perez et al., 2018,
        arXiv:1709.07871.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from genphys.networks.embedding import Network, NoiseEmbedding, checked, zeroed

__all__ = ["MLP"]


class MLP(Network):
    r"""Residual network :math:`F(x; c_\mathrm{noise})` for points and tables, one head or two.

    Args:
        shape: Number of coordinates, or the shape of one row, which is then flattened inside.
        width: Features per layer, at least 2. Dimensionless.
        depth: Number of residual layers.
        heads: 1, or 2 to return a scalar per row also.

    Raises:
        ValueError: When a parameter is out of its range.

    Example:
        >>> import torch
        >>> MLP(2, width=8)(torch.randn(3, 2), torch.zeros(3)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, shape: int | Sequence[int], *, width: int = 128, depth: int = 3, heads: int = 1
    ) -> None:
        super().__init__()
        self.config = {
            "name": "mlp",
            "width": checked("width", width, least=2),
            "depth": checked("depth", depth),
        }
        sides = [shape] if isinstance(shape, int) else shape
        size = math.prod(checked("shape", n) for n in sides)
        features = width // 2
        two = checked("heads", heads, most=2) == 2
        self.embed = NoiseEmbedding(features)
        self.input = nn.Linear(size, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.modulations = nn.ModuleList(nn.Linear(features, 2 * width) for _ in range(depth))
        self.output = zeroed(nn.Linear(width, size))
        self.scalar = zeroed(nn.Linear(width + features, 1)) if two else None

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        r"""Apply the network.

        Args:
            x: Rows of about unit variance, (B, \*shape).
            c_noise: Noise level of each row, (B,). Dimensionless.

        Returns:
            A tensor like ``x``; with two heads a pair of it and a scalar per row, (B,).
        """
        embedding = self.embed(c_noise)
        h = self.input(x.flatten(1))
        for layer, modulation in zip(self.layers, self.modulations, strict=True):
            scale, shift = modulation(embedding).chunk(2, dim=1)
            h = h + layer(silu((1 + scale) * h + shift))
        h = silu(h)
        y: Tensor = self.output(h).view_as(x)
        if self.scalar is None:
            return y
        return y, self.scalar(torch.cat([h, embedding], dim=1)).squeeze(1)
