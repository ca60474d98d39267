"""Files of a run: they come back bit for bit or are refused in one line, and none runs code."""

from __future__ import annotations

import errno
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
import torch
from safetensors.torch import load_file, save_file

from genphys import derive, pde
from genphys.data import Dataset, load_dataset
from genphys.model import Model
from genphys.networks import build
from genphys.potentials.heat import Heat
from genphys.potentials.pfgmpp import Pfgmpp
from genphys.process import Process
from genphys.training import Options, Trainer
from genphys.training.checkpoint import (
    _digest,
    atomic,
    load_model,
    restore,
    save_checkpoint,
    save_model,
)
from genphys.training.loop import build_model

HERE = "model.safetensors"


def trainer(width: int = 16, process: Process | None = None, heads: int = 1) -> Trainer:
    data = load_dataset("gaussians", n=64)
    options = Options(steps=4, batch=16, log_every=2, heads=heads)
    network = build("mlp", (2,), heads, width=width, depth=1)
    model = build_model(process or Pfgmpp(D=8).bind(dim=2), data, options, network)
    found = Trainer(model, data.train, options, torch.device("cpu"))
    next(iter(found))
    return found


def saved(path: Path, **options: Any) -> tuple[Model, Path]:
    found = trainer(**options)
    model, heads = found.averaged(), found.options.heads
    network = {"name": "mlp", "width": 16, "depth": 1, "heads": heads}
    save_model(model, network, path / HERE, sample={"n": 3}, note=[1, "a"])
    return model, path / HERE


def one_line(error: pytest.ExceptionInfo[Exception], path: Path) -> None:
    message = str(error.value)
    assert "\n" not in message and str(path) in message and not message.endswith(":")


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("process", [Pfgmpp(D=3.7).bind(dim=2), Heat().bind(dim=2)])
def test_a_model_comes_back_bit_for_bit(tmp_path: Path, process: Process, heads: int) -> None:
    model, path = saved(tmp_path, process=process, heads=heads)
    loaded, extra = load_model(path)
    assert extra == {"sample": {"n": 3}, "note": [1, "a"]}
    assert not loaded.training and loaded.std == model.std and loaded.scale == model.scale
    assert loaded.process.derivation.equation == process.derivation.equation
    assert dict(loaded.process.parameters) == dict(process.parameters)
    assert loaded.units.as_dict() == model.units.as_dict()
    assert not any(p.requires_grad for p in loaded.parameters())
    x, sigma = torch.randn(6, 2), torch.logspace(-2, 1, 6)
    assert torch.equal(loaded.denoise(x, sigma), model.denoise(x, sigma))
    again = path.with_name("again.safetensors")
    network = {"name": "mlp", "width": 16, "depth": 1, "heads": heads}
    save_model(loaded, network, again, **extra)
    assert description(again) == description(path)
    first, second = load_file(path), load_file(again)
    assert first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_images_come_back(tmp_path: Path) -> None:
    x = torch.rand(20, 3, 5, 4)
    units = load_dataset("gaussians", n=16).units.eight_bit()
    data = Dataset("x", "image", x, x[:0], units)
    network = build("unet", (3, 5, 4), width=4)
    model = build_model(Heat().bind(dim=60), data, Options(), network)
    save_model(model.eval(), network.config, tmp_path / HERE)
    loaded, _ = load_model(tmp_path / HERE)
    assert loaded.shape == (3, 5, 4) and loaded.units.integer
    with torch.no_grad():
        assert torch.equal(loaded.denoise(x, x[:, 0, 0, 0]), model.denoise(x, x[:, 0, 0, 0]))


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path) -> None:
    path, first, second = tmp_path / "c.pt", trainer(), trainer()
    list(first)
    first.seconds = 12.25
    save_checkpoint(first, path)
    restore(second, path)
    assert (second.step, second.seconds) == (4, 12.25)
    save_checkpoint(second, tmp_path / "d.pt")
    one, two = (torch.load(p, weights_only=True) for p in (path, tmp_path / "d.pt"))
    assert str(one["optimiser"]) == str(two["optimiser"])
    for part in ("network", "ema"):
        assert all(torch.equal(one[part][k], two[part][k]) for k in one[part])


