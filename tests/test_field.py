"""The exact field against sums written out, mpmath, and the equation it must obey."""

from __future__ import annotations

import math

import mpmath as mp
import pytest
import torch
from scipy import stats
from torch import Tensor

from genphys import field as field_module
from genphys.data import Units
from genphys.field import ExactField
from genphys.potentials.heat import Heat
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa
from genphys.process import Gauge, Process

CHARGES = torch.tensor([[0.0, 0.0], [1.5, 0.3], [-0.7, 1.1]], dtype=torch.float64)
SHARES = torch.tensor([5.0, 3.0, 2.0], dtype=torch.float64)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def charges(d: float, mass: float) -> ExactField:
    return ExactField(Yukawa(D=d, mass=mass).bind(dim=2), CHARGES, SHARES)


def points(n: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    here = 1.5 * torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return here, torch.logspace(-1, 0.7, n, dtype=torch.float64)


@pytest.mark.parametrize("d", [1, 2, 2.5, 8])
@pytest.mark.parametrize("mass", [0, 0.8, 3])
def test_continuity_of_three_charges(d: float, mass: float) -> None:
    """d_sigma p + div(p v) = -rate p, p with its mass, divided by p, by automatic derivatives."""
    field, (here, sigma) = charges(d, mass), points(3)

    def log_p(point: Tensor, scale: Tensor) -> Tensor:
        return field.log_density(point, scale) + field.process.log_mass(scale)

    def flow(point: Tensor) -> Tensor:
        return field.velocity(point, sigma)

    velocity = flow(here)
    change = torch.func.jvp(log_p, (here, sigma), (velocity, torch.ones_like(sigma)))[1]
    jacobian = torch.func.jacrev(lambda p: flow(p).sum(0))(here)
    div = jacobian[0, :, 0] + jacobian[1, :, 1]
    rate = field.rate(here, sigma)
    size = torch.stack([change, div, rate]).abs().amax(0)
    assert float(((change + div + rate) / size).abs().amax()) < 1e-8
    assert bool((rate > 0).all()) == (mass > 0)


@pytest.mark.parametrize(("d", "mass"), [(1, 0), (2.5, 0.8), (8, 3)])
def test_generalised_tweedie(d: float, mass: float) -> None:
    """grad(p E[S|x]) = -p (x - E[y|x])."""
    field, (here, sigma) = charges(d, mass), points(6)

    def product(point: Tensor) -> Tensor:
        return (field.log_density(point, sigma).exp() * field.mean_clock(point, sigma)).sum()

    left = torch.func.grad(product)(here)
    density = field.log_density(here, sigma).exp()[:, None]
    right = density * (field.denoise(here, sigma) - here)
    assert float(((left - right).norm(dim=1) / right.norm(dim=1)).amax()) < 1e-10


def test_denoise_and_density_against_mpmath() -> None:
    """Student's t kernels with 40 digits, near the data and in the far tail."""
    for d, sigma in ((1, 0.05), (2.5, 1.0), (128, 3.0)):
        field = ExactField(Pfgmpp(D=d).bind(dim=2), CHARGES, SHARES)
        for point in ([0.3, 0.2], [40.0, -9.0]):
            with mp.workdps(40):
                r2, half = mp.mpf(sigma) ** 2 * d, mp.mpf(d + 2) / 2
                constant = mp.gamma(half) / mp.gamma(mp.mpf(d) / 2) / (mp.pi * r2)
                weights = [
                    share
                    / mp.mpf(10)
                    * (1 + sum((mp.mpf(a) - b) ** 2 for a, b in pairs) / r2) ** -half
                    for share, y in zip(SHARES.tolist(), CHARGES.tolist(), strict=True)
                    for pairs in [list(zip(point, y, strict=True))]
                ]
                total = sum(weights)
                mean = [
                    float(
                        sum(w * y[axis] for w, y in zip(weights, CHARGES.tolist(), strict=True))
                        / total
                    )
                    for axis in (0, 1)
                ]
                log_density = float(mp.log(total * constant))
            here, scale = double(*point)[None], double(sigma)
            assert field.denoise(here, scale)[0].tolist() == pytest.approx(
                mean, rel=1e-10, abs=1e-12
            )
            assert float(field.log_density(here, scale)) == pytest.approx(log_density, rel=1e-12)


@pytest.mark.parametrize("gauge", ["physical", "balanced"])
def test_averages_are_sums_over_charges(gauge: Gauge) -> None:
    field, (here, sigma) = charges(2.5, 0.8), points(5)
    process: Process = field.process
    pair, y = here.repeat_interleave(3, 0), CHARGES.repeat(5, 1)
    scale = sigma.repeat_interleave(3)
    weight = process.log_density(pair, y, scale).exp().view(5, 3) * SHARES
    weight = weight / weight.sum(1, keepdim=True)
    flow = process.velocity(pair, y, scale, gauge).view(5, 3, 2)
    expected = (weight[:, :, None] * flow).sum(1)
    torch.testing.assert_close(field.velocity(here, sigma, gauge), expected, rtol=1e-9, atol=1e-12)
    clock = (weight * process.mean_clock(pair, y, scale).view(5, 3)).sum(1)
    torch.testing.assert_close(field.mean_clock(here, sigma), clock)
    rate = (weight * process.rate(pair, y, scale).view(5, 3)).sum(1)
    torch.testing.assert_close(field.rate(here, sigma), rate)
    density = (process.log_density(pair, y, scale).exp().view(5, 3) * SHARES / 10).sum(1).log()
    torch.testing.assert_close(field.log_density(here, sigma), density)


@pytest.mark.parametrize("gauge", ["physical", "balanced"])
def test_chunks_do_not_matter(gauge: Gauge, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(19, 2, generator=generator, dtype=torch.float64)
    field = ExactField(Yukawa(D=4, mass=0.5).bind(dim=2), data, torch.arange(19.0))
    here, sigma = points(4)

    def answers() -> list[Tensor]:
        return [
            field.denoise(here, sigma),
            field.velocity(here, sigma, gauge),
            field.rate(here, sigma),
            field.log_density(here, sigma),
        ]

    whole = answers()
    for pairs in (1, 4 * 7) if gauge == "physical" else (4 * 400 * 7,):
        monkeypatch.setattr(field_module, "_PAIRS", pairs)
        for found, expected in zip(answers(), whole, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_balanced_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair takes hundreds of numbers while the balanced ray is integrated: chunks shrink."""
    seen: list[int] = []
    original = Process.balanced_ray

    def watch(process: Process, square: Tensor, sigma: Tensor) -> Tensor:
        seen.append(square.numel())
        return original(process, square, sigma)

    monkeypatch.setattr(Process, "balanced_ray", watch)
    monkeypatch.setattr(field_module, "_PAIRS", 40_000)
    data = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    field = ExactField(Yukawa(D=4, mass=0.5).bind(dim=2), data)
    field.velocity(torch.randn(10, 2), torch.tensor([1.0]), "balanced")
    assert max(seen) <= 100 and sum(seen) == 500


def test_one_sigma_or_one_a_row() -> None:
    field, (here, _) = charges(2.5, 0.8), points(4)
    gauges: tuple[Gauge, ...] = ("physical", "balanced")
    for gauge in gauges:
        one = field.velocity(here, double(0.7), gauge)
        each = field.velocity(here, double(*[0.7] * 4), gauge)
        torch.testing.assert_close(one, each, rtol=1e-12, atol=1e-14)
    assert field.rate(here, double(0.7)).shape == field.log_density(here, double(0.7)).shape == (4,)


def test_a_batch_is_its_rows() -> None:
    field, (here, sigma) = charges(1, 0), points(4)
    rows = torch.cat([field.velocity(here[[i]], sigma[[i]]) for i in range(4)])
    torch.testing.assert_close(field.velocity(here, sigma), rows, rtol=1e-12, atol=1e-14)


def test_images_in_single_precision() -> None:
    data = torch.rand(20, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    field = ExactField(Pfgmpp(D=8).bind(dim=24), data)
    here, sigma = torch.rand(5, 3, 4, 2), torch.tensor([0.3])
    assert field.shape == (3, 4, 2)
    for found in (field.denoise(here, sigma), field.velocity(here, sigma)):
        assert found.shape == here.shape and found.dtype == torch.float32
    assert field.mean_clock(here, sigma).dtype == field.rate(here, sigma).dtype == torch.float32
    assert field.units.as_dict() == Units.identity().as_dict()
    precise = field.denoise(here.double(), sigma.double())
    torch.testing.assert_close(field.denoise(here, sigma).double(), precise, rtol=1e-6, atol=1e-6)


def test_near_the_data_the_denoiser_is_the_nearest_datum_and_far_off_the_mean() -> None:
    field = ExactField(Heat().bind(dim=2), CHARGES, SHARES)
    near = field.denoise(CHARGES + 0.001, double(0.002))
    torch.testing.assert_close(near, CHARGES, rtol=0, atol=1e-12)
    far = field.denoise(double(3.0, 1.0)[None], double(1e4))
    mean = (SHARES @ CHARGES / 10)[None]
    torch.testing.assert_close(far, mean, rtol=0, atol=1e-6)


def test_an_infinite_mean_clock_says_so() -> None:
    field = ExactField(Pfgmpp(D=1).bind(dim=1), CHARGES[:, :1])
    assert bool(field.mean_clock(double(0.3)[:, None], double(1.0)).isinf())
    assert field.rate(double(0.3)[:, None], double(1.0)).tolist() == [0.0]  # nothing is lost


@pytest.mark.parametrize(
    ("data", "weights", "words"),
    [
        (torch.zeros(3, 3), None, "3 entries each"),
        (torch.tensor([[0.0, math.nan]]), None, "not finite"),
        (torch.tensor([[0.0, math.inf]]), None, "not finite"),
        (torch.zeros(3, 2), torch.ones(2), "one non-negative, finite number per datum"),
        (torch.zeros(3, 2), torch.tensor([1.0, -1.0, 1.0]), "non-negative"),
        (torch.zeros(3, 2), torch.zeros(3), "positive weight"),
        (torch.zeros(3, 2), torch.tensor([1.0, math.nan, 1.0]), "non-negative"),
        (torch.zeros(3, 2), torch.tensor([1.0, math.inf, 1.0]), "finite"),
    ],
)
def test_bad_data_are_refused(data: Tensor, weights: Tensor | None, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        ExactField(Heat().bind(dim=2), data, weights)
    assert "\n" not in str(caught.value)


def test_no_data_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ExactField(Heat().bind(dim=2), torch.zeros(0, 2))


def test_a_weight_of_zero_is_a_datum_left_out() -> None:
    process, (here, sigma) = Pfgmpp(D=3).bind(dim=2), points(4)
    left = ExactField(process, CHARGES, double(1, 0, 2))
    right = ExactField(process, CHARGES[[0, 2]], double(1, 2))
    torch.testing.assert_close(left.velocity(here, sigma), right.velocity(here, sigma))
    torch.testing.assert_close(left.log_density(here, sigma), right.log_density(here, sigma))


def test_start_is_the_field_s_own_law() -> None:
    """|x - y0|² of one charge is Beta-distributed; shares by multinomial: n = 20,000, seed 0.

    KS p > 1e-3, shares within 5 standard errors.
    """
    far = ExactField(
        Pfgmpp(D=8).bind(dim=2), torch.tensor([[0.0, 0], [1e6, 0]]).double(), double(3, 1)
    )
    start = far.start(double(2.0)[0])
    drawn = start.sample(20_000, torch.Generator().manual_seed(0))
    assert drawn.shape == (20_000, 2) and drawn.dtype == torch.float64
    here = drawn[drawn[:, 0] < 5e5]
    assert len(here) / 20_000 == pytest.approx(0.75, abs=5 * math.sqrt(0.1875 / 20_000))
    square = here.square().sum(1).numpy()
    r2 = 8 * 2.0**2
    assert stats.kstest(r2 / (square + r2), stats.beta(4, 1).cdf).pvalue > 1e-3
    expected = far.log_density(drawn[:50], double(2.0))
    assert start.log_density(drawn[:50]).equal(expected)


def test_log_density_integrates_to_one() -> None:
    field = charges(2.5, 0.8)
    u = torch.linspace(-6, 6, 241, dtype=torch.float64)
    grid = torch.cartesian_prod(u.sinh(), u.sinh())
    density = field.log_density(grid, double(0.7)).exp() * torch.cartesian_prod(
        u.cosh(), u.cosh()
    ).prod(1)
    assert float(density.sum()) * 0.05**2 == pytest.approx(1, abs=1e-5)
