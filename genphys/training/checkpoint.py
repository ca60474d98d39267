r"""Files of a run: the checkpoint to go on from, and the model to sample from.

Both are written to a temporary name, synced and renamed, so that a crash leaves the old file. Both
hold tensors, numbers and text only: the checkpoint is read with ``weights_only``, the model is a
safetensors file whose metadata are JSON. Neither can carry code, and a file that is damaged or of
another kind is refused in one line.
"""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genphys import networks
from genphys.data import Units
from genphys.derivation import derive
from genphys.derivation.formula import assumptions, parse, write
from genphys.model import Model
from genphys.training.loop import Trainer

__all__ = ["load_model", "restore", "save_checkpoint", "save_model"]

_FORMAT = "genphys model 1"
_CHECKPOINT = "genphys checkpoint 1"


def atomic(path: Path, write_to: Callable[[Path], None]) -> None:
    """Write a file under a temporary name, sync it, and rename it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_to(temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_checkpoint(trainer: Trainer, path: Path) -> None:
    """Everything that a trainer needs to go on exactly."""
    state = {
        "format": _CHECKPOINT,
        "step": trainer.step,
        "seconds": trainer.seconds,
        "network": trainer.model.network.state_dict(),
        "ema": trainer.ema.module.state_dict(),
        "optimiser": trainer.optimiser.state_dict(),
    }
    atomic(path, lambda temporary: torch.save(state, temporary))


def restore(trainer: Trainer, path: Path) -> None:
    """Set a trainer to the state of a checkpoint.

    Raises:
        FileNotFoundError: When there is none.
        ValueError: When it is damaged, of another model, or no checkpoint.
    """
    try:
        state = torch.load(path, map_location=trainer.device, weights_only=True)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist: there is nothing to resume from") from None
    except (
        pickle.UnpicklingError,
        RuntimeError,
        zipfile.BadZipFile,
        EOFError,
        ValueError,
        KeyError,
    ):
        raise ValueError(f"{path} is damaged or no checkpoint: it cannot be resumed") from None
    if not isinstance(state, dict) or state.get("format") != _CHECKPOINT:
        raise ValueError(f"{path} is no checkpoint of this version of genphys")
    try:
        trainer.model.network.load_state_dict(state["network"])
        trainer.ema.module.load_state_dict(state["ema"])
        trainer.optimiser.load_state_dict(state["optimiser"])
        trainer.step, trainer.seconds = int(state["step"]), float(state["seconds"])
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} belongs to another model: {reason}") from None


def save_model(model: Model, network: dict[str, Any], path: Path, **extra: object) -> None:
    """The averaged weights and what is needed to rebuild the model: equation, numbers, units.

    Args:
        model: What to save.
        network: Name and parameters of its network, as :func:`genphys.networks.build` takes them.
        path: The file.
        **extra: Further JSON values, handed back by :func:`load_model`.
    """
    equation = model.process.derivation.equation
    about = {
        "equation": write(equation),
        "domains": assumptions(equation),
        "parameters": dict(model.process.parameters),
        "shape": list(model.shape),
        "std": model.std,
        "scale": model.scale,
        "units": model.units.as_dict(),
        "network": network,
        "extra": extra,
    }
    tensors = {
        name: t.detach().cpu().contiguous() for name, t in model.network.state_dict().items()
    }
    tensors["data.mean"] = model.mean.detach().cpu().contiguous()
    metadata = {"format": _FORMAT, "about": json.dumps(about, sort_keys=True)}
    atomic(path, lambda temporary: save_file(tensors, temporary, metadata))


def load_model(path: Path) -> tuple[Model, dict[str, Any]]:
    """A saved model in evaluation mode, on the CPU, and its extra values.

    The equation is read as a formula and derived anew; no file that it names is imported.

    Raises:
        FileNotFoundError: When there is none.
        ValueError: When the file is damaged, or not a model of this version.
    """
    tensors, about = _read(path)
    try:
        equation = parse(about["equation"], about["domains"])
        shape = tuple(int(entry) for entry in about["shape"])
        mean = tensors.pop("data.mean")
        process = derive(equation).bind(dim=mean.numel(), **about["parameters"])
        net = networks.build(shape=shape, **about["network"])
        net.load_state_dict(tensors)
        units = Units.from_dict(about["units"])
        model = Model(
            net,
            process,
            mean=mean.reshape(shape),
            std=float(about["std"]),
            units=units,
            scale=str(about["scale"]),
        )
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{path} does not describe a model that can be rebuilt: {reason}"
        ) from None
    return model.eval().requires_grad_(False), dict(about["extra"])


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: name the folder of a finished training run"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = json.loads(metadata.get("about", "null"))
    except (SafetensorError, json.JSONDecodeError, RecursionError):
        raise ValueError(f"{path} is damaged: it is no safetensors file") from None
    if metadata.get("format") != _FORMAT or not isinstance(about, dict):
        raise ValueError(f"{path} was not written by this version of genphys ({_FORMAT})")
    return tensors, about
