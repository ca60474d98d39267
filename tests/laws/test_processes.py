"""What must be true of every process: scale, kernel, mass, rate and both gauges."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import sympy as sp
import torch
from torch import Tensor

from genphys import Potential
from genphys.derivation import derive
from genphys.pde import FractionalLaplacian, Laplacian, field, k, t, x
from genphys.potentials.heat import Heat
from genphys.potentials.pfgm import Pfgm
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa
from genphys.process import Gauge, Process

_phi = field(t)
_alpha, _beta, _loss = (sp.Symbol(name, positive=True) for name in ("alpha", "beta", "loss"))
EQUATIONS = {
    "fractional": sp.Eq(_phi.diff(t), -FractionalLaplacian(_phi, x, _alpha)),
    "mixed": sp.Eq(_phi.diff(t, 2) - _beta * _phi.diff(t) + Laplacian(_phi, x), 0),
    "killed": sp.Eq(_phi.diff(t), Laplacian(_phi, x) - _loss * _phi),
}
POTENTIALS: dict[str, Callable[..., Potential]] = {
    "heat": Heat,
    "pfgm": Pfgm,
    "pfgmpp": Pfgmpp,
    "yukawa": Yukawa,
}
CASES: dict[str, tuple[str, dict[str, float]]] = {
    "heat": ("heat", {}),
    "pfgm": ("pfgm", {}),
    "pfgmpp-0.5": ("pfgmpp", {"D": 0.5}),
    "pfgmpp-2": ("pfgmpp", {"D": 2}),
    "pfgmpp-128": ("pfgmpp", {"D": 128}),
    "yukawa-0.5-3": ("yukawa", {"D": 0.5, "mass": 3}),
    "yukawa-1-2": ("yukawa", {"D": 1, "mass": 2}),
    "yukawa-2.5-0.8": ("yukawa", {"D": 2.5, "mass": 0.8}),
    "yukawa-8-0": ("yukawa", {"D": 8, "mass": 0}),
    "yukawa-128-0.05": ("yukawa", {"D": 128, "mass": 0.05}),
    "fractional": ("fractional", {"alpha": 1.5}),
    "mixed": ("mixed", {"beta": 1.3}),
    "killed": ("killed", {"loss": 0.4}),
}
SIGMAS = (0.01, 1.5)
every_process = pytest.mark.parametrize("name", CASES)
both_gauges = pytest.mark.parametrize("gauge", ["physical", "balanced"])


@cache
def bound(name: str, dim: int = 2) -> Process:
    kind, parameters = CASES[name]
    if kind in POTENTIALS:
        return POTENTIALS[kind](**parameters).bind(dim=dim)
    return derive(EQUATIONS[kind]).bind(dim=dim, **parameters)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def along(radius: Tensor, dim: int) -> Tensor:
    """Points at these distances from the origin, on the first axis."""
    return torch.nn.functional.pad(radius[:, None], (0, dim - 1))


def offered(process: Process, gauge: Gauge) -> bool:
    """Whether one charge's velocity is known in closed form in this gauge."""
    try:
        process.straight(gauge)
    except ValueError:
        return False
    return True


def radial_mean(process: Process, sigma: float, value: Tensor, log_r: Tensor) -> Tensor:
    """E[value] over the kernel at one sigma by the trapezoid rule over log |x - y|."""
    dim = process.dim
    here, origin = along(log_r.exp(), dim), torch.zeros(len(log_r), dim, dtype=torch.float64)
    log_p = process.log_density(here, origin, double(sigma).expand(len(log_r)))
    area = {1: 2.0, 2: 2 * torch.pi, 3: 4 * torch.pi}[dim]
    return torch.trapezoid(value * area * torch.exp(log_p + dim * log_r), log_r)


