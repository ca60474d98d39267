"""Images side by side, as one picture.

One channel is grey, three are red, green and blue, a fourth is opacity; two are shown side by side
in grey. All images share one scale: what is brighter in one is brighter in another.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["MOST", "is_images", "levels", "mosaic", "save_mosaic"]

MOST = 64  # images in one picture
_TILE, _GAP = 64, 4  # pixels: small images are enlarged up to the one, and stand the other apart


def is_images(x: NDArray[np.generic]) -> bool:
    """Whether an array has the shape of images, (n, H, W) or (n, H, W, C) with C from 1 to 4."""
    return x.ndim == 3 or (x.ndim == 4 and 1 <= x.shape[-1] <= 4)


def levels(x: NDArray[np.generic]) -> tuple[float, float]:
    """The values that black and white stand for: the least and the greatest finite one.

    Args:
        x: Of any shape and real dtype. For unsigned integers black is 0, as zero means no light.
    """
    value = x.astype(np.float64)
    finite = value[np.isfinite(value)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    low = 0.0 if x.dtype.kind in "bu" else low
    return (low, high) if high > low else (low, low + 1.0)


def mosaic(
    x: NDArray[np.generic], limits: tuple[float, float], *, pixels: int = 2**18
) -> NDArray[np.uint8]:
    """Up to 64 images on a grid, small ones enlarged by an integer factor.

    Args:
        x: Images (n, H, W) or (n, H, W, C), of any real dtype.
        limits: The values of black and white; beyond is clipped, and NaN is black.
        pixels: Of x, to show at most: beyond, fewer images, and of a single one every few pixels.

    Returns:
        The picture (height, width, 4), red, green, blue and opacity; clear between the images.
    """
    x = x[..., None] if x.ndim == 3 else x
    area = x.shape[1] * x.shape[2]
    step = math.ceil(math.sqrt(area / pixels))
    x = x[: max(1, min(MOST, pixels // area)), ::step, ::step]
    tiles = _colours(x, limits)
    zoom = max(1, _TILE // max(tiles.shape[1:3]))
    return _arrange(tiles.repeat(zoom, axis=1).repeat(zoom, axis=2))


def save_mosaic(path: str | Path, x: NDArray[np.generic]) -> None:
    """Writes up to 64 images as one picture on white, pixel for pixel.

    Args:
        path: Ends in .png or another name of a picture that Pillow knows.
        x: Images (n, H, W) or (n, H, W, C), of any real dtype.
    """
    picture = Image.fromarray(mosaic(x, levels(x), pixels=2**22))
    white = Image.new("RGBA", picture.size, "white")
    Image.alpha_composite(white, picture).convert("RGB").save(path)


def _colours(x: NDArray[np.generic], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """(n, H, W, C) as (n, H, W, 4) with values from 0 to 255."""
    low, high = limits
    value = np.nan_to_num(np.clip(x.astype(np.float64), low, high), nan=low)
    shade = np.rint((value - low) * (255 / (high - low))).astype(np.uint8)
    if shade.shape[-1] == 2:
        shade = np.concatenate([shade[..., :1], shade[..., 1:]], axis=2)
    if shade.shape[-1] == 1:
        shade = shade.repeat(3, axis=-1)
    if shade.shape[-1] == 3:
        shade = np.concatenate([shade, np.full_like(shade[..., :1], 255)], axis=-1)
    return shade


def _arrange(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    n, height, width, _ = tiles.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    cells = np.zeros((rows * columns, height + _GAP, width + _GAP, 4), np.uint8)
    cells[:n, :height, :width] = tiles
    grid = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    return grid.reshape(rows * (height + _GAP), -1, 4)[:-_GAP, :-_GAP]
