"""The trainer: exact to resume, honest about what went wrong, and a function of its seed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genphys import Model, sample, train
from genphys.data import Dataset, load_dataset
from genphys.networks import build
from genphys.potentials.heat import Heat
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.training import NotFinite, Options, Progress, Trainer
from genphys.training.checkpoint import restore, save_checkpoint
from genphys.training.loop import build_model, pick_device
from genphys.training.schedule import Batches, seed_for

PROCESS = Pfgmpp(D=8).bind(dim=2)


def points() -> Dataset:
    return load_dataset("gaussians", n=100)


def trainer(data: Dataset | None = None, **options: Any) -> Trainer:
    data = data or points()
    chosen = Options(**{"steps": 30, "batch": 16, "log_every": 5, "warmup": 5} | options)
    torch.manual_seed(seed_for(chosen.seed, "weights"))
    settings: dict[str, object] = {"width": 16, "depth": 1}
    process = PROCESS
    if len(data.shape) == 3:
        settings, process = {"width": 4, "dropout": 0.5}, Pfgmpp(D=8).bind(dim=data.dim)
    network = build("auto", data.shape, chosen.heads, **settings)
    model = build_model(process, data, chosen, network)
    return Trainer(model, data.train, chosen, torch.device("cpu"))


def pictures() -> Dataset:
    x = torch.randn(40, 1, 4, 4, generator=torch.Generator().manual_seed(0)) / 2
    return Dataset("pictures", "image", x, x[:0], points().units)


def state(t: Trainer) -> dict[str, torch.Tensor]:
    found = {f"w.{k}": v for k, v in t.model.network.state_dict().items()}
    found |= {f"e.{k}": v for k, v in t.ema.module.state_dict().items()}
    for i, slots in t.optimiser.state_dict()["state"].items():
        found |= {f"o.{i}.{k}": v for k, v in slots.items()}
    return found


def same(a: Trainer, b: Trainer) -> bool:
    first, second = state(a), state(b)
    assert first.keys() == second.keys() and len(first) > 20
    return all(torch.equal(first[k], second[k]) for k in first)


def untimed(states: list[Progress]) -> list[tuple[object, ...]]:
    return [(s.step, s.loss, s.clock_loss, s.lr, s.done) for s in states]


@pytest.mark.parametrize("heads", [1, 2])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, heads: int) -> None:
    whole = trainer(heads=heads)
    states = list(whole)
    assert [s.step for s in states] == [5, 10, 15, 20, 25, 30]
    assert all((s.clock_loss is None) == (heads == 1) for s in states)
    half = trainer(heads=heads)
    for progress in half:
        if progress.step == 15:
            break
    save_checkpoint(half, tmp_path / "c.pt")
    list(half)  # what happens to the old trainer does not matter
    resumed = trainer(heads=heads)
    restore(resumed, tmp_path / "c.pt")
    torch.manual_seed(99)
    assert untimed(list(resumed)) == untimed(states[3:])
    assert same(whole, resumed) and not torch.equal(state(whole)["o.0.step"], torch.tensor(15.0))


def test_dropout_resumes_exactly_too(tmp_path: Path) -> None:
    whole, half = (trainer(pictures(), steps=6, log_every=3) for _ in range(2))
    list(whole)
    next(iter(half))
    save_checkpoint(half, tmp_path / "c.pt")
    resumed = trainer(pictures(), steps=6, log_every=3)
    restore(resumed, tmp_path / "c.pt")
    torch.manual_seed(99)
    list(resumed)
    assert resumed.step == 6 and same(whole, resumed)


def test_it_learns() -> None:
    """Two points are easily told apart: the loss falls far below 1, that of a new network."""
    two = torch.tensor([[-0.5, 0.2], [0.5, -0.2]]).repeat(50, 1)
    data = Dataset("two", "table", two, two[:0], points().units)
    states = list(trainer(data, steps=300, lr=1e-2, log_every=50))
    assert states[-1].loss < 0.6


def test_minutes_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by a second whenever it is looked at: 1/2 minute is 30 looks."""
    ticks = count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    t = trainer(minutes=0.5, steps=10_000, log_every=4)
    states = list(t)
    assert 20 <= t.step <= 30 and states[-1].done == 1.0 and t.seconds >= 30
    assert all(a.lr > b.lr for a, b in pairwise(states[2:]))
    assert states[-1].lr < 1e-4


def test_steps_bound_minutes() -> None:
    t = trainer(minutes=1e6, steps=7)
    assert [s.step for s in t] == [5, 7] and t.done == 1.0


def test_a_stop_ends_after_the_step() -> None:
    t = trainer()
    states: Iterator[Progress] = iter(t)
    next(states)
    t.stop = True
    assert [s.step for s in states] == [] and t.step == 5
    assert t.done == pytest.approx(1 / 6)


