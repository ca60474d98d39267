"""The data sets by name: each public function of this module is one.

``genphys list datasets`` reads a function's name, parameters and first docstring line from this
source without importing it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from genphys.data import toys
from genphys.data.dataset import FEWEST, Dataset, Kind, make_dataset, random_generator
from genphys.data.readers import Arrays, read_images, read_table

__all__ = [
    "DATASETS",
    "checkerboard",
    "digits",
    "gaussians",
    "images",
    "moons",
    "swiss_roll",
    "table",
]


def digits(seed: int = 0) -> Dataset:
    """1,797 handwritten digits of 8x8 grey pixels, 0 to 16, shipped with the package.

    1,400 are for training and 397 for testing.

    Args:
        seed: Of the random split.

    References:
        Optical Recognition of Handwritten Digits. E. Alpaydin and C. Kaynak, 1998, UCI Machine
        Learning Repository, doi:10.24432/C50P49 (CC BY 4.0), its test part.
    """
    source = resources.files("genphys.data") / "digits.npz"
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        x = arrays["x"].astype(np.float32)  # not uint8: that would be mapped as 0 to 255
    return make_dataset("digits", "image", x, test_fraction=397 / 1797, seed=seed)


def gaussians(n: int = 20_000, seed: int = 0) -> Dataset:
    """Points: 8 Gaussians of weights 0.30 down to 0.03 on an ellipse.

    Args:
        n: Number of training points; a quarter as many are drawn for testing.
        seed: Of the draw.
    """
    return _toy("gaussians", toys.draw_gaussians, n, seed)


def moons(n: int = 20_000, seed: int = 0) -> Dataset:
    """Points: two interleaved half circles with noise.

    Args:
        n: Number of training points; a quarter as many are drawn for testing.
        seed: Of the draw.
    """
    return _toy("moons", toys.draw_moons, n, seed)


def checkerboard(n: int = 20_000, seed: int = 0) -> Dataset:
    """Points: uniform on 8 of 16 squares, with sharp edges.

    Args:
        n: Number of training points; a quarter as many are drawn for testing.
        seed: Of the draw.
    """
    return _toy("checkerboard", toys.draw_checkerboard, n, seed)


def swiss_roll(n: int = 20_000, seed: int = 0) -> Dataset:
    """Points: a spiral of one and a half turns with noise.

    Args:
        n: Number of training points; a quarter as many are drawn for testing.
        seed: Of the draw.
    """
    return _toy("swiss_roll", toys.draw_swiss_roll, n, seed)


def images(path: str | Path, test_fraction: float = 0.1, seed: int = 0) -> Dataset:
    """Your own images: a folder, or an npz or npy file (n, H, W) or (n, H, W, C).

    Any height and width, 1 to 4 channels, all images alike. An npz file gives the key ``x``, else
    ``x_train`` (with ``x_test`` for testing where there is one), else its only array.

    Args:
        path: The folder (png, jpg, webp, bmp; searched recursively) or file.
        test_fraction: The share kept for testing where the file holds no ``x_test``, in (0, 0.5].
        seed: Of the random split.
    """
    return _own("images", "image", path, read_images(path), test_fraction, seed)


def table(path: str | Path, test_fraction: float = 0.1, seed: int = 0) -> Dataset:
    """Your own rows of numbers: an npz, npy or csv file (n, d).

    Args:
        path: The file. An npz is read as for images, a csv may begin with a line of names.
        test_fraction: The share kept for testing where the file holds no ``x_test``, in (0, 0.5].
        seed: Of the random split.
    """
    return _own("table", "table", path, read_table(path), test_fraction, seed)


DATASETS: Final[dict[str, Callable[..., Dataset]]] = {
    "digits": digits,
    "gaussians": gaussians,
    "moons": moons,
    "checkerboard": checkerboard,
    "swiss_roll": swiss_roll,
    "images": images,
    "table": table,
}


def _toy(
    name: str, draw: Callable[[np.random.Generator, int], toys.Points], n: int, seed: int
) -> Dataset:
    if n < FEWEST:
        raise ValueError(f"{name}: n={n}: at least {FEWEST} points are wanted")
    rng = random_generator(seed)
    return make_dataset(name, "table", draw(rng, n), draw(rng, n // 4))


def _own(
    name: str, kind: Kind, path: str | Path, arrays: Arrays, test_fraction: float, seed: int
) -> Dataset:
    return make_dataset(
        name,
        kind,
        arrays.train,
        arrays.test,
        source=str(path),
        columns=arrays.columns,
        test_fraction=test_fraction,
        seed=seed,
    )
