r"""A trained field: a network, the coefficients around it, and the process it was trained for.

With two heads the network also returns a number per row, from which comes
:math:`E[S|x] = s^2\, \mathrm{softplus}(g + \log(e - 1))`: s² at g = 0, positive always.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from genphys.clocks.quadrature import integrate, log_gaussian
from genphys.data import Units
from genphys.field import Start
from genphys.preconditioning import Coefficients, coefficients, local_scale
from genphys.process import Gauge, Process, over

__all__ = ["Model", "Prediction"]

_UNIT_SOFTPLUS = math.log(math.e - 1)


class Prediction(NamedTuple):
    """What the network says of a batch: E[y|x] like x, E[S|x]/s² (B,) or None, the coefficients."""

    denoised: Tensor
    clock_ratio: Tensor | None
    coefficients: Coefficients


class Model(nn.Module):
    r"""A network with its process: a :class:`~genphys.field.Field` that was learned.

    Args:
        network: ``net(x, c_noise) -> like x``, or with two heads ``-> (like x, (B,))``.
        process: The process of its training.
        mean: Mean of the mapped data, of a datum's shape.
        std: Standard deviation of the mapped data about the mean.
        units: The map between mapped units and the data's own.
        scale: The local scale, one of :data:`genphys.preconditioning.SCALES`.

    Shapes: x is (B, \*), sigma (B,) or (1,). Units: mapped.
    """

    mean: Tensor

    def __init__(
        self,
        network: nn.Module,
        process: Process,
        *,
        mean: Tensor,
        std: float,
        units: Units,
        scale: str = "local",
    ) -> None:
        super().__init__()
        if mean.numel() != process.dim:
            raise ValueError(f"data have {mean.numel()} entries, the process has {process.dim}")
        self.network, self.process, self.std = network, process, std
        self.units, self.scale = units, scale
        self.register_buffer("mean", mean.float())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a datum."""
        return tuple(self.mean.shape)

    def forward(self, x: Tensor, sigma: Tensor) -> Prediction:
        """Both heads."""
        centred = x - self.mean
        scale = local_scale(self.scale, self.process, centred, sigma, self.std)
        c = coefficients(scale, self.std)
        seen = (over(c.into, x) * centred).to(self.mean.dtype)  # x may be wider than the weights
        out = self.network(seen, c.noise)
        raw, clock = out if isinstance(out, tuple) else (out, None)
        base = self.mean + over(c.skip, x) * centred
        denoised = torch.addcmul(base, over(c.out, x), raw.to(x.dtype))
        ratio = None if clock is None else functional.softplus(clock + _UNIT_SOFTPLUS)
        return Prediction(denoised, ratio, c)

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[y|x], like x."""
        denoised: Tensor = self(x, sigma).denoised
        return denoised

    def mean_clock(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[S|x], (B,).

        Raises:
            ValueError: For a model that was trained with one head.
        """
        prediction: Prediction = self(x, sigma)
        if prediction.clock_ratio is None:
            raise ValueError("this model has no mean clock: train it with heads=2")
        return prediction.clock_ratio * prediction.coefficients.scale.square()

    def rate(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Annihilation rate per unit sigma, (B,); from the mean clock where it is not uniform."""
        if self.process.uniform:
            return self.process.rate_from_clock(x.new_zeros(len(x)), sigma)
        return self.process.rate_from_clock(self.mean_clock(x, sigma), sigma)

    def velocity(self, x: Tensor, sigma: Tensor, gauge: Gauge = "physical") -> Tensor:
        """dx/dsigma = (x - D(x)) c(sigma), like x.

        Raises:
            ValueError: In a gauge whose rays are not straight: the denoiser does not determine it.
        """
        if not self.process.straight(gauge):
            raise ValueError(
                f"a trained denoiser does not determine the {gauge} velocity of this process: "
                "its rays are not straight, use genphys.ExactField or gauge='physical'"
            )
        ray = self.process.ray(sigma).to(x.dtype)
        return (x - self.denoise(x, sigma)) * over(ray, x)

    def start(self, sigma: Tensor) -> Start:
        """mean + std eps + sqrt(S) z: the law at sigma up to what mean and variance leave out."""
        return _ModelStart(self.process, self.mean, self.std, sigma.reshape(1))


@dataclass(frozen=True)
class _ModelStart:
    """The kernel around a Gaussian of the data's mean and standard deviation."""

    process: Process
    mean: Tensor
    std: float
    sigma: Tensor

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        device = torch.device("cpu") if generator is None else generator.device
        y = torch.randn(n, *self.mean.shape, generator=generator, device=device)
        y = y * self.std + self.mean.to(device)
        return self.process.sample(y, self.sigma.to(device).expand(n), generator)

    def log_density(self, x: Tensor) -> Tensor:
        """By quadrature over log S: given S, x is Gaussian of variance std² + S."""
        square = (x - self.mean).double().flatten(1).square().sum(1)
        law, dim = self.process.clock.law(self.sigma), self.process.dim
        if not bool(law.log_variance().any()):
            return log_gaussian((law.mean() + self.std**2).log(), square, dim)

        def log_integrand(u: Tensor) -> Tensor:
            spread = torch.logaddexp(u, torch.full_like(u, 2 * math.log(self.std)))
            return law.log_prob(u.exp()) + u + log_gaussian(spread, square, dim)

        low, high = law.log_window()  # of the bulk: a point far out or near the mean tilts the law
        far = (square / dim).clamp_min(1e-300).log() + 5
        return integrate(log_integrand, (low - math.log1p(dim)).expand_as(far), high.maximum(far))[
            0
        ]
