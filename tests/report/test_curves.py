from __future__ import annotations

import numpy as np
import pytest

from genphys.report import line_figure, loss_figure, to_svg


def history(n: int = 400, **more: float) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    loss = np.exp(rng.normal(0, 0.1, n))
    return [{"step": 10 * i, "loss": v, **more} for i, v in enumerate(loss.tolist(), start=1)]


def test_running_median_is_the_median_over_the_stated_steps() -> None:
    records = history()
    step = np.array([r["step"] for r in records], dtype=float)
    loss = np.array([r["loss"] for r in records], dtype=float)
    raw, median = loss_figure(records).axes[0].lines
    assert (np.asarray(raw.get_ydata()) == loss).all()
    at, value = (np.asarray(v) for v in median.get_data())
    assert at[0] == 10
    assert at[-1] == 4000
    for s, m in zip(at, value, strict=True):
        near = (step >= s / 1.15) & (step <= s * 1.15)
        assert m == pytest.approx(np.median(loss[near]))


def test_axes_are_logarithmic_named_and_tell_the_time() -> None:
    axes = loss_figure(history(seconds=151.2)).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_ylabel() == "loss (dimensionless)"
    assert "4,000 steps took 151 s" in axes.get_xlabel()


def test_a_loss_that_is_not_positive_has_a_linear_axis() -> None:
    records = history()
    records.append({"step": 5000, "loss": -0.1})
    assert loss_figure(records).axes[0].get_yscale() == "linear"


def test_every_loss_has_a_curve_and_what_is_missing_is_left_out() -> None:
    records: list[dict[str, object]] = [
        {"step": 1, "loss": 1.0, "clock_loss": None},
        {"step": 2, "loss": float("nan"), "clock_loss": 0.5, "lr": 0.1},
        {"step": 3, "loss": float("inf")},
        {"step": 4, "loss": 0.5, "clock_loss": 0.25},
        {"loss": 9.0},
    ]
    axes = loss_figure(records).axes[0]
    named = axes.get_legend_handles_labels()[1]
    assert named == ["loss, running median", "clock loss, running median"]
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [1, 4]
    assert np.asarray(axes.lines[2].get_xdata()).tolist() == [2, 4]


@pytest.mark.parametrize("records", [[], [{"step": 1, "loss": None}], [{"step": 0, "loss": 1.0}]])
def test_no_losses_are_said_to_be_none(records: list[dict[str, object]]) -> None:
    figure = loss_figure(records)
    assert figure.axes[0].texts[0].get_text() == "no losses recorded"


def test_one_record_is_drawn() -> None:
    assert to_svg(loss_figure([{"step": 1, "loss": 1.0}])).startswith("<svg")


def test_long_histories_stay_small() -> None:
    assert len(to_svg(loss_figure(history(50_000)))) < 500_000


def test_lines_have_names_labels_and_scales() -> None:
    x = np.geomspace(0.1, 10, 9)
    curves = [("a", x, x), ("", x, x**2), (r"$\sigma$ = 1", x, 1 / x)]
    figure = line_figure(curves, "k (1/m)", "h (s)", xscale="log", yscale="log", title="T")
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("k (1/m)", "h (s)", "T")
    assert axes.get_legend_handles_labels()[1] == ["a", r"$\sigma$ = 1"]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 3


def test_without_names_there_is_no_legend() -> None:
    assert line_figure([("", [1, 2], [3, 4])], "x (m)", "y (m)").axes[0].get_legend() is None
    assert to_svg(line_figure([], "x (m)", "y (m)")).startswith("<svg")
