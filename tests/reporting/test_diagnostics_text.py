import pytest

from fixtures.verdict_tables import summary_of
from iqbench.reporting.diagnostics_text import facts, warnings


def warned(**shares):
    return warnings(summary_of({"a": shares})["models"]["a"])


def test_a_judge_that_sees_one_kind_of_damage_only_is_named():
    line = "is shown to see jpeg and no other kind of damage: it may detect that and judge nothing"
    assert line in warned(jpeg=1.0, blur=0.5, crop_edge=0.4)
    assert line not in warned(jpeg=1.0, blur=0.9, crop_edge=0.4)


def test_of_two_kinds_one_may_be_seen_alone():
    assert not any("no other kind" in line for line in warned(jpeg=1.0, blur=0.5))


@pytest.mark.parametrize(("changed", "warned"), [(0, False), (2, False), (3, True)])
def test_what_a_lower_precision_costs_is_said(changed: int, warned: bool):
    model = summary_of({"a": {"blur": 1.0}})["models"]["a"]
    look = {"largest_change": 0.25, "pairs": 200, "verdicts_changed": changed, "precision_before": "bf16"}
    model["repeatability"]["second_look"] |= look
    line = f"Asked again in fp32: {200 - changed} of 200 verdicts are those of bf16, margins within 2.5e-01."
    assert line in facts(model)
    assert not any("Repeats itself" in fact for fact in facts(model))
    named = "is not itself in bf16: 3 of 200 verdicts are others in fp32; take engine.precision=fp32"
    assert (named in warnings(model)) is warned
    assert not any("does not repeat itself" in warning for warning in warnings(model))


def test_a_model_that_changes_its_verdicts_is_named():
    model = summary_of({"a": {"blur": 1.0}})["models"]["a"]
    model["repeatability"]["second_look"] |= {"largest_change": 0.25, "pairs": 29, "verdicts_changed": 2}
    assert "does not repeat itself: 2 of 29 verdicts changed when asked again" in warnings(model)
    assert "Repeats itself when asked again: 27 of 29 verdicts, margins within 2.5e-01." in facts(model)
