r"""Solvers of the particles' motion dx/dsigma = v(x, sigma) from sigma_max down to 0.

A solver sees a velocity and a grid of noise scales, nothing of processes or networks. All end with
the step from sigma_min to 0, along v: that is the denoiser at sigma_min.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

__all__ = ["SAMPLERS", "Solver", "Velocity", "dopri5", "euler", "heun"]

Velocity = Callable[[Tensor, float], Tensor]
Solver = Callable[[Velocity, Tensor, Sequence[float]], Tensor]


def euler(velocity: Velocity, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Euler's method, first order, one evaluation a step."""
    for here, there in pairwise(sigmas):
        x = x + (there - here) * velocity(x, here)
    return x


def heun(velocity: Velocity, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Heun's method (EDM), second order, two evaluations a step and one for the step to 0."""
    for here, there in pairwise(sigmas):
        slope = velocity(x, here)
        ahead = x + (there - here) * slope
        if there > 0:
            slope = torch.lerp(slope, velocity(ahead, there), 0.5)
            ahead = x + (there - here) * slope
        x = ahead
    return x


def dopri5(velocity: Velocity, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Dormand and Prince's adaptive pair of order 5 in log sigma, by torchdiffeq, tolerance 1e-5.

    One step size for the whole batch; of the grid only its ends are used.

    Raises:
        ArithmeticError: When the step size falls to nothing or the state is not finite.
    """
    from torchdiffeq import odeint

    def flow(log_sigma: Tensor, state: Tensor) -> Tensor:
        sigma = math.exp(float(log_sigma))
        return sigma * velocity(state, sigma)

    times = torch.tensor([math.log(sigmas[0]), math.log(sigmas[-2])], dtype=torch.float64)
    try:
        x = odeint(flow, x, times.to(x.device), rtol=1e-5, atol=1e-5, method="dopri5")[-1]
    except AssertionError as failure:
        raise ArithmeticError(f"dopri5 stopped: {failure}") from None
    return euler(velocity, x, sigmas[-2:])


SAMPLERS: dict[str, Solver] = {"euler": euler, "heun": heun, "dopri5": dopri5}
