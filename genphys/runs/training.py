"""``genphys train``: from a configuration to a run folder with a model, samples and a report."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from genphys import networks
from genphys.clocks.quadrature import Given
from genphys.data import Dataset, load_dataset
from genphys.derivation import derive
from genphys.derivation.formula import assumptions, parse, write
from genphys.field import ExactField
from genphys.model import Model
from genphys.process import Process
from genphys.runs.deriving import potential_of
from genphys.runs.drawing import Drawing, draw
from genphys.runs.folder import Config, RunFolder
from genphys.runs.memory import keep_freed_memory
from genphys.runs.reporting import write_run_report
from genphys.training.checkpoint import restore, save_checkpoint, save_model
from genphys.training.loop import NotFinite, Options, Trainer, build_model, pick_device
from genphys.training.schedule import seed_for

__all__ = ["train"]

_BAR = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"


def train(config: Config, folder: Path) -> None:
    """Train, draw samples and write the report; or go on with a run (``resume``).

    Nothing is written before the configuration, the data and the equation have been found good.

    Raises:
        ValueError: For a mistake in the configuration or the data.
        NotFinite: When the loss diverges; the last good checkpoint is kept.
    """
    resume = config.get("resume")
    run = RunFolder.existing(str(resume)) if resume else RunFolder(folder)
    keep_freed_memory()
    config = run.read_config() | {"device": config["device"]} if resume else config
    job = _Job.of(config)
    if resume:
        restore(job.trainer, run.checkpoint)
        run.forget_after(job.trainer.step)
    else:
        run.path.mkdir(parents=True)
        run.write_config(job.config)
    _say(f"{job.summary}\nrun folder: {run.path}")
    _train(job, run)
    _finish(job, run)


class _Job:
    """Everything that a configuration stands for, checked and built."""

    def __init__(self, config: Config, process: Process, dataset: Dataset) -> None:
        self.config, self.process, self.dataset = config, process, dataset
        self.options = _options(config)
        self.drawing = Drawing.of(config["sample"])
        if config["train"]["checkpoint_every"] < 1:
            raise ValueError("train.checkpoint_every must be a positive integer")
        settings = {k: v for k, v in config["network"].items() if v is not None}
        name = settings.pop("name")
        torch.manual_seed(seed_for(self.options.seed, "weights"))
        network = networks.build(name, dataset.shape, self.options.heads, **settings)
        self.network = {**network.config, "heads": self.options.heads}
        model = build_model(process, dataset, self.options, network)
        device = pick_device(str(config["device"]))
        self.trainer = Trainer(model, dataset.train, self.options, device)

    @classmethod
    def of(cls, config: Config) -> _Job:
        parameters = dict(config["data"])
        if parameters.get("path"):  # so that the run can be evaluated from another folder
            parameters["path"] = str(Path(parameters["path"]).resolve())
        config = config | {"data": dict(parameters)}
        dataset = load_dataset(parameters.pop("name"), **parameters)
        stored = config.get("equation")
        if stored is not None:  # of a run folder, whose potential may be a file: never imported
            derivation = derive(parse(stored["formula"], stored["domains"]))
            process = derivation.bind(dim=dataset.dim, **stored["parameters"])
        else:
            process = potential_of(config["potential"]).bind(dim=dataset.dim)
        if process.annihilates and not process.uniform:
            raise ValueError(
                "this process annihilates particles (R != 0), and a trained model of it cannot be "
                "sampled yet: derive it, use its exact field, or train one with R = 0"
            )
        return cls(config | {"equation": _formula(process)}, process, dataset)

    @property
    def summary(self) -> str:
        weights = sum(p.numel() for p in self.trainer.model.network.parameters())
        budget = f"{self.options.steps:,} steps"
        if self.options.minutes is not None:
            budget = f"{self.options.minutes:g} minutes or {budget}"
        data = self.dataset
        return (
            f"{self.config['equation']['formula']}\n"
            f"{data.name}: {len(data.train):,} training and {len(data.test):,} test data of shape "
            f"{data.shape}; {self.network['name']} with {weights:,} weights on "
            f"{self.trainer.device}; {budget}"
        )


def _formula(process: Process) -> dict[str, Any]:
    equation = process.derivation.equation
    return {
        "formula": write(equation),
        "domains": assumptions(equation),
        "parameters": dict(process.parameters),
    }


def _options(config: Config) -> Options:
    names = {option.name for option in fields(Options)}
    given = {k: v for k, v in config["train"].items() if k in names}
    return Options(**given, scale=config["preconditioning"]["scale"])


def _train(job: _Job, run: RunFolder) -> None:
    trainer, every = job.trainer, int(job.config["train"]["checkpoint_every"])
    next_save = trainer.step + every
    try:
        with (
            _stopping(trainer),
            tqdm(total=100, bar_format=_BAR, disable=None, desc="train") as bar,
        ):
            for state in trainer:
                run.log({k: v for k, v in asdict(state).items() if v is not None})
                bar.set_postfix_str(f"step {state.step} loss {state.loss:.4f}", refresh=False)
                bar.update(100 * state.done - bar.n)
                if state.step >= next_save:
                    save_checkpoint(trainer, run.checkpoint)
                    next_save = state.step + every
    except NotFinite as fault:
        kept = (
            f"checkpoint kept: {run.checkpoint}" if run.checkpoint.exists() else "no checkpoint yet"
        )
        raise NotFinite(f"{fault}; {kept}; try a smaller train.lr") from None
    save_checkpoint(trainer, run.checkpoint)
    if trainer.stop:
        _save(job, run, {})
        _say(f"stopped at step {trainer.step}; go on with: genphys train resume={run.path}")
        sys.exit(130)


@contextmanager
def _stopping(trainer: Trainer) -> Iterator[None]:
    """Let Ctrl-C wait for the end of a step: within one, weights, average and count disagree."""

    def stop(*_: object) -> None:
        trainer.stop = True
        signal.signal(signal.SIGINT, before)  # a second Ctrl-C does not wait

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # a shell starts background jobs so: Ctrl-C is not for them
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _finish(job: _Job, run: RunFolder) -> None:
    left = _variation_left(job)
    model = _save(job, run, {"start_variation": left})
    draw(model, run, job.drawing, str(job.trainer.device))
    report = write_run_report(run, job.dataset)
    seconds = job.trainer.seconds
    _say(
        f"{job.trainer.step:,} steps in {seconds:.0f} s; the start leaves a total variation of "
        f"{left:.2g} at sigma_max\nsamples: {run.path / 'samples.png'}\nreport:  {report}"
    )


def _save(job: _Job, run: RunFolder, extra: dict[str, Any]) -> Model:
    model = job.trainer.averaged()
    sample = {k: v for k, v in asdict(job.drawing).items() if v is not None}
    save_model(model, job.network, run.model, sample=sample, **extra)
    return model


def _variation_left(job: _Job) -> float:
    r"""Total variation between the data's own law at sigma_max and the law sampling starts from.

    :math:`TV = E_p[\max(0, 1 - q/p)]` by 1,000 draws of p, the law of up to 5,000 training data; by
    200 of 100 data where each kernel is a quadrature, 10^5 times the work of a closed form.
    """
    sigma = torch.tensor(job.drawing.sigma_max, dtype=torch.float64)
    closed = not isinstance(job.process.clock.law(sigma).given(sigma, job.process.dim), Given)
    n, references = (1000, 5000) if closed else (200, 100)
    exact = ExactField(job.process, job.dataset.train[:references])
    generator = torch.Generator().manual_seed(seed_for(job.options.seed, "variation"))
    x = exact.start(sigma).sample(n, generator)
    model = job.trainer.averaged().cpu()
    ratio = torch.exp(model.start(sigma).log_density(x) - exact.log_density(x, sigma.reshape(1)))
    return float((1 - ratio).clamp_min(0).mean())


def _say(text: str) -> None:
    print(text, flush=True)
