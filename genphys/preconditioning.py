r"""What the network sees and what it must say: EDM's coefficients in a scale seen from x.

.. math::
    D(x) = \bar y + c_{skip} (x - \bar y) + c_{out} F(c_{in}(x - \bar y);\, c_{noise}), \qquad
    c_{skip} = \frac{s_d^2}{s^2 + s_d^2},\;
    c_{out} = \frac{s\, s_d}{\sqrt{s^2 + s_d^2}},\;
    c_{in} = \frac{1}{\sqrt{s^2 + s_d^2}},\;
    c_{noise} = \frac{\log s}{4}

with :math:`\bar y` the data's mean and :math:`s_d` their standard deviation. In EDM
(arXiv:2206.00364, table 1) s is sigma. Where the clock is random, sigma says little about the noise
that was drawn, but the distance of x from the mean shows it: s is a *local scale*.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from genphys.clocks import Law
from genphys.process import Process

__all__ = ["SCALES", "Coefficients", "coefficients", "local_scale"]


@dataclass(frozen=True)
class Coefficients:
    """s and EDM's four coefficients, each (B,), in the dtype of x."""

    scale: Tensor
    skip: Tensor
    out: Tensor
    into: Tensor
    noise: Tensor


def coefficients(scale: Tensor, std: float) -> Coefficients:
    """EDM's coefficients at a local scale s, (B,), for data of standard deviation ``std``."""
    total = scale.square() + std**2
    root = total.sqrt()
    return Coefficients(scale, std**2 / total, scale * std / root, 1 / root, scale.log() / 4)


def local_scale(kind: str, process: Process, centred: Tensor, sigma: Tensor, std: float) -> Tensor:
    r"""The scale s of a noisy x, (B,).

    Args:
        kind: One of :data:`SCALES`.
        process: The process that made x.
        centred: x minus the data's mean, (B, \*).
        sigma: Noise scale, (B,) or (1,).
        std: Standard deviation of the data.

    Raises:
        ValueError: For an unknown kind.
    """
    if kind not in SCALES:
        close = difflib.get_close_matches(kind, SCALES, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(SCALES)}"
        raise ValueError(f"preconditioning.scale={kind!r} does not exist: {hint}")
    square = centred.double().flatten(1).square().sum(1)
    scale = SCALES[kind](process.clock.law(sigma), square, process.dim, sigma.double(), std)
    return scale.expand(len(centred)).to(centred.dtype)


def _sigma(law: Law, square: Tensor, dim: int, sigma: Tensor, std: float) -> Tensor:
    """Sigma itself: EDM's choice, right where the clock is not random."""
    return sigma


def _posterior(law: Law, square: Tensor, dim: int, sigma: Tensor, std: float) -> Tensor:
    r""":math:`1/s^2 = E[1/S \mid |x - \bar y|]`: (|x|² + r²)/(N + D) for Poisson."""
    return law.given(square, dim).inverse_mean().rsqrt()


def _local(law: Law, square: Tensor, dim: int, sigma: Tensor, std: float) -> Tensor:
    r"""Sigma where x says nothing, the noise drawn where x shows it.

    With the data's spread taken out, :math:`h = \max(|x-\bar y|^2/N - s_d^2, 0)`, x holds
    :math:`n = N (h/(h+s_d^2))^2` measurements of S and the clock :math:`d = 2/Var[\log S]` more:
    :math:`s^2 = (n h + d \sigma^2)/(n + d)`.
    """
    shown = (square / dim - std**2).clamp_min(0)
    measured = dim * (shown / (shown + std**2)).square()
    share = measured * law.log_variance() / 2
    return ((share * shown + sigma.square()) / (share + 1)).sqrt()


SCALES: dict[str, Callable[[Law, Tensor, int, Tensor, float], Tensor]] = {
    "sigma": _sigma,
    "posterior": _posterior,
    "local": _local,
}
