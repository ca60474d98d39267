"""A network with coefficients around it, against the formulas written out, and its starting law."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy.integrate import cumulative_trapezoid
from scipy.stats import kstest
from torch import Tensor, nn

from genphys import sample
from genphys.data import Units
from genphys.model import Model
from genphys.networks import build
from genphys.potentials.heat import Heat
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa
from genphys.process import Process

STD = 0.6


def process(name: str, dim: int) -> Process:
    if name == "heat":
        return Heat().bind(dim=dim)
    return Pfgmpp(D=float(name)).bind(dim=dim)


def model(
    bound: Process,
    shape: tuple[int, ...],
    *,
    heads: int = 1,
    scale: str = "local",
    std: float = STD,
    random: bool = False,
) -> Model:
    generator = torch.Generator().manual_seed(0)
    network = build("auto", shape, heads, width=4)
    if random:
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.3, generator=generator)
    mean = torch.randn(shape, generator=generator)
    found = Model(network, bound, mean=mean, std=std, units=Units.identity(), scale=scale)
    return found.eval().requires_grad_(False)


def noisy(shape: tuple[int, ...], n: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, *shape, generator=generator), torch.logspace(-1, 1, n)


@pytest.mark.parametrize("scale", ["sigma", "local", "posterior"])
def test_a_zero_network_shrinks_towards_the_mean(scale: str) -> None:
    m = model(process("4", 3), (3,), scale=scale)
    x, sigma = noisy((3,))
    s2 = m(x, sigma).coefficients.scale.square()
    skip = STD**2 / (s2 + STD**2)
    torch.testing.assert_close(m.denoise(x, sigma), m.mean + skip[:, None] * (x - m.mean))
    if scale == "sigma":
        torch.testing.assert_close(s2, sigma.square())


def test_at_heat_it_is_edm() -> None:
    """Every choice of the local scale is sigma where the clock is not random."""
    x, sigma = noisy((1, 4, 3))
    for scale in ("sigma", "local", "posterior"):
        m = model(process("heat", 12), (1, 4, 3), scale=scale, random=True)
        s, total = sigma[:, None, None, None], sigma.square()[:, None, None, None] + STD**2
        said = m.network((x - m.mean) / total.sqrt(), sigma.log() / 4)
        wanted = m.mean + STD**2 / total * (x - m.mean) + s * STD / total.sqrt() * said
        torch.testing.assert_close(m.denoise(x, sigma), wanted)
        torch.testing.assert_close(m.velocity(x, sigma), (x - wanted) / s)


def test_velocity_is_the_ray_from_the_denoised_point() -> None:
    m = model(process("2.5", 3), (3,), random=True)
    x, sigma = noisy((3,))
    ray = m.process.ray(sigma).float()
    torch.testing.assert_close(ray, 1 / sigma)  # of Poisson's equation
    wanted = (x - m.denoise(x, sigma)) * ray[:, None]
    torch.testing.assert_close(m.velocity(x, sigma), wanted)


@pytest.mark.parametrize(
    ("shape", "heads", "dtype"),
    [*product([(3,), (1, 5, 4), (2, 3, 3)], [1, 2], [torch.float32, torch.float64])],
)
def test_shapes_and_dtypes(shape: tuple[int, ...], heads: int, dtype: torch.dtype) -> None:
    m = model(process("8", math.prod(shape)), shape, heads=heads, random=True)
    x, sigma = noisy(shape)
    x = x.to(dtype)
    assert m.shape == shape
    for scales in (sigma, sigma[:1]):
        answers = [m.denoise(x, scales), m.velocity(x, scales)]
        assert all(a.shape == x.shape and a.dtype == dtype for a in answers)
        assert m.rate(x, scales).tolist() == [0.0] * 5
        if heads == 2:
            clock = m.mean_clock(x, scales)
            assert clock.shape == (5,) and clock.dtype == dtype and bool((clock > 0).all())
    one, many = m.denoise(x, sigma[:1]), m.denoise(x, sigma[:1].expand(5))
    torch.testing.assert_close(one, many)


def test_particles_may_be_float64() -> None:
    m = model(process("8", 2), (2,), random=True)
    generator = torch.Generator().manual_seed(0)
    narrow, wide = (
        sample(m, 8, steps=6, dtype=dtype, generator=generator).x
        for dtype in (torch.float32, torch.float64)
    )
    assert wide.dtype == torch.float64
    torch.testing.assert_close(narrow.double(), wide, rtol=1e-3, atol=1e-3)


def test_a_new_second_head_says_the_local_scale() -> None:
    m = model(process("8", 3), (3,), heads=2)
    x, sigma = noisy((3,))
    torch.testing.assert_close(m.mean_clock(x, sigma), m(x, sigma).coefficients.scale.square())


def test_the_rate_comes_from_the_mean_clock_where_losses_are_uneven() -> None:
    yukawa = Yukawa(D=3, mass=0.8).bind(dim=2)
    m = model(yukawa, (2,), heads=2, random=True)
    x, sigma = noisy((2,))
    wanted = yukawa.rate_from_clock(m.mean_clock(x, sigma), sigma)
    torch.testing.assert_close(m.rate(x, sigma), wanted)
    with pytest.raises(ValueError, match="heads=2"):
        model(yukawa, (2,)).rate(x, sigma)


def test_mistakes_are_named() -> None:
    x, sigma = noisy((2,))
    with pytest.raises(ValueError, match=r"^this model has no mean clock: train it with heads=2$"):
        model(process("8", 2), (2,)).mean_clock(x, sigma)
    with pytest.raises(ValueError, match="does not determine the balanced velocity") as found:
        model(Yukawa(D=3, mass=0.8).bind(dim=2), (2,)).velocity(x, sigma, "balanced")
    assert "\n" not in str(found.value)
    with pytest.raises(ValueError, match=r"^data have 2 entries, the process has 3$"):
        model(process("8", 3), (2,))
    with pytest.raises(ValueError, match="did you mean 'local'"):
        model(process("8", 2), (2,), scale="locl").denoise(x, sigma)


@pytest.mark.parametrize("name", ["8", "128", "heat"])
def test_the_start_has_the_mean_and_the_variance(name: str) -> None:
    """20,000 draws, seed 5: both within 5 standard errors (false alarm below 1e-5)."""
    bound, sigma, n = process(name, 2), torch.tensor(2.0, dtype=torch.float64), 20_000
    m = model(bound, (2,))
    x = m.start(sigma).sample(n, torch.Generator().manual_seed(5)).double() - m.mean.double()
    variance = STD**2 + float(bound.clock.mean(sigma.reshape(1)))
    if name != "heat":  # in closed form, finite for D > 2
        d = float(name)
        assert variance == pytest.approx(STD**2 + 4 * d / (d - 2), rel=1e-12)
    for column in x.T:
        for value, wanted in ((column, 0.0), (column.square(), variance)):
            error = float(value.std()) / math.sqrt(n)
            assert abs(float(value.mean()) - wanted) < 5 * error


@pytest.mark.parametrize(("name", "dim"), [*product(["1", "8", "heat"], [1, 2])])
def test_the_density_of_the_start_is_that_of_its_draws(name: str, dim: int) -> None:
    """It integrates to 1, and 20,000 radii, seed 3, pass Kolmogorov-Smirnov at p > 1e-4."""
    sigma = torch.tensor(2.0, dtype=torch.float64)
    m = model(process(name, dim), (dim,))
    start = m.start(sigma)
    radius = torch.logspace(-7, 9, 3000, dtype=torch.float64)
    x = m.mean.double() + radius[:, None] * torch.eye(dim, dtype=torch.float64)[0]
    area = 2.0 if dim == 1 else 2 * math.pi * radius
    density = (start.log_density(x).exp() * area * radius).numpy()  # of log radius
    cdf = cumulative_trapezoid(density, np.log(radius.numpy()), initial=0)
    assert cdf[-1] == pytest.approx(1, abs=2e-6)  # the grid leaves out 1e-7 on either side
    drawn = start.sample(20_000, torch.Generator().manual_seed(3)).double() - m.mean.double()
    log_radii = torch.linalg.vector_norm(drawn, dim=1).log().numpy()
    grid = np.log(radius.numpy())
    assert kstest(log_radii, lambda u: np.interp(u, grid, cdf)).pvalue > 1e-4


@pytest.mark.parametrize(("name", "dim"), [*product(["1", "8", "128"], [2, 3072])])
def test_the_density_of_the_start_holds_far_from_its_bulk(name: str, dim: int) -> None:
    """Where the data's spread is negligible it is the kernel, which has a closed form."""
    bound, sigma = process(name, dim), torch.tensor([2.0], dtype=torch.float64)
    m = model(bound, (dim,), std=1e-6)
    mean = m.mean.double()
    for distance in (1e-3, 0.1, 1.0, 10.0, 1e3, 1e6):
        x = (mean + distance * torch.ones(dim, dtype=torch.float64))[None]
        found = m.start(sigma[0]).log_density(x)
        wanted = bound.log_density(x, mean[None], sigma)
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-5)