def damages(content: bytes) -> dict[str, bytes]:
    found = {f"cut at {n}": content[:n] for n in (0, 1, 7, 8, 9, 40, 200, len(content) - 1)}
    for place in range(3, len(content), max(1, len(content) // 100)):
        spoilt = bytearray(content)
        spoilt[place] ^= 16
        found[f"bit at {place}"] = bytes(spoilt)
    return found | {"text": b"hello\n" * 50, "zeros": bytes(300), "zip": b"PK\x03\x04" * 30}


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    _, path = saved(tmp_path)
    for damage, content in damages(path.read_bytes()).items():
        path.write_bytes(content)
        with pytest.raises(ValueError) as found:
            load_model(path)
            pytest.fail(damage)
        one_line(found, path)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    """A flipped bit that no checksum covers, in a zip's padding, may do nothing; none may more."""
    path, t = tmp_path / "c.pt", trainer()
    save_checkpoint(t, path)
    whole, refused = path.read_bytes(), 0
    before = {k: v.clone() for k, v in t.model.network.state_dict().items()}
    for damage, content in damages(whole).items():
        path.write_bytes(content)
        try:
            restore(t, path)
        except ValueError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            refused += 1
        else:
            assert damage.startswith("bit")
        after = t.model.network.state_dict()
        assert t.step == 2 and all(torch.equal(before[k], after[k]) for k in before)
    assert refused > 50


def test_files_of_another_kind_or_model_are_refused(tmp_path: Path) -> None:
    _, model = saved(tmp_path)
    checkpoint, t = tmp_path / "c.pt", trainer()
    save_checkpoint(trainer(width=8), checkpoint)
    with pytest.raises(ValueError, match=r"belongs to another model: size mismatch") as found:
        restore(t, checkpoint)
    one_line(found, checkpoint)
    with pytest.raises(ValueError, match="damaged or no safetensors file"):
        load_model(checkpoint)
    with pytest.raises(ValueError, match="damaged or no checkpoint"):
        restore(t, model)
    for state in ({"format": "other"}, [1], {}):
        torch.save(state, checkpoint)
        with pytest.raises(ValueError, match="no checkpoint of this version"):
            restore(t, checkpoint)
    torch.save({"format": "genphys checkpoint 1", "step": 1}, checkpoint)
    with pytest.raises(ValueError, match="belongs to another model"):
        restore(t, checkpoint)
    save_file({"a": torch.zeros(2)}, model)
    with pytest.raises(ValueError, match="not written by this version"):
        load_model(model)


@pytest.mark.parametrize("name", ["missing", "."])
def test_missing_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(FileNotFoundError, match="does not exist") as found:
        load_model(path)
    one_line(found, path)
    with pytest.raises(FileNotFoundError, match="nothing to resume from") as found:
        restore(trainer(), path)
    one_line(found, path)


class Attack:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_does_not_run(tmp_path: Path) -> None:
    mark, t = tmp_path / "ran", trainer()
    checkpoint, model = tmp_path / "c.pt", tmp_path / HERE
    torch.save({"format": "genphys checkpoint 1", "network": Attack(mark)}, checkpoint)
    model.write_bytes(pickle.dumps(Attack(mark)))
    raw = tmp_path / "raw.pt"
    raw.write_bytes(pickle.dumps(Attack(mark)))
    for path in (checkpoint, raw):
        with pytest.raises(ValueError, match="damaged or no checkpoint"):
            restore(t, path)
    with pytest.raises(ValueError, match="damaged or no safetensors"):
        load_model(model)
    assert not mark.exists()
    pickle.loads(raw.read_bytes())  # it would have run
    assert mark.exists()


DEEP = "(" * 5000 + "x" + ")" * 5000
HOSTILE: list[tuple[str, Any]] = [
    ("equation", "__import__('os').mkdir('ran') = phi"),
    ("equation", "(lambda: 1)() = phi"),
    ("equation", "phi.__class__ = phi"),
    ("equation", "diff(phi, t) = 9**9**9**9*Laplacian(phi, x)"),
    ("equation", DEEP),
    ("equation", "x" * 10_000_000),
    ("equation", ["phi"]),
    ("equation", None),
    ("equation", "diff(phi, t) = -Laplacian(phi, x)"),
    ("domains", ["c"]),
    ("domains", {"c": 3}),
    ("domains", {"c": "__import__"}),
    ("parameters", {"c": -1.0}),
    ("parameters", {"c": float("nan")}),
    ("parameters", {"c": "8"}),
    ("parameters", {"c": 8, "dim": 3}),
    ("parameters", {}),
    ("parameters", 5),
    ("shape", [3]),
    ("shape", [2, 1]),
    ("shape", [10**12]),
    ("shape", [-1]),
    ("shape", [float("inf")]),
    ("shape", "ab"),
    ("shape", None),
    ("std", 0.0),
    ("std", -1.0),
    ("std", float("nan")),
    ("std", float("inf")),
    ("std", 10**400),
    ("std", "half"),
    ("scale", "sgima"),
    ("scale", [1]),
    ("units", {"shift": 0.0, "scale": -1.0, "integer": False}),
    ("units", {"shift": [0.0] * 5, "scale": [1.0] * 5, "integer": False}),
    ("units", {"shift": [[0.0], [1.0, 2.0]], "scale": 1.0, "integer": False}),
    ("units", {"shift": float("inf"), "scale": 1.0, "integer": False}),
    ("units", {"scale": 1.0}),
    ("units", 3),
    ("network", {"name": "os.system", "heads": 1}),
    ("network", {"name": "mlp", "width": 32, "depth": 1, "heads": 1}),
    ("network", {"name": "mlp", "width": 10**9, "depth": 1, "heads": 1}),
    ("network", {"name": "mlp", "width": 900, "depth": 900, "heads": 1}),
    ("network", {"name": "mlp", "width": 16, "depth": 10**9, "heads": 1}),
    ("network", {"name": "mlp", "width": 16, "depth": 1, "heads": 2}),
    ("network", {"name": "mlp", "width": "16"}),
    ("network", {"name": "mlp", "shape": [2]}),
    ("network", {"name": "unet"}),
    ("network", {"name": ["mlp"]}),
    ("network", {}),
    ("network", "mlp"),
    ("extra", 7),
    ("extra", None),
]


def tampered(path: Path, about: str) -> None:
    """The same weights with another description, its checksum right."""
    tensors = load_file(path)
    metadata = {"format": "genphys model 1", "about": about, "digest": _digest(about, tensors)}
    save_file(tensors, path, metadata)


def description(path: Path) -> dict[str, Any]:
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])
    found: dict[str, Any] = json.loads(header["__metadata__"]["about"])
    return found


