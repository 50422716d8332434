"""The sentence about an ensemble and its best member."""

import pytest

from fixtures.verdict_tables import summary_of
from iqbench.reporting.ensemble_text import ensemble_lines
from iqbench.reporting.takeaways import takeaways
from iqbench.results.model_summary import EnsembleFacts
from iqbench.results.summary import Summary

MEMBERS = {"a": {"blur": 0.7, "jpeg": 0.7}, "b": {"blur": 0.5, "jpeg": 0.6}}


def with_ensemble(share: float, judged: dict[str, str], name: str = "both", **members: dict[str, float]) -> Summary:
    """Return the summary of a model that combines a and b, and is right on a share of the photos."""
    summary = summary_of({**members, name: {"blur": share, "jpeg": share}})
    facts = EnsembleFacts(variant="stacking", members=["a", "b"], judged=judged)
    models = {
        each: model.model_copy(update={"ensemble": facts}) if each == name else model
        for each, model in summary.models.items()
    }
    return summary.model_copy(update={"models": models})


HERE = {"a": "a", "b": "b"}


@pytest.mark.parametrize("name", ["both", "_both", "Both"])  # before and behind its members in the table of pairs
def test_an_ensemble_above_its_best_member_is_said_to_be(name: str) -> None:
    (line,) = ensemble_lines(with_ensemble(1.0, HERE, name, **MEMBERS))
    assert line.startswith(f"{name} is above its best member a: +30.0 points [")
    assert line.endswith("], a paired interval that excludes 0.")


def test_an_ensemble_that_is_not_shown_to_be_above_is_said_not_to_be() -> None:
    summary = with_ensemble(0.72, HERE, **MEMBERS)
    (line,) = ensemble_lines(summary)
    assert line.startswith("both is not shown to be above its best member a: +")
    assert line.endswith("a paired interval that includes 0.")
    assert "- both is not shown to be above its best member a: +" in takeaways(summary)


def test_an_ensemble_below_its_best_member_is_said_to_be_with_a_negative_difference() -> None:
    (line,) = ensemble_lines(with_ensemble(0.3, HERE, **MEMBERS))
    assert line.startswith("both is not above its best member a but below it: -40.0 points [-")
    assert line.endswith("excludes 0.")


def test_the_order_of_the_two_in_the_table_changes_nothing() -> None:
    summary = with_ensemble(1.0, HERE, **MEMBERS)
    turned = [
        pair.model_copy(update={"a": pair.b, "b": pair.a, "value": -pair.value, "interval": (-high, -low)})
        for pair in summary.pairwise
        for low, high in [pair.interval]
    ]
    assert ensemble_lines(summary.model_copy(update={"pairwise": turned})) == ensemble_lines(summary)


def test_members_that_were_not_judged_are_named() -> None:
    (line,) = ensemble_lines(with_ensemble(1.0, {"a": "a"}, a=MEMBERS["a"]))
    assert "is above its best member a (of those judged here: b was not): +30.0" in line
    summary = with_ensemble(1.0, {})
    assert ensemble_lines(summary) == [
        "both combines a and b, which were not judged here: nothing shows that it is above its best member."
    ]
    assert "nothing shows that it is above its best member" in takeaways(summary)


def test_other_models_have_no_sentence() -> None:
    assert ensemble_lines(summary_of(MEMBERS)) == []
