r"""The map between the data's own units and the mapped units that everything else works in.

A table may hold metres and dollars, an image 0 to 255. Sigma, r and mass are lengths, so they need
one scale that is the same for every data set: data are mapped to a standard deviation of about 0.5
[1] by an affine map of each entry,

.. math:: u = (x - b) / a, \qquad x = b + a u,

with shift :math:`b` and scale :math:`a`. The law of the data changes by the Jacobian,

.. math:: \log p_x(x) = \log p_u(u) - \sum_i \log |a_i|.

8-bit images take :math:`b = a = 127.5`, that is :math:`u \in [-1, 1]`, whatever they show. Of all
else, images take one scalar :math:`b` and :math:`a` and tables one of each per column, fitted to
the training data.

References:
    [1] Elucidating the Design Space of Diffusion-Based Generative Models. Karras et al., 2022,
        arXiv:2206.00364, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Units"]

MAPPED_STD = 0.5


@dataclass(frozen=True, eq=False)
class Units:
    r"""An affine map :math:`x = b + a u` between own units x and mapped units u.

    Args:
        shift: The shift b, in own units; shape (), or one that broadcasts against a sample.
        scale: The scale a > 0, in own units; shape as ``shift``.
        integer: Whether the data were 8-bit integers, so that own units are rounded on the way out.

    Raises:
        ValueError: When shift or scale is not finite, a scale is not above 0, or the shapes differ.
    """

    shift: Tensor
    scale: Tensor
    integer: bool = False

    def __post_init__(self) -> None:
        if self.shift.shape != self.scale.shape:
            a, b = tuple(self.scale.shape), tuple(self.shift.shape)
            raise ValueError(f"scale has shape {a} and shift {b}: they must be the same")
        if not (self.shift.isfinite().all() and self.scale.isfinite().all()):
            raise ValueError("shift and scale must be finite; the data may be too large to square")
        if not (self.scale > 0).all():
            raise ValueError(f"scale must be above 0, not {self.scale.min().item()}")

    @classmethod
    def identity(cls) -> Units:
        """The map that leaves everything as it is."""
        return cls(torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64))

    @classmethod
    def eight_bit(cls) -> Units:
        """The map of 8-bit images, 0 ... 255 to -1 ... 1."""
        half = torch.tensor(127.5, dtype=torch.float64)
        return cls(half, half, integer=True)

    @classmethod
    def fit(cls, x: Tensor, *, per_column: bool = False) -> Units:
        r"""The map that gives ``x`` the mean 0 and the standard deviation 0.5.

        Args:
            x: Samples in own units, floating point, shape (n, \*).
            per_column: Fit each entry of a sample by itself, rather than all by one number.

        Raises:
            ValueError: When ``x`` does not vary, or its squares overflow.
        """
        dims = [0] if per_column else list(range(x.ndim))
        count = x.shape[0] if per_column else x.numel()
        shift = x.mean(dims, dtype=torch.float64)
        norm = torch.linalg.vector_norm(x - shift.to(x.dtype), dim=dims, dtype=torch.float64)
        return cls(shift, norm / count**0.5 / MAPPED_STD)

    def to_mapped(self, x: Tensor) -> Tensor:
        r"""Own units to mapped units, shape (n, \*), same dtype (integers become float32)."""
        x = x if x.is_floating_point() else x.float()
        return (x - self.shift.to(x)) / self.scale.to(x)

    def to_data(self, u: Tensor) -> Tensor:
        r"""Mapped units to own units, shape (n, \*), same dtype; not rounded."""
        return self.shift.to(u) + self.scale.to(u) * u

    def log_jacobian(self, shape: Sequence[int]) -> float:
        r""":math:`\sum_i \log |a_i|` over the entries of a sample of this shape, in nats.

        The log density in own units is that in mapped units minus this number.
        """
        return float(self.scale.log().broadcast_to(tuple(shape)).sum())

    def as_dict(self) -> dict[str, object]:
        """Plain numbers, lists and bools, as JSON takes them."""
        return {
            "shift": self.shift.tolist(),
            "scale": self.scale.tolist(),
            "integer": self.integer,
        }

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> Units:
        """The inverse of :meth:`as_dict`.

        Raises:
            ValueError: When a key is missing or a value is not what :meth:`as_dict` writes.
        """
        try:
            shift, scale = (
                torch.tensor(values[key], dtype=torch.float64) for key in ("shift", "scale")
            )
            return cls(shift, scale, bool(values["integer"]))
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"units must be numbers shift and scale and a bool integer, not {values}"
            ) from error
