"""A run folder: what a training run leaves behind, and how it is read again.

    config.yaml         the whole configuration, and the equation as a formula
    metrics.jsonl       a line per logged state
    checkpoint.pt       to go on from
    model.safetensors   the averaged weights and all that rebuilds the model
    samples.png         and samples/NAME/samples.npz, samples.png
    evaluation.json     numbers of ``genphys evaluate``
    report.html         the page

Everything is read as data: YAML without tags, JSON, tensors. No file that a run folder names is
imported.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genphys.model import Model
from genphys.training.checkpoint import atomic, load_model

__all__ = ["RunFolder", "load"]

Config = dict[str, Any]

_PARTS: dict[str, set[str]] = {  # what stands in each config.yaml
    "equation": {"formula", "domains", "parameters"},
    "data": {"name"},
    "network": {"name"},
    "preconditioning": {"scale"},
    "train": {"checkpoint_every"},
    "sample": set(),
}


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run and what stands in them."""

    path: Path

    @classmethod
    def existing(cls, path: str | Path) -> RunFolder:
        """A folder that holds a run.

        Raises:
            FileNotFoundError: When the folder or its config.yaml is not there.
        """
        folder = cls(Path(path))
        if not folder.config_file.is_file():
            raise FileNotFoundError(
                f"{path} is no run folder: name one that `genphys train` wrote, with a config.yaml"
            )
        return folder

    @property
    def config_file(self) -> Path:
        """config.yaml."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """checkpoint.pt."""
        return self.path / "checkpoint.pt"

    @property
    def model(self) -> Path:
        """model.safetensors."""
        return self.path / "model.safetensors"

    @property
    def metrics(self) -> Path:
        """metrics.jsonl."""
        return self.path / "metrics.jsonl"

    @property
    def evaluation(self) -> Path:
        """evaluation.json."""
        return self.path / "evaluation.json"

    def write_config(self, config: Config) -> None:
        """Write config.yaml."""
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        write_text(self.config_file, text)

    def read_config(self) -> Config:
        """Read config.yaml.

        Raises:
            ValueError: When it is not the mapping that a run writes.
        """
        try:
            config = yaml.safe_load(self.config_file.read_text())
        except (yaml.YAMLError, UnicodeDecodeError):
            config = None
        if not isinstance(config, dict) or not all(
            isinstance(config.get(part), dict) and names <= config[part].keys()
            for part, names in _PARTS.items()
        ):
            raise ValueError(f"{self.config_file} is damaged or not of a run of genphys")
        return config

    def log(self, state: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl."""
        with self.metrics.open("a") as handle:
            handle.write(json.dumps(state) + "\n")

    def history(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; one that was cut short is left out."""
        states = []
        for line in self.metrics.read_text().splitlines() if self.metrics.exists() else []:
            with suppress(json.JSONDecodeError):
                states.append(json.loads(line))
        return [state for state in states if isinstance(state, dict)]

    def forget_after(self, step: int) -> None:
        """Drop logged states that a resumed run will log again."""
        kept = [json.dumps(s) + "\n" for s in self.history() if s.get("step", 0) <= step]
        write_text(self.metrics, "".join(kept))

    def read_evaluation(self) -> dict[str, Any]:
        """The numbers of the last evaluation; empty where there is none."""
        return json.loads(self.evaluation.read_text()) if self.evaluation.exists() else {}


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    atomic(path, text.encode())


def load(run: str | Path) -> Model:
    """The trained model of a run folder, in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: When there is no such run or it has no model yet.
        ValueError: When a file is damaged.
    """
    return load_model(RunFolder.existing(run).model)[0]
