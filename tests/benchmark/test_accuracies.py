import numpy as np
import pytest

from fixtures.slow_statistics import jeffreys_interval
from fixtures.verdict_tables import by_cluster, frame, noisy, row, sample_of
from iqbench.benchmark.accuracies import (
    ModelAccuracies,
    control_results,
    level_accuracies,
    raw_calibration,
    severity_steps,
    type_severity_steps,
)
from iqbench.benchmark.chance import ChanceTests
from iqbench.statistics.estimate import Accuracy


def accuracies_of(table, model="a"):
    """Return the accuracies of one model of a table."""
    sample = sample_of(table)
    return ModelAccuracies(sample.of_model(model), sample, ChanceTests(sample, {}))


def test_accuracies_are_the_ones_counted_by_hand():
    rows = [row("a", "./1.png", "blur", "1.0", 2), row("a", "./1.png", "blur", "2.0", -1, 2)]
    rows += [row("a", "./2.png", "blur", "1.0", 1), row("a", "./2.png", "blur", "2.0", 0, 2)]
    rows += [row("a", "./1.png", "crop_edge", "right_20pct", -1), row("a", "./2.png", "crop_edge", "right_20pct", -1)]
    table = frame(rows)
    accuracies = accuracies_of(table)
    assert accuracies.overall().value == pytest.approx(2.5 / 6)
    assert accuracies.macro().value == pytest.approx((2.5 / 4 + 0) / 2)
    assert accuracies.groups()["technical"].value == pytest.approx(2.5 / 4)
    compositional = accuracies.groups()["compositional"]
    low, high = jeffreys_interval(by_cluster(table[table["degradation_type"] == "crop_edge"]))
    assert (low, compositional.interval) == (0.0, pytest.approx((0.0, high)))
    assert compositional == Accuracy(accuracy=0.0, interval=compositional.interval, pairs=2)
    assert high > 0.9  # of two photos; the interval of resamples was (0, 0)
    blur = accuracies.by_degradation()["blur"]
    assert (blur.value, blur.n, blur.ties, blur.tie_rate) == (0.625, 4, 1, 0.25)
    sample = sample_of(table)
    tables = sample.of_model("a")
    steps = severity_steps(tables, sample.bootstrap, ChanceTests(sample, {}))["blur"]
    assert [(s.severity, s.level, s.value, s.avg_margin) for s in steps] == [
        (1, "1.0", 1.0, 1.5),
        (2, "2.0", 0.25, -0.5),
    ]
    levels = level_accuracies(tables, sample.bootstrap)["blur"]
    assert {level: (accuracy.value, accuracy.n) for level, accuracy in levels.items()} == {
        "1.0": (1.0, 2),
        "2.0": (0.25, 2),
    }
    slow = jeffreys_interval(by_cluster(table[table["severity"] == 2]))
    assert levels["2.0"].interval == steps[1].interval == pytest.approx(slow)


def test_a_type_has_one_curve_over_all_its_ladders():
    steps = [("brighter", "1", 1, 1.0), ("brighter", "2", 2, 1.0), ("darker", "-1", 1, -1.0), ("darker", "-2", 2, 1.0)]
    table = frame(
        [
            row("a", f"./{at}.png", "exposure", level, margin, severity, ladder=f"exposure/{side}")
            for at in range(3)
            for side, level, severity, margin in steps
        ]
    )
    sample = sample_of(table)
    curve = type_severity_steps(sample.of_model("a"), sample.bootstrap)["exposure"]
    assert [(step.severity, step.levels, step.value, step.n) for step in curve] == [
        (1, ["-1", "1"], 0.5, 6),
        (2, ["-2", "2"], 1.0, 6),
    ]


def test_calibration_of_a_margin_is_the_one_worked_out_by_hand():
    margin = np.log(0.75 / 0.25)  # P(original better) = 0.75 or, for the one wrong pair of four, 0.25
    table = frame([row("a", f"./{i}.png", "blur", "1.0", margin if i else -margin) for i in range(4)])
    sample = sample_of(table)
    table, bootstrap = sample.judged, sample.bootstrap
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


def test_order_consistency_has_an_interval_over_photos():
    rows = frame([row("a", f"./{i}.png", "blur", "1.0", 1, order_consistent=i > 0) for i in range(8)])
    overall = accuracies_of(rows).overall()
    slow = jeffreys_interval(by_cluster(rows.assign(correct=rows["order_consistent"].astype(float))))
    assert overall.order_consistency_interval == pytest.approx(slow)


def test_the_macro_accuracy_has_the_interval_of_rows_weighted_by_type():
    rows = noisy(["a"], 8, seed=3)
    rows = rows[~((rows["original"] == "./3.png") & (rows["degradation_type"] == "jpeg"))]
    macro = accuracies_of(rows).macro()
    assert (macro.types, macro.n) == (3, len(rows))
    assert macro.value == pytest.approx(rows.groupby("degradation_type")["correct"].mean().mean())
    weights = 1 / (3 * rows.groupby("degradation_type")["correct"].transform("size"))
    assert macro.interval == pytest.approx(jeffreys_interval(by_cluster(rows, weights)))


def test_the_identity_control_of_a_photo_counts_whatever_became_of_its_pairs():
    rows = [row("a", f"./{i}.png", "blur", "1", 1, status="decode" if i < 2 else "ok") for i in range(5)]
    rows += [row("a", f"./{i}.png", "control", level, 1.0) for i in range(5) for level in ("identity", "reencode")]
    sample = sample_of(frame(rows))
    controls = control_results("a", sample.of_model("a").controls, sample.bootstrap, ChanceTests(sample, {}))
    assert (controls.identity.pairs, controls.identity.all_tie) == (5, False)
    assert (controls.reencode.n, controls.reencode.value) == (3, 1.0)  # its interval is over photos that count