def log_radii(process: Process, sigma: float) -> Tensor:
    """From where R^N vanishes to where the tail does, finer where the kernel is narrow."""
    tail = 60 if process.parameters.get("D", 2) < 1 else 24
    step = 0.03 if process.clock.law(double(sigma)).log_variance() < 0.1 else 0.28
    return torch.arange(-24 / process.dim, tail, step, dtype=torch.float64) + double(sigma).log()


@every_process
def test_progress_inverts_sigma(name: str) -> None:
    process, sigma = bound(name), torch.logspace(-4, 4, 200, dtype=torch.float64)
    progress = process.progress(sigma)
    torch.testing.assert_close(process.sigma(progress), sigma, rtol=1e-12, atol=0)
    assert bool((progress.diff() > 0).all())


@every_process
def test_sigma_is_the_mean_precision(name: str) -> None:
    process, sigma = bound(name), torch.logspace(-3, 3, 7, dtype=torch.float64)
    precision = process.clock.law(sigma).inverse_mean()
    torch.testing.assert_close(precision, sigma**-2, rtol=1e-12, atol=0)


@every_process
@pytest.mark.parametrize("dim", [1, 3])
def test_kernel_integrates_to_one(name: str, dim: int) -> None:
    process = bound(name, dim)
    for sigma in SIGMAS:
        log_r = log_radii(process, sigma)
        total = radial_mean(process, sigma, torch.ones_like(log_r), log_r)
        assert float(total) == pytest.approx(1, abs=1e-8), sigma


@every_process
def test_samples_have_the_derived_transfer_function(name: str) -> None:
    """E cos(k . (x - y)) = h(k)/M, evaluated by SymPy: n = 40,000, seed 0.

    The average has a standard deviation of at most 1/sqrt(n): 5 of them, false alarms 6e-7.
    """
    process, n = bound(name), 40_000
    derivation, y = process.derivation, torch.zeros(n, 2, dtype=torch.float64)
    assert derivation.transfer is not None and derivation.mass is not None
    h = (derivation.transfer / derivation.mass).subs(derivation.numbers(process.parameters))
    generator = torch.Generator().manual_seed(0)
    for sigma in SIGMAS:
        noisy = process.sample(y, double(sigma).expand(n), generator)
        progress = float(process.progress(double(sigma)))
        for wave in (0.3, 1.0, 2.5):
            point = {k: wave / sigma, derivation.progress: progress}
            expected = float(sp.N(h.subs(point).rewrite(sp.besselk), 20))
            found = float(torch.cos(noisy[:, 0] * wave / sigma).mean())
            assert found == pytest.approx(expected, abs=5 / n**0.5), (sigma, wave)


@every_process
def test_mass_is_that_of_the_transfer_function(name: str) -> None:
    process = bound(name)
    derivation = process.derivation
    assert derivation.mass is not None
    mass = derivation.mass.subs(derivation.numbers(process.parameters))
    for sigma in SIGMAS:
        progress = sp.Float(float(process.progress(double(sigma))), 17)
        exact = sp.sympify(mass).subs(derivation.progress, progress).rewrite(sp.besselk)
        expected = float(sp.log(sp.N(exact, 40)))
        found = float(process.log_mass(double(sigma)))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    log_mass = process.log_mass(torch.logspace(-6, 2, 50, dtype=torch.float64))
    assert bool((log_mass.diff() <= 0).all())
    assert float(log_mass[0]) == pytest.approx(0, abs=0.02)
    assert process.annihilates == bool((log_mass < 0).any())


@every_process
def test_mass_changes_through_the_rate_alone(name: str) -> None:
    """d log M / dsigma = -E[rate] over the kernel."""
    process = bound(name)
    for sigma in SIGMAS:
        log_r = log_radii(process, sigma)
        points = along(log_r.exp(), 2)
        scale = double(sigma).expand(len(log_r))
        rate = process.rate(points, torch.zeros_like(points), scale)
        assert bool((rate >= 0).all())
        mean = rate[0] if process.uniform else radial_mean(process, sigma, rate, log_r)
        one = double(1.0)[0]
        slope = torch.func.jvp(process.log_mass, (double(sigma)[0],), (one,))[1]
        assert float(slope) == pytest.approx(-float(mean), rel=1e-8, abs=1e-12)


