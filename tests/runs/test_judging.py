"""Evaluating a run: the numbers it writes are those of the metrics, computed again here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from genphys.data import load_dataset
from genphys.metrics import memorised_fraction, sliced_wasserstein

Call = Callable[..., tuple[int, str, str]]
TOY = [
    *("data=gaussians", "data.n=64", "network=mlp", "network.width=16", "network.depth=1"),
    *("train.steps=20", "train.batch=16", "train.log_every=5", "train.checkpoint_every=10"),
    *("train.warmup=5", "train.ema=0.9", "sample.n=8", "sample.steps=4", "device=cpu"),
]


def test_the_numbers_are_those_of_the_metrics(genphys: Call) -> None:
    genphys("train", *TOY, "hydra.run.dir=run")
    before = Path("run/report.html").read_text()
    options = ["run=run", "n=40", "steps=3", "seed=5", "device=cpu"]
    status, out, err = genphys("evaluate", *options, "directions=32")
    assert (status, err) == (0, "")
    found = json.loads(Path("run/evaluation.json").read_text())
    assert genphys("sample", *options)[0] == 0
    (path,) = Path("run/samples").glob("n40-*/samples.npz")
    data = load_dataset("gaussians", n=64)
    u = data.units.to_mapped(torch.from_numpy(np.load(path)["x"]))
    distance = sliced_wasserstein(u, data.test, directions=32, seed=5)
    floor = sliced_wasserstein(data.train, data.test, directions=32, seed=5)
    sizes = {"samples": 40, "test": 16, "train": 64, "seed": 5, "directions": 32}
    assert {k: found[k] for k in sizes} == sizes
    assert found["sampler"] == "heun, 3 steps, 5 evaluations"
    assert found["sliced_w2"] == pytest.approx(distance, rel=1e-4)
    assert found["sliced_w2_floor"] == pytest.approx(floor, rel=1e-12)
    assert found["ratio"] == pytest.approx(distance / floor, rel=1e-4)
    assert found["memorised"] == memorised_fraction(u, data.train, data.test)
    for said in ("40 samples", "32 directions", "seed 5", f"{floor:.4f}", f"{found['ratio']:.3f}"):
        assert said in out
    report = Path("run/report.html").read_text()
    assert f"{found['ratio']:.3f}" in report and "sliced W2" not in before


def test_mistakes(genphys: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genphys.runs.training.write_run_report", lambda *_: None)
    genphys("train", *TOY, "hydra.run.dir=run")
    before = sorted(Path().rglob("*"))
    for words in (["run=nowhere"], ["run=run", "n=0"], ["run=run", "n=8", "directions=0"]):
        status, _, err = genphys("evaluate", *words, "device=cpu")
        assert (status, err.count("\n")) == (2, 1), err
    assert sorted(Path().rglob("*")) == before
