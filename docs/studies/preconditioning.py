"""Mean square of the network's target for each local scale: the figure in PRECONDITIONING.md.

Run with ``python docs/studies/preconditioning.py``; writes docs/images/preconditioning.svg and
prints the table. Data are Gaussian with standard deviation 0.5; 200,000 draws a cell, seed 0.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from matplotlib.figure import Figure

from genphys.potentials.heat import Heat
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.preconditioning import SCALES, coefficients, local_scale
from genphys.process import Process, over
from genphys.report import save

STD = 0.5
SIGMAS = (0.002, 0.02, 0.2, 1.0, 5.0, 80.0)
DIMENSIONS = (0.5, 1.0, 2.0, 8.0, 128.0, math.inf)
DRAWS = 200_000


def mean_square(process: Process, sigma: float, kind: str, draws: int = DRAWS) -> float:
    """E|target|²/N; 1 by design where the clock is not random."""
    generator = torch.Generator().manual_seed(0)
    y = STD * torch.randn(draws, process.dim, generator=generator, dtype=torch.float64)
    scale = torch.full((draws,), sigma, dtype=torch.float64)
    x = process.sample(y, scale, generator)
    c = coefficients(local_scale(kind, process, x, scale, STD), STD)
    target = (y - over(c.skip, x) * x) / over(c.out, x)
    return float(target.square().mean())


def bind(D: float, dim: int) -> Process:
    """Poisson in N + D dimensions, or its limit, the heat equation."""
    return Heat().bind(dim=dim) if math.isinf(D) else Pfgmpp(D=D).bind(dim=dim)


def main() -> None:
    """Measure, print and draw."""
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for row, dim in enumerate((2, 64)):
        for column, kind in enumerate(SCALES):
            ax = axes[row, column]
            for D in DIMENSIONS:
                values = [mean_square(bind(D, dim), sigma, kind) for sigma in SIGMAS]
                label = "heat" if math.isinf(D) else f"D = {D:g}"
                ax.loglog(SIGMAS, values, marker="o", markersize=3, label=label)
                cells = " | ".join(f"{value:.3g}" for value in values)
                print(f"| {dim} | {kind} | {label} | {cells} |")
            ax.set_title(f"N = {dim}, scale = {kind}", fontsize=9)
            ax.axhline(1, color="grey", linewidth=0.6)
    axes[0, 0].legend(fontsize=7)
    figure.supxlabel("noise scale sigma (unit of the mapped data)")
    figure.supylabel("mean square of the target (dimensionless)")
    save(figure, Path(__file__).parents[1] / "images" / "preconditioning.svg")


if __name__ == "__main__":
    main()
