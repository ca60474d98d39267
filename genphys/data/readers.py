r"""Arrays from files: npz and npy, csv, and folders of images.

A file may come from anywhere, so nothing in it is trusted: no pickle is opened, an array's header
is read and its size judged before memory is taken for it, and an image of an absurd number of
pixels is refused by Pillow. Whatever is wrong ends in one line that begins with the path.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from PIL import Image, ImageOps

from genphys.data.dataset import Array, check_size

__all__ = ["Arrays", "read_images", "read_table"]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True, eq=False)
class Arrays:
    """What a path held.

    Args:
        train: The samples, in the shape and the type they had.
        test: The test samples, where the path held such a part.
        columns: Names of a table's columns, or none.
    """

    train: Array
    test: Array | None = None
    columns: tuple[str, ...] = ()


def read_images(path: str | Path) -> Arrays:
    """Images of an npz or npy file, or of a folder (png, jpg, webp, bmp; recursively, sorted).

    An npz file gives the key ``x``, else ``x_train``, with ``x_test`` as the test part where there
    is one, else its only array. A folder gives uint8 (n, H, W, C).

    Raises:
        FileNotFoundError: When there is nothing at the path.
        ValueError: When what is there cannot be read as images of one shape and mode.
    """
    path = _existing(path)
    if path.is_dir():
        return Arrays(_read_folder(path))
    return _read_array_file(path, "an npz or npy file or a folder of images")


def read_table(path: str | Path) -> Arrays:
    """Rows of an npz, npy or csv file: numbers, in a csv below at most one line of names.

    An npz file gives what it does in :func:`read_images`. A csv may be separated by commas,
    semicolons or tabs; its numbers become float64.

    Raises:
        FileNotFoundError: When there is nothing at the path.
        ValueError: When what is there cannot be read as a table.
    """
    path = _existing(path)
    if path.suffix.lower() == ".csv" and path.is_file():
        return _read_csv(path)
    return _read_array_file(path, "an npz, npy or csv file")


def _existing(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    return path


def _read_array_file(path: Path, wanted: str) -> Arrays:
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".npy") or path.is_dir():
        raise ValueError(f"{path}: {wanted} is wanted")
    try:
        if suffix == ".npz":
            return _read_npz(path)
        with path.open("rb") as stream:
            return Arrays(_read_npy(stream, os.fstat(stream.fileno()).st_size))
    except Exception as error:  # a damaged archive raises almost anything, down to zlib.error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: {reason}") from error


def _read_npz(path: Path) -> Arrays:
    with zipfile.ZipFile(path) as archive:
        names = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]

        def read(name: str) -> Array:
            info = archive.getinfo(f"{name}.npy")
            with archive.open(info) as stream:
                return _read_npy(stream, info.file_size, name)

        key = _key(names)
        # Not beside an array of another name: what belongs together is told by these names alone.
        test = read("x_test") if "x_test" in names and key in ("x", "x_train") else None
        return Arrays(read(key), test)


def _key(names: Sequence[str]) -> str:
    for key in ("x", "x_train"):
        if key in names:
            return key
    if len(names) == 1:
        return names[0]
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    raise ValueError(f"a key x or x_train, or only one array is wanted; keys: {listed or 'none'}")


def _read_npy(stream: IO[bytes], size: int, name: str = "array") -> Array:
    """Reads one array of a stream of ``size`` bytes, its header first."""
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name}: npy format {version} holds no plain numbers")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects: an array of numbers is wanted")
    check_size(name, shape, dtype.itemsize)
    stored, claimed = size - stream.tell(), dtype.itemsize * int(np.prod(shape, dtype=object))
    if stored < claimed:
        raise ValueError(f"{name} is cut short: {stored} of {claimed} bytes are there")
    stream.seek(0)
    array: Array = npy.read_array(stream, allow_pickle=False)
    return array


def _read_csv(path: Path) -> Arrays:
    check_size(str(path), (path.stat().st_size,), 1)
    try:
        with path.open(encoding="utf-8-sig") as stream:
            first = stream.readline()
            separator = next((s for s in ",;\t" if s in first), None)
            names = tuple(name.strip(' "\n') for name in first.split(separator))
            header = not all(map(_is_number, names))
            stream.seek(0)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*input contained no data")
                x = np.loadtxt(
                    stream,
                    delimiter=separator,
                    skiprows=int(header),
                    ndmin=2,
                    comments=None,
                    quotechar='"',
                )
    except ValueError as error:
        reason = str(error).split(";")[0].rstrip(".")
        raise ValueError(
            f"{path}: {reason}; only numbers are wanted, below at most one line of names"
        ) from error
    return Arrays(x, columns=names if header and len(names) == x.shape[1] else ())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_folder(folder: Path) -> Array:
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )
    if not files:
        raise ValueError(f"{folder}: no image in the folder (png, jpg, jpeg, webp, bmp)")
    first = _read_image(files[0])
    check_size(f"{folder}: {len(files)} images", (len(files), *first.shape))
    images = np.empty((len(files), *first.shape), np.uint8)
    for i, file in enumerate(files):
        image = _read_image(file)
        if image.shape != first.shape:
            raise ValueError(
                f"{file} is {_describe(image)} where {files[0]} is {_describe(first)}: "
                "one size and mode is wanted"
            )
        images[i] = image
    return images


def _read_image(file: Path) -> Array:
    """One image as uint8 (H, W, C), turned upright."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                image = ImageOps.exif_transpose(opened)
                if image.mode == "P":
                    image = image.convert("RGBA" if "transparency" in image.info else "RGB")
                if image.mode == "1":
                    image = image.convert("L")
                if image.mode not in CHANNELS:
                    raise ValueError(f"mode {image.mode}: {', '.join(CHANNELS)} are read")
                return np.asarray(image).reshape(image.height, image.width, CHANNELS[image.mode])
    except Exception as error:  # a damaged image raises almost anything, down to struct.error
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{file}: not a readable 8-bit image ({reason})") from error


def _describe(image: Array) -> str:
    height, width, channels = image.shape
    return f"{height}x{width} {['L', 'LA', 'RGB', 'RGBA'][channels - 1]}"
