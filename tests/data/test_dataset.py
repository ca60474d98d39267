from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genphys.data import Dataset, Units, make_dataset, to_disk
from genphys.data import dataset as module

Array = module.Array


def pictures(*shape: int) -> Array:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def rows(n: int = 40, d: int = 3) -> Array:
    return np.random.default_rng(0).normal(5, [1, 10, 100][:d], (n, d))


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(8, 12), *[st.integers(1, 4)] * 3)),
    st.booleans(),
)
def test_eight_bit_images_come_back_as_they_were(x: Array, flat: bool) -> None:
    x[0, 0, 0, 0] = x[1, 0, 0, 0] ^ 1  # not all alike
    x = x[..., 0] if flat else x
    data = make_dataset("x", "image", x, x)
    assert data.train.shape == (len(x), 1 if flat else x.shape[3], *x.shape[1:3])
    assert data.train.dtype == torch.float32
    assert float(data.train.min()) >= -1 and float(data.train.max()) <= 1
    own = data.own(data.train)
    assert own.dtype == np.uint8
    np.testing.assert_array_equal(own, x[..., 0] if x.ndim == 4 and x.shape[3] == 1 else x)


def test_eight_bit_images_are_rounded_and_clipped() -> None:
    data = make_dataset("x", "image", pictures(8, 2, 2))
    u = torch.tensor([-3.0, -1.0, 0.4 / 127.5, 7.0]).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(data.own(u), [[[0, 0], [128, 255]]])
    with pytest.raises(ValueError, match="1 pixels are NaN"):
        data.own(torch.tensor([0.0, 0.0, 0.0, torch.nan]).reshape(1, 1, 2, 2))


@pytest.mark.parametrize("shape", [(9, 1, 4, 3), (9, 3, 5, 4), (9, 3)])
@pytest.mark.parametrize("units", [Units.eight_bit(), Units.identity()])
def test_samples_in_own_units_are_written_as_mapped_ones_are(
    shape: tuple[int, ...], units: Units
) -> None:
    u = torch.rand(shape, generator=torch.Generator().manual_seed(0)).double()
    data = Dataset("x", "table" if len(shape) == 2 else "image", u, u, units)
    written = to_disk(units.to_data(u).requires_grad_(), units)
    np.testing.assert_array_equal(written, data.own(u))
    layouts = {(9, 1, 4, 3): (9, 4, 3), (9, 3, 5, 4): (9, 5, 4, 3), (9, 3): (9, 3)}
    assert written.shape == layouts[shape]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i2", "i8", "u4", np.longdouble])
def test_other_images_get_one_shift_and_scale(dtype: Any) -> None:
    x = np.asfortranarray(pictures(30, 5, 4, 3).astype(dtype))
    data = make_dataset("x", "image", x, x)
    assert data.units.shift.shape == ()
    assert float(data.train.std(correction=0)) == pytest.approx(0.5, rel=1e-6)
    own = data.own(data.train)
    assert own.dtype == np.float32 and own.shape == x.shape
    np.testing.assert_allclose(own, x.astype(float), atol=1e-4)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i4"])
def test_tables_are_mapped_by_column(dtype: str) -> None:
    x = (100 + rows()).clip(0, 255).astype(dtype)
    data = make_dataset("x", "table", x, x)
    np.testing.assert_allclose(data.train.numpy().std(0), 0.5, rtol=1e-6)
    np.testing.assert_allclose(data.own(data.train), x, atol=1e-4)


def test_a_table_keeps_digits_that_float32_would_lose() -> None:
    x = 1.7e9 + rows()  # times in seconds: float32 has steps of 128 there
    data = make_dataset("x", "table", x, x)
    np.testing.assert_allclose(data.own(data.train), x, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["image", "table"])
def test_statistics(kind: module.Kind) -> None:
    x = pictures(100, 6, 5, 3) if kind == "image" else rows()
    data = make_dataset("x", kind, x)
    train = data.train.double().numpy()
    assert data.shape == train.shape[1:] and data.dim == train[0].size
    np.testing.assert_allclose(data.mean.numpy(), train.mean(0), atol=1e-7)
    assert data.mean.dtype == torch.float32
    assert data.std == pytest.approx(np.sqrt(((train - train.mean(0)) ** 2).mean()), rel=1e-6)