@pytest.mark.parametrize(("key", "value"), HOSTILE, ids=lambda v: str(v)[:40])
def test_hostile_metadata_is_refused(
    tmp_path: Path, key: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    phi, c = pde.field(pde.t), sp.Symbol("c", positive=True)
    process = derive(sp.Eq(phi.diff(pde.t), c * pde.Laplacian(phi, pde.x))).bind(dim=2, c=2.0)
    _, path = saved(tmp_path, process=process)
    about = description(path)
    tampered(path, json.dumps(about))
    load_model(path)
    for changed in (about | {key: value}, {k: v for k, v in about.items() if k != key}):
        tampered(path, json.dumps(changed))
        with pytest.raises(ValueError) as found:
            load_model(path)
        one_line(found, path)
        assert len(str(found.value)) < 600
    assert [p.name for p in tmp_path.iterdir()] == [HERE]


@pytest.mark.parametrize("text", ["", "nonsense", "[1, 2]", "3", '{"a": ' + "9" * 5000 + "}"])
def test_a_description_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    _, path = saved(tmp_path)
    tampered(path, text)
    with pytest.raises(ValueError) as found:
        load_model(path)
    one_line(found, path)


@pytest.mark.parametrize("place", ["replace", "fsync"])
def test_a_crash_leaves_the_old_file(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, t = tmp_path / "c.pt", trainer()
    save_checkpoint(t, path)
    model, kept = saved(tmp_path)
    old, old_model = path.read_bytes(), kept.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, place, fail)
    list(t)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(t, path)
    with pytest.raises(OSError, match="No space left"):
        save_model(model, {"name": "mlp", "width": 16, "heads": 1}, kept, note="other")
    assert path.read_bytes() == old and kept.read_bytes() == old_model
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.pt", HERE]


def test_a_write_that_fails_is_an_os_error(tmp_path: Path) -> None:
    """Files are limited to 4 kB for the time of a call, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource")
    path, t = tmp_path / "c.pt", trainer()
    save_checkpoint(t, path)
    old, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    assert len(old) > 4096
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError) as found:
            save_checkpoint(t, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found.value.errno == errno.EFBIG
    assert path.read_bytes() == old and [p.name for p in tmp_path.iterdir()] == ["c.pt"]


def test_an_interrupt_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        atomic(tmp_path / "a", b"b")
    assert list(tmp_path.iterdir()) == []
