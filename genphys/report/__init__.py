"""Figures and one self-contained HTML page, from plain arrays, numbers and strings.

Usable alone: nothing here knows of equations, processes or networks.

Example:
    >>> import numpy as np
    >>> from genphys.report import line_figure, to_svg
    >>> k = np.linspace(0, 3, 50)
    >>> figure = line_figure([("heat", k, np.exp(-k**2))], "k (1/m)", "h (dimensionless)")
    >>> to_svg(figure)[:4]
    '<svg'
"""

from __future__ import annotations

from genphys.report.canvas import save, to_svg
from genphys.report.curves import line_figure, loss_figure
from genphys.report.figures import compare_figure, sample_figure, save_grid
from genphys.report.formula import formula_svg
from genphys.report.page import Report, write_report

__all__ = [
    "Report",
    "compare_figure",
    "formula_svg",
    "line_figure",
    "loss_figure",
    "sample_figure",
    "save",
    "save_grid",
    "to_svg",
    "write_report",
]
