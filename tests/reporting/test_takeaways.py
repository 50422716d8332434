import re

import pytest

from fixtures.slow_statistics import jeffreys_interval, unweighted
from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.reporting.takeaways import takeaways
from iqbench.results.summary import RankedModel


def test_two_equal_models_are_too_close_to_call_and_no_difference_is_shown():
    text = takeaways(summary_of({"a": {"blur": 0.9, "jpeg": 0.9}, "b": {"blur": 0.9, "jpeg": 0.9}}))
    # photos of another kind, on which they may differ, are up to 1 - 0.025^(1/40) = 8.8 % of all
    numbers = "(a +0.0 points [-8.8, 8.8], p = 1 (corrected), 80 pairs)"
    assert f"a and b: too close to call, no difference shown {numbers}" in text
    assert "- place 1 to 2: a, corrected score 80.0 [" in text
    assert "]; by accuracy place 1 to 2, 90.0 % [" in text
    assert f"no difference shown {numbers}. By the corrected score: too close to call (a +0.0 [" in text
    assert "blur: no difference shown between a and b" in text
    assert "better than" not in text


def test_a_clearly_better_model_is_named_with_the_numbers_behind_it():
    text = takeaways(summary_of({"a": {"blur": 0.5, "jpeg": 0.5}, "b": {"blur": 1.0, "jpeg": 1.0}}))
    low, _ = jeffreys_interval(unweighted([[1.0, 1.0]] * 40))
    assert low < 0.95  # the interval of resamples was [100.0, 100.0]
    assert f"by accuracy place 1, 100.0 % [{100 * low:.1f}, 100.0]" in text
    assert "- place 1: b, corrected score 100.0 [" in text
    assert "- place 2: a, corrected score 0.0 [" in text
    assert "- b is better than a (a -50.0 points [" in text
    assert "blur: b is better than the runner-up a (b 100.0 %, +50.0 points [" in text
    assert "too close to call" not in text


def test_the_table_has_the_published_order_of_columns_with_other_types_after_it():
    shares = {"noise": 0.6, "exposure": 0.7, "blur": 0.8, "jpeg": 0.9}
    text = takeaways(summary_of({"a": shares}, baselines=[("always-first", 0.5)]))
    assert "| model | all | jpeg | blur | exposure | noise | mean confidence | macro | corrected |" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| a |")]
    assert line.startswith("| a | 75.0 [")
    assert line.endswith("] | 90.0 | 80.0 | 70.0 | 60.0 | 0.70 | 75.0 | 50.0 |")
    assert "| _baseline: always-first_ | 50.0 | 50.0 | 50.0 | 50.0 | 50.0 | – | 50.0 | – |" in text


def test_the_corrected_score_stands_in_the_table_and_in_the_ranking_with_its_interval():
    corrected = {"value": 0.61, "reason": None, "interval": (0.5, 0.7), "baseline": "sharper"}
    text = takeaways(changed(summary_of({"a": {"blur": 0.9}}), "models.a.against_baselines.corrected", **corrected))
    (line,) = [line for line in text.splitlines() if line.startswith("| a |")]
    assert line.endswith("| 90.0 | 61.0 |")
    assert "- place 1: a, corrected score 61.0 [50.0, 70.0]; by accuracy place 1, 90.0 % [" in text


def test_types_that_a_model_is_not_shown_to_see_are_listed_apart_from_those_that_it_prefers_degraded():
    text = takeaways(summary_of({"a": {"blur": 1.0, "jpeg": 0.55, "noise": 0.1}}))
    assert "Not shown to see (above 50 % is not shown): all of jpeg 55.0 % [" in text
    assert "Prefers the degraded photo (below 50 %, corrected for all types or levels): all of noise 10.0 % [" in text
    low, _ = jeffreys_interval(unweighted([[1.0]] * 40))
    assert f"Strongest on blur: 100.0 % [{100 * low:.1f}, 100.0]. Weakest on noise: 10.0 % [" in text
    unseen = text.split("## Blind spots of all models")[1]
    assert "- all of jpeg: at best a, 55.0 % [" in unseen
    assert "all of blur" not in unseen


def test_a_type_that_one_model_sees_is_no_blind_spot_of_all_models():
    text = takeaways(summary_of({"a": {"blur": 1.0, "jpeg": 0.5}, "b": {"blur": 0.5, "jpeg": 1.0}}))
    assert "None: on each type at least one model is shown to be above 50 %" in text


