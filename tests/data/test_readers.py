from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genphys.data import load_dataset
from genphys.data.dataset import Array
from genphys.data.readers import read_images, read_table

IMAGES = np.random.default_rng(0).integers(0, 256, (9, 5, 4, 3), dtype=np.uint8)
ROWS = np.random.default_rng(0).normal(size=(9, 3))


def save_folder(folder: Path, images: Array = IMAGES, suffix: str = "png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{i:02}.{suffix}")
    return folder


def header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    """An npy file that claims an array and holds none of it."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


def save_npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


# Array files


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ("keys", "train", "test"),
    [
        (("only",), "only", None),
        (("x", "y"), "x", None),
        (("other", "x_train", "x"), "x", None),
        (("x_train", "x_test", "y"), "x_train", "x_test"),
        (("x", "x_test"), "x", "x_test"),
        (("x_test",), "x_test", None),
    ],
)
def test_npz_keys(
    tmp_path: Path,
    save: Callable[..., None],
    keys: tuple[str, ...],
    train: str,
    test: str | None,
) -> None:
    arrays = {key: IMAGES + i for i, key in enumerate(keys)}
    save(tmp_path / "a.npz", **arrays)
    read = read_images(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.train, arrays[train])
    if test is None:
        assert read.test is None
    else:
        assert read.test is not None
        np.testing.assert_array_equal(read.test, arrays[test])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f8"])
def test_npy(tmp_path: Path, order: Any, dtype: str) -> None:
    np.save(tmp_path / "a.NPY.npy", np.array(IMAGES, dtype, order=order))
    np.testing.assert_array_equal(read_images(tmp_path / "a.NPY.npy").train, IMAGES)
    np.testing.assert_array_equal(read_table(str(tmp_path / "a.NPY.npy")).train, IMAGES)


def test_npz_without_a_key_lists_some(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{f"k{i}": ROWS for i in range(10)})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a key x or x_train, .*; keys: k0, .*, k7, \.\.\.$"):
        read_table(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="keys: none"):
        read_table(save_npz(tmp_path / "b.npz"))


class Bomb:
    """Leaves a file behind where a pickle of it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_no_pickle_is_opened(tmp_path: Path, suffix: str) -> None:
    objects = np.array([Bomb(tmp_path / "boom")] * 9, object)
    if suffix == "npy":
        np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    else:
        np.savez(tmp_path / "a.npz", x=objects)
    with pytest.raises(ValueError, match="holds Python objects"):
        read_table(tmp_path / f"a.{suffix}")
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**20, 2**20, 2**20), (2**32 + 1, 1)])
def test_a_claim_is_judged_before_memory_is_taken(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "a.npy").write_bytes(header(shape))
    save_npz(tmp_path / "a.npz", x=header(shape))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match="more than the limit of 16 GiB"):
            read_images(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header((2**31,)), "is cut short: 0 of 8589934592 bytes"),
        (header((9, 3), "|V0"), "V0|samples"),
        (header((-3, 3)), "."),
        (b"\x93NUMPY\x01\x00\xff\xff{", "."),
        (b"\x93NUMPY\x03\x00" + header((1,))[8:], "holds no plain numbers"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((((", "."),
        (b"not an array", "magic"),
    ],
)
def test_damaged_arrays(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    save_npz(tmp_path / "a.npz", x=content)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match=message) as caught:
            load_dataset("table", path=tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_damaged_archive(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=IMAGES)
    whole = (tmp_path / "a.npz").read_bytes()
    for damaged in (whole[:-30], whole[:70] + b"\0" * 40 + whole[110:], b"PK\x03\x04", b"hello"):
        (tmp_path / "b.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"b\.npz: .") as caught:
            read_images(tmp_path / "b.npz")
        assert "\n" not in str(caught.value)


def test_an_archive_that_lies_about_its_size(tmp_path: Path) -> None:
    path = save_npz(tmp_path / "a.npz", x=header((9, 3)))
    content, real = bytearray(path.read_bytes()), len(header((9, 3)))
    for at in range(len(content) - 3):  # both directory entries now promise the missing bytes
        if content[at : at + 4] == struct.pack("<I", real):
            content[at : at + 4] = struct.pack("<I", real + 9 * 3 * 4)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz: ."):
        read_table(path)


@pytest.mark.parametrize("read", [read_images, read_table])
def test_missing_empty_and_other_files(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        read(tmp_path / "nothing.npz")
    for name in ("a.npz", "a.npy", "a.csv"):
        (tmp_path / name).touch()
        with pytest.raises(ValueError, match="the file is empty"):
            read(tmp_path / name)
    (tmp_path / "a.txt").write_text("1,2\n")
    with pytest.raises(ValueError, match=r"a\.txt: .*npz.* is wanted"):
        read(tmp_path / "a.txt")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an npz, npy or csv file is wanted"):
        read_table(tmp_path)


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "a.npy", ROWS)
    np.testing.assert_array_equal(read_table("~/a.npy").train, ROWS)


# Comma-separated values


@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
@pytest.mark.parametrize("names", ["", "a b,c,d\n", '"a b","c","d"\r\n', "\ufeffa b,c,d\n"])
def test_csv(tmp_path: Path, separator: str, names: str) -> None:
    lines = [separator.join(map(repr, row)) for row in ROWS.tolist()]
    text = names.replace(",", separator) + "\n".join(lines) + "\n\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8", newline="")
    read = read_table(tmp_path / "a.csv")
    np.testing.assert_array_equal(read.train, ROWS)
    assert read.columns == (("a b", "c", "d") if names else ())


def test_csv_of_one_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("height\n" + "\n".join(str(i) for i in range(9)))
    read = read_table(tmp_path / "a.csv")
    np.testing.assert_array_equal(read.train, np.arange(9.0)[:, None])
    assert read.columns == ("height",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n", "'x' .* only numbers are wanted, below at most one line of names$"),
        ("1,2\n3,\n", "only numbers are wanted"),
        ("1,2\n3,4,5\n", "columns changed from 2 to 3 at row 2; only numbers"),
        ("a,b\n", "0 samples: at least 8"),
        ("\n", "."),
        ("a,b\n" + "1,2\n" * 9, r"column 0 \(a\) is constant"),
        ("a,b\n" + "1,2\n2,nan\n" * 9, r"9 of 36 values are NaN or infinite, first at \[1, 1\]"),
        ("\0\1\2\3\n\xff\n", "."),
    ],
)
def test_csv_mistakes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=message) as caught:
        load_dataset("table", path=tmp_path / "a.csv")
    assert str(caught.value).startswith(str(tmp_path / "a.csv"))
    assert "\n" not in str(caught.value)


# Folders of images


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "PNG"])
def test_folder_keeps_every_pixel(tmp_path: Path, suffix: str) -> None:
    folder = save_folder(tmp_path / "f", IMAGES[:5], "png" if suffix == "webp" else suffix)
    if suffix == "webp":
        for file in sorted(folder.iterdir()):
            Image.open(file).save(file.with_suffix(".webp"), lossless=True)
            file.unlink()
    save_folder(folder / "inner", IMAGES[5:])
    (folder / "notes.txt").write_text("no image")
    (folder / "._00.png").write_text("what macOS leaves behind")
    np.testing.assert_array_equal(read_images(folder).train, IMAGES)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_folder_of_any_channels(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (9, 6, 5, channels), dtype=np.uint8)
    data = load_dataset("images", path=save_folder(tmp_path, images))
    assert data.shape == (channels, 6, 5)
    assert data.units.integer
    assert (len(data.train), len(data.test)) == (8, 1)


