from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from genphys.report.images import is_images, levels, mosaic, save_mosaic

GAP = 4


@pytest.mark.parametrize(
    ("shape", "answer"),
    [((5, 8, 8), True), ((5, 8, 8, 4), True), ((5, 8, 8, 5), False), ((5, 2), False)],
)
def test_shapes_of_images(shape: tuple[int, ...], answer: bool) -> None:
    assert is_images(np.zeros(shape)) is answer


def test_levels_are_the_finite_ends_and_zero_is_black_for_unsigned() -> None:
    assert levels(np.array([[-2.0, np.nan, 3.0, np.inf]])) == (-2.0, 3.0)
    assert levels(np.array([5, 16], np.uint8)) == (0.0, 16.0)
    assert levels(np.full(3, np.nan)) == (0.0, 1.0)
    assert levels(np.full(3, 7.0)) == (7.0, 8.0)


@given(
    n=st.integers(1, 70),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    channels=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_every_pixel_of_every_image_is_where_it_belongs(
    n: int, height: int, width: int, channels: int, seed: int
) -> None:
    x = np.random.default_rng(seed).integers(0, 256, (n, height, width, channels), np.uint8)
    picture = mosaic(x, (0.0, 255.0))
    across = 2 * width if channels == 2 else width
    zoom = max(1, 64 // max(height, across))
    columns = int(np.ceil(np.sqrt(min(n, 64))))
    for i in range(min(n, 64)):
        top = i // columns * (height * zoom + GAP)
        left = i % columns * (across * zoom + GAP)
        tile = picture[top : top + height * zoom, left : left + across * zoom]
        shown = tile[zoom // 2 :: zoom, zoom // 2 :: zoom]
        assert (tile == shown.repeat(zoom, 0).repeat(zoom, 1)).all()
        if channels == 2:
            assert (shown[:, :width, 0] == x[i, ..., 0]).all()
            assert (shown[:, width:, 2] == x[i, ..., 1]).all()
        else:
            assert (shown[..., : max(3, channels)] == x[i]).all()
        assert channels == 4 or (shown[..., 3] == 255).all()
    assert picture.dtype == np.uint8
    assert picture.shape[1] == columns * (across * zoom + GAP) - GAP


def test_values_are_shown_in_proportion_clipped_and_nan_is_black() -> None:
    x = np.array([[[-1.0, 0.0, 1.0, 5.0, np.nan, -np.inf, np.inf, 0.5]]])
    shades = mosaic(x, (-1.0, 1.0))[0, 4::8, 0]
    assert shades.tolist() == [0, 128, 255, 255, 0, 0, 255, 191]


def test_large_images_are_fewer_and_a_huge_one_is_thinned() -> None:
    assert mosaic(np.zeros((64, 256, 256)), (0, 1)).shape == (2 * 256 + GAP, 2 * 256 + GAP, 4)
    assert mosaic(np.zeros((3, 2048, 2048)), (0, 1)).shape == (512, 512, 4)


def test_saved_picture_is_exact_and_on_white(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 17, (3, 8, 8)).astype(np.uint8)
    x[0, 0, 0] = 16
    save_mosaic(tmp_path / "a.png", x)
    with Image.open(tmp_path / "a.png") as image:
        picture = np.asarray(image.convert("RGB"))
    assert picture.shape == (132, 132, 3)
    assert (picture[:64:8, :64:8, 0] == np.rint(x[0] * (255 / 16))).all()
    assert (picture[68:, 68:] == 255).all()  # the fourth place is empty