def test_a_type_whose_interval_lies_above_50_percent_by_luck_alone_stays_a_blind_spot():
    summary = summary_of({"a": {"blur": 1.0, "jpeg": 0.7}})
    assert summary.models["a"].by_degradation["jpeg"].interval[0] > 0.5
    assert "all of jpeg" not in takeaways(summary)
    text = takeaways(changed(summary, "models.a.by_degradation.jpeg", p_chance=0.2, verdict="not shown"))
    assert "Not shown to see (above 50 % is not shown): all of jpeg 70.0 % [" in text
    assert "- all of jpeg: at best a, 70.0 % [" in text.split("## Blind spots of all models")[1]


def test_types_whose_intervals_do_not_separate_are_not_called_different():
    text = takeaways(summary_of({"a": {"blur": 0.8, "jpeg": 0.75}}))
    assert "No difference shown between them (p = " in text
    assert "Only one model" in text
    shown = takeaways(summary_of({"a": {"blur": 1.0, "jpeg": 0.5}}))
    assert "A difference is shown between them (p = 0.0003, corrected for every two types)." in shown


def test_a_baseline_that_is_not_beaten_is_named():
    summary = summary_of({"a": {"blur": 0.9, "jpeg": 0.5}})
    against_blur = "models.a.against_baselines.by_degradation.blur"
    summary = changed(summary, against_blur, baseline="sharper", baseline_accuracy=0.95, value=-0.05, beaten=False)
    text = takeaways(summary)
    assert "**Is not shown to beat the best baseline (always-first, sharper) on blur, jpeg.**" in text
    assert "blur (sharper 95.0 %, difference -5.0 points [" in text
    sound = takeaways(summary_of({"a": {"blur": 0.9, "jpeg": 0.95}}))
    assert "Not shown to beat" not in sound


def test_unsound_runs_say_so():
    summary = summary_of({"a": {"blur": 0.9}}, identity_ties=False, failed=3)
    text = takeaways(changed(summary, "models.a", photos_seen_in_training=7, trained_on="500 | photos"))
    assert "DID NOT TIE" in text
    assert "(0 of 40 pairs tied)" in text
    assert "Failed: 3 pairs, which enter no accuracy (decode: 3)." in text
    assert "7 of 40 photos were in its training data" in text
    assert "Trained on: 500 \\| photos." in text


def test_sound_runs_do_not():
    text = takeaways(summary_of({"a": {"blur": 0.9}}))
    assert "Identity control: tied (40 of 40 pairs tied)." in text
    assert "Failed" not in text
    assert "training data" not in text
    (swapped,) = [line for line in text.splitlines() if "order of the two photos" in line]
    assert re.fullmatch(
        r"- Verdicts depend on the order of the two photos in 2.5 % \[0.\d, 1\d.\d\] of 40 pairs.", swapped
    )


def test_a_single_photo_ranks_nothing():
    text = takeaways(summary_of({"a": {"blur": 1.0}, "b": {"blur": 0.0}}, photos=1))
    assert "no interval: an interval needs at least two photos" in text
    assert "a and b: too close to call" in text
    assert "Fewer than two photos give no interval" in text
    assert "is better than" not in text


def test_photos_that_share_a_cluster_are_a_limit_with_examples():
    summary = summary_of({"a": {"blur": 0.9}}, photos=6)
    assert "cluster" not in takeaways(summary)
    shared = {"by": "look", "clusters": 4, "photos": 6, "near_copies": 3, "examples": [("./1|.png", "./2.png")]}
    text = takeaways(changed(summary, "clusters", **shared))
    line = "- 6 photos in 4 clusters (3 are near-copies; data.cluster=look): intervals count clusters."
    assert f"{line} For example: ./1\\|.png and ./2.png.\n" in text


@pytest.mark.parametrize(
    ("by", "counted"),
    [(by, "each with its original") for by in ("look", "sha256", "series", "folder")] + [("photo", "them as new")],
)
def test_copies_under_another_name_are_told_as_the_clusters_count_them(by, counted):
    summary = changed(summary_of({"a": {"blur": 0.9}}, photos=3), "clusters", by=by)
    text = takeaways(changed(summary, "", duplicate_photos=2))
    assert f"2 photo(s) are copies of others under another name; the intervals count {counted}." in text


