r"""A data set in memory: training and test samples in mapped units, and the way back.

Images stand as (n, C, H, W), tables and points as (n, d), float32 on the CPU. The statistics that
networks and samplers need,

.. math:: \mu = \mathrm{E}\, u, \qquad s^2 = \mathrm{E}\, |u - \mu|^2 / N,

are those of the training part, as is the map of the units: the test part is never looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genphys.data.units import Units

__all__ = ["Dataset", "check_size", "make_dataset", "random_generator", "to_disk"]

Array: TypeAlias = npt.NDArray[Any]
Kind: TypeAlias = Literal["image", "table"]

FEWEST = 8  # samples; below it neither a spread nor a split means anything
LARGEST = 2**34  # bytes of a data set in memory, as float32: 16 GiB


@dataclass(frozen=True, eq=False)
class Dataset:
    r"""Samples in mapped units, and what is needed to write new ones in the data's own units.

    Args:
        name: The name it is loaded by.
        kind: ``"image"`` or ``"table"``.
        train: Training samples, float32, (n, C, H, W) or (n, d), mapped units.
        test: Test samples, the same.
        units: The map between own and mapped units.
    """

    name: str
    kind: Kind
    train: Tensor
    test: Tensor
    units: Units

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample, (C, H, W) or (d,)."""
        return tuple(self.train.shape[1:])

    @property
    def dim(self) -> int:
        """The number of entries of one sample, N."""
        return math.prod(self.shape)

    @cached_property
    def mean(self) -> Tensor:
        r"""The mean of the training samples, entry by entry: float32, the shape of a sample."""
        return self.train.mean(0, dtype=torch.float64).float()

    @cached_property
    def std(self) -> float:
        r"""The spread :math:`s` of the training samples: the root mean square of u - mean."""
        norm = torch.linalg.vector_norm(self.train - self.mean, dtype=torch.float64)
        return float(norm) / math.sqrt(self.train.numel())

    def own(self, x: Tensor) -> Array:
        """Samples in mapped units as they stand on disk: :func:`to_disk` of their own units."""
        return to_disk(self.units.to_data(x.detach().cpu().double()), self.units)


def to_disk(x: Tensor, units: Units) -> Array:
    r"""Samples in the data's own units, in the layout and the type of a file.

    Args:
        x: Images (n, C, H, W) or rows of a table (n, d), in own units, floating point, any device.
        units: The data's units; they say whether own units are 8-bit.

    Returns:
        Images as (n, H, W), or (n, H, W, C) where C > 1: uint8, rounded and clipped, where the
        data were 8-bit, else float32. Tables as float64 (n, d).

    Raises:
        ValueError: When 8-bit images hold NaN.
    """
    x = x.detach().cpu()
    if x.ndim == 2:
        return x.double().numpy()
    x = x.movedim(1, -1) if x.shape[1] > 1 else x.squeeze(1)
    if not units.integer:
        return x.float().numpy()
    if x.isnan().any():
        raise ValueError(f"{int(x.isnan().sum())} pixels are NaN: no 8-bit value stands for it")
    return x.round().clamp(0, 255).to(torch.uint8).numpy()


def make_dataset(
    name: str,
    kind: Kind,
    train: Array,
    test: Array | None = None,
    *,
    source: str | None = None,
    columns: Sequence[str] = (),
    test_fraction: float = 0.1,
    seed: int = 0,
) -> Dataset:
    r"""Checks samples in the data's own units, splits them where needed, and maps them.

    Args:
        name: The data set's name.
        kind: ``"image"`` or ``"table"``.
        train: Images (n, H, W) or (n, H, W, C), tables (n, d); any real number type. Images of
            type uint8 are mapped by x/127.5 - 1, all else to mean 0 and standard deviation 0.5.
        test: The same, for the test part; None takes a share of ``train`` at random.
        source: What errors begin with, such as a file's name; the data set's name by default.
        columns: Names of a table's columns, for errors.
        test_fraction: The share, in (0, 0.5]; at least one sample. Without effect given ``test``.
        seed: Of the random split, at least 0. Without effect given ``test``.

    Raises:
        ValueError: When the shape or the type is none of these, a part is too small or too large,
            a value is not finite, all images or a column are constant, or a parameter is out of
            its range.
    """
    source = source or name
    _check(source, kind, train, FEWEST)
    if test is None:
        train, test = _split(train, test_fraction, seed)
    else:
        _check(f"{source}: test part", kind, test, 1)
    if train.shape[1:] != test.shape[1:]:
        shapes = f"{train.shape[1:]} and test samples {test.shape[1:]}"
        raise ValueError(f"{source}: training samples are {shapes}: they must be the same")
    if (train.dtype == np.uint8) != (test.dtype == np.uint8):
        types = f"training samples are {train.dtype} and test samples {test.dtype}"
        raise ValueError(f"{source}: {types}: both or neither must be uint8")
    _check_varies(source, kind, train, columns)
    u, v = _tensor(train, kind), _tensor(test, kind)
    units = _units(source, kind, train.dtype, u)
    return Dataset(name, kind, units.to_mapped(u).float(), units.to_mapped(v).float(), units)


