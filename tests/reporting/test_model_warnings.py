import pytest

from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.reporting.html import report_page
from iqbench.reporting.html_sections import ReportContent
from iqbench.reporting.model_warnings import WARNINGS, Rule, model_warnings
from iqbench.reporting.table import print_table
from iqbench.reporting.takeaways import takeaways

SAMPLE = "repeatability.repeat_sample"
BASELINE = "against_baselines.by_degradation.blur"


def model_of(shares, **how):
    return summary_of({"a": shares}, **how).models["a"]


def warned(model, term):
    return [line for line in model_warnings(model) if term in line]


def test_a_model_that_sees_one_degradation_type_only_is_named():
    assert warned(model_of({"jpeg": 1.0, "blur": 0.5, "crop_edge": 0.4}), "only jpeg, of 3 degradation types")
    assert not warned(model_of({"jpeg": 1.0, "blur": 0.9, "crop_edge": 0.4}), "only jpeg")


def test_one_of_two_types_may_be_seen_alone():
    assert not warned(model_of({"jpeg": 1.0, "blur": 0.5}), "only jpeg")


@pytest.mark.parametrize(("verdicts_changed", "is_warned"), [(0, False), (2, False), (3, True)])
def test_a_precision_that_changes_more_than_one_verdict_in_a_hundred_is_named(verdicts_changed, is_warned):
    values = {"largest_change": 0.25, "pairs": 200, "verdicts_changed": verdicts_changed, "precision_before": "bf16"}
    model = changed(model_of({"blur": 1.0}), SAMPLE, **values)
    assert bool(warned(model, "engine.precision=fp32")) is is_warned
    assert bool(warned(model, "3 of 200 verdicts between bf16 and fp32")) is is_warned
    assert not warned(model, "not repeatable")


def test_a_model_that_changes_its_verdicts_is_named():
    model = changed(model_of({"blur": 1.0}), SAMPLE, largest_change=0.25, pairs=29, verdicts_changed=2)
    (line,) = warned(model, "not repeatable")
    assert "2 of 29 verdicts" in line
    assert "repeat sample" in line


def test_near_copies_of_training_photos_are_named_apart_from_the_training_photos():
    near = changed(model_of({"blur": 0.9}), "", near_copies_of_training_photos=2)
    assert warned(near, "not held out: it was trained on near-copies of 2 of these photos")
    both = changed(near, "", photos_seen_in_training=7)
    assert warned(both, "not held out: it was trained on 7 of these photos and was trained on near-copies of 2 others")


def test_a_model_that_knows_identical_copies_apart_fails_the_identity_control():
    (line,) = warned(model_of({"blur": 0.9}, identity_ties=False), "identity control")
    assert "40 of 40 pairs" in line
    assert not warned(model_of({"blur": 0.9}), "identity control")


def test_training_photos_position_bias_and_baselines_are_named():
    model = changed(model_of({"blur": 0.9}), "", photos_seen_in_training=7)
    model = changed(model, BASELINE, baseline="sharper", beaten=False)
    assert warned(model, "not held out: it was trained on 7 of these photos")
    assert warned(model, "position bias")
    assert warned(model, "2.5 % of pairs")
    assert warned(model, "is not shown to beat the best baseline (sharper) on blur")


def test_a_warning_stands_in_the_table_in_the_takeaways_and_in_the_report(monkeypatch, tmp_path, capsys):
    (tmp_path / "plot.png").write_bytes(b"")
    monkeypatch.setattr(
        "iqbench.reporting.model_warnings.WARNINGS",
        (*WARNINGS, Rule(95, lambda _: iter(["is a scratch model"]), "a test")),
    )
    summary = summary_of({"a": {"blur": 0.9}})
    print_table(summary)
    assert "a is a scratch model" in capsys.readouterr().out
    assert "- **Is a scratch model.**" in takeaways(summary)
    assert "<strong>a</strong> is a scratch model" in report_page(ReportContent(summary, tmp_path / "plot.png", {}))
