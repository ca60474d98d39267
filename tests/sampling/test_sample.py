"""Sampling exact fields: laws recovered, seeds, batches, options."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genphys.data.toys import draw_gaussians
from genphys.field import ExactField
from genphys.metrics import sliced_wasserstein
from genphys.potentials.heat import Heat
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa
from genphys.process import Process
from genphys.sampling import Samples, sample


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@cache
def small(d: float = 4) -> ExactField:
    data = torch.randn(40, 2, generator=seeded(1), dtype=torch.float64)
    return ExactField(Pfgmpp(D=d).bind(dim=2), data)


def draw(n: object = 100, **options: Any) -> Samples:
    chosen: dict[str, Any] = {
        "n": n,
        "steps": 6,
        "generator": seeded(),
        "dtype": torch.float64,
    } | options
    return sample(small(), **chosen)


def test_what_comes_back() -> None:
    found = draw(10, dtype=torch.float32)
    assert found.x.shape == (10, 2) and found.x.dtype == torch.float32
    assert found.log_weight.tolist() == [0.0] * 10 and found.ancestor.tolist() == list(range(10))
    assert found.nfe == 11
    assert draw(10, sampler="euler").nfe == 6


@pytest.mark.parametrize("batch", [7, 64, 99])
def test_batches_do_not_matter(batch: int) -> None:
    torch.testing.assert_close(draw(batch=batch).x, draw().x, rtol=1e-9, atol=1e-11)
    assert draw(batch=batch).nfe == 11


def test_fewer_are_the_first_of_more() -> None:
    torch.testing.assert_close(draw(10).x, draw(100).x[:10], rtol=1e-9, atol=1e-11)


def test_the_start_is_bitwise_the_same() -> None:
    class Frozen:
        """A law of starting points that keeps what it gave."""

        def __init__(self) -> None:
            self.given: list[Tensor] = []

        def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
            self.given.append(80 * torch.randn(n, 2, generator=generator))
            return self.given[-1]

        def log_density(self, x: Tensor) -> Tensor:
            raise NotImplementedError

    laws = Frozen(), Frozen()
    for law, batch in zip(laws, (64, 128), strict=True):
        draw(128, start=law, batch=batch, sampler="euler", steps=1)
    assert torch.cat(laws[0].given).equal(torch.cat(laws[1].given))


def test_seeds() -> None:
    assert draw().x.equal(draw().x)
    assert not draw().x.equal(draw(generator=seeded(1)).x)
    torch.manual_seed(5)
    first = draw(generator=None).x
    torch.manual_seed(5)
    assert draw(generator=None).x.equal(first)
    used = seeded()
    torch.rand(9, generator=used)  # its initial seed counts, not its state
    assert draw(generator=used).x.equal(draw().x)


@pytest.mark.parametrize("sampler", ["euler", "heun", "dopri5"])
def test_samples_land_on_the_data(sampler: str) -> None:
    found = draw(50, sampler=sampler, steps=40).x
    nearest = torch.cdist(found, small().data).amin(1)
    assert float(nearest.amax()) < 0.01


def test_samplers_agree() -> None:
    many = draw(50, steps=400, sigma_min=0.1).x
    adaptive = draw(50, sampler="dopri5", sigma_min=0.1).x
    torch.testing.assert_close(many, adaptive, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    "process", [Heat().bind(dim=1), Pfgmpp(D=2).bind(dim=1)], ids=["heat", "D=2"]
)
def test_a_law_on_the_line_is_recovered(process: Process) -> None:
    """Against fresh points of the law: n = 1,000, seed 0, two-sample KS p > 1e-3.

    The field's 1,000 points are stratified quantiles, so they add no noise of their own.
    """
    share = (torch.arange(1_000, dtype=torch.float64) + 0.5) / 1_000
    data = torch.special.ndtri(share)[:, None].sinh()  # skewed enough, smooth
    found = sample(ExactField(process, data), 1_000, generator=seeded(), steps=18)
    truth = torch.randn(1_000, generator=seeded(9), dtype=torch.float64).sinh()
    assert stats.ks_2samp(found.x[:, 0].numpy(), truth.numpy()).pvalue > 1e-3


def three_clusters() -> tuple[Tensor, Tensor]:
    """30 points in clusters of 18, 9 and 3."""
    centres = torch.tensor([[0.0, 0], [3, 0], [0, 4]], dtype=torch.float64)
    data = centres.repeat_interleave(torch.tensor([18, 9, 3]), 0)
    return data + 0.1 * torch.randn(30, 2, generator=seeded(), dtype=torch.float64), centres


@pytest.mark.slow
def test_a_process_that_annihilates_needs_the_balanced_gauge() -> None:
    """Shares of three clusters, D = 1, mass 2, from sigma = 3: n = 1,024, seed 0.

    Balanced, the default, within 5 standard errors (3e-7 each); the physical gauge with its
    births left out misses by more than twice that.
    """
    data, centres = three_clusters()
    field = ExactField(Yukawa(D=1, mass=2).bind(dim=2), data)
    exact = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    error = (exact * (1 - exact) / 1_024).sqrt()

    def shares(**options: Any) -> Tensor:
        found = sample(field, 1_024, steps=12, sigma_max=3.0, generator=seeded(), **options)
        nearest = torch.cdist(found.x.double(), centres).argmin(1)
        return nearest.bincount(minlength=3) / 1_024

    assert bool(((shares() - exact).abs() < 5 * error).all())
    assert float(((shares(gauge="physical") - exact).abs() / error).amax()) > 10


def gaussians(n: int, seed: int) -> Tensor:
    """Eight Gaussians of unequal weight on an ellipse."""
    return torch.from_numpy(draw_gaussians(np.random.default_rng(seed), n))


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 8, 128, math.inf])
def test_few_heun_steps_are_nearly_as_good_as_many(d: float) -> None:
    """8 Gaussians: sliced W2 of 24 Heun steps within 10 % of that of 200, from the same noise.

    n = 4,000 samples, seed 0, of a field of 2,000 points, against 20,000 fresh points in 512
    directions.
    """
    process = Heat().bind(dim=2) if d == math.inf else Pfgmpp(D=d).bind(dim=2)
    field, truth = ExactField(process, gaussians(2_000, 1)), gaussians(20_000, 2)
    few, many = (
        sliced_wasserstein(sample(field, 4_000, steps=steps, generator=seeded()).x, truth)
        for steps in (24, 200)
    )
    assert few < 1.1 * many


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sampler": "huen"}, "did you mean 'heun'"),
        ({"sampler": "x"}, "there are euler, heun, dopri5"),
        ({"steps": 0}, "steps=0"),
        ({"sigma_min": 3.0, "sigma_max": 3.0}, "sigma_min=3.0"),
        ({"sigma_max": math.nan}, "sigma_max=nan"),
        ({"births": "branching"}, "births='branching'"),
        ({"gauge": "sideways"}, "gauge='sideways'"),
        ({"n": 0}, "n=0"),
        ({"n": 2.5}, "n=2.5"),
        ({"batch": 0}, "batch=0"),
        ({"rho": 0}, "rho=0"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        draw(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("process", "gauge"),
    [
        (Heat().bind(dim=2), "physical"),
        (Yukawa(D=1, mass=0).bind(dim=2), "physical"),
        (Yukawa(D=1, mass=2).bind(dim=2), "balanced"),
    ],
)
def test_the_default_gauge_is_balanced_where_particles_are_lost(
    process: Process, gauge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, asked = ExactField(process, small().data[:3]), []

    def watch(x: Tensor, sigma: Tensor, gauge: str) -> Tensor:
        asked.append(gauge)
        return torch.zeros_like(x)

    monkeypatch.setattr(field, "velocity", watch)
    sample(field, 2, steps=2, generator=seeded())
    assert set(asked) == {gauge}


def test_a_field_that_diverges_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    field = small()
    monkeypatch.setattr(field, "velocity", lambda x, sigma, gauge: x * math.nan)
    with pytest.raises(ArithmeticError, match="100 of 100 samples are not finite"):
        draw()
