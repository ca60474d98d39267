"""The look that all figures share, and their way into files and pages.

A figure is drawn without a background and its text and axes in one colour, ``INK``. On a page that
colour becomes the page's own text colour, so a figure is right in light and in dark; in a file it
stands on white. Text is drawn as outlines: it looks the same where no font is installed.

The colours are those of Okabe and Ito [1], which readers with any common colour blindness tell
apart; yellow is left out, as it is lost on white. Curves also differ in their dashes.

Nothing here touches pyplot. Matplotlib takes some settings (the salt of SVG ids, the mathematical
font) from its global table alone: they are set while one figure is made or written, then restored.

References:
    [1] Color Universal Design. Okabe and Ito, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

__all__ = ["INK", "curve_style", "drawing", "save", "styled", "to_svg"]

INK = "#1b1b1d"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
_DASHES = ("-", "--", "-.", ":")  # four and seven share no factor: 28 different curves

_STYLE: Any = {  # Any: newer Matplotlib lists every key in the type, older does not
    "font.family": ["STIXGeneral", "DejaVu Sans"],  # both come with Matplotlib
    "font.size": 11,
    "mathtext.fontset": "stix",
    "text.usetex": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.titlesize": 11,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "figure.titlesize": 11,
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "genphys",
    "image.composite_image": False,
}

# Dates and versions, without which the same figure gives the same bytes.
_METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_DPI = 150


def styled() -> AbstractContextManager[None]:
    """The look of this module, while a figure is made or written; then what was before."""
    return matplotlib.rc_context(_STYLE)


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure without background, to be drawn in; its layout is settled at the end.

    Args:
        width: In inches; 6.8 fills the page.
        height: In inches.
    """
    with styled():
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
        yield figure
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # a second layout would move things by a fraction


def curve_style(index: int) -> dict[str, Any]:
    """Colour and dashes of the curve with this number, as arguments of Matplotlib's ``plot``."""
    return {
        "color": _COLOURS[index % len(_COLOURS)],
        "linestyle": _DASHES[index % len(_DASHES)],
    }


def save(figure: Figure, path: str | Path) -> None:
    """Writes a figure on white: the same figure, the same bytes.

    Args:
        figure: Any figure.
        path: Ends in .png (150 dots per inch), .svg or .pdf; the folder must exist.

    Raises:
        ValueError: When the name ends in something else.
    """
    path = Path(path)
    metadata = _METADATA.get(path.suffix.lower())
    if metadata is None:
        raise ValueError(f"figures are saved as .png, .svg or .pdf, not as {path.name!r}")
    with styled():
        figure.savefig(path, dpi=_DPI, facecolor="white", metadata=metadata)


def to_svg(figure: Figure, *, label: str = "", prefix: str | None = None) -> str:
    """A figure as an SVG element to stand in an HTML page, in the page's text colour.

    Args:
        figure: Any figure.
        label: What a screen reader says; "" leaves that to the page around it.
        prefix: Of every id, so that figures on one page do not share any; by default it is made
            from the content, which suffices unless one figure stands there twice.

    Returns:
        The element, deterministic, with nothing that is loaded from elsewhere.
    """
    text = io.StringIO()
    with styled():
        figure.savefig(text, format="svg", dpi=_DPI, metadata=_METADATA[".svg"])
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].strip().replace(INK, "currentColor")
    # A style element inside the SVG would hold for the whole page: attributes stay in the figure.
    svg = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    named = f' role="img" aria-label="{html.escape(label)}"' if label else ""
    svg = svg.replace("<svg", f'<svg{named} stroke-linejoin="round" stroke-linecap="butt"', 1)
    return _with_ids(svg, prefix or f"f{hashlib.sha256(svg.encode()).hexdigest()[:10]}")


def _with_ids(svg: str, prefix: str) -> str:
    return re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
