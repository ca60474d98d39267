"""The report of a run: its equation, verdict, losses, samples and numbers on one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from genphys.data import Dataset, to_disk
from genphys.derivation.page import rows, verdict_rows
from genphys.report import Report, compare_figure, loss_figure, write_report
from genphys.runs.folder import Config, RunFolder
from genphys.training.checkpoint import load_model

__all__ = ["write_run_report"]


def write_run_report(run: RunFolder, data: Dataset) -> Path:
    """Write report.html from what stands in the run folder."""
    model, extra = load_model(run.model)
    config, history = run.read_config(), run.history()
    derivation = model.process.derivation
    path = run.path / "report.html"
    report = Report(
        title=f"{_name(config)} on {data.name}",
        subtitle=_subtitle(config, history),
        derivation=[(row.label, row.text, row.latex) for row in rows(derivation)],
        verdict=[(row.label, row.text, "") for row in verdict_rows(derivation)],
        numbers=_numbers(run, model.process.parameters, extra, history),
        settings=_flat(config),
        figures=[*_samples(run, data), ("The loss while training", loss_figure(history))],
        commands=[
            ("Draw more samples", f"genphys sample run={run.path} n=64 seed=1"),
            ("Measure them", f"genphys evaluate run={run.path}"),
            ("Go on training", f"genphys train resume={run.path}"),
        ],
    )
    write_report(path, report)
    return path


def _name(config: Config) -> str:
    return str(config.get("preset") or config["potential"]["name"])


def _subtitle(config: Config, history: list[dict[str, Any]]) -> str:
    last = history[-1] if history else {"step": 0, "seconds": 0.0}
    return f"data={config['data']['name']}, {last['step']:,} steps, {last['seconds']:.0f} s"


def _samples(run: RunFolder, data: Dataset) -> list[tuple[str, Figure]]:
    found = sorted((run.path / "samples").glob("*/samples.npz"), key=lambda p: p.stat().st_mtime)
    if not found:
        return []
    with np.load(found[-1], allow_pickle=False) as archive:
        samples = archive["x"]
    shown = 64 if len(data.shape) == 3 else 2000
    real = to_disk(data.units.to_data(data.train[:shown]), data.units)
    return [("Samples (left) and training data (right)", compare_figure(samples[:shown], real))]


def _numbers(
    run: RunFolder,
    parameters: Mapping[str, float],
    extra: dict[str, Any],
    history: list[dict[str, Any]],
) -> list[tuple[str, str, str]]:
    found = [
        (name, f"{value:g}", "parameter of the equation") for name, value in parameters.items()
    ]
    if history:
        found.append(("loss", f"{history[-1]['loss']:.4f}", "1 is that of an untrained network"))
    if "start_variation" in extra:
        note = "total variation between the start and the data's own law at sigma_max"
        found.append(("start", f"{extra['start_variation']:.3g}", note))
    e = run.read_evaluation()
    if e:
        how = f"{e['samples']} samples, {e['directions']} directions, seed {e['seed']}, "
        how += e["sampler"]
        found += [
            ("sliced W2", f"{e['sliced_w2']:.4f}", f"to {e['test']} test data; {how}"),
            ("floor", f"{e['sliced_w2_floor']:.4f}", f"the same for {e['train']} training data"),
            ("ratio", f"{e['ratio']:.3f}", "1 is as near as training data are"),
            (
                "memorised",
                f"{100 * e['memorised']:.2f} %",
                "nearer to a training datum than 99 % of test data",
            ),
        ]
    return found


def _flat(config: Config, prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
