"""The loss: its minimisers are the averages that the data define, its scale is 1 at the start."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genphys import ExactField
from genphys.data import Dataset, Units, load_dataset
from genphys.model import Model, Prediction
from genphys.networks import build
from genphys.potentials.heat import Heat
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.preconditioning import local_scale
from genphys.process import Process
from genphys.training.loop import Options, build_model
from genphys.training.loss import Losses, losses

POINTS = torch.tensor([[-0.5, 0.0], [0.5, 0.2]])


class Oracle(Model):
    """Answers with the exact averages, off by given amounts."""

    def __init__(self, process: Process, shift: float = 0.0, factor: float = 1.0) -> None:
        network = build("mlp", (2,), 2, width=4, depth=1)
        super().__init__(network, process, mean=POINTS.mean(0), std=0.36, units=Units.identity())
        self.field, self.shift, self.factor = ExactField(process, POINTS), shift, factor

    def forward(self, x: Tensor, sigma: Tensor) -> Prediction:
        c = super().forward(x, sigma).coefficients
        denoised = self.field.denoise(x, sigma) + self.shift * c.out[:, None]
        ratio = self.field.mean_clock(x, sigma) / c.scale.square()
        return Prediction(denoised, self.factor * ratio, c)


def loss(model: Model, y: Tensor, seed: int = 0) -> Losses:
    generator = torch.Generator().manual_seed(seed)
    return losses(model, y, sigma_mean=-1.2, sigma_std=1.2, generator=generator)


@pytest.mark.parametrize("process", [Heat().bind(dim=2), Pfgmpp(D=8).bind(dim=2)])
def test_the_exact_averages_are_the_minimum(process: Process) -> None:
    """4,000 rows, the same noise: a shift e of D adds e² = 0.04, by 5 standard errors at least."""
    y = POINTS.repeat(2000, 1)
    with torch.no_grad():
        exact = loss(Oracle(process), y)
        for shift in (-0.2, 0.2):
            more = loss(Oracle(process, shift=shift), y).denoiser - exact.denoiser
            error = float(more.std()) / len(y) ** 0.5
            assert float(more.mean()) == pytest.approx(0.04, abs=5 * error) and error < 0.008
        assert exact.clock is not None
        for factor in (0.7, 1.3):
            off = loss(Oracle(process, factor=factor), y).clock
            assert off is not None and float((off - exact.clock).mean()) > 0


def model(data: Dataset, process: Process, heads: int = 1) -> Model:
    network = build("mlp", data.shape, heads, width=8, depth=1)
    return build_model(process, data, Options(heads=heads), network)


def test_an_untrained_network_scores_1() -> None:
    """By the choice of c_out, for heat in expectation: 20,000 rows, seed 0, 5 standard errors."""
    data = load_dataset("gaussians")
    with torch.no_grad():
        found = loss(model(data, Heat().bind(dim=2)), data.train)
    assert found.clock is None and found.total is found.denoiser
    error = float(found.denoiser.std()) / len(data.train) ** 0.5
    assert float(found.denoiser.mean()) == pytest.approx(1, abs=5 * error) and error < 0.01


def test_the_clock_is_compared_with_its_posterior_mean() -> None:
    """A new second head says s²; the target of Poisson's is (D sigma² + |x-y|²)/(N + D - 2)."""
    data, process = load_dataset("gaussians", n=500), Pfgmpp(D=8).bind(dim=2)
    found = loss(model(data, process, heads=2), data.train, seed=4)
    generator = torch.Generator().manual_seed(4)
    sigma = torch.exp(-1.2 + 1.2 * torch.randn(500, generator=generator))
    x = process.sample(data.train, sigma, generator)
    target = (8 * sigma.square() + (x - data.train).square().sum(1)) / 8
    torch.testing.assert_close(process.mean_clock(x, data.train, sigma), target)
    s2 = local_scale("local", process, x - data.mean, sigma, data.std).square()
    torch.testing.assert_close(found.sigma, sigma)
    assert found.clock is not None
    torch.testing.assert_close(found.clock, (1 - target / s2).square())
    torch.testing.assert_close(found.total, found.denoiser + found.clock)


def test_a_mean_clock_that_is_infinite_is_refused() -> None:
    x = torch.randn(100, 1, generator=torch.Generator().manual_seed(0)) / 2
    data = Dataset("line", "table", x, x[:0], Units.identity())
    with pytest.raises(ValueError, match=r"^heads=2 learns E\[S\|x\], which is infinite"):
        model(data, Pfgmpp(D=1).bind(dim=1), heads=2)
    model(data, Pfgmpp(D=1).bind(dim=1))
    model(data, Pfgmpp(D=1.1).bind(dim=1), heads=2)
