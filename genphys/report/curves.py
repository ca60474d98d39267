"""Figures of curves: any curves with their names, and the losses of a training run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from genphys.report.canvas import curve_style, drawing

__all__ = ["line_figure", "loss_figure"]

_RATIO = 1.15  # the running median at step s is over the steps from s / 1.15 to 1.15 s
_MEDIANS = 300  # steps at which it is taken
_MARKS = 3000  # records in a curve, beyond which an SVG holds them as pixels and stays small

Points = NDArray[np.float64]


def line_figure(
    curves: Iterable[tuple[str, ArrayLike, ArrayLike]],
    xlabel: str,
    ylabel: str,
    *,
    xscale: str = "linear",
    yscale: str = "linear",
    title: str | None = None,
) -> Figure:
    """Curves with their names beside them, told apart by colour and by dashes.

    Args:
        curves: Of each its name ("" for none), abscissas (n,) and ordinates (n,). Names, labels
            and title may hold mathematics between dollar signs.
        xlabel: Name of the axis and its unit, or "dimensionless".
        ylabel: The same.
        xscale: "linear" or "log"; with "log", values that are not positive are left out.
        yscale: The same.
        title: Above the axes.
    """
    with drawing(6.8, 3.6) as figure:
        axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
        for index, (name, x, y) in enumerate(curves):
            axes.plot(x, y, label=name or None, **curve_style(index))
        axes.grid(visible=True)
        axes.margins(x=0)
        axes.set_title(title or "")
        if axes.get_legend_handles_labels()[1]:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=2.4)
    return figure


def loss_figure(history: Sequence[Mapping[str, object]]) -> Figure:
    """Losses against training steps: every record in pale, and the running median over it.

    The median at step s is over the records from s / 1.15 to 1.15 s, an even width on the
    logarithmic axis of steps. Losses are on a logarithmic axis where all are positive.

    Args:
        history: Records with ``step`` (records at 0 or below are left out) and ``loss``, perhaps
            ``clock_loss`` or other losses, and ``seconds`` since the start. A loss that is missing,
            None, NaN or infinite is left out.
    """
    names = sorted({n for row in history for n in row if n == "loss" or n.endswith("_loss")})
    losses = {n: points for n in sorted(names, key=len) if (points := _points(history, n)).size}
    with drawing(6.8, 3.6) as figure:
        axes = figure.add_subplot(xlabel=_steps(history), ylabel="loss (dimensionless)")
        if not losses:
            axes.text(0.5, 0.5, "no losses recorded", ha="center", transform=axes.transAxes)
            return figure
        for index, (name, points) in enumerate(losses.items()):
            _draw_loss(axes, name.replace("_", " "), points, index)
        _scale(axes, np.concatenate(list(losses.values())))
        axes.legend(loc="upper right")
    return figure


def _points(history: Sequence[Mapping[str, object]], name: str) -> Points:
    """(steps, losses) of the records that have both, (n, 2)."""
    rows = [(row.get("step"), row.get(name)) for row in history]
    points = np.array(rows, dtype=np.float64).reshape(-1, 2)  # None becomes NaN
    return points[np.isfinite(points).all(axis=1) & (points[:, 0] > 0)]


def _steps(history: Sequence[Mapping[str, object]]) -> str:
    last = history[-1] if history else {}
    step, seconds = last.get("step"), last.get("seconds")
    if not isinstance(step, int | float) or not isinstance(seconds, int | float):
        return "training step (dimensionless)"
    return f"training step (dimensionless; {step:,} steps took {seconds:,.0f} s)"


def _draw_loss(axes: Axes, name: str, points: Points, index: int) -> None:
    style = curve_style(index)
    axes.plot(
        *points.T,
        color=style["color"],
        alpha=0.3,
        linewidth=0.7,
        rasterized=len(points) > _MARKS,
        zorder=1,
    )
    axes.plot(*_running_median(points).T, label=f"{name}, running median", **style)


def _running_median(points: Points) -> Points:
    """(steps, medians), at up to 300 of the steps, evenly on a logarithmic axis."""
    points = points[points[:, 0].argsort(kind="stable")]
    step, loss = points.T
    wanted = np.geomspace(step[0], step[-1], _MEDIANS)
    at = np.unique(step[np.searchsorted(step, wanted).clip(max=len(step) - 1)])
    first = np.searchsorted(step, at / _RATIO, side="left")
    last = np.searchsorted(step, at * _RATIO, side="right")
    median = [np.median(loss[i:j]) for i, j in zip(first, last, strict=True)]
    return np.stack([at, np.array(median)], axis=1)


def _scale(axes: Axes, points: Points) -> None:
    step, loss = points.T
    axes.grid(visible=True)
    axes.set_xscale("log")
    if step.min() < step.max():
        axes.set_xlim(step.min(), step.max())
    if loss.min() > 0:
        narrow = loss.max() < 10 * loss.min()
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(MaxNLocator(6) if narrow else LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_locator(NullLocator())