@every_process
@both_gauges
def test_continuity_around_one_charge(name: str, gauge: Gauge) -> None:
    """d log p/dsigma + v . grad log p + div v = -rate; balanced, without mass and rate."""
    process = bound(name)
    if not offered(process, gauge):
        pytest.skip("no closed physical velocity: its refusal is tested below")
    here = torch.tensor([[0.2, 0.1], [0.9, -0.6], [5.0, 3.0]], dtype=torch.float64)
    sigma, killed = double(0.7, 0.7, 0.7), process.annihilates and gauge == "physical"

    def log_p(point: Tensor, scale: Tensor) -> Tensor:
        log_density = process.log_density(point, torch.zeros_like(point), scale)
        return log_density + process.log_mass(scale) if killed else log_density

    def flow(point: Tensor) -> Tensor:
        return process.velocity(point, torch.zeros_like(point), double(0.7), gauge)

    tangents = (flow(here), torch.ones_like(sigma))
    change = torch.func.jvp(log_p, (here, sigma), tangents)[1]  # along the flow
    step = 1e-3  # the divergence by a central difference of order 6: error 1e-10
    shifts = [(j * step, c) for j, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))]
    div = torch.stack(
        [
            c * (flow(here + h * e) - flow(here - h * e))[:, axis] / step
            for axis, e in enumerate(torch.eye(2, dtype=torch.float64))
            for h, c in shifts
        ]
    ).sum(0)
    rate = process.rate(here, torch.zeros_like(here), sigma) if killed else torch.zeros_like(div)
    size = torch.stack([change, div, rate]).abs().amax(0)
    assert float(((change + div + rate) / size).abs().amax()) < 1e-8


@every_process
@both_gauges
def test_velocity_turns_with_the_plane(name: str, gauge: Gauge) -> None:
    process, generator = bound(name), torch.Generator().manual_seed(0)
    if not offered(process, gauge):
        with pytest.raises(ValueError, match="balanced"):
            process.velocity(torch.ones(1, 2), torch.zeros(1, 2), torch.ones(1), gauge)
        return
    turn = torch.linalg.qr(torch.randn(2, 2, generator=generator, dtype=torch.float64)).Q
    here, y = torch.randn(2, 5, 2, generator=generator, dtype=torch.float64)
    sigma = double(0.01, 0.1, 1, 3, 9)
    turned = process.velocity(here @ turn, y @ turn, sigma, gauge)
    expected = process.velocity(here, y, sigma, gauge) @ turn
    torch.testing.assert_close(turned, expected, rtol=1e-9, atol=1e-12)


@every_process
def test_a_batch_is_its_rows_and_the_dtype_is_kept(name: str) -> None:
    process, generator = bound(name), torch.Generator().manual_seed(0)
    here, y = torch.randn(2, 4, 2, generator=generator)
    sigma = torch.tensor([0.02, 0.3, 1.0, 7.0])
    for method in (process.log_density, process.mean_clock, process.rate):
        whole = method(here, y, sigma)
        rows = torch.cat([method(here[[i]], y[[i]], sigma[[i]]) for i in range(4)])
        assert whole.shape == (4,) and whole.dtype == torch.float32
        torch.testing.assert_close(whole, rows)
    noisy = process.sample(y, sigma, generator)
    assert noisy.shape == y.shape and noisy.dtype == torch.float32
    assert bool(noisy.isfinite().all())
    assert process.log_mass(sigma).dtype == process.progress(sigma).dtype == torch.float32
    with pytest.raises(ValueError, match="gauge='sideways'"):
        process.velocity(here, y, sigma, "sideways")  # type: ignore[arg-type]
