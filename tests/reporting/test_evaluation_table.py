"""The lines under the table of an evaluation."""

import numpy as np
import pytest

from fixtures.predictions import pair_answers, vote_answers
from iqbench.evaluation.agreement import pair_agreement, vote_agreement
from iqbench.evaluation.compare import compare
from iqbench.evaluation.summarize import against_baseline
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.protocol import Protocol
from iqbench.reporting.evaluation_headline import set_headline
from iqbench.reporting.evaluation_table import notes
from iqbench.results.cluster_summary import Clusters
from iqbench.results.evaluation_summary import EvaluatedSet, PairModel, PhotoCounts, VoteModel
from iqbench.statistics.bootstrap import BootstrapConfig

CONFIG = BootstrapConfig(0, 100)


def evaluated(models):
    """Return a set of models on pairs or votes, each against the first one as the best baseline."""
    first = next(iter(models.values()))
    pairs = "first" in first
    records = {}
    for name, answers in models.items():
        (difference,) = compare({"model": answers, "baseline": first}, CONFIG)
        agreement = pair_agreement(answers, CONFIG) if pairs else vote_agreement(answers, CONFIG, VoteScale("score"))
        facts = {"fingerprint": "f", "model_type": "m", "trained_on": None, "photos_seen_in_training": None}
        against = against_baseline(difference, "sharper", difference.p)
        kind = PairModel if pairs else VoteModel
        records[name] = kind(**dict(agreement), **facts, against_best_baseline=against)
    return EvaluatedSet(
        data="Set",
        split="val",
        labels="l",
        kind="pairs" if pairs else "votes",
        photos=PhotoCounts(planned=1, read=1, copies=0, failures={}),
        clusters=Clusters(by="look", clusters=1, photos=1, near_copies=0, largest=1, examples=[]),
        models=records,
        baselines={},
        baselines_answer_the_rows_of="a",
        differences=compare(models, CONFIG),
    )


def lines_of(models):
    return notes(evaluated(models), Protocol("standard", "both", 0.5, 0.0))


def with_noise(answers, column, spread, seed=1):
    return answers.assign(**{column: answers[column] + np.random.default_rng(seed).normal(0, spread, len(answers))})


def test_what_these_labels_can_show_is_under_the_table():
    a = pair_answers(40)
    models = {"a": a, "b": with_noise(a, "margin", 1.0), "c": with_noise(a, "margin", 2.0)}
    result = evaluated(models)
    least = 100 * float(np.median([gap.least_difference for gap in result.differences]))
    expected = f"with 40 series only differences between models above {least:.1f} points can be shown "
    assert expected + "(80 % power, corrected for 3 pairs of models)" in lines_of(models)
    least = 100 * evaluated({"b": models["b"]}).first_model.against_best_baseline.least_difference
    assert any(
        line
        == f"with 40 series only differences from the best baseline above {least:.1f} points can be shown (80 % power)"
        for line in lines_of({"b": models["b"]})
    )


def test_the_least_difference_of_correlations_is_one_of_srcc():
    a = vote_answers(60, votes=False)
    models = {"a": a, "b": with_noise(a, "predicted", 1.0)}
    (gap,) = evaluated(models).differences
    expected = f"with 60 photos only differences between models above {gap.least_difference:.3f} SRCC can be shown"
    assert f"{expected} (80 % power)" in lines_of(models)


def test_too_few_labels_show_nothing():
    a = pair_answers(4)
    models = {"a": a, "b": with_noise(a, "margin", 1.0)}
    assert "with 4 series no difference between models can be shown" in lines_of(models)


def test_a_difference_has_its_corrected_p_and_so_has_the_one_from_a_baseline():
    a = pair_answers(60, noise=0.3)
    models = {"a": a, "b": with_noise(a, "margin", 3.0), "c": with_noise(a, "margin", 0.5)}
    lines = lines_of(models)
    (between,) = [line for line in lines if line.startswith("a against b: ")]
    assert ", p (corrected) < 0.001; a better" in between
    (against,) = [line for line in lines if line.startswith("b: worse than sharper")]
    assert "p (corrected) < 0.001)" in against