def random_generator(seed: int) -> np.random.Generator:
    """NumPy's generator of this seed; a seed below 0 is a ValueError."""
    if seed < 0:
        raise ValueError(f"seed={seed}: it must be 0 or above")
    return np.random.default_rng(seed)


def check_size(what: str, shape: Sequence[int], itemsize: int = 4) -> None:
    """Refuses an array that would not fit, before it is read: ValueError above 16 GiB as float32.

    Args:
        what: What the error begins with.
        shape: The array's shape.
        itemsize: Bytes of an entry; below 4 they count as 4.
    """
    size = math.prod(shape) * max(4, itemsize)
    if size > LARGEST:
        raise ValueError(
            f"{what}: {tuple(shape)} takes {size / 2**30:.0f} GiB, more than the limit of "
            f"{LARGEST >> 30} GiB: give fewer or smaller samples"
        )


def _check(what: str, kind: Kind, x: Array, fewest: int) -> None:
    """One ValueError for whatever makes ``x`` no array of images or rows."""
    if x.dtype.kind not in "buif":
        raise ValueError(f"{what}: type {x.dtype}: real numbers are wanted")
    if kind == "table" and x.ndim != 2:
        raise ValueError(f"{what}: shape {x.shape}: a table is (n, d)")
    if kind == "image" and x.ndim not in (3, 4):
        raise ValueError(f"{what}: shape {x.shape}: images are (n, H, W) or (n, H, W, C)")
    if x.ndim == 4 and not 1 <= x.shape[-1] <= 4:
        raise ValueError(f"{what}: shape {x.shape}: images are (n, H, W, C), 1 to 4 channels C")
    if len(x) < fewest:
        raise ValueError(f"{what}: {len(x)} samples: at least {fewest} are wanted")
    if 0 in x.shape:
        raise ValueError(f"{what}: shape {x.shape}: samples hold no entries")
    check_size(what, x.shape, x.itemsize)
    finite = np.isfinite(x)
    if not finite.all():
        first = np.unravel_index(int(np.argmin(finite)), x.shape)
        place = ", ".join(str(int(i)) for i in first)
        bad = x.size - np.count_nonzero(finite)
        raise ValueError(
            f"{what}: {bad} of {x.size} values are NaN or infinite, first at [{place}]"
        )


def _check_varies(what: str, kind: Kind, x: Array, columns: Sequence[str]) -> None:
    """A constant column has no scale. Compared exactly: the float mean of 0.1 is not 0.1."""
    if kind == "image":
        if x.min() == x.max():
            raise ValueError(f"{what}: every pixel is {x.min()}: images that vary are wanted")
        return
    constant = np.flatnonzero(x.min(0) == x.max(0))
    if len(constant):
        i = int(constant[0])
        label = f"{i} ({columns[i]})" if columns else f"{i}"
        raise ValueError(f"{what}: column {label} is constant, {x[0, i]}: leave it out")


def _split(x: Array, test_fraction: float, seed: int) -> tuple[Array, Array]:
    if not 0 < test_fraction <= 0.5:
        raise ValueError(f"test_fraction={test_fraction}: it must be above 0 and at most 0.5")
    order = random_generator(seed).permutation(len(x))
    count = len(x) - max(1, round(test_fraction * len(x)))
    return x[order[:count]], x[order[count:]]


def _tensor(x: Array, kind: Kind) -> Tensor:
    """As float32 or, where that could lose digits, float64; images channels first."""
    wide = np.promote_types(x.dtype, np.float32)
    u = torch.from_numpy(x.astype(wide if wide.itemsize <= 8 else np.float64))
    if kind == "table":
        return u.double()
    return u.unsqueeze(1) if u.ndim == 3 else u.movedim(-1, 1).contiguous()


def _units(what: str, kind: Kind, dtype: np.dtype[Any], u: Tensor) -> Units:
    if kind == "image" and dtype == np.uint8:
        return Units.eight_bit()
    try:
        return Units.fit(u, per_column=kind == "table")
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
