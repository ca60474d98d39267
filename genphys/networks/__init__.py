r"""Networks: plain torch modules that know nothing of physics.

A network is ``network(x, c_noise) -> like x``, or with two heads ``-> (like x, (B,))``. Its input x
has about unit variance and ``c_noise`` tells the noise level of each row: what scales both is the
caller's. Its ``config`` is plain numbers, so a run can store it and ``build`` it again.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence

from genphys.networks.embedding import Network
from genphys.networks.mlp import MLP
from genphys.networks.unet import UNet

__all__ = ["MLP", "NETWORKS", "Network", "UNet", "build"]

NETWORKS: dict[str, type[Network]] = {"mlp": MLP, "unet": UNet}


def build(name: str, shape: Sequence[int], heads: int = 1, **parameters: object) -> Network:
    r"""Build a network by name.

    Args:
        name: A key of ``NETWORKS``; or ``auto``, a U-Net for images (three entries in ``shape``)
            and an MLP for everything else.
        shape: Shape of one row of the data: (d,), or (channels, height, width).
        heads: 1, or 2 for a scalar per row besides.
        **parameters: The network's own, as plain numbers and lists.

    Raises:
        ValueError: When the name or a parameter is unknown, or a value is out of its range.

    Example:
        >>> build("auto", (1, 8, 8), width=8).config["name"]
        'unet'
    """
    if name == "auto":
        name = "unet" if len(shape) == 3 else "mlp"
    if name not in NETWORKS:
        raise ValueError(f"network {name!r} is unknown{_nearest(name, ['auto', *NETWORKS])}")
    known = [p for p in inspect.signature(NETWORKS[name]).parameters if p not in ("shape", "heads")]
    for parameter in parameters:
        if parameter not in known:
            raise ValueError(f"network {name} has no {parameter!r}{_nearest(parameter, known)}")
    return NETWORKS[name](shape, heads=heads, **parameters)


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    guess = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{guess} It is one of {', '.join(known)}"
