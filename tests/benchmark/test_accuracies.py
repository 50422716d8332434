import numpy as np
import pytest

from fixtures.verdict_tables import frame, noisy, row, sample_of
from iqbench.benchmark.accuracies import (
    ModelAccuracies,
    level_accuracies,
    raw_calibration,
    severity_steps,
    type_severity_steps,
)
from iqbench.results.model_summary import LevelAccuracy
from iqbench.statistics.estimate import Accuracy


def accuracies_of(table, model="a"):
    """Return the accuracies of one model of a table."""
    sample = sample_of(table)
    return ModelAccuracies(sample.of_model(model), sample.types, sample.bootstrap)


def test_accuracies_are_the_ones_counted_by_hand():
    rows = [row("a", "./1.png", "blur", "1.0", 2), row("a", "./1.png", "blur", "2.0", -1, 2)]
    rows += [row("a", "./2.png", "blur", "1.0", 1), row("a", "./2.png", "blur", "2.0", 0, 2)]
    rows += [row("a", "./1.png", "crop_edge", "right_20pct", -1), row("a", "./2.png", "crop_edge", "right_20pct", -1)]
    table = frame(rows)
    accuracies = accuracies_of(table)
    assert accuracies.overall().value == pytest.approx(2.5 / 6)
    assert accuracies.macro().value == pytest.approx((2.5 / 4 + 0) / 2)
    assert accuracies.groups()["technical"].value == pytest.approx(2.5 / 4)
    assert accuracies.groups()["compositional"] == Accuracy(accuracy=0.0, interval=(0.0, 0.0), pairs=2)
    blur = accuracies.by_degradation()["blur"]
    assert (blur.value, blur.n, blur.ties, blur.tie_rate) == (0.625, 4, 1, 0.25)
    steps = severity_steps(table, sample_of(table).bootstrap)["blur"]
    assert [(s.severity, s.level, s.value, s.avg_margin) for s in steps] == [
        (1, "1.0", 1.0, 1.5),
        (2, "2.0", 0.25, -0.5),
    ]
    assert level_accuracies(table)["blur"] == {
        "1.0": LevelAccuracy(accuracy=1.0, pairs=2),
        "2.0": LevelAccuracy(accuracy=0.25, pairs=2),
    }


def test_a_type_has_one_curve_over_all_its_ladders():
    steps = [("brighter", "1", 1, 1.0), ("brighter", "2", 2, 1.0), ("darker", "-1", 1, -1.0), ("darker", "-2", 2, 1.0)]
    table = frame(
        [
            row("a", f"./{at}.png", "exposure", level, margin, severity, ladder=f"exposure/{side}")
            for at in range(3)
            for side, level, severity, margin in steps
        ]
    )
    curve = type_severity_steps(table, sample_of(table).bootstrap)["exposure"]
    assert [(step.severity, step.levels, step.value, step.n) for step in curve] == [
        (1, ["-1", "1"], 0.5, 6),
        (2, ["-2", "2"], 1.0, 6),
    ]


def test_calibration_of_a_margin_is_the_one_worked_out_by_hand():
    margin = np.log(0.75 / 0.25)  # P(original better) = 0.75 or, for the one wrong pair of four, 0.25
    table = frame([row("a", f"./{i}.png", "blur", "1.0", margin if i else -margin) for i in range(4)])
    bootstrap = sample_of(table).bootstrap
    calibration = raw_calibration(table, bootstrap)
    assert calibration.brier == pytest.approx((3 * 0.25**2 + 0.75**2) / 4)
    assert calibration.ece == pytest.approx(0.0)  # says 0.75, right 3 times of 4
    assert "uncalibrated" in calibration.of
    assert raw_calibration(table.assign(margin=table["margin"] * 100), bootstrap).ece == pytest.approx(0.25)


def test_score_drop_and_order_consistency_are_means_over_the_judged_pairs():
    scores = {"score_original": 0.8, "score_degraded": 0.5}
    rows = [row("a", f"./{i}.png", "blur", "1.0", 1, order_consistent=bool(i), **scores) for i in range(4)]
    overall = accuracies_of(frame(rows)).overall()
    assert overall.avg_score_drop == pytest.approx(0.3)
    assert (overall.order_consistency, overall.avg_confidence, overall.avg_legacy_confidence) == (0.75, 0.75, 0.5)
    scoreless = accuracies_of(noisy(["a"], 2, seed=0)).overall()
    assert (scoreless.avg_score_drop, scoreless.avg_score_drop_reason) == (None, "the model has no score")
