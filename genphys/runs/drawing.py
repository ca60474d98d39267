"""``genphys sample``: draw from a run's model, as numbers and as a picture."""

from __future__ import annotations

import io
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from genphys.data import to_disk
from genphys.model import Model
from genphys.registry import unknown
from genphys.report import save_grid
from genphys.runs.folder import Config, RunFolder
from genphys.sampling import sample as sample_field
from genphys.sampling.grids import rho_grid
from genphys.sampling.solvers import SAMPLERS
from genphys.training.checkpoint import atomic, load_model
from genphys.training.loop import pick_device

__all__ = ["Drawing", "draw", "sample"]


@dataclass(frozen=True)
class Drawing:
    """How to draw: the options of :func:`genphys.sample` that a configuration sets."""

    n: int = 64
    seed: int = 0
    sampler: str = "heun"
    steps: int = 18
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0
    batch: int = 256

    def __post_init__(self) -> None:
        """Refuses before hours of training what sampling would refuse after them."""
        for option in fields(self):
            value, kind = getattr(self, option.name), type(option.default)
            fits = isinstance(value, (int, float) if kind is float else kind)
            if not fits or isinstance(value, bool):
                raise ValueError(f"{option.name}={value!r}: the type {kind.__name__} is wanted")
        if self.sampler not in SAMPLERS:
            raise ValueError(unknown("sampler", self.sampler, SAMPLERS))
        if min(self.n, self.batch) < 1:
            raise ValueError(f"n={self.n}, batch={self.batch}: both must be positive integers")
        rho_grid(self.steps, self.sigma_min, self.sigma_max, self.rho)

    @classmethod
    def of(cls, config: Config, base: Drawing | None = None) -> Drawing:
        """From a configuration; what it leaves open comes from ``base`` or the defaults."""
        names = {option.name for option in fields(cls)}
        given = {k: v for k, v in config.items() if k in names and v is not None}
        return cls(**(asdict(base or cls()) | given))

    @property
    def name(self) -> str:
        """A folder name: the same options, the same name, the same samples."""
        ends = f"{self.sigma_min:g}-{self.sigma_max:g}"
        return f"n{self.n}-seed{self.seed}-{self.sampler}{self.steps}-sigma{ends}"

    def run(self, model: Model, device: str) -> tuple[torch.Tensor, int]:
        """(samples in the data's own units on the CPU, evaluations of the network)."""
        generator = torch.Generator().manual_seed(self.seed)
        options = {k: v for k, v in asdict(self).items() if k not in ("n", "seed")}
        where = pick_device(device)
        found = sample_field(
            model.to(where), self.n, device=where, generator=generator, progress=True, **options
        )
        return found.x.cpu(), found.nfe


def draw(model: Model, run: RunFolder, drawing: Drawing, device: str) -> Path:
    """Draw into ``samples/NAME`` of the run; its picture also becomes the run's samples.png."""
    x, _ = drawing.run(model, device)
    images = to_disk(x, model.units)
    folder = run.path / "samples" / drawing.name
    folder.mkdir(parents=True, exist_ok=True)
    atomic(folder / "samples.npz", _npz(images))
    save_grid(folder / "samples.png", images)
    shutil.copyfile(folder / "samples.png", run.path / "samples.png")
    return folder


def sample(config: Config, folder: Path) -> None:
    """Draw samples from a trained run and say where they are."""
    run = RunFolder.existing(str(config["run"]))
    model, extra = load_model(run.model)
    drawing = Drawing.of(config, Drawing.of(extra.get("sample", {})))
    target = draw(model, run, drawing, str(config["device"]))
    print(
        f"{drawing.n} samples: {target / 'samples.npz'} (key x)\npicture: {target / 'samples.png'}"
    )


def _npz(images: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=images)
    return buffer.getvalue()
