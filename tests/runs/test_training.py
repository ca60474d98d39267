"""Training by the command line: a whole run folder or none, stopped and resumed exactly."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor, nn

from genphys.data import Dataset
from genphys.runs import RunFolder, load
from genphys.training.ema import Ema

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

    for module in ("training", "judging"):
        monkeypatch.setattr(f"genphys.runs.{module}.write_run_report", write)


OWN = """\
from dataclasses import dataclass
import sympy as sp
from genphys import Potential
from genphys.pde import *

@dataclass(frozen=True)
class Own(Potential):
    "One's own."
    {fields}
    def equation(self):
        {body}
"""
DIFFUSION = OWN.format(
    fields="c: float = 0.5",
    body="return sp.Eq(field(t).diff(t), sp.Symbol('c', positive=True) * Laplacian(field(t), x))",
)
SCALED = OWN.format(  # Poisson's equation in r' = 2 r
    fields="D: float = 8.0",
    body="return sp.Eq(4 * Laplacian(field(r), x) + Laplacian(field(r), z), -4 * source)",
)


def train(genphys: Call, *words: str, folder: str = "run") -> tuple[int, str, str]:
    return genphys("train", *TOY, *words, f"hydra.run.dir={folder}")


def tensors(run: str) -> dict[str, Tensor]:
    return load_file(RunFolder(Path(run)).model)


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_run_writes_what_it_says(genphys: Call) -> None:
    status, out, err = train(genphys)
    assert (status, err) == (0, "")
    name = "n8-seed0-heun4-sigma0.002-80"
    assert files(Path("run")) == {
        *("config.yaml", "metrics.jsonl", "checkpoint.pt", "model.safetensors"),
        *("samples.png", "report.html"),
        *(f"samples/{name}/samples.npz", f"samples/{name}/samples.png"),
    }
    assert files(Path()) == {f"run/{file}" for file in files(Path("run"))}
    for said in ("64 training and 16 test data", "20 steps", "run/report.html", "variation"):
        assert said in out
    history = RunFolder(Path("run")).history()
    assert [state["step"] for state in history] == [5, 10, 15, 20]
    assert all(math.isfinite(s["loss"]) and "clock_loss" not in s for s in history)
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["equation"] == {
        "formula": "Laplacian(phi, x) + Laplacian(phi, z) = -source",
        "domains": {},
        "parameters": {"D": 128.0},
    }
    assert config["train"]["steps"] == 20 and config["sample"]["n"] == 8
    model = load("run")
    assert not model.training and model.process.parameters == {"D": 128.0}


def test_the_seed_and_nothing_else_makes_the_run(genphys: Call) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.manual_seed(len(folder))
        torch.rand(3)
        assert train(genphys, f"train.seed={seed}", folder=folder)[0] == 0
    assert equal(tensors("a"), tensors("b")) and not equal(tensors("a"), tensors("c"))


@pytest.mark.parametrize("step", [3, 12])
def test_an_interrupted_run_is_resumed_exactly(
    genphys: Call, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of a step, when weights have moved but their average has not."""
    assert train(genphys, folder="whole")[0] == 0
    update = Ema.update

    def interrupted(self: Ema, module: nn.Module, now: int) -> None:
        if now == step:
            signal.raise_signal(signal.SIGINT)
        update(self, module, now)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(Ema, "update", interrupted)
        status, out, err = train(genphys)
    assert signal.getsignal(signal.SIGINT) is before
    assert (status, err) == (130, "")
    assert out.splitlines()[-1] == (
        f"stopped at step {step + 1}; go on with: genphys train resume=run"
    )
    assert files(Path("run")) == {
        *("config.yaml", "metrics.jsonl", "checkpoint.pt", "model.safetensors")
    }
    assert genphys("sample", "run=run", "n=4", "steps=3", "device=cpu")[0] == 0
    assert not equal(tensors("run"), tensors("whole"))
    status, out, err = genphys("train", "resume=run", "device=cpu")
    assert (status, err) == (0, "")
    assert equal(tensors("run"), tensors("whole"))
    name = "samples/n8-seed0-heun4-sigma0.002-80/samples.npz"
    assert Path("run", name).read_bytes() == Path("whole", name).read_bytes()
    steps = [state["step"] for state in RunFolder(Path("run")).history()]
    assert steps == sorted(set(steps)) and steps[-1] == 20


