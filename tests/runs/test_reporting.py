"""The report of a run, from what stands in its folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from genphys.data import load_dataset
from genphys.runs import RunFolder
from genphys.runs.reporting import write_run_report

Call = Callable[..., tuple[int, str, str]]
TOY = [
    *("data=gaussians", "data.n=64", "network=mlp", "network.width=16", "network.depth=1"),
    *("train.steps=20", "train.batch=16", "train.log_every=5", "train.checkpoint_every=10"),
    *("train.warmup=5", "train.ema=0.9", "sample.n=8", "sample.steps=4", "device=cpu"),
]


def test_the_page_says_what_was_done(genphys: Call) -> None:
    genphys("train", *TOY, "preset=pfgmpp", "potential.D=8", "hydra.run.dir=run")
    page = Path("run/report.html").read_text()
    assert "<h1>pfgmpp on gaussians</h1>" in page and "20 steps" in page
    for text in (
        *("Laplacian(phi, x) + Laplacian(phi, z) = -source", "train.steps", "equation.formula"),
        *("genphys sample run=run", "genphys evaluate run=run", "genphys train resume=run"),
        *("total variation", "Samples (left) and training data (right)"),
    ):
        assert text in page
    assert len(re.findall("<figure>", page)) == 2 and "badge yes" in page
    assert "<script" not in page and "memorised" not in page


def test_it_is_written_from_the_folder_alone(genphys: Call) -> None:
    genphys("train", *TOY, "hydra.run.dir=run")
    run, data = RunFolder(Path("run")), load_dataset("gaussians", n=64)
    first = Path("run/report.html").read_bytes()
    assert write_run_report(run, data) == Path("run/report.html")
    assert Path("run/report.html").read_bytes() == first
    shutil.rmtree("run/samples")
    run.metrics.unlink()
    write_run_report(run, data)
    page = Path("run/report.html").read_text()
    assert "Samples (left)" not in page and "0 steps" in page


def test_names_are_text(genphys: Call) -> None:
    genphys("train", *TOY, "hydra.run.dir=run")
    run = RunFolder(Path("run"))
    run.write_config(run.read_config() | {"preset": "<img src=x onerror=alert(1)>"})
    write_run_report(run, load_dataset("gaussians", n=64))
    assert "<img src=x" not in Path("run/report.html").read_text()
