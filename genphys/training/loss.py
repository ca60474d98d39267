r"""The one loss: the denoiser and, where asked, the mean clock.

.. math::
    L = E\left\| \frac{D(x) - y}{c_{out}} \right\|^2 / N
      + E\left( \frac{S_\theta(x)}{s^2} - \frac{E[S|x,y]}{s^2} \right)^2,
    \qquad \log\sigma \sim N(P_{mean}, P_{std}^2)

Both are unbiased regressions: their minimisers are E[y|x] and E[S|x]. The first is EDM's, whose
weight 1/c_out² makes every noise scale count alike at initialisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genphys.model import Model
from genphys.process import over

__all__ = ["Losses", "losses"]


@dataclass(frozen=True)
class Losses:
    """Losses by row, (B,): ``denoiser``, and ``clock`` (None with one head); and their sigma."""

    denoiser: Tensor
    clock: Tensor | None
    sigma: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, (B,)."""
        return self.denoiser if self.clock is None else self.denoiser + self.clock


def losses(
    model: Model,
    y: Tensor,
    *,
    sigma_mean: float,
    sigma_std: float,
    generator: torch.Generator | None = None,
) -> Losses:
    r"""The losses of clean data y, (B, \*), at random noise scales.

    Args:
        model: The model to train.
        y: Data in mapped units.
        sigma_mean: Mean of log sigma (EDM: -1.2).
        sigma_std: Standard deviation of log sigma (EDM: 1.2).
        generator: Random state on y's device.
    """
    normal = torch.randn(len(y), generator=generator, device=y.device, dtype=y.dtype)
    sigma = torch.exp(sigma_mean + sigma_std * normal)
    x = model.process.sample(y, sigma, generator)
    prediction = model(x, sigma)
    error = (prediction.denoised - y) / over(prediction.coefficients.out, y)
    clock = None
    if prediction.clock_ratio is not None:
        target = model.process.mean_clock(x, y, sigma) / prediction.coefficients.scale.square()
        clock = (prediction.clock_ratio - target).square()
    return Losses(error.flatten(1).square().mean(1), clock, sigma)
