r"""The trainer: one loop for every process, network and data set.

The trainer is an iterator. Each item is the state after some steps; bars, files and early stops
live with the caller. :func:`train` is the caller for use from Python.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from genphys import networks
from genphys.data import Dataset, Units
from genphys.data.dataset import Kind
from genphys.model import Model
from genphys.preconditioning import SCALES
from genphys.process import Process
from genphys.training.ema import Ema
from genphys.training.loss import losses
from genphys.training.schedule import Batches, learning_rate, seed_for

__all__ = ["NotFinite", "Options", "Progress", "Trainer", "build_model", "pick_device", "train"]


class NotFinite(ArithmeticError):
    """A loss that is not finite: the message names the step and the sigma at fault."""


@dataclass(frozen=True)
class Options:
    r"""How to train; the defaults suit small data on a CPU.

    Attributes:
        steps: Steps, or the most steps where ``minutes`` is given.
        minutes: Stop after so many minutes; None trains for ``steps``.
        batch: Data a step.
        lr: Peak learning rate of Adam.
        warmup: Steps of linear rise of the rate; a cosine to 0 follows.
        ema: Decay of the weights' moving average, a step.
        clip: Largest norm of the gradient.
        seed: Of initial weights, data order and noise.
        heads: 1, or 2 for the mean clock.
        sigma_mean: Mean of log sigma in training.
        sigma_std: Standard deviation of log sigma in training.
        scale: The local scale of the preconditioning.
        log_every: Steps between states handed out.
    """

    steps: int = 3000
    minutes: float | None = None
    batch: int = 128
    lr: float = 1e-3
    warmup: int = 200
    ema: float = 0.999
    clip: float = 1.0
    seed: int = 0
    heads: int = 1
    sigma_mean: float = -1.2
    sigma_std: float = 1.2
    scale: str = "local"
    log_every: int = 50

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every"):
            _require(name, getattr(self, name), "a positive integer", _is_count)
        for name in ("lr", "clip", "sigma_std"):
            _require(name, getattr(self, name), "a positive number", lambda v: 0 < v < math.inf)
        if self.minutes is not None:
            _require("minutes", self.minutes, "a positive number", lambda v: 0 < v < math.inf)
        _require("warmup", self.warmup, "0 or a positive integer", lambda v: v == 0 or _is_count(v))
        _require("ema", self.ema, "in [0, 1)", lambda v: 0 <= v < 1)
        _require("heads", self.heads, "1 or 2", lambda v: v in (1, 2))
        _require("sigma_mean", self.sigma_mean, "a finite number", math.isfinite)
        _require("seed", self.seed, "an integer", lambda v: isinstance(v, int))
        if self.scale not in SCALES:
            raise ValueError(f"scale={self.scale!r}: it must be one of {', '.join(SCALES)}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _require(name: str, value: object, what: str, holds: object) -> None:
    assert callable(holds)
    try:
        fine = bool(holds(value))
    except TypeError:
        fine = False
    if not fine:
        raise ValueError(f"{name}={value!r}: it must be {what}")


@dataclass(frozen=True)
class Progress:
    """The state after a step.

    Attributes:
        step: Steps done.
        loss: Mean denoiser loss since the last state; 1 is that of an untrained network.
        clock_loss: The same of the mean clock, or None.
        lr: Learning rate of the last step.
        seconds: Training time spent.
        done: Fraction of the budget that is spent, in [0, 1].
    """

    step: int
    loss: float
    clock_loss: float | None
    lr: float
    seconds: float
    done: float


def pick_device(name: str) -> torch.device:
    """A device by name; "auto" is CUDA where there is one, else the CPU.

    Raises:
        ValueError: For a device that torch does not know or that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros((), device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={name!r} is not to be had here: {reason}") from None
    return device


def build_model(process: Process, data: Dataset, options: Options, network: nn.Module) -> Model:
    """An untrained model of a data set.

    Raises:
        ValueError: When two heads are asked for and the mean clock does not exist.
    """
    if options.heads == 2:
        probe = torch.ones(1, dtype=torch.float64)
        if not bool(torch.isfinite(process.clock.posterior_mean(probe, probe)).all()):
            raise ValueError(
                "heads=2 learns E[S|x], which is infinite for this process: use heads=1"
            )
    return Model(
        network, process, mean=data.mean, std=data.std, units=data.units, scale=options.scale
    )


@dataclass
class Trainer:
    """Trains a model on data that stay on its device.

    Iterating does ``log_every`` steps an item and yields :class:`Progress`. What changes is in
    ``model``, ``ema``, ``optimiser``, ``step`` and ``seconds``; all else follows from the options.
    Setting ``stop`` ends the iteration after the step that is being done.
    """

    model: Model
    data: Tensor
    options: Options
    device: torch.device
    step: int = 0
    seconds: float = 0.0
    stop: bool = False
    ema: Ema = field(init=False)
    optimiser: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        self.model.to(self.device).train()
        self.data = self.data.to(self.device)
        self.ema = Ema(self.model.network, self.options.ema)
        parameters = self.model.network.parameters()
        self.optimiser = torch.optim.Adam(parameters, lr=self.options.lr, fused=True)
        self._batches = Batches(len(self.data), self.options.batch, self.options.seed)
        self._generator = torch.Generator(self.device)

    @property
    def done(self) -> float:
        """Fraction of the budget that is spent."""
        spent = self.step / self.options.steps
        if self.options.minutes is not None:
            spent = max(spent, self.seconds / (60 * self.options.minutes))
        return min(1.0, spent)

    def averaged(self) -> Model:
        """The model with the averaged weights, sharing nothing that training changes later."""
        m, weights = self.model, copy.deepcopy(self.ema.module)
        return Model(
            weights, m.process, mean=m.mean, std=m.std, units=m.units, scale=m.scale
        ).eval()

    def __iter__(self) -> Iterator[Progress]:
        while self.done < 1 and not self.stop:
            yield self._advance(min(self.options.log_every, self.options.steps - self.step))

    def _advance(self, steps: int) -> Progress:
        """Some steps without looking at a number, so that a GPU is never waited for."""
        watch = _Watch(self.device)
        rate, began = 0.0, time.perf_counter()
        for _ in range(steps):
            rate = self._step(watch)
            if self.options.minutes is not None:
                now = time.perf_counter()
                self.seconds, began = self.seconds + now - began, now
            if self.stop or self.done >= 1:
                break
        loss, clock_loss = watch.means()
        self.seconds += time.perf_counter() - began
        return Progress(self.step, loss, clock_loss, rate, self.seconds, self.done)

    def _step(self, watch: _Watch) -> float:
        o = self.options
        rate = learning_rate(self.step, self.done, peak=o.lr, warmup=o.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self._generator.manual_seed(seed_for(o.seed, "noise", self.step))
        torch.manual_seed(seed_for(o.seed, "dropout", self.step))  # which has no other generator
        y = self.data[self._batches.indices(self.step).to(self.device)]
        found = losses(
            self.model, y, sigma_mean=o.sigma_mean, sigma_std=o.sigma_std, generator=self._generator
        )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(found.total.mean())
        nn.utils.clip_grad_norm_(self.model.network.parameters(), o.clip)
        self.optimiser.step()
        self.ema.update(self.model.network, self.step)
        watch.see(found.denoiser, found.clock, found.sigma, self.step)
        self.step += 1
        return rate


class _Watch:
    """Sums losses on the device, remembers the first not finite, and looks once, at the end."""

    def __init__(self, device: torch.device) -> None:
        self.total = torch.zeros(2, device=device)
        self.fault = torch.full((2,), math.nan, dtype=torch.float64, device=device)  # step, sigma
        self.steps, self.two = 0, False

    def see(self, denoiser: Tensor, clock: Tensor | None, sigma: Tensor, step: int) -> None:
        denoiser = denoiser.detach()
        rows = denoiser if clock is None else denoiser + clock.detach()
        self.two = clock is not None
        self.total[0] += denoiser.mean()
        if clock is not None:
            self.total[1] += clock.detach().mean()
        self.steps += 1
        bad = ~torch.isfinite(rows)
        where = sigma[bad.to(torch.int8).argmax()]
        here = torch.stack([torch.full_like(where, step), where]).double()
        self.fault = torch.where(bad.any() & self.fault[0].isnan(), here, self.fault)

    def means(self) -> tuple[float, float | None]:
        step, sigma = self.fault.tolist()
        if not math.isnan(step):
            raise NotFinite(f"the loss is not finite at step {int(step)}, sigma = {sigma:.4g}")
        first, second = (self.total / max(1, self.steps)).tolist()
        return first, second if self.two else None


def train(
    process: Process,
    data: Dataset | Tensor | np.ndarray,
    *,
    network: str = "auto",
    network_options: dict[str, object] | None = None,
    device: str = "auto",
    progress: bool = True,
    **options: object,
) -> Model:
    r"""Train a model of data under a process.

    Args:
        process: The bound process.
        data: A data set of :mod:`genphys.data`, or an array (n, \*) whose entries are mapped to a
            standard deviation of 0.5: images (n, C, H, W), tables (n, d).
        network: "auto" (U-Net for images, MLP for tables), "mlp", or "unet".
        network_options: Parameters of the network.
        device: "auto", "cpu", "cuda".
        progress: Whether to show a progress bar on a terminal.
        **options: Fields of :class:`Options`: steps, minutes, batch, lr, heads, seed, ...

    Returns:
        The model with averaged weights, in evaluation mode.

    Raises:
        ValueError: For an option that does not exist or does not fit.
        NotFinite: When a loss is not finite, naming the step and sigma.
    """
    known = [option.name for option in fields(Options)]
    for name in options:
        if name not in known:
            raise ValueError(f"train has no option {name!r}: there are {', '.join(known)}")
    chosen = Options(**options)  # type: ignore[arg-type]  # checked field by field at construction
    dataset = data if isinstance(data, Dataset) else _dataset(data)
    torch.manual_seed(seed_for(chosen.seed, "weights"))
    net = networks.build(network, dataset.shape, chosen.heads, **(network_options or {}))
    model = build_model(process, dataset, chosen, net)
    trainer = Trainer(model, dataset.train, chosen, pick_device(device))
    with tqdm(total=100, unit="%", disable=None if progress else True, leave=False) as bar:
        for state in trainer:
            bar.set_postfix_str(f"loss {state.loss:.4f}", refresh=False)
            bar.update(round(100 * state.done) - bar.n)
    return trainer.averaged()


def _dataset(data: Tensor | np.ndarray) -> Dataset:
    kind: Kind = "table" if data.ndim == 2 else "image"
    try:  # a table's columns may have offsets that float32 does not resolve
        x = torch.as_tensor(data, dtype=torch.float64 if kind == "table" else torch.float32)
    except TypeError:
        raise ValueError(f"data of type {data.dtype}: numbers are wanted") from None
    if x.dim() not in (2, 4) or not x.numel() or not bool(torch.isfinite(x).all()):
        raise ValueError("data must be finite images (n, C, H, W) or a table (n, d)")
    units = Units.fit(x, per_column=kind == "table")
    mapped = units.to_mapped(x).float()
    return Dataset("array", kind, mapped, mapped[:0], units)
