r"""Files of a run: the checkpoint to go on from, and the model to sample from.

Both are written to a temporary name, synced and renamed, so that a crash leaves the old file. Both
hold tensors, numbers and text only: the checkpoint is read with ``weights_only``, the model is a
safetensors file whose metadata are JSON. Neither can carry code. Both carry checksums, so that a
file with a flipped bit is refused as one that is cut short or of another kind is: in one line.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import pickle
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from genphys import networks
from genphys.data import Units
from genphys.derivation import derive
from genphys.derivation.formula import assumptions, parse, write
from genphys.model import Model
from genphys.preconditioning import SCALES
from genphys.training.loop import Trainer

__all__ = ["load_model", "restore", "save_checkpoint", "save_model"]

_FORMAT = "genphys model 1"
_CHECKPOINT = "genphys checkpoint 1"
_UNREADABLE = (RuntimeError, ValueError, OSError, zipfile.BadZipFile, zlib.error)


def atomic(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, sync it, and rename it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
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
    buffer = io.BytesIO()  # torch makes a RuntimeError of a full disk
    torch.save(state, buffer)
    atomic(path, buffer.getvalue())


def restore(trainer: Trainer, path: Path) -> None:
    """Set a trainer to the state of a checkpoint.

    Raises:
        FileNotFoundError: When there is none.
        ValueError: When it is damaged, of another model, or no checkpoint.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: there is nothing to resume from")
    try:
        with zipfile.ZipFile(path) as archive:  # torch does not look at the checksums
            damaged = archive.testzip()
        state = None if damaged else torch.load(path, trainer.device, weights_only=True)
    except (*_UNREADABLE, pickle.UnpicklingError, NotImplementedError, EOFError, KeyError):
        damaged = "all of it"
    if damaged:
        raise ValueError(f"{path} is damaged or no checkpoint: it cannot be resumed")
    if not isinstance(state, dict) or state.get("format") != _CHECKPOINT:
        raise ValueError(f"{path} is no checkpoint of this version of genphys")
    try:
        trainer.model.network.load_state_dict(state["network"])
        trainer.ema.module.load_state_dict(state["ema"])
        trainer.optimiser.load_state_dict(state["optimiser"])
        trainer.step, trainer.seconds = int(state["step"]), float(state["seconds"])
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ValueError(f"{path} belongs to another model: {_reason(error)}") from None


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
    text = json.dumps(about, sort_keys=True)
    metadata = {"format": _FORMAT, "about": text, "digest": _digest(text, tensors)}
    atomic(path, save(tensors, metadata))


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
        mean = tensors.pop("data.mean").reshape(shape)
        std, scale, units = float(about["std"]), about["scale"], Units.from_dict(about["units"])
        if not 0 < std < math.inf or scale not in SCALES or units.to_data(mean).shape != shape:
            raise ValueError("std, scale or units are none that a model has")
        process = derive(equation).bind(dim=mean.numel(), **about["parameters"])
        net = _network(shape, about["network"], tensors)
        model = Model(net, process, mean=mean, std=std, units=units, scale=scale)
        extra = dict(about["extra"])
    except (LookupError, RuntimeError, TypeError, AttributeError, ValueError, OverflowError) as e:
        raise ValueError(
            f"{path} does not describe a model that can be rebuilt: {_reason(e)}"
        ) from None
    return model.eval().requires_grad_(False), extra


def _network(shape: Sequence[int], config: dict[str, Any], tensors: dict[str, Tensor]) -> nn.Module:
    """The network of a file, whose sizes are compared before any memory is taken for it."""
    weights = sum(t.numel() for t in tensors.values())
    if any(isinstance(value, int) and value > weights for value in config.values()):
        raise ValueError(f"a network of {weights} weights has no parameter above {weights}")
    with torch.device("meta"):
        planned = networks.build(shape=shape, **config).state_dict()
    if {n: t.shape for n, t in planned.items()} != {n: t.shape for n, t in tensors.items()}:
        raise ValueError("the weights are not those of the network")
    network = networks.build(shape=shape, **config)
    network.load_state_dict(tensors)
    return network


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    """A checksum of a model's description and weights."""
    found = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _reason(error: Exception) -> str:
    """The last line of a message: torch begins with a headline."""
    return (str(error).splitlines() or [type(error).__name__])[-1].strip()


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: name the folder of a finished training run"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = metadata.get("about", "null")
        about = json.loads(text)
    except (*_UNREADABLE, SafetensorError, RecursionError):
        raise ValueError(f"{path} is damaged or no safetensors file") from None
    if metadata.get("format") != _FORMAT or not isinstance(about, dict):
        raise ValueError(f"{path} was not written by this version of genphys ({_FORMAT})")
    if metadata.get("digest") != _digest(text, tensors):
        raise ValueError(f"{path} is damaged: its checksum does not fit its content")
    return tensors, about
