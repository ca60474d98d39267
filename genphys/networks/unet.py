r"""A compact U-Net for images of any height and width.

The encoder halves the resolution between levels by averaging, the decoder doubles it by repetition,
and every decoder block also sees the features of its mirror image in the encoder [1]. A block is

.. math::
    h = C_1\, \mathrm{SiLU}(\mathrm{GN}(x)), \qquad
    y = S x + C_2\, \mathrm{SiLU}\bigl((1 + a(e))\, \mathrm{GN}(h) + b(e)\bigr)

with convolutions :math:`C` over 3 x 3 pixels, group normalisation GN, the noise embedding
:math:`e`, and :math:`S` the identity or, where the number of channels changes, a 1 x 1 convolution.
At the lowest resolution the pixels may also attend to each other [2]. Every :math:`C_2` and the
output start at zero: a new network returns zeros, and each of its blocks is :math:`S`.

An image whose sides are no multiples of the down-sampling factor is continued to the right and
below by its last pixels, and the result is cropped.

References:
    [1] U-Net: Convolutional Networks for Biomedical Image Segmentation. Ronneberger et al., 2015,
        arXiv:1505.04597.
    [2] Denoising Diffusion Probabilistic Models. Ho et al., 2020, arXiv:2006.11239, appendix B.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pad, scaled_dot_product_attention, silu

from genphys.networks.embedding import Network, NoiseEmbedding, checked, zeroed

__all__ = ["UNet"]


def _norm(channels: int) -> nn.GroupNorm:
    """Up to eight groups, each of four channels at least: one alone would lose its mean."""
    return nn.GroupNorm(math.gcd(8, channels // 4), channels)


class _Block(nn.Module):
    """A residual block whose second half is scaled and shifted by the noise embedding."""

    def __init__(self, inputs: int, outputs: int, features: int, dropout: float) -> None:
        super().__init__()
        self.norm_first, self.norm_second = _norm(inputs), _norm(outputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(features, 2 * outputs)
        self.dropout = nn.Dropout(dropout)
        self.second = zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.norm_second(self.first(silu(self.norm_first(x))))
        h = self.second(self.dropout(silu((1 + scale) * h + shift)))
        y: Tensor = h + self.skip(x)
        return y


class _Attention(nn.Module):
    """Attention among the pixels, with one head, added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels, bias=False)
        self.output = zeroed(nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        pixels = self.norm(x).flatten(2).transpose(1, 2)  # (B, H W, C)
        query, key, value = self.query_key_value(pixels).chunk(3, dim=-1)
        h: Tensor = self.output(scaled_dot_product_attention(query, key, value))
        return x + h.transpose(1, 2).reshape(x.shape)


class UNet(Network):
    r"""U-Net :math:`F(x; c_\mathrm{noise})` for images, with one head or two.

    With ``mult=(1,)`` it is a residual network at full resolution. Its weights depend on the number
    of channels alone, so it accepts images of other sizes than ``shape``.

    Args:
        shape: Channels, height and width of one image.
        width: Channels at full resolution over ``mult[0]``, a multiple of 4. Dimensionless.
        mult: Channels of each level over ``width``; each level has half the resolution of the last.
        blocks: Residual blocks of each level, in the encoder and again in the decoder.
        attention: Whether pixels attend to each other at the lowest resolution. On 8 x 8 digits it
            costs a tenth of the time and gains nothing.
        heads: 1, or 2 to return a scalar per row also, from the mean of the last features.
        dropout: Probability in [0, 1) of dropping a feature inside a block, in training.

    Raises:
        ValueError: When a parameter is out of its range, or ``shape`` has not three entries.

    Example:
        >>> import torch
        >>> UNet((3, 7, 9), width=8)(torch.randn(2, 3, 7, 9), torch.zeros(2)).shape
        torch.Size([2, 3, 7, 9])
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        width: int = 32,
        mult: Sequence[int] = (1, 2),
        blocks: int = 1,
        attention: bool = False,
        heads: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = {
            "name": "unet",
            "width": checked("width", width, least=4, step=4),
            "mult": _multipliers(mult),
            "blocks": checked("blocks", blocks),
            "attention": bool(attention),
            "dropout": _probability(dropout),
        }
        channels, _, _ = _image(shape)
        two = checked("heads", heads, most=2) == 2
        features = 4 * width

        def level(inputs: int, outputs: int, skip: int = 0) -> list[_Block]:
            entries = [inputs, *[outputs] * (blocks - 1)]
            return [_Block(n + skip, outputs, features, dropout) for n in entries]

        down = [width * m for m in mult]
        up = down[::-1]
        self.blocks = blocks
        self.factor = 2 ** (len(down) - 1)
        self.embed = NoiseEmbedding(features)
        self.input = nn.Conv2d(channels, down[0], 3, padding=1)
        self.encoder = nn.ModuleList(chain(*map(level, [down[0], *down], down)))
        self.bottom = _Attention(down[-1]) if attention else nn.Identity()
        self.decoder = nn.ModuleList(chain(*map(level, [up[0], *up], up, up)))
        self.norm = _norm(down[0])
        self.output = zeroed(nn.Conv2d(down[0], channels, 3, padding=1))
        self.scalar = zeroed(nn.Linear(down[0] + features, 1)) if two else None

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        r"""Apply the network.

        Args:
            x: Images of about unit variance, (B, C, H, W).
            c_noise: Noise level of each image, (B,). Dimensionless.

        Returns:
            A tensor like ``x``; with two heads a pair of it and a scalar per image, (B,).
        """
        height, width = x.shape[-2:]
        embedding = self.embed(c_noise)
        x = pad(x, (0, -width % self.factor, 0, -height % self.factor), mode="replicate")
        h = silu(self.norm(self._features(self.input(x), embedding)))
        y: Tensor = self.output(h)[..., :height, :width]
        if self.scalar is None:
            return y
        return y, self.scalar(torch.cat([h.mean((2, 3)), embedding], dim=1)).squeeze(1)

    def _features(self, h: Tensor, embedding: Tensor) -> Tensor:
        """Down the encoder and up the decoder."""
        skips = []
        for i, block in enumerate(self.encoder):
            h = avg_pool2d(h, 2) if i and i % self.blocks == 0 else h
            h = block(h, embedding)
            skips.append(h)
        h = self.bottom(h)
        for i, block in enumerate(self.decoder):
            h = interpolate(h, scale_factor=2.0) if i and i % self.blocks == 0 else h
            h = block(torch.cat([h, skips.pop()], dim=1), embedding)
        return h


def _image(shape: Sequence[int]) -> list[int]:
    if len(shape) == 3:
        return [checked("shape", n) for n in shape]
    raise ValueError(
        f"network unet: shape={list(shape)} must be channels, height, width; or use mlp"
    )


def _multipliers(mult: Sequence[int]) -> list[int]:
    if isinstance(mult, Sequence) and not isinstance(mult, str) and mult:
        return [checked("mult", m) for m in mult]
    raise ValueError(f"network unet: mult={mult!r} must list one integer per level, as in [1, 2]")


def _probability(dropout: float) -> float:
    if isinstance(dropout, int | float) and 0 <= dropout < 1:
        return float(dropout)
    raise ValueError(f"network unet: dropout={dropout!r} must be a number in [0, 1)")
