from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from genphys.data import Units

offsets = st.floats(-1e3, 1e3)
widths = st.floats(1e-3, 1e3)


def units(shift: float, scale: float) -> Units:
    b, a = torch.tensor([shift, scale], dtype=torch.float64)
    return Units(b, a)


@given(offsets, widths, st.sampled_from([torch.float32, torch.float64]))
def test_there_and_back(shift: float, scale: float, dtype: torch.dtype) -> None:
    x = shift + scale * torch.linspace(-3, 3, 12, dtype=dtype).reshape(3, 2, 2)
    u = units(shift, scale).to_mapped(x)
    back = units(shift, scale).to_data(u)
    assert u.dtype == back.dtype == dtype
    assert (back - x).abs().max() <= 8 * torch.finfo(dtype).eps * (abs(shift) + 3 * scale)


@given(offsets, widths, st.booleans())
def test_fit_maps_to_mean_0_and_std_one_half(shift: float, scale: float, columns: bool) -> None:
    x = np.random.default_rng(0).normal(shift, scale, (50, 3)) * [1, 10, 100]
    axis = 0 if columns else None
    u = Units.fit(torch.from_numpy(x), per_column=columns).to_mapped(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(u.mean(axis), 0, atol=1e-9)
    np.testing.assert_allclose(u.std(axis), 0.5, rtol=1e-9)


def test_fit_of_a_large_offset_in_float32() -> None:
    x = 1e4 + torch.arange(1000.0).remainder(7)  # every value exact; the sum is not
    fitted = Units.fit(x)
    assert float(fitted.shift) == pytest.approx(x.double().mean().item(), rel=1e-12)
    assert float(fitted.scale) == pytest.approx(2 * x.double().std(correction=0).item(), rel=1e-5)


@given(offsets, widths)
def test_jacobian_is_that_of_a_normal_law(shift: float, scale: float) -> None:
    x = shift + scale * np.linspace(-2, 2, 6).reshape(1, 1, 2, 3)
    mapped = units(shift, scale).to_mapped(torch.from_numpy(x)).numpy()
    own_density = norm.logpdf(x, shift, 0.5 * scale).sum()
    mapped_density = norm.logpdf(mapped, 0, 0.5).sum()
    jacobian = units(shift, scale).log_jacobian((1, 2, 3))
    assert own_density == pytest.approx(mapped_density - jacobian, abs=1e-7)


def test_jacobian_per_column() -> None:
    scale = torch.tensor([2.0, 3.0, 5.0]).double()
    table = Units(torch.zeros(3).double(), scale)
    assert table.log_jacobian((3,)) == pytest.approx(math.log(30))


def test_eight_bit_covers_minus_one_to_one() -> None:
    u = Units.eight_bit().to_mapped(torch.arange(256, dtype=torch.uint8))
    assert u.dtype == torch.float32
    assert (u[0].item(), u[-1].item()) == (-1.0, 1.0)
    assert torch.equal(Units.eight_bit().to_data(u).round(), torch.arange(256.0))


def test_identity() -> None:
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Units.identity().to_mapped(x), x)
    assert Units.identity().log_jacobian((2,)) == 0


@pytest.mark.parametrize("shape", [(), (3,)])
def test_survives_json_to_the_last_bit(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    shift, scale = torch.rand(2, *shape, generator=generator, dtype=torch.float64) + 0.1
    kept = Units.from_dict(json.loads(json.dumps(Units(shift, scale, True).as_dict())))
    assert torch.equal(kept.shift, shift) and torch.equal(kept.scale, scale) and kept.integer


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"shift": 0.0, "scale": "one", "integer": False},
        {"shift": 0.0, "scale": None, "integer": False},
        {"shift": 0.0, "scale": 0.0, "integer": False},
        {"shift": 0.0, "scale": -1.0, "integer": False},
        {"shift": 0.0, "scale": math.inf, "integer": False},
        {"shift": 0.0, "scale": [1.0, 2.0], "integer": False},
        {"shift": [[0.0], [1.0, 2.0]], "scale": 1.0, "integer": False},
    ],
)
def test_refuses_what_is_no_map(values: dict[str, object]) -> None:
    with pytest.raises(ValueError) as caught:
        Units.from_dict(values)
    assert "\n" not in str(caught.value)


def test_fit_refuses_what_overflows() -> None:
    with pytest.raises(ValueError, match="too large to square"):
        Units.fit(torch.tensor([1e300, -1e300], dtype=torch.float64))
