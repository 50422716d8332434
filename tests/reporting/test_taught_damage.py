"""What a report says of a model that learned from degraded copies."""

from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.reporting.cautions import cautions
from iqbench.reporting.taught_damage import taught_lines
from iqbench.results.summary import Summary

SHARES = {"blur": 1.0, "jpeg": 0.8, "noise": 0.6}


def summary(**facts: object) -> Summary:
    return changed(summary_of({"a": SHARES, "b": SHARES}), "models.a", **facts)


def test_a_model_that_was_taught_no_damage_gets_no_line() -> None:
    assert list(taught_lines(summary().models["a"])) == []


def test_accuracy_on_taught_and_on_other_types_stand_side_by_side() -> None:
    model = summary(taught=["jpeg", "blur", "haze"]).models["a"]
    means = {kind: cell.value for kind, cell in model.by_degradation.items()}
    there, new = 50 * (means["blur"] + means["jpeg"]), 100 * means["noise"]
    text = "was taught 2 of these 3 types of damage, on copies of other photos"
    assert list(taught_lines(model)) == [f"{text}: {there:.1f} % there, {new:.1f} % on noise"]


def test_where_all_types_were_taught_the_accuracy_of_trainings_that_left_one_out_is_told() -> None:
    left_out = {"blur": 0.9, "jpeg": 0.7, "noise": 0.95, "haze": 0.1}
    lines = list(taught_lines(summary(taught=["blur", "jpeg", "noise"], left_out=left_out).models["a"]))
    assert lines == [
        "was taught 3 of these 3 types of damage, on copies of other photos",
        "is right in 85.0 % of the pairs of a type that its training leaves out, on average over 3 of these types and "
        "on other photos (least on jpeg: 70.0 %)",
    ]


def test_it_is_a_caution_about_the_model() -> None:
    texts = [caution.subject + caution.predicate for caution in cautions(summary(taught=["blur", "jpeg", "noise"]))]
    assert "a was taught 3 of these 3 types of damage, on copies of other photos" in texts
