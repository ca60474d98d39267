"""What all tests share: one thread each, since pytest-xdist fills the cores already."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
