"""``genphys derive``: an equation's page in the terminal, then as files with figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from genphys import registry
from genphys.derivation import Derivation, DerivationError
from genphys.derivation import derive as derive_equation
from genphys.derivation.formula import parse
from genphys.derivation.page import markdown, rows, verdict_rows
from genphys.potential import Potential

__all__ = ["derive", "potential_of"]


def potential_of(config: dict[str, Any]) -> Potential:
    """The potential that a configuration names, with its numbers."""
    parameters = dict(config)
    name = str(parameters.pop("name"))
    load = registry.load_file if ".py:" in name else registry.load
    return load(name)(**parameters)


def derive(config: dict[str, Any], folder: Path) -> None:
    """Print the derivation, write derivation.md and .json, then the figures.

    Raises:
        DerivationError: When the equation cannot be handled.
        ValueError: When a number lies outside its symbol's domain.
    """
    formula = config.get("equation")
    derivation = derive_equation(
        parse(str(formula)) if formula else potential_of(config["potential"])
    )
    numbers = dict(derivation.defaults) | dict(config.get("parameters") or {})
    if config["dim"] < 1:
        raise ValueError(f"dim={config['dim']}: it must be a positive integer, a datum's entries")
    complete = {str(symbol) for symbol in derivation.parameters} <= numbers.keys()
    if complete:
        derivation.numbers(numbers)  # refuses a value out of its domain before anything is written
    print(derivation, flush=True)
    folder.mkdir(parents=True)
    (folder / "derivation.md").write_text(markdown(derivation))
    (folder / "derivation.json").write_text(json.dumps(_as_json(derivation), indent=1) + "\n")
    drawn = "" if config.get("figures", True) else "; figures=false"
    if not drawn:
        drawn = _draw(derivation, numbers, int(config["dim"]), folder, complete)
    print(f"\nwritten: {folder / 'derivation.md'}, derivation.json{drawn}")


def _as_json(d: Derivation) -> dict[str, Any]:
    return {
        "rows": {row.label: row.text for row in rows(d)},
        "verdict": {row.label: row.text for row in verdict_rows(d)},
        "s_generative": d.verdict.s_generative,
    }


def _draw(d: Derivation, numbers: dict[str, float], dim: int, folder: Path, complete: bool) -> str:
    """Draw what a bound process has; say what is left out and why."""
    if not complete:
        missing = sorted({str(s) for s in d.parameters} - numbers.keys())
        return f"; figures need numbers: parameters.{missing[0]}=..."
    try:
        process = d.bind(dim=dim, **numbers)
    except DerivationError as reason:
        return f"; no figures: {reason}"
    from genphys.runs.portraits import portraits  # torch and matplotlib: after the page

    return "".join(f", {name}" for name in portraits(process, folder))