def test_unanswered_and_left_out_labels_are_named():
    a = pair_answers(40)
    holes = a.assign(status=a["status"].mask(a.index < 5, "model_error").mask(a.index == 9, "corrupt"))
    lines = lines_of({"a": a, "b": holes})
    assert "b: no answer in 1 corrupt, 5 model_error; 5 pairs with readable photos count as ties" in lines
    assert any(line.startswith("a against b: ") and "; 1 label left out; " in line for line in lines)
    votes = vote_answers(40, votes=False)
    status = votes["status"].mask(votes.index < 5, "model_error").mask(votes.index == 9, "corrupt")
    lines = lines_of({"a": votes, "b": votes.assign(status=status)})
    assert any(line.startswith("a against b: ") and "; 1 label left out; " in line for line in lines)
    worth = "; 5 readable photos count with its average score, and in pairs as ties"
    assert f"b: no answer in 1 corrupt, 5 model_error{worth}" in lines


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_changed_answers_have_an_interval(share):
    a = pair_answers(40)
    consistent = np.random.default_rng(0).random(len(a)) >= share
    lines = [line for line in lines_of({"a": a.assign(order_consistent=consistent)}) if "when they are swapped" in line]
    assert len(lines) == (share > 0)
    for line in lines:
        assert f"its answer changes in {100 * (1 - consistent.mean()):.1f} % [" in line


def with_baseline(result, shown):
    models = {
        name: model.model_copy(
            update={"against_best_baseline": model.against_best_baseline.model_copy(update={"shown": name in shown})}
        )
        for name, model in result.models.items()
    }
    return result.model_copy(update={"models": models})


def test_the_headline_says_who_leads_and_who_beats_the_best_baseline():
    a = pair_answers(40)
    alone = evaluated({"a": a})
    assert set_headline(with_baseline(alone, "a")) == "a agrees with people better than the best baseline (sharper)."
    expected = "a is not shown to agree with people better than the best baseline (sharper)."
    assert set_headline(with_baseline(alone, "")) == expected
    equal = evaluated({"a": a, "b": a})
    start = "a and b cannot be told apart on these labels."
    best = "with people better than the best baseline (sharper)."
    assert set_headline(with_baseline(equal, "")) == f"{start} They are not shown to agree {best}"
    assert set_headline(with_baseline(equal, "b")) == f"{start} b agrees {best}"


def test_a_model_that_is_shown_to_be_worse_is_no_leader_and_one_that_saw_the_photos_does_not_count():
    a = pair_answers(40)
    wrong = a.assign(margin=-a["margin"])
    result = with_baseline(evaluated({"a": a, "b": wrong}), "a")
    better = [pair.better for pair in result.differences]
    assert better in (["a"], ["b"])
    (leader,) = better
    start = f"{leader} leads: none of the 2 models is shown to agree with people better."
    assert set_headline(result).startswith(start)
    seen = result.models[leader].model_copy(update={"photos_seen_in_training": 3})
    text = set_headline(result.model_copy(update={"models": result.models | {leader: seen}}))
    assert text.endswith(f"{leader} was trained on some of these photos, so its number does not count.")
    assert "leads" not in text


def test_a_set_without_any_baseline_says_so_instead_of_naming_none():
    result = evaluated({"a": vote_answers(30), "b": with_noise(vote_answers(30), "predicted", 0.5)})
    models = {
        name: model.model_copy(
            update={"against_best_baseline": model.against_best_baseline.model_copy(update={"baseline": None})}
        )
        for name, model in result.models.items()
    }
    assert set_headline(result.model_copy(update={"models": models})).endswith(
        "No baseline has a value to compare with."
    )