@given(st.integers(8, 40), st.floats(0.01, 0.5), st.integers(0, 2**32))
def test_split_loses_and_doubles_nothing(n: int, fraction: float, seed: int) -> None:
    x = np.arange(3.0 * n).reshape(n, 3)
    data = make_dataset("x", "table", x, test_fraction=fraction, seed=seed)
    assert len(data.test) == max(1, round(fraction * n))
    own = np.concatenate([data.own(data.train), data.own(data.test)])
    np.testing.assert_allclose(own[own[:, 0].argsort()], x, atol=1e-4)


def test_split_depends_on_the_seed_alone() -> None:
    first, same, other = (make_dataset("x", "table", rows(), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.train, same.train)
    assert not torch.equal(first.train, other.train)


def test_the_test_part_is_not_looked_at() -> None:
    one, two = (make_dataset("x", "table", rows(), test) for test in (rows(9), 1 + rows(9)))
    assert torch.equal(one.train, two.train)
    assert one.units.as_dict() == two.units.as_dict()


def test_the_callers_array_is_left_alone() -> None:
    x = rows()
    x.flags.writeable = False
    make_dataset("x", "table", x, x).train.zero_()
    np.testing.assert_array_equal(x, rows())


def spoil(x: Array, value: float) -> Array:
    x = x.copy()
    x[3, 1] = value
    return x


@pytest.mark.parametrize(
    ("kind", "x", "message"),
    [
        ("image", rows(), r"^f: shape \(40, 3\): images are \(n, H, W\)"),
        ("image", pictures(9, 3, 6, 6), r"shape \(9, 3, 6, 6\): .* 1 to 4 channels"),
        ("image", pictures(9, 6, 6, 0), "1 to 4 channels"),
        ("image", pictures(9, 0, 6), "no entries"),
        ("image", pictures(7, 6, 6), "7 samples: at least 8"),
        ("image", pictures(0, 6, 6), "0 samples: at least 8"),
        ("image", np.full((9, 6, 6), 3, np.uint8), "every pixel is 3"),
        ("image", np.full((9, 6, 6), 0.1), "every pixel is 0.1"),
        ("image", spoil(pictures(9, 4, 4).astype("f4"), np.inf), r"4 of 144 .* \[3, 1, 0\]"),
        ("image", np.zeros((9, 2, 2), complex), "complex128: real numbers"),
        ("image", np.zeros((9, 2, 2), "M8[s]"), "real numbers"),
        ("table", pictures(9, 2, 2), r"shape \(9, 2, 2\): a table is \(n, d\)"),
        ("table", rows()[:, 0], r"shape \(40,\): a table is"),
        ("table", np.full((9, 1), "a"), "real numbers"),
        ("table", np.array([[None]] * 9), "type object: real numbers"),
        ("table", spoil(rows(), np.nan), r"^f: 1 of 120 values are NaN .* \[3, 1\]"),
        ("table", rows() * [1, 0, 1] + 0.1, r"column 1 \(b\) is constant, 0.1: leave it out"),
        ("table", rows() * 1e300, "too large to square"),
    ],
)
def test_refuses(kind: module.Kind, x: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make_dataset("x", kind, x, source="f", columns=("a", "b", "c"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (rows(9, 2), r"\(3,\) and test samples \(2,\): they must be the same"),
        (rows(0), "^x: test part: 0 samples"),
        (spoil(rows(), np.nan), "^x: test part: 1 of 120 values"),
        (np.ones((9, 3), np.uint8), "float64 and test samples uint8"),
    ],
)
def test_refuses_a_test_part_unlike_the_training_part(test: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_dataset("x", "table", rows(), test)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 0.51, float("nan")])
def test_refuses_a_fraction(fraction: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most"):
        make_dataset("x", "table", rows(), test_fraction=fraction)


def test_refuses_a_seed() -> None:
    with pytest.raises(ValueError, match="seed=-1: it must be 0 or above"):
        make_dataset("x", "table", rows(), seed=-1)


def test_refuses_what_would_not_fit() -> None:
    x = np.broadcast_to(pictures(1, 8, 8), (2**27, 8, 8))  # no memory is taken by it
    with pytest.raises(ValueError, match="takes 32 GiB, more than the limit of 16 GiB"):
        make_dataset("x", "image", x)


def test_is_usable_by_hand() -> None:
    data = make_dataset("x", "table", rows())
    again = Dataset("x", "table", data.train, data.test, data.units)
    assert again.std == data.std
