"""The figures of a process: which there are, and that their curves are the formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy import special, stats

from genphys import derive
from genphys.pde import Laplacian, field, t, x
from genphys.potentials.heat import Heat
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.potentials.yukawa import Yukawa
from genphys.process import Process
from genphys.runs import portraits as module
from genphys.runs.portraits import portraits

DECAY = sp.Eq(field(t).diff(t), Laplacian(field(t), x) - field(t) / 4)


@pytest.mark.parametrize(
    ("process", "names"),
    [
        (Heat().bind(dim=2), ["kernel", "transfer"]),
        (derive(DECAY).bind(dim=2), ["kernel", "transfer", "survival"]),
        (Pfgmpp(D=1).bind(dim=64), ["kernel", "transfer", "clock"]),
        (Yukawa(D=3, mass=0.5).bind(dim=2), ["kernel", "transfer", "clock", "survival"]),
    ],
    ids=["heat", "decay", "pfgmpp", "yukawa"],
)
def test_each_process_has_its_figures(tmp_path: Path, process: Process, names: list[str]) -> None:
    assert portraits(process, tmp_path) == [f"{name}.png" for name in names]
    wanted = {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert {p.name for p in tmp_path.iterdir()} == wanted
    for name in names:
        picture = np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"))
        assert picture.std() > 5  # not blank
        assert (tmp_path / f"{name}.svg").read_text().count("<path") > 5


Curves = list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Curves]:
    """The curves that were handed over, by the first word of the figure's title."""
    found: dict[str, Curves] = {}

    def remember(curves: Curves, **labels: Any) -> Figure:
        found[labels["title"].split()[0]] = curves
        return Figure()

    monkeypatch.setattr(module, "line_figure", remember)
    return found


def test_the_curves_of_poisson(tmp_path: Path, drawn: dict[str, Curves]) -> None:
    """Student's kernel, chi-squared clock, Matern transfer; 20,000 draws: 5 standard errors."""
    d, dim = 8, 3
    portraits(Pfgmpp(D=d).bind(dim=dim), tmp_path)
    assert all(len(curves) == 4 for curves in drawn.values())
    for _, u, value in drawn["Kernel"]:
        kernel = (1 + u**2 / d) ** (-(d + dim) / 2)
        np.testing.assert_allclose(value, np.where(kernel < 1e-12, 0, kernel), rtol=1e-9)
    for _, k, value in drawn["Transfer"]:
        w = np.sqrt(d) * k  # k r at sigma = 1
        h = 2 ** (1 - d / 2) / special.gamma(d / 2) * w ** (d / 2) * special.kv(d / 2, w)
        np.testing.assert_allclose(value, h, atol=5 * 0.5 / np.sqrt(20_000))
    for _, s, value in drawn["The"]:
        density = stats.invgamma(d / 2, scale=d / 2).pdf(s) * s
        np.testing.assert_allclose(value, density, rtol=1e-9, atol=1e-300)


def test_the_curve_of_a_uniform_loss(tmp_path: Path, drawn: dict[str, Curves]) -> None:
    """M = exp(-t/4) with sigma² = 2 t; the transfer function of heat has no error."""
    portraits(derive(DECAY).bind(dim=2), tmp_path)
    ((_, sigma, value),) = drawn["Surviving"]
    np.testing.assert_allclose(value, -(sigma**2) / 8 / np.log(10), rtol=1e-9)
    for _, k, h in drawn["Transfer"]:
        np.testing.assert_allclose(h, np.exp(-(k**2) / 2), rtol=1e-9, atol=1e-300)
