from __future__ import annotations

import ast
import hashlib
import inspect
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from genphys import data as package
from genphys.data import DATASETS, load_dataset, toys

TOYS = ["gaussians", "moons", "checkerboard", "swiss_roll"]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_list_can_be_read_without_importing() -> None:
    path = package.__file__
    source = Path(path).with_name("builtin.py").read_text()
    found = {
        node.name: node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert list(found) == list(DATASETS)
    for name, node in found.items():
        line = (ast.get_docstring(node) or "").splitlines()[0]
        assert line == (inspect.getdoc(DATASETS[name]) or "").splitlines()[0]
        assert line.endswith(".") and len(line) < 90
        assert [a.arg for a in node.args.args] == list(inspect.signature(DATASETS[name]).parameters)


def test_digits_are_the_1797_of_the_source() -> None:
    with (resources.files("genphys.data") / "digits.npz").open("rb") as stream:
        arrays = dict(np.load(stream, allow_pickle=False))
    assert arrays["x"].dtype == np.uint8 and arrays["x"].shape == (1797, 8, 8)
    assert arrays["x"].max() == 16
    # The checksum of scikit-learn 1.9.1's load_digits().images, as bytes.
    checksum = hashlib.sha256(arrays["x"].tobytes()).hexdigest()
    assert checksum == "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
    # The class counts that the source states for its test part.
    counts = np.bincount(arrays["y"]).tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_digits_split_and_units() -> None:
    data = load_dataset("digits")
    with (resources.files("genphys.data") / "digits.npz").open("rb") as stream:
        x = np.load(stream, allow_pickle=False)["x"]
    order = rng().permutation(1797)
    assert data.shape == (1, 8, 8) and data.kind == "image" and data.dim == 64
    np.testing.assert_allclose(data.own(data.train), x[order[:1400]], atol=1e-5)
    np.testing.assert_allclose(data.own(data.test), x[order[1400:]], atol=1e-5)
    assert not data.units.integer
    assert float(data.train.std(correction=0)) == pytest.approx(0.5, rel=1e-6)
    assert abs(float(data.train.mean())) < 1e-6


@pytest.mark.parametrize("name", TOYS)
def test_toys(name: str) -> None:
    data = load_dataset(name, n=1000, seed=3)
    assert data.kind == "table" and data.name == name
    assert (data.train.shape, data.test.shape) == ((1000, 2), (250, 2))
    assert data.train.dtype == torch.float32
    assert torch.equal(data.train, load_dataset(name, n=1000, seed=3).train)
    assert not torch.equal(data.train, load_dataset(name, n=1000, seed=4).train)
    assert not torch.equal(data.train[:250], data.test)


# Laws of the toys, n = 20,000, seed 0: false alarms of one in a thousand each were the seed random.


def test_gaussians_have_their_weights_centres_and_spread() -> None:
    x = toys.draw_gaussians(rng(), 20_000)
    assert toys.WEIGHTS.sum() == pytest.approx(1) and toys.WEIGHTS.tolist()[::7] == [0.30, 0.03]
    np.testing.assert_allclose(((toys.CENTRES / [4, 2.4]) ** 2).sum(1), 1)
    # The centres are 9 standard deviations apart: the nearest one is the one drawn.
    which = np.linalg.norm(x[:, None] - toys.CENTRES, axis=2).argmin(1)
    assert chisquare(np.bincount(which), 20_000 * toys.WEIGHTS).pvalue > 1e-3
    noise = (x - toys.CENTRES[which]) / toys.SPREAD
    assert kstest(noise.ravel(), "norm").pvalue > 1e-3


def test_moons_lie_on_their_circles() -> None:
    x = toys.draw_moons(rng(), 20_000)
    upper = np.abs(np.linalg.norm(x, axis=1) - 1)
    lower = np.abs(np.linalg.norm(x - [1, 0.5], axis=1) - 1)
    assert np.minimum(upper, lower).max() < 0.5  # 5 standard deviations
    assert x.mean(0) == pytest.approx([0.5, 0.25], abs=0.03)


def test_checkerboard_is_uniform_on_one_colour() -> None:
    x = toys.draw_checkerboard(rng(), 20_000)
    cell = np.floor(x).astype(int) + 2
    assert cell.min() == 0 and cell.max() == 3
    assert (cell.sum(1) % 2 == 0).all()
    counts = np.bincount(4 * cell[:, 0] + cell[:, 1])
    assert chisquare(counts[counts > 0]).pvalue > 1e-3 and (counts > 0).sum() == 8
    for axis in (0, 1):
        assert kstest(x[:, axis], "uniform", (-2, 4)).pvalue > 1e-3


def test_swiss_roll_winds_as_far_as_it_is_wide() -> None:
    x = toys.draw_swiss_roll(rng(), 20_000)
    radius, angle = np.linalg.norm(x, axis=1), np.arctan2(x[:, 1], x[:, 0])
    off = (radius - angle + np.pi) % (2 * np.pi) - np.pi  # 0 on the spiral, up to the noise
    assert np.sqrt((off**2).mean()) == pytest.approx(0.5, rel=0.05)
    assert radius.min() > 1.5 * np.pi - 2.5 and radius.max() < 4.5 * np.pi + 2.5


# Mistakes


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("digit", {}, "no data set 'digit': choose one of digits, gaussians"),
        ("digits", {"n": 3}, "data set digits: .*'n'; parameters: seed"),
        ("images", {}, "data set images: .*'path'; parameters: path, test_fraction, seed"),
        ("table", {"path": None}, "data set table: .*'path'"),
        ("moons", {"n": 7}, "n=7: at least 8"),
        ("moons", {"n": 2.5}, "data set moons: n=2.5: int is wanted"),
        ("moons", {"n": "9"}, "n='9': int is wanted"),
        ("moons", {"seed": -1}, "seed=-1"),
        ("moons", {"seed": True}, "seed=True: int is wanted"),
        ("images", {"path": "x", "test_fraction": "a"}, "test_fraction='a': float is wanted"),
    ],
)
def test_mistakes(name: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load_dataset(name, **parameters)
    assert "\n" not in str(caught.value)
