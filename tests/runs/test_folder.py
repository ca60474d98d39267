"""A run folder read as data: what is damaged is named, what is cut short is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genphys.runs import RunFolder, load

CONFIG: dict[str, Any] = {
    "equation": {"formula": "diff(phi, t) = Laplacian(phi, x)", "domains": {}, "parameters": {}},
    "data": {"name": "digits"},
    "network": {"name": "auto"},
    "preconditioning": {"scale": "local"},
    "train": {"checkpoint_every": 10},
    "sample": {},
    "note": "Größe",
}


def test_the_configuration_comes_back(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_config(CONFIG)
    run = RunFolder.existing(tmp_path)
    assert run.read_config() == CONFIG and [p.name for p in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"a: [", b"\xff\xfe\x00", b"equation: 3"])
def test_a_damaged_configuration_is_named(tmp_path: Path, content: bytes) -> None:
    run = RunFolder(tmp_path)
    run.config_file.write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.yaml is damaged") as found:
        run.read_config()
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("part", [p for p in CONFIG if p not in ("note", "sample")])
def test_a_part_that_is_missing_is_a_damage(tmp_path: Path, part: str) -> None:
    run = RunFolder(tmp_path)
    for config in ({k: v for k, v in CONFIG.items() if k != part}, CONFIG | {part: {}}):
        run.write_config(config)
        with pytest.raises(ValueError, match="is damaged"):
            run.read_config()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no", str(tmp_path)):
        with pytest.raises(FileNotFoundError, match="is no run folder"):
            load(path)
    RunFolder(tmp_path).write_config(CONFIG)
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors does not exist"):
        load(tmp_path)


def test_the_history(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.history() == [] and run.read_evaluation() == {}
    for step in (5, 10, 15):
        run.log({"step": step, "loss": 1 / step})
    with run.metrics.open("a") as file:
        file.write('7\n\x00\x00\n{"step": 20, "lo')
    assert [s["step"] for s in run.history()] == [5, 10, 15]
    run.forget_after(10)
    assert run.history() == [{"step": 5, "loss": 0.2}, {"step": 10, "loss": 0.1}]
    run.log({"step": 11})
    assert [s["step"] for s in run.history()] == [5, 10, 11]