def test_folder_of_jpeg_is_turned_upright(tmp_path: Path) -> None:
    upright = np.zeros((16, 8), np.uint8)
    upright[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to show
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a.jpg", exif=exif, quality=95)
    read = read_images(tmp_path).train[0, :, :, 0]
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).max() < 20


def test_palettes_and_bits_are_expanded(tmp_path: Path) -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0)).quantize(4)
    red.save(tmp_path / "a.png")
    assert read_images(tmp_path).train[0, 0, 0].tolist() == [255, 0, 0]
    red.save(tmp_path / "a.png", transparency=0)
    assert read_images(tmp_path).train.shape == (1, 4, 4, 4)
    Image.new("1", (4, 4), 1).save(tmp_path / "a.png")
    assert read_images(tmp_path).train[0, 0, 0].tolist() == [255]


def test_folder_names_the_first_that_differs(tmp_path: Path) -> None:
    save_folder(tmp_path)
    Image.new("RGB", (7, 5)).save(tmp_path / "04.png")
    Image.new("L", (4, 5)).save(tmp_path / "06.png")
    with pytest.raises(ValueError, match=r"04\.png is 5x7 RGB where .*00\.png is 5x4 RGB: one"):
        read_images(tmp_path)
    (tmp_path / "04.png").unlink()
    with pytest.raises(ValueError, match=r"06\.png is 5x4 L where .*00\.png is 5x4 RGB"):
        read_images(tmp_path)


@pytest.mark.parametrize("keep", [0, 20, 60])
def test_folder_names_a_corrupt_image(tmp_path: Path, keep: int) -> None:
    file = save_folder(tmp_path) / "03.png"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"03\.png: not a readable 8-bit image \(.") as caught:
        read_images(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["I;16", "CMYK", "F"])
def test_folder_refuses_other_modes(tmp_path: Path, mode: str) -> None:
    suffix = {"I;16": "png", "CMYK": "jpg", "F": "tiff"}[mode]
    Image.new(mode, (4, 4)).save(tmp_path / f"a.{suffix}")
    if suffix == "tiff":  # named as what it is not
        (tmp_path / "a.tiff").rename(tmp_path / "a.png")
    with pytest.raises(ValueError, match=f"mode {mode}: L, LA, RGB, RGBA are read"):
        read_images(tmp_path)


@pytest.mark.parametrize("limit", [15, 9])  # Pillow warns above its limit, fails above twice it
def test_folder_refuses_too_many_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    save_folder(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ValueError, match="decompression bomb"):
        read_images(tmp_path)


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="no image in the folder"):
        read_images(tmp_path)


def test_folder_of_too_few(tmp_path: Path) -> None:
    save_folder(tmp_path, IMAGES[:3])
    with pytest.raises(ValueError, match=f"^{tmp_path}: 3 samples: at least 8 are wanted"):
        load_dataset("images", path=tmp_path)


def test_folder_that_would_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_folder(tmp_path)
    monkeypatch.setattr("genphys.data.dataset.LARGEST", 2000)
    with pytest.raises(ValueError, match=r"9 images: .* more than the limit"):
        read_images(tmp_path)


# Larger sets


def test_fashion(find_data: Callable[[str], Path]) -> None:
    data = load_dataset("images", path=find_data("fashion_mnist/fashion_mnist.npz"))
    assert (data.shape, len(data.train), len(data.test)) == ((1, 28, 28), 60_000, 10_000)
    # The published mean and standard deviation of the training pixels, 0.2860 and 0.3530.
    assert float(data.train.mean()) == pytest.approx(2 * 0.2860 - 1, abs=1e-4)
    assert float(data.train.std()) == pytest.approx(2 * 0.3530, abs=1e-4)


def test_wine(find_data: Callable[[str], Path]) -> None:
    data = load_dataset("table", path=find_data("tabular/wine_red.npz"))
    assert (data.shape, len(data.train), len(data.test)) == ((12,), 1439, 160)
