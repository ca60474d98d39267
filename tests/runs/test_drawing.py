"""Sampling from a run: the same pictures for the same seed, in the data's own form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genphys.data import Dataset
from genphys.runs import RunFolder
from genphys.runs.drawing import Drawing

Call = Callable[..., tuple[int, str, str]]
TOY = [
    *("data=gaussians", "data.n=64", "network=mlp", "network.width=16", "network.depth=1"),
    *("train.steps=20", "train.batch=16", "train.log_every=5", "train.checkpoint_every=10"),
    *("train.warmup=5", "train.ema=0.9", "sample.n=8", "sample.steps=4", "device=cpu"),
]


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page takes longer than all else here, and has tests of its own."""

    def write(run: RunFolder, data: Dataset) -> Path:
        (run.path / "report.html").write_text(data.name)
        return run.path / "report.html"

    monkeypatch.setattr("genphys.runs.training.write_run_report", write)


def draws(run: str, name: str) -> Path:
    (found,) = Path(run, "samples").glob(f"{name}/samples.npz")
    return found


def test_the_same_seed_draws_the_same_file(genphys: Call) -> None:
    genphys("train", *TOY, "hydra.run.dir=run")
    words = ["sample", "run=run", "n=10", "steps=3", "device=cpu"]
    status, out, err = genphys(*words, "seed=3")
    assert (status, err) == (0, "") and "10 samples" in out
    path = draws("run", "n10-seed3-*")
    first, picture = path.read_bytes(), path.with_suffix(".png").read_bytes()
    assert Path("run/samples.png").read_bytes() == picture
    path.unlink()
    assert genphys(*words, "seed=3")[0] == 0
    assert path.read_bytes() == first and path.with_suffix(".png").read_bytes() == picture
    assert genphys(*words, "seed=4")[0] == 0
    three, four = (np.load(draws("run", f"n10-seed{seed}-*"))["x"] for seed in (3, 4))
    assert three.shape == (10, 2) and not np.isclose(three, four).any()
    assert genphys(*words, "seed=3", "batch=4", "n=70")[0] == 0
    more = np.load(draws("run", "n70-seed3-*"))["x"]
    np.testing.assert_allclose(more[:10], three, rtol=1e-4, atol=1e-4)


def test_the_runs_own_range_of_sigma_is_kept(genphys: Call) -> None:
    genphys("train", *TOY, "sample.sigma_max=50", "hydra.run.dir=run")
    assert genphys("sample", "run=run", "n=4", "sigma_min=0.01", "device=cpu")[0] == 0
    assert draws("run", "n4-seed0-heun18-sigma0.01-50").exists()


@pytest.mark.parametrize(("mode", "shape"), [("L", (6, 5)), ("RGB", (6, 5, 3))])
def test_pictures_come_back_as_pictures(genphys: Call, mode: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    Path("pictures").mkdir()
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, shape, np.uint8), mode=None).save(f"pictures/{i}.png")
    words = [w for w in TOY if not w.startswith(("data", "network"))]
    words += ["data=images", "data.path=pictures", "network=unet", "network.width=4"]
    status, _, err = genphys("train", *words, "train.steps=4", "hydra.run.dir=run")
    assert (status, err) == (0, "")
    x = np.load(draws("run", "*"))["x"]
    assert x.dtype == np.uint8 and x.shape == (8, *shape) and 20 < x.mean() < 235
    with Image.open("run/samples.png") as picture:
        assert picture.width > 8 * 5 // 4


def test_a_table_comes_back_in_its_own_units(genphys: Call) -> None:
    """A column in seconds since 1970 and one of 1e-6: samples spread as the data do."""
    rng = np.random.default_rng(0)
    data = np.stack([rng.normal(1.7e9, 5e4, 80), rng.normal(2e-6, 1e-7, 80)], axis=1)
    np.savez("table.npz", x=data)
    words = [w for w in TOY if not w.startswith("data")]
    words += ["data=table", "data.path=table.npz", "sample.n=64"]
    assert genphys("train", *words, "train.steps=60", "hydra.run.dir=run")[0] == 0
    x = np.load(draws("run", "*"))["x"]
    assert x.dtype == np.float64 and x.shape == (64, 2)
    assert (np.abs(x.mean(0) - data.mean(0)) < data.std(0)).all()
    assert ((x.std(0) / data.std(0) > 0.3) & (x.std(0) / data.std(0) < 3)).all()


def test_mistakes_write_nothing(genphys: Call) -> None:
    genphys("train", *TOY, "hydra.run.dir=run")
    before = sorted(Path().rglob("*"))
    for word in ("n=0", "sampler=hein", "steps=0", "sigma_min=100", "device=gpu", "batch=0"):
        status, _, err = genphys("sample", "run=run", word)
        assert (status, err.count("\n")) == (2, 1), err
    for words in (["run=nowhere"], []):
        status, _, err = genphys("sample", *words)
        assert (status, err.count("\n")) == (2, 1), err
    assert sorted(Path().rglob("*")) == before


def test_a_drawing_is_named_by_its_options() -> None:
    base = Drawing(n=5, sigma_max=20.0)
    assert Drawing.of({}, base) == base
    assert Drawing.of({"n": 6, "sigma_max": None, "run": "x"}, base) == Drawing(n=6, sigma_max=20.0)
    assert base.name == "n5-seed0-heun18-sigma0.002-20"
    for given in ({"n": "5"}, {"n": True}, {"rho": "7"}, {"sampler": 1}, {"sigma_min": [1]}):
        with pytest.raises(ValueError, match=f"^{next(iter(given))}="):
            Drawing.of(given)