def test_few_photos_are_a_limit_and_the_smallest_p_value_is_named():
    text = takeaways(summary_of({"a": {"blur": 0.9}}, photos=8))
    assert "8 photo(s) are a small sample" in text
    assert "With 8 photos no p-value is below 0.0078." in text  # 2 / 2^8
    assert "With 40 photos no p-value is below 0.0003." in takeaways(summary_of({"a": {"blur": 0.9}}))
    assert "Claims are corrected within their family" in text


def test_many_comparisons_need_no_more_resamples_as_they_did():
    few = takeaways(summary_of({name: {"blur": 0.9} for name in "abcdefg"}, photos=6))
    assert "resamples" not in few
    shares = {"a": {"blur": 0.0}} | {name: {"blur": 1.0} for name in "bcdefg"}
    text = takeaways(summary_of(shares, photos=6))
    assert "- b is better than a (a -100.0 points [" in text
    assert "p = 0.031 (corrected), 6 pairs" in text  # 2 / 2^6, not 21 times that


def test_models_of_different_photos_have_no_place():
    summary = summary_of({"a": {"blur": 1.0}, "b": {"blur": 0.2}})
    none = dict.fromkeys(("place", "last_place", "corrected_place", "corrected_last_place"))
    ranking = [RankedModel(model=name, **none) for name in "ab"]
    text = takeaways(changed(summary, "", ranking=ranking))
    assert "- no place: a, corrected score 100.0 [" in text
    assert "Models that were asked about different photos have no place; benchmark them on the same ones." in text


def test_the_best_model_per_type_is_that_on_other_photos_with_the_number_in_hindsight_beside_it():
    summary = summary_of({"a": {"blur": 0.9, "jpeg": 0.5}, "b": {"blur": 0.6, "jpeg": 0.8}})
    best = summary.best_per_type
    text = takeaways(changed(summary, "best_per_type", value=0.8, interval=(0.7, 0.9), hindsight=0.85))
    assert (
        "Choosing the best model of each type on other photos reaches 80.0 % [70.0, 90.0] (with hindsight 85.0 %)"
        in text
    )
    assert best.hindsight == pytest.approx((0.9 + 0.8) / 2)


def test_pairs_that_are_worth_a_tie_are_told_from_those_that_do_not_count():
    summary = summary_of({"a": {"blur": 0.9}})
    text = takeaways(
        changed(
            changed(summary, "models.a.overall", failed=5, unanswered=4),
            "models.a",
            failures={"nonfinite": 4, "decode": 1},
        )
    )
    assert "Failed: 5 pairs, 4 of them worth a tie (nonfinite: 4, decode: 1)." in text
    assert "**Gives no answer in 10.0 % of pairs, which are worth as much as ties.**" in text


def test_a_baseline_at_its_ceiling_is_a_limit_and_no_weakness():
    summary = summary_of({"a": {"blur": 0.9, "jpeg": 0.95}})
    against_blur = "models.a.against_baselines.by_degradation.blur"
    text = takeaways(changed(summary, against_blur, baseline="sharper", beaten=False, ceiling=True))
    assert "- On blur the baseline sharper is at its ceiling: there no model can be told from it." in text
    assert "Not shown to beat" not in text


def test_models_within_a_margin_are_equal():
    summary = summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}})
    (pair,) = summary.pairwise
    equal = pair.model_copy(update={"within_margin": True, "verdict": "within 10 points"})
    text = takeaways(changed(summary, "", pairwise=[equal]))
    assert "- a and b are shown to be within 10 points of each other (a +0.0 points [" in text


def test_a_run_in_which_everything_failed_claims_nothing():
    text = takeaways(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}}, photos=3, failed=3))
    assert "no pair judged" in text
    assert "is better than" not in text


def test_names_cannot_break_the_table():
    text = takeaways(summary_of({"a|b\n# <c>": {"blur|x\ny": 0.9}}, baselines=[("n|ull", 0.5)]))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert {line.replace("\\|", "").count("|") for line in table} == {7}
    assert "## a\\|b \\# \\<c\\>" in text


def test_the_same_summary_gives_the_same_text():
    assert takeaways(summary_of({"a": {"blur": 0.9}})) == takeaways(summary_of({"a": {"blur": 0.9}}))
