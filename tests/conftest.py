"""What all tests share: one thread each, since pytest-xdist fills the cores, and larger data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # for the commands that tests start

BESIDE = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture
def find_data() -> Callable[[str], Path]:
    """The path of a larger data set; skips the test where it is missing."""

    def find(name: str) -> Path:
        path = Path(os.environ.get("GENPHYS_DATA", BESIDE)) / name
        if not path.exists():
            pytest.skip(f"{path} is missing: set GENPHYS_DATA to the folder of the larger sets")
        return path

    return find
