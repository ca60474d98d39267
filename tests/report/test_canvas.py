from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from genphys.report import line_figure, save, to_svg
from genphys.report.canvas import INK, curve_style


def curve(scale: float = 1.0) -> Figure:
    x = np.linspace(0.1, 2, 20)
    return line_figure([(r"$\sigma$", x, scale * x), ("b", x, x**2)], "x (m)", "y (dimensionless)")


def test_svg_is_one_element_without_anything_from_elsewhere() -> None:
    svg = to_svg(curve(), label='a "b" <c>')
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("}svg")
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'a "b" <c>'
    assert "<style" not in svg  # it would hold for the whole page
    assert re.findall(r'(?:href|src)="(?!#|data:)', svg) == []
    assert re.findall(r"url\((?!#)", svg) == []


def test_svg_takes_the_text_colour_of_the_page() -> None:
    svg = to_svg(curve())
    assert "currentColor" in svg
    assert INK not in svg


def test_equal_figures_give_equal_svgs_and_so_does_one_figure_twice() -> None:
    figure = curve()
    assert to_svg(figure) == to_svg(figure) == to_svg(curve())


def test_svgs_on_one_page_share_no_id_and_every_reference_is_answered() -> None:
    svgs = [to_svg(curve()), to_svg(curve(2.0)), to_svg(curve(), prefix="again")]
    ids = [re.findall(r'\sid="([^"]*)"', svg) for svg in svgs]
    assert all(len(found) > 10 for found in ids)
    assert len({name for found in ids for name in found}) == sum(map(len, ids))
    for svg, found in zip(svgs, ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]*)', svg)) <= set(found)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_saved_files_are_deterministic(tmp_path: Path, suffix: str) -> None:
    for name in "ab":
        save(curve(), tmp_path / (name + suffix))
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_png_has_150_dots_per_inch_on_white(tmp_path: Path) -> None:
    save(curve(), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1020, 540)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf, not as 'a\.bmp'"):
        save(curve(), tmp_path / "a.bmp")


def test_28_curves_differ() -> None:
    assert len({tuple(curve_style(i).values()) for i in range(28)}) == 28


def test_settings_of_matplotlib_stay_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    to_svg(curve())
    assert dict(matplotlib.rcParams) == before


def test_neither_pyplot_nor_torch_nor_sympy_is_imported() -> None:
    code = (
        "import sys, genphys.report as r; r.to_svg(r.sample_figure([[1.0, 2.0]]));"
        "print([m for m in ('matplotlib.pyplot', 'torch', 'sympy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
