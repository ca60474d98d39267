"""Data sets by name or path, in memory, in mapped units, with the way back to their own.

Usable alone: nothing here knows of processes or networks.

Example:
    >>> from genphys.data import load_dataset
    >>> data = load_dataset("digits")
    >>> data.train.shape, data.test.shape
    (torch.Size([1400, 1, 8, 8]), torch.Size([397, 1, 8, 8]))
    >>> data.own(data.test).shape
    (397, 8, 8)
"""

from __future__ import annotations

import inspect

from genphys.data.builtin import DATASETS
from genphys.data.dataset import Dataset, make_dataset, to_disk
from genphys.data.units import Units

__all__ = ["DATASETS", "Dataset", "Units", "load_dataset", "make_dataset", "to_disk"]


def load_dataset(name: str, **parameters: object) -> Dataset:
    """Loads a data set by its name.

    Args:
        name: A key of :data:`DATASETS`.
        **parameters: Those of the function there, such as ``path`` or ``n``; None is the default.

    Raises:
        FileNotFoundError: When there is nothing at ``path``.
        ValueError: When the name or a parameter is unknown, missing, of the wrong type or out of
            its range, or what is at ``path`` is no such data.
    """
    if name not in DATASETS:
        raise ValueError(f"no data set {name!r}: choose one of {', '.join(DATASETS)}")
    signature = inspect.signature(DATASETS[name])
    given = {key: value for key, value in parameters.items() if value is not None}
    try:
        signature.bind(**given)
    except TypeError as error:
        known = ", ".join(signature.parameters)
        raise ValueError(f"data set {name}: {error}; parameters: {known}") from error
    for key, value in given.items():
        _check_type(f"data set {name}: {key}", signature.parameters[key].default, value)
    return DATASETS[name](**given)


def _check_type(what: str, default: object, value: object) -> None:
    """A number where the default is one: text from a command line is refused here."""
    wanted = type(default)
    fits = isinstance(value, (int, float) if wanted is float else wanted)
    if wanted in (int, float) and (not fits or isinstance(value, bool)):
        raise ValueError(f"{what}={value!r}: {wanted.__name__} is wanted")
