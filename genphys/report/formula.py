r"""A LaTeX formula as an SVG, in the colour and the size of the text around it.

Matplotlib's own reader of mathematics is used [1]: no TeX is needed, and one formula of one line is
understood at a time. The outlines of all glyphs become one path, so nothing depends on the reader's
fonts. Names of three letters and more are set upright, as physicists write them: in ``mass r`` the
factors then stay apart.

References:
    [1] Writing mathematical expressions. https://matplotlib.org/stable/users/explain/text/mathtext.html
"""

from __future__ import annotations

import re

from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from genphys.report.canvas import styled

__all__ = ["formula_svg"]

_EM = 100.0  # units of the path per em
_MARGIN = 4.0  # units; accents and slanted letters overhang their boxes

_PIECE = re.compile(
    r"\\(?:mathrm|mathit|mathbf|mathcal|mathbb|operatorname|text)\s*\{[^{}]*\}|\\[A-Za-z]+"
    r"|(?P<before>(?<=[A-Za-z0-9})]) )?(?P<word>[A-Za-z]{3,})(?P<after> (?=[A-Za-z]))?"
)
_FRACTION = re.compile(r"\\frac(?![A-Za-z])")
_COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}


def formula_svg(latex: str, size: float = 1.1) -> str:
    r"""An inline SVG of a formula, on the baseline of the text, or "" if it cannot be read.

    Args:
        latex: Mathematics of one line, in ASCII, without dollar signs.
        size: Of its letters, in em: 1 is that of the text around it.
    """
    if not latex.isascii() or "$" in latex:  # other letters may lack a glyph; a dollar ends it
        return ""
    text = f"${_PIECE.sub(_upright, _FRACTION.sub(_displayed, latex))}$"
    font = FontProperties(family="STIXGeneral", size=_EM, math_fontfamily="stix")
    try:
        with styled():
            width, height, depth, glyphs, rules = MathTextParser("path").parse(text, 72, font)
            if not glyphs and not rules:  # spaces alone
                return ""
            path = TextPath((0, 0), text, prop=font)
    except (ValueError, RecursionError):
        return ""
    return _svg(path, (float(width), float(height), float(depth)), size)


def _displayed(match: re.Match[str]) -> str:
    """A fraction in full size, unless it stands in an index, an exponent or another fraction."""
    before = match.string[: match.start()]
    return r"\dfrac" if before.count("{") == before.count("}") else match[0]


def _upright(match: re.Match[str]) -> str:
    if not match["word"]:
        return match[0]
    before, after = (r"\," if match[side] else "" for side in ("before", "after"))
    return rf"{before}\mathrm{{{match['word']}}}{after}"


def _svg(path: Path, box: tuple[float, float, float], size: float) -> str:
    """The path in a view whose y points down, with the box (width, height, depth) as the least."""
    extents = path.get_extents()
    left, right = min(0.0, extents.x0) - _MARGIN, max(box[0], extents.x1) + _MARGIN
    top, bottom = max(box[1] - box[2], extents.y1) + _MARGIN, max(box[2], -extents.y0) + _MARGIN
    width, height = right - left, top + bottom
    return (
        f'<svg class="formula" viewBox="{left:.0f} {-top:.0f} {width:.0f} {height:.0f}" '
        f'width="{width / _EM * size:.3f}em" height="{height / _EM * size:.3f}em" '
        f'style="vertical-align:{-bottom / _EM * size:.3f}em" fill="currentColor">'
        f'<path d="{_outline(path)}"/></svg>'
    )


def _outline(path: Path) -> str:
    parts = []
    for points, code in path.iter_segments(simplify=False):
        if code == Path.CLOSEPOLY:
            parts.append("Z")
        else:
            flipped = points.reshape(-1, 2) * (1, -1)
            parts.append(_COMMANDS[code] + " ".join(f"{v:.1f}" for v in flipped.flat))
    return "".join(parts).replace(".0 ", " ").replace("-0 ", "0 ")
