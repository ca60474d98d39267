r"""``genphys evaluate``: how far the samples are from held-out data, against the floor.

The floor is the distance between training and test data: what a perfect sampler of the training law
would score. A ratio of 1 is as good as new training data; far below 1 with many memorised samples
would be copying.
"""

from __future__ import annotations

import json
from pathlib import Path

from genphys.data import load_dataset
from genphys.metrics import memorised_fraction, sliced_wasserstein
from genphys.runs.drawing import Drawing
from genphys.runs.folder import Config, RunFolder, write_text
from genphys.runs.reporting import write_run_report
from genphys.training.checkpoint import load_model

__all__ = ["evaluate"]


def evaluate(config: Config, folder: Path) -> None:
    """Print the distances of a run's samples and add them to its report."""
    run = RunFolder.existing(str(config["run"]))
    parameters = dict(run.read_config()["data"])
    data = load_dataset(parameters.pop("name"), **parameters)
    model, extra = load_model(run.model)
    drawing = Drawing.of(config, Drawing.of(extra.get("sample", {})))
    x, nfe = drawing.run(model, str(config["device"]))
    u = model.units.to_mapped(x)
    directions = int(config["directions"])
    ours = sliced_wasserstein(u, data.test, directions=directions, seed=drawing.seed)
    floor = sliced_wasserstein(data.train, data.test, directions=directions, seed=drawing.seed)
    copied = memorised_fraction(u, data.train, data.test)
    numbers = {
        "samples": drawing.n,
        "test": len(data.test),
        "train": len(data.train),
        "seed": drawing.seed,
        "directions": directions,
        "sampler": f"{drawing.sampler}, {drawing.steps} steps, {nfe} evaluations",
        "sliced_w2": ours,
        "sliced_w2_floor": floor,
        "ratio": ours / floor,
        "memorised": copied,
    }
    write_text(run.evaluation, json.dumps(numbers, indent=1) + "\n")
    report = write_run_report(run, data)
    print(
        f"sliced W2 to {numbers['test']} test data: {ours:.4f} ({drawing.n} samples, "
        f"{directions} directions, seed {drawing.seed}, {numbers['sampler']})\n"
        f"floor, {numbers['train']} training data: {floor:.4f}\n"
        f"ratio: {ours / floor:.3f}\n"
        f"nearer to a training datum than the 1 % quantile of test data: {100 * copied:.2f} %\n"
        f"report: {report}"
    )