def test_a_second_interrupt_does_not_wait(genphys: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("still there")

    monkeypatch.setattr(Ema, "update", twice)
    assert train(genphys)[0] == 130


def test_a_background_job_goes_on_at_an_interrupt(
    genphys: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(Ema, "update", lambda *_: signal.raise_signal(signal.SIGINT))
    assert train(genphys)[0] == 0
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_logged_states_after_the_checkpoint_are_dropped(
    genphys: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at step 17, with a checkpoint of step 10: the states 15 are logged once."""
    assert train(genphys, folder="whole")[0] == 0
    update = Ema.update

    class Killed(BaseException):
        pass

    def killed(self: Ema, module: nn.Module, now: int) -> None:
        if now == 17:
            raise Killed
        update(self, module, now)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Ema, "update", killed)
        train(genphys)
    run = RunFolder(Path("run"))
    assert [s["step"] for s in run.history()] == [5, 10, 15]
    with run.metrics.open("a") as file:
        file.write('{"step": 17, "lo')  # cut short by the crash
    assert genphys("train", "resume=run", "device=cpu")[0] == 0
    assert [s["step"] for s in run.history()] == [5, 10, 15, 20]
    assert equal(tensors("run"), tensors("whole"))


def test_a_finished_run_can_be_resumed(genphys: Call) -> None:
    train(genphys)
    before = tensors("run")
    assert genphys("train", "resume=run", "device=cpu")[0] == 0
    assert equal(tensors("run"), before)


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(
    genphys: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Ema.update

    def spoil(self: Ema, module: nn.Module, now: int) -> None:
        if now == 12:
            next(module.parameters()).data.fill_(math.nan)
        update(self, module, now)

    monkeypatch.setattr(Ema, "update", spoil)
    status, _, err = train(genphys)
    assert status == 1 and err.count("\n") == 1
    assert "not finite at step 13, sigma = " in err and "checkpoint kept: run/checkpoint.pt" in err
    state = torch.load("run/checkpoint.pt", weights_only=True)
    assert state["step"] == 10
    assert all(bool(torch.isfinite(v).all()) for v in state["network"].values())
    status, _, err = train(genphys, "train.lr=1e30", "train.log_every=1", folder="other")
    assert status == 1 and "train.lr" in err


def tables() -> None:
    np.save("nan.npy", np.full((20, 2), math.nan))
    np.save("few.npy", np.zeros((3, 2)))
    Path("broken.py").write_text("def")
    Path("own.py").write_text(SCALED)
    Path("raises.py").write_text(DIFFUSION + "\nraise OSError('no')")
    Path("empty").mkdir()


@pytest.mark.parametrize(
    "words",
    [
        *(["potential=pfgmp"], ["preset=edmm"], ["data=digit"], ["network=mpl"], ["trian.steps=2"]),
        *(["potential.D=0"], ["potential.D=-1"], ["potential.D=nan"], ["potential=heat", "D=1"]),
        *(["train.steps=0"], ["train.lr=-1"], ["train.heads=3"], ["train.minutes=0"]),
        *(["train.checkpoint_every=0"], ["train.ema=1"], ["preconditioning.scale=locl"]),
        *(["sample.sampler=hein"], ["sample.steps=0"], ["sample.n=0"], ["sample.batch=0"]),
        *(["sample.sigma_min=9", "sample.sigma_max=1"], ["sample.rho=0"]),
        *(["device=gpu"], ["network.width=1"], ["data.n=2"], ["resume=nowhere"]),
        *(["data=table", "data.path=no.npy"], ["data=table", "data.path=nan.npy"]),
        *(["data=table", "data.path=few.npy"], ["data=images", "data.path=empty"]),
        *(["potential=yukawa"], ["potential=yukawa", "train.heads=2"]),
        *(["potential=no.py:Own"], ["potential=own.py:Other"], ["potential=broken.py:Own"]),
        ["potential=raises.py:Own"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_and_leaves_no_folder(genphys: Call, words: list[str]) -> None:
    tables()
    before = files(Path())
    toy = [word for word in TOY if words[0][:5] != "data=" or not word.startswith("data")]
    status, _, err = genphys("train", *toy, *words, "hydra.run.dir=run")
    assert (status, err.count("\n")) == (2, 1), err
    assert not Path("run").exists() and not Path("runs").exists() and files(Path()) == before


def test_yukawa_is_refused_with_what_can_be_done(genphys: Call) -> None:
    status, _, err = train(genphys, "potential=yukawa", "potential.mass=0.5")
    assert status == 2 and "annihilates particles" in err and "derive it" in err
    assert train(genphys, "potential=yukawa", "potential.mass=0")[0] == 0  # is Poisson's


def test_losses_that_are_the_same_everywhere_do_not_matter(genphys: Call) -> None:
    Path("own.py").write_text(
        OWN.format(
            fields="a: float = 0.3",
            body="phi, a = field(t), sp.Symbol('a', positive=True); "
            "return sp.Eq(phi.diff(t), Laplacian(phi, x) - a * phi)",
        )
    )
    assert train(genphys, "potential=heat", folder="heat")[0] == 0
    assert train(genphys, "potential=own.py:Own")[0] == 0
    assert equal(tensors("run"), tensors("heat"))


@pytest.mark.parametrize(
    ("source", "potential"),
    [(DIFFUSION, ["potential=heat"]), (SCALED, ["potential=pfgmpp", "potential.D=8"])],
)
def test_a_potential_written_now_trains_as_the_built_in_one(
    genphys: Call, source: str, potential: list[str]
) -> None:
    """A diffusion constant and a scaled r change the progress, which sigma does not see."""
    Path("own.py").write_text(source)
    assert train(genphys, "potential=own.py:Own")[0] == 0
    assert train(genphys, *potential, folder="builtin")[0] == 0
    ours, theirs = tensors("run"), tensors("builtin")
    assert all(torch.allclose(ours[k], theirs[k], atol=1e-4) for k in theirs)
    draws = [np.load(next(Path(f).rglob("samples.npz")))["x"] for f in ("run", "builtin")]
    np.testing.assert_allclose(draws[0], draws[1], rtol=0.01, atol=0.01)


def test_a_run_goes_on_without_the_file_of_its_potential(
    genphys: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path("own.py")
    own.write_text(DIFFUSION)
    assert train(genphys, "potential=own.py:Own", "potential.c=2", folder="whole")[0] == 0
    update = Ema.update

    def interrupted(self: Ema, module: nn.Module, now: int) -> None:
        update(self, module, now)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Ema, "update", interrupted)
        assert train(genphys, "potential=own.py:Own", "potential.c=2")[0] == 130
    for content in ("raise SystemExit('this file was imported')", None):
        own.write_text(content) if content else own.unlink()
        assert load("run").process.parameters == {"c": 2.0}
        assert genphys("sample", "run=run", "n=4", "steps=3", "device=cpu")[0] == 0
        assert genphys("train", "resume=run", "device=cpu")[0] == 0
        assert equal(tensors("run"), tensors("whole"))
    assert genphys("evaluate", "run=run", "n=20", "steps=3", "device=cpu")[0] == 0


TAMPERED: list[dict[str, Any]] = [
    *({"equation": {}}, {"equation": None}, {"equation": {"formula": "phi = phi"}}),
    {"equation": {"formula": "open('x') = phi", "domains": {}, "parameters": {}}},
    *({"data": {}}, {"data": 3}, {"network": None}, {"train": {}}, {"sample": [1]}),
    *({"preconditioning": {}}, {"train": {"checkpoint_every": 1, "steps": "x"}}),
]


def test_no_file_that_a_run_folder_names_is_imported(genphys: Call) -> None:
    train(genphys)
    Path("evil.py").write_text(DIFFUSION + "\nopen('ran', 'w')")
    run = RunFolder(Path("run"))
    config = run.read_config() | {"potential": {"name": f"{Path('evil.py').resolve()}:Own"}}
    for part in TAMPERED:
        run.write_config(config | part)
        status, _, err = genphys("train", "resume=run", "device=cpu")
        assert (status, err.count("\n")) == (2, 1), (part, err)
    run.write_config(config)
    assert genphys("train", "resume=run", "device=cpu")[0] == 0
    assert not Path("ran").exists()


def test_yaml_tags_do_not_run(genphys: Call) -> None:
    train(genphys)
    with Path("run/config.yaml").open("a") as file:
        file.write("evil: !!python/object/apply:os.mkdir ['ran']\n")
    status, _, err = genphys("train", "resume=run", "device=cpu")
    assert status == 2 and "run/config.yaml is damaged" in err and not Path("ran").exists()


def test_resuming_needs_a_run_that_fits(genphys: Call) -> None:
    train(genphys)
    Path("run/checkpoint.pt").unlink()
    status, _, err = genphys("train", "resume=run", "device=cpu")
    assert status == 2 and "nothing to resume from" in err
    train(genphys, "network.width=8", folder="other")
    Path("other/checkpoint.pt").rename("run/checkpoint.pt")
    history = Path("run/metrics.jsonl").read_text()
    status, _, err = genphys("train", "resume=run", "device=cpu")
    assert status == 2 and "belongs to another model" in err
    assert Path("run/metrics.jsonl").read_text() == history


def test_the_mean_clock_is_logged(genphys: Call) -> None:
    assert train(genphys, "train.heads=2", "potential.D=8")[0] == 0
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert all(line["clock_loss"] > 0 for line in lines)
    model = load("run")
    clock = model.mean_clock(torch.zeros(3, 2), torch.ones(1))
    assert clock.shape == (3,) and bool((clock > 0).all())
