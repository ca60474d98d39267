r"""Sampling: start far out, let the particles flow in.

.. math:: dx/d\sigma = v(x, \sigma), \qquad \sigma: \sigma_{max} \to 0, \qquad
    x(\sigma_{max}) \sim \text{the field's own law}

Process, grid, solver and gauge are independent choices.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from genphys.field import Field, Start
from genphys.process import Gauge, Process
from genphys.sampling.grids import rho_grid
from genphys.sampling.noise import draw
from genphys.sampling.solvers import SAMPLERS, Solver

__all__ = ["Samples", "sample"]


@dataclass(frozen=True)
class Samples:
    r"""What a sampler returns.

    Attributes:
        x: (n, \*), in the data's own units.
        log_weight: (n,); 0 where every sample counts the same.
        ancestor: (n,), the index of the starting point that each came from.
        nfe: Evaluations of the field per sample.
    """

    x: Tensor
    log_weight: Tensor
    ancestor: Tensor
    nfe: int


def sample(
    field: Field,
    n: int,
    *,
    sampler: str = "heun",
    steps: int = 18,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    rho: float = 7.0,
    births: str = "none",
    gauge: Gauge | None = None,
    start: Start | None = None,
    batch: int | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Samples:
    r"""Draw ``n`` samples from a field.

    Args:
        field: Exact or trained.
        n: Number of samples.
        sampler: "euler", "heun" or "dopri5".
        steps: Steps of the grid; Heun evaluates the field 2 steps - 1 times.
        sigma_min: Last noise scale before 0, in the field's units.
        sigma_max: First noise scale, in the field's units.
        rho: Exponent of the grid.
        births: "none"; births of processes with R != 0 are not offered yet.
        gauge: "physical", "balanced", or None: physical where losses change no law, else balanced.
        start: The law of the starting points; None is the field's own.
        batch: Samples per evaluation, 1,024 where None. On a fixed grid samples do not depend on
            it beyond rounding; dopri5 takes one step size per batch.
        dtype: Floating type of the particles, float32 where None.
        device: Where the field is evaluated.
        generator: Its initial seed makes the noise; None takes one from torch's global state.
        progress: Whether to show a progress bar over batches and evaluations.

    Returns:
        The samples, on ``device``.

    Raises:
        ValueError: For an option that does not exist or that the process cannot serve.
        ArithmeticError: When a sample is not finite.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n={n!r}: the number of samples is a positive integer")
    if births != "none":
        raise ValueError(
            f"births={births!r}: only 'none' is offered, with gauge='balanced' where R != 0"
        )
    batch, dtype = 1024 if batch is None else batch, dtype or torch.float32
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ValueError(f"batch={batch!r}: it is a positive integer")
    solver, sigmas = _solver(sampler), rho_grid(steps, sigma_min, sigma_max, rho)
    gauge = gauge or _default_gauge(field.process)
    field.process.straight(gauge)  # refuses an unknown gauge before any work
    start = start or field.start(torch.tensor(sigma_max, dtype=torch.float64, device=device))
    seed = torch.initial_seed() if generator is None else generator.initial_seed()
    counter = _Counter(field, gauge)
    parts = []
    with tqdm(total=n, unit="sample", disable=None if progress else True, leave=False) as bar:
        for first in range(0, n, batch):
            rows = draw(start.sample, seed, first, min(batch, n - first))
            x = _run(solver, counter, rows.to(device, dtype), sigmas)
            parts.append(field.units.to_data(x))
            bar.update(len(x))
    weight = torch.zeros(n, dtype=dtype, device=device)
    nfe = counter.calls // len(parts)
    return Samples(torch.cat(parts), weight, torch.arange(n, device=device), nfe)


def _run(solver: Solver, velocity: _Counter, x: Tensor, sigmas: list[float]) -> Tensor:
    with torch.no_grad():
        x = solver(velocity, x, sigmas)
    if not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x.flatten(1))).any(1).sum())
        raise ArithmeticError(f"{bad} of {len(x)} samples are not finite: the field diverged")
    return x


@dataclass
class _Counter:
    """The field's velocity for solvers, counting evaluations."""

    field: Field
    gauge: Gauge
    calls: int = 0

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.calls += 1
        scale = torch.full((1,), sigma, dtype=x.dtype, device=x.device)
        return self.field.velocity(x, scale, self.gauge)


def _default_gauge(process: Process) -> Gauge:
    return "balanced" if process.annihilates and not process.uniform else "physical"


def _solver(name: str) -> Solver:
    if name not in SAMPLERS:
        close = difflib.get_close_matches(name, SAMPLERS, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(SAMPLERS)}"
        raise ValueError(f"sampler={name!r} does not exist: {hint}")
    return SAMPLERS[name]
