from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from genphys.report import compare_figure, sample_figure, save_grid, to_svg

rng = np.random.default_rng(0)


def panels(figure: Figure) -> list[list[Axes]]:
    return [list(panel.axes) for panel in figure.subfigs]


def points(axes: Axes) -> np.ndarray[Any, Any]:
    return np.stack([np.asarray(v) for v in axes.lines[0].get_data()], axis=1)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((9, 8, 8), 1),
        ((9, 8, 8, 3), 1),
        ((9,), 1),
        ((9, 1), 1),
        ((9, 2), 1),
        ((9, 3), 9),
        ((9, 7), 16),
        ((1, 8, 8), 1),
        ((1, 2), 1),
        ((1, 3), 9),
    ],
)
def test_the_shape_chooses_the_figure(shape: tuple[int, ...], axes: int) -> None:
    figure = sample_figure(rng.normal(size=shape))
    assert len(figure.axes) == axes
    assert to_svg(figure) == to_svg(figure)


def test_points_are_those_given_in_equal_units() -> None:
    x = rng.normal(size=(50, 2))
    axes = sample_figure(x).axes[0]
    assert (points(axes) == x).all()
    assert axes.get_aspect() == 1.0
    assert "unit of data" in axes.get_xlabel()


def test_units_are_not_equal_where_a_sliver_would_be_left() -> None:
    assert sample_figure(rng.normal(size=(50, 2)) * [1, 100]).axes[0].get_aspect() == "auto"


def test_a_matrix_shows_column_against_column() -> None:
    x = rng.normal(size=(20, 3))
    axes = np.array(sample_figure(x).axes).reshape(3, 3)
    assert (points(axes[2, 0]) == x[:, [0, 2]]).all()
    assert (points(axes[0, 1]) == x[:, [1, 0]]).all()
    assert axes[2, 0].get_xlabel() == "$x_1$"
    assert axes[2, 0].get_ylabel() == "$x_3$"


@pytest.mark.parametrize("d", [1, 2, 3])
def test_two_sets_share_every_limit(d: int) -> None:
    a, b = panels(compare_figure(rng.normal(size=(300, d)), 3 * rng.normal(size=(200, d))))
    for left, right in zip(a, b, strict=True):
        assert left.get_xlim() == right.get_xlim()
        assert left.get_ylim() == right.get_ylim()


def test_far_samples_neither_move_the_frame_nor_go_uncounted() -> None:
    data = rng.normal(size=(1000, 2))
    samples = rng.normal(size=(1000, 2)).clip(-2, 2)
    alone = panels(compare_figure(samples, data))
    samples[:7] = [[1e6, 0], [0, -1e6], [np.nan, 0], [np.inf, 0], [0, -np.inf], [99, 0], [0, 99]]
    left, right = panels(compare_figure(samples, data))
    assert left[0].get_xlim() == alone[0][0].get_xlim()
    assert left[0].get_title() == "samples (n = 1,000, 7 outside)"
    assert right[0].get_title() == "data (n = 1,000)"


def test_histogram_integrates_to_the_fraction_inside() -> None:
    x = np.concatenate([rng.normal(size=990), np.full(3, 1e9), [np.nan] * 7])
    values, edges, _ = sample_figure(x).axes[0].patches[0].get_data()  # type: ignore[attr-defined]
    assert (values * np.diff(edges)).sum() == pytest.approx(0.99, abs=1e-12)


def test_images_are_on_the_scale_of_the_data() -> None:
    data = np.array([[[0.0, 2.0]]])
    left, right = panels(compare_figure(np.array([[[1.0, 4.0]]]), data))
    shades = [np.asarray(a[0].images[0].get_array())[0, ::32, 0].tolist() for a in (left, right)]
    assert shades == [[128, 255], [0, 255]]


@pytest.mark.parametrize(
    "x",
    [
        np.full((5, 2), np.nan),
        np.full((5, 3), 2.5),
        np.zeros((4, 1)),
        np.full((4, 2), 1e30),
        np.array([[1, 2], [3, 4]], dtype=np.int64),
        np.array([[True, False]]),
        np.full((3, 4, 4), np.inf),
        rng.normal(size=(6, 2)).astype(np.float32),
    ],
)
def test_degenerate_samples_are_drawn_too(x: np.ndarray[Any, Any]) -> None:
    assert to_svg(sample_figure(x)).startswith("<svg")
    assert to_svg(compare_figure(x, x)).startswith("<svg")


@pytest.mark.parametrize("shape", [(20_000, 2), (5000, 6), (64, 32, 32, 3), (64, 128, 128, 3)])
def test_svgs_stay_small(shape: tuple[int, ...]) -> None:
    x = rng.normal(size=shape)
    assert len(to_svg(compare_figure(x, x))) < 2_500_000


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((0, 2)), "at least one"),
        (np.zeros((2, 3, 4, 5)), r"images \(n, H, W\[, C\]\)"),
        (np.zeros((2, 2), complex), "must be numbers"),
        (np.array([["a", "b"]]), "must be numbers"),
        (np.float64(3.0), "table"),
    ],
)
def test_other_things_are_refused_in_one_line(x: np.ndarray[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        sample_figure(x)
    assert "\n" not in str(error.value)


def test_sets_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="agree beyond n"):
        compare_figure(np.zeros((3, 2)), np.zeros((3, 3)))


def test_grid_of_images_is_bare_and_that_of_a_table_has_axes(tmp_path: Path) -> None:
    save_grid(tmp_path / "images.png", np.zeros((64, 8, 8), np.uint8))
    save_grid(tmp_path / "table.png", rng.normal(size=(30, 2)))
    with Image.open(tmp_path / "images.png") as image:
        assert image.size == (8 * 64 + 7 * 4,) * 2
    with Image.open(tmp_path / "table.png") as image:
        assert image.size == (720, 720)