def test_a_loss_that_is_not_finite_names_its_step_and_sigma() -> None:
    """The datum 7 is spoilt: the fault is where the order of data first has it."""
    t = trainer()
    t.data[7] = math.nan
    order = Batches(100, 16, 0)
    step = next(k for k in range(30) if 7 in order.indices(k))
    row = order.indices(step).tolist().index(7)
    generator = torch.Generator().manual_seed(seed_for(0, "noise", step))
    sigma = float(torch.exp(-1.2 + 1.2 * torch.randn(16, generator=generator))[row])
    with pytest.raises(NotFinite) as found:
        list(t)
    assert str(found.value) == f"the loss is not finite at step {step}, sigma = {sigma:.4g}"


def test_divergence_is_found() -> None:
    with pytest.raises(NotFinite, match=r"at step \d+, sigma = "):
        list(trainer(lr=1e30, warmup=0, log_every=1, heads=2))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, v) for name in ("steps", "batch", "log_every") for v in (0, -1, 2.5, "9", True)),
        *((name, v) for name in ("lr", "clip", "sigma_std") for v in (0, -1.0, math.nan, "a")),
        *(("minutes", v) for v in (0, -1.0, math.inf, math.nan, "a")),
        *(("warmup", v) for v in (-1, 0.5, None)),
        *(("ema", v) for v in (-0.1, 1.0, 1.5, math.nan, None)),
        *(("heads", v) for v in (0, 3, "1")),
        *(("sigma_mean", v) for v in (math.inf, math.nan, "a")),
        *(("seed", v) for v in (0.5, "a", None)),
        ("scale", "locl"),
    ],
)
def test_each_option_is_checked(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{name}=.*: it must be ") as found:
        Options(**{name: value})  # type: ignore[arg-type]
    assert "\n" not in str(found.value)


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu" and pick_device("auto").type in ("cpu", "cuda")
    for name in ("gpu", "cuda:99", "", "cpu:x"):
        with pytest.raises(ValueError, match="is not to be had here") as found:
            pick_device(name)
        assert "\n" not in str(found.value)


def weights(model: Model) -> torch.Tensor:
    return torch.cat([p.flatten() for p in model.network.parameters()])


def quick(data: Any, **options: Any) -> Model:
    settings: dict[str, object] = {"width": 8}
    given: dict[str, Any] = {
        "steps": 8,
        "batch": 8,
        "progress": False,
        "network_options": settings,
    } | options
    return train(PROCESS, data, **given)


def test_train_takes_a_data_set_or_an_array() -> None:
    data = points()
    own = data.units.to_data(data.train.double())
    models = [quick(data), quick(own), quick(own.numpy())]
    assert not any(m.training for m in models)
    assert torch.equal(weights(models[1]), weights(models[2]))
    assert torch.allclose(models[0].units.scale, models[1].units.scale, rtol=1e-6)
    pixels = np.random.default_rng(0).random((20, 3, 5, 4)) * 255
    model = train(
        Heat().bind(dim=60),
        pixels.astype(np.uint8),
        steps=2,
        network_options={"width": 4},
        progress=False,
    )
    assert model.shape == (3, 5, 4) and model.std == pytest.approx(0.5, rel=0.05)


def test_a_tables_offsets_are_resolved() -> None:
    """Seconds since 1970, of a spread of 3 s: float32 has steps of 128 s there."""
    x = np.random.default_rng(0).normal(1.7e9, 3.0, (200, 2))
    model = quick(x)
    assert model.std == pytest.approx(0.5, rel=1e-3)
    np.testing.assert_allclose(model.units.shift.numpy(), x.mean(0), rtol=1e-14)


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((5, 2)),
        np.full((5, 2), np.nan),
        np.zeros(5),
        np.zeros((0, 2)),
        np.zeros((3, 2, 2)),
        np.array([["a", "b"]]),
    ],
)
def test_train_refuses_what_is_no_data(data: np.ndarray) -> None:
    with pytest.raises(ValueError) as found:
        quick(data)
    assert "\n" not in str(found.value)


def test_train_refuses_options_it_does_not_have() -> None:
    with pytest.raises(ValueError, match=r"^train has no option 'step': there are steps, "):
        quick(points(), step=3)
    with pytest.raises(ValueError, match="network"):
        quick(points(), network="transformer")
    with pytest.raises(ValueError, match="network"):
        quick(points(), network_options={"widht": 3})
    with pytest.raises(ValueError, match="data have 2 entries, the process has 3"):
        train(Heat().bind(dim=3), points(), steps=1, progress=False)


def test_the_seed_makes_the_model() -> None:
    first, again, other = (weights(quick(points(), seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_averaged_model_is_a_snapshot() -> None:
    t = trainer()
    states = iter(t)
    next(states)
    model = t.averaged()
    before = weights(model).clone()
    list(states)
    assert torch.equal(before, weights(model)) and not torch.equal(before, weights(t.averaged()))
    x = sample(model, 4, steps=3, generator=torch.Generator().manual_seed(0)).x
    assert x.shape == (4, 2)
