"""Figures of samples, alone or beside data.

Samples are drawn as their shape asks for: images on a grid, one column as a histogram, two as
points in the plane, more as a matrix of the first four. Two sets stand side by side on one scale,
that of the data, which say what is far.

The frame along an axis holds the central 99 % of the values and a quarter of their span beyond on
either side, or all values where that is less. Heavy tails would otherwise squeeze all the rest
into one dot; a title counts the points that are outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from genphys.report.canvas import curve_style, drawing, save
from genphys.report.images import is_images, levels, mosaic, save_mosaic

__all__ = ["compare_figure", "sample_figure", "save_grid"]

_BINS = 32
_COLUMNS = 4  # of a wider table, shown in a matrix
_MARKS = 3000  # points in a figure, beyond which an SVG holds them as pixels and stays small
_ASPECT = 4.0  # beyond this ratio of the spans, equal units on both axes leave a sliver

Array = NDArray[np.generic]
Points = NDArray[np.float64]


def sample_figure(x: ArrayLike, title: str | None = None) -> Figure:
    """Samples, drawn as their shape asks for.

    Args:
        x: Images (n, H, W) or (n, H, W, C) with 1 to 4 channels, of which up to 64 are shown, or a
            table (n, d) or (n,), of any real dtype. NaN and infinity are outside of any frame.
        title: Above the samples; may hold mathematics between dollar signs.

    Raises:
        ValueError: When x holds no numbers, or has the shape of neither.
    """
    return _figure([(title, _array(x))])


def compare_figure(
    samples: ArrayLike, data: ArrayLike, *, titles: tuple[str, str] = ("samples", "data")
) -> Figure:
    """Samples to the left of data, both on the scale of the data.

    Args:
        samples: As for :func:`sample_figure`.
        data: The same, of the same shape but for n.
        titles: Above either.

    Raises:
        ValueError: When either cannot be shown, or their shapes differ beyond n.
    """
    a, b = _array(samples), _array(data)
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"samples and data must agree beyond n, got {a.shape} and {b.shape}")
    return _figure([(titles[0], a), (titles[1], b)])


def save_grid(path: str | Path, x: ArrayLike) -> None:
    """Writes samples as a picture: images pixel for pixel, tables as :func:`sample_figure`.

    Args:
        path: Ends in .png; the folder must exist.
        x: As for :func:`sample_figure`.

    Raises:
        ValueError: When x cannot be shown.
    """
    array = _array(x)
    if is_images(array):
        save_mosaic(path, array)
    else:
        save(sample_figure(array), path)


def _array(x: ArrayLike) -> Array:
    array = np.asarray(x)
    array = array[:, None] if array.ndim == 1 else array
    if array.size == 0 or array.dtype.kind not in "buif":
        raise ValueError(f"samples must be numbers, at least one; got {array.dtype} {array.shape}")
    if not (is_images(array) or array.ndim == 2):
        wanted = "images (n, H, W[, C]) with 1 to 4 channels or a table (n, d)"
        raise ValueError(f"samples must be {wanted}; got shape {array.shape}")
    return array


def _figure(sets: Sequence[tuple[str | None, Array]]) -> Figure:
    with drawing(*((6.8, 3.5) if len(sets) > 1 else (4.8, 4.8))) as figure:
        panels = figure.subfigures(1, len(sets), squeeze=False, facecolor="none")[0]
        if is_images(sets[0][1]):
            limits = levels(sets[-1][1])
            for panel, (title, x) in zip(panels, sets, strict=True):
                _draw_images(panel, title, x, limits)
        else:
            tables = [x[:, :_COLUMNS].astype(np.float64) for _, x in sets]
            frame = _Frame.of(tables)
            for index, (panel, x) in enumerate(zip(panels, tables, strict=True)):
                title = _counted(sets[index][0], x, frame)
                _draw_table(panel, title, x, frame, curve_style(index)["color"])
    return figure


def _draw_images(
    panel: SubFigure, title: str | None, x: Array, limits: tuple[float, float]
) -> None:
    axes = panel.add_subplot()
    axes.imshow(mosaic(x, limits), interpolation="none")  # so that an SVG holds the very pixels
    axes.set_axis_off()
    axes.set_title(title or "")


@dataclass(frozen=True)
class _Frame:
    """The scale of a table's columns, the same for all sets.

    Attributes:
        ends: Of each column, (d, 2).
        tops: Of each column's histogram, (d,).
    """

    ends: Points
    tops: Points

    @classmethod
    def of(cls, sets: Sequence[Points]) -> _Frame:
        """That of the last set; histograms of any set fit."""
        ends = np.array([_ends(column) for column in sets[-1].T])
        heights = [[_density(c, e)[0].max() for c, e in zip(x.T, ends, strict=True)] for x in sets]
        tops = np.max(heights, axis=0)
        return cls(ends, np.where(tops > 0, 1.08 * tops, 1.0))

    def outside(self, x: Points) -> int:
        """The number of points (n, d) that the frame leaves out."""
        inside = (self.ends[:, 0] <= x) & (x <= self.ends[:, 1])
        return int((~inside.all(axis=1)).sum())


def _ends(column: Points) -> tuple[float, float]:
    finite = column[np.isfinite(column)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.quantile(finite, [0.005, 0.995])
    beyond = 0.25 * (high - low)
    low, high = max(low - beyond, finite.min()), min(high + beyond, finite.max())
    margin = 0.06 * (high - low) or 0.1 * abs(low) or 1.0
    return float(low - margin), float(high + margin)


def _density(column: Points, ends: Points) -> tuple[Points, Points]:
    """(heights, edges) of a histogram; what is outside counts in the total."""
    edges = np.linspace(ends[0], ends[1], _BINS + 1)
    counts, _ = np.histogram(column[np.isfinite(column)], edges)
    return counts / (len(column) * (edges[1] - edges[0])), edges


def _counted(title: str | None, x: Points, frame: _Frame) -> str:
    outside = frame.outside(x)
    count = f"n = {len(x):,}" + (f", {outside:,} outside" if outside else "")
    return f"{title} ({count})" if title else count


def _draw_table(panel: SubFigure, title: str, x: Points, frame: _Frame, colour: str) -> None:
    d = x.shape[1]
    if d == 1:
        axes = panel.add_subplot(title=title, xlabel=_name(0), ylabel="density (1 / unit of data)")
        _draw_histogram(axes, x, frame, 0, colour)
    elif d == 2:
        axes = panel.add_subplot(title=title, xlabel=_name(0), ylabel=_name(1))
        _draw_points(axes, x, frame, (0, 1), colour)
        spans = np.ptp(frame.ends, axis=1)
        axes.set_aspect("equal" if spans.max() < _ASPECT * spans.min() else "auto")
    else:
        panel.suptitle(title)
        _draw_matrix(panel, x, frame, colour)


def _draw_matrix(panel: SubFigure, x: Points, frame: _Frame, colour: str) -> None:
    d = x.shape[1]
    for (i, j), axes in np.ndenumerate(panel.subplots(d, d)):
        if i == j:
            _draw_histogram(axes, x, frame, j, colour)
        else:
            _draw_points(axes, x, frame, (j, i), colour)
        _label_cell(axes, i, j, d)


def _name(column: int, unit: str = " (unit of data)") -> str:
    return f"$x_{column + 1}${unit}"


def _draw_histogram(axes: Axes, x: Points, frame: _Frame, column: int, colour: str) -> None:
    heights, edges = _density(x[:, column], frame.ends[column])
    axes.stairs(heights, edges, fill=True, color=colour, alpha=0.35)
    axes.stairs(heights, edges, color=colour, linewidth=0.9)
    axes.set(xlim=tuple(frame.ends[column]), ylim=(0, frame.tops[column]))


def _draw_points(
    axes: Axes, x: Points, frame: _Frame, columns: tuple[int, int], colour: str
) -> None:
    n, panels = len(x), max(1, x.shape[1] * (x.shape[1] - 1) // 2)
    axes.plot(
        *x[:, columns].T,
        linestyle="none",
        marker="o",
        markersize=1.2 if panels > 1 else 1.8,
        markeredgewidth=0,
        color=colour,
        alpha=float(np.clip(18 / np.sqrt(n), 0.12, 0.8)),
        rasterized=n * panels > _MARKS,
    )
    axes.set(xlim=tuple(frame.ends[columns[0]]), ylim=tuple(frame.ends[columns[1]]))


def _label_cell(axes: Axes, i: int, j: int, d: int) -> None:
    """Names and numbers on the outer sides of a matrix only; a histogram's heights have none."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(2))
    axes.tick_params(labelsize=7, labelbottom=i == d - 1, labelleft=j == 0 and i > 0)
    if i == d - 1:
        axes.set_xlabel(_name(j, ""))
    if j == 0:
        axes.set_ylabel(_name(i, ""))
