"""Larger sets for tests: below GENPHYS_DATA, or beside the repository."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def find_data() -> Callable[[str], Path]:
    """The path of a larger data set; skips the test where it is missing."""

    def find(name: str) -> Path:
        path = Path(os.environ.get("GENPHYS_DATA", BESIDE)) / name
        if not path.exists():
            pytest.skip(f"{path} is missing: set GENPHYS_DATA to the folder of the larger sets")
        return path

    return find
