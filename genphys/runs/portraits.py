"""Figures of a bound process: its kernel, its clock, its transfer function, its losses."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from matplotlib.figure import Figure

from genphys.process import Process
from genphys.report import line_figure, save

__all__ = ["portraits"]

_SIGMAS = (0.1, 0.5, 2.0, 10.0)


def portraits(process: Process, folder: Path) -> list[str]:
    """Write the figures that the process has, each as PNG and SVG; returns the PNG names."""
    names = ["kernel", "transfer"]
    figures = [_kernel(process), _transfer(process)]
    if bool(process.clock.law(torch.ones(1, dtype=torch.float64)).log_variance().any()):
        names.append("clock")
        figures.append(_clock(process))
    if process.annihilates:
        names.append("survival")
        figures.append(_survival(process))
    for name, figure in zip(names, figures, strict=True):
        for suffix in (".png", ".svg"):
            save(figure, (folder / name).with_suffix(suffix))
    return [f"{name}.png" for name in names]


def _kernel(process: Process) -> Figure:
    distance = torch.logspace(-2, 2.5, 200, dtype=torch.float64)
    curves = []
    for sigma in _SIGMAS:
        scale = torch.full((1,), sigma, dtype=torch.float64)
        law = process.clock.law(scale)
        value = law.log_kernel((distance * sigma).square(), process.dim)
        relative = torch.exp(
            value - law.log_kernel(torch.zeros(1, dtype=torch.float64), process.dim)
        )
        shown = torch.where(relative < 1e-12, 0.0, relative)
        curves.append((rf"$\sigma$ = {sigma:g}", distance.numpy(), shown.numpy()))
    return line_figure(
        curves,
        xlabel=r"distance from the charge, $|x - y|/\sigma$ (dimensionless)",
        ylabel=r"kernel $p(x|y)/p(y|y)$ (dimensionless)",
        xscale="log",
        yscale="log",
        title=f"Kernel in {process.dim} dimensions",
    )


def _transfer(process: Process) -> Figure:
    """h/h(0) = E exp(-k² S/2), averaged over draws of the clock: what the kernel really does."""
    wave = torch.logspace(-2, 2.5, 200, dtype=torch.float64)
    curves = []
    generator = torch.Generator().manual_seed(0)
    for sigma in _SIGMAS:
        scale = torch.full((5_000,), sigma, dtype=torch.float64)
        clock = process.clock.sample(scale, generator)
        value = torch.exp(-((wave[:, None] / sigma) ** 2) * clock / 2).mean(1)
        curves.append((rf"$\sigma$ = {sigma:g}", wave.numpy(), value.numpy()))
    return line_figure(
        curves,
        xlabel=r"wave number $k\sigma$ (dimensionless)",
        ylabel=r"transfer $h(k)/h(0)$ (dimensionless)",
        xscale="log",
        title="Transfer function, from 5,000 draws of the clock (seed 0)",
    )


def _clock(process: Process) -> Figure:
    ratio = torch.logspace(-2, 3, 400, dtype=torch.float64)
    curves = []
    for sigma in _SIGMAS:
        scale = torch.full((1,), sigma, dtype=torch.float64)
        value = ratio * sigma**2
        density = torch.exp(process.clock.log_prob(value, scale)) * value
        curves.append((rf"$\sigma$ = {sigma:g}", ratio.numpy(), density.numpy()))
    return line_figure(
        curves,
        xlabel=r"variance $S/\sigma^2$ (dimensionless)",
        ylabel=r"density of $\log S$ (dimensionless)",
        xscale="log",
        title="The clock: law of the random variance",
    )


def _survival(process: Process) -> Figure:
    sigma = torch.logspace(-2, 2, 200, dtype=torch.float64)
    mass = process.log_mass(sigma) / math.log(10)
    return line_figure(
        [("", sigma.numpy(), mass.numpy())],
        xlabel=r"noise scale $\sigma$ (unit of the data)",
        ylabel=r"$\log_{10} M$ (dimensionless)",
        xscale="log",
        title="Surviving fraction M of the particles",
    )
