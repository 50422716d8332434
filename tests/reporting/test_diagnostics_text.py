import pytest

from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.reporting.diagnostics_text import diagnostic_lines

SAMPLE = "repeatability.repeat_sample"


def model_of(**shares):
    return summary_of({"a": shares}).models["a"]


def test_a_baseline_that_is_not_beaten_is_named_with_the_difference():
    model = changed(model_of(blur=0.9), "against_baselines.by_degradation.blur", baseline="sharper", beaten=False)
    model = changed(model, "against_baselines.by_degradation.blur", baseline_accuracy=0.95, value=-0.05)
    (line,) = [line for line in diagnostic_lines(model) if "best baseline" in line]
    assert "blur (sharper 95.0 %, difference -5.0 points [" in line


@pytest.mark.parametrize("verdicts_changed", [0, 3])
def test_the_repeat_sample_of_a_lower_precision_measures_the_precision_and_no_repeatability(verdicts_changed):
    values = {"largest_change": 0.25, "pairs": 200, "verdicts_changed": verdicts_changed, "precision_before": "bf16"}
    lines = diagnostic_lines(changed(model_of(blur=1.0), SAMPLE, **values))
    (line,) = [line for line in lines if line.startswith("Precision")]
    assert f"{200 - verdicts_changed} of 200 verdicts in fp32" in line
    assert "as in bf16" in line
    assert "2.5e-01" in line
    assert not any("Repeatability" in line for line in lines)


def test_repeatability_has_its_counts_and_the_largest_change():
    values = {"largest_change": 0.25, "pairs": 29, "verdicts_changed": 2}
    model = changed(model_of(blur=1.0), SAMPLE, **values)
    (line,) = [line for line in diagnostic_lines(model) if "Repeatability" in line]
    assert "repeat sample: 27 of 29 verdicts" in line
    assert "2.5e-01" in line
    assert not any("Repeatability" in line for line in diagnostic_lines(model_of(blur=1.0)))


CALIBRATION = {
    "brier": 0.2,
    "brier_interval": (0.15, 0.25),
    "ece": 0.051,
    "ece_interval": (0.02, 0.09),
    "ece_expected": 0.045,
    "auroc": 0.75,
    "auroc_interval": (0.7, 0.8),
}


def test_the_calibration_error_has_its_interval_and_that_of_a_perfectly_calibrated_judge():
    lines = diagnostic_lines(changed(model_of(blur=0.9), "confidence", **CALIBRATION))
    (line,) = [line for line in lines if "calibration error" in line]
    assert "expected calibration error 5.1 points [2.0, 9.0]; 4.5 of a perfectly calibrated judge" in line
    assert "Brier score 0.200 [0.150, 0.250], AUROC of right against wrong verdicts 0.75 [0.70, 0.80]." in line


def test_the_share_of_invisible_changes_has_the_mirrored_interval():
    values = {"visible": 0.75, "visible_reason": None, "visible_interval": (0.5, 0.875)}
    (line,) = [
        line
        for line in diagnostic_lines(changed(model_of(blur=0.9), "visibility.blur", **values))
        if line.startswith("Invisible")
    ]
    assert "blur in 25.0 % [12.5, 50.0] of pairs" in line
