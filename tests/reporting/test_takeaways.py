import pytest

from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.reporting.takeaways import takeaways


def test_two_equal_models_are_too_close_to_call_and_no_difference_is_shown():
    text = takeaways(summary_of({"a": {"blur": 0.9, "jpeg": 0.9}, "b": {"blur": 0.9, "jpeg": 0.9}}))
    assert "a and b: too close to call, no difference shown (a +0.0 points [0.0, 0.0], p = 1 (Holm), 80 pairs)" in text
    assert "blur: no difference shown between a and b" in text
    assert "better than" not in text


def test_a_clearly_better_model_is_named_with_the_numbers_behind_it():
    text = takeaways(summary_of({"a": {"blur": 0.5, "jpeg": 0.5}, "b": {"blur": 1.0, "jpeg": 1.0}}))
    assert "- place 1: b, 100.0 % [100.0, 100.0]" in text
    assert "- b is better than a (a -50.0 points [" in text
    assert "blur: b is better than the runner-up a (b 100.0 %, +50.0 points [" in text
    assert "too close to call" not in text


def test_the_table_has_the_published_order_of_columns_with_other_types_after_it():
    shares = {"noise": 0.6, "exposure": 0.7, "blur": 0.8, "jpeg": 0.9}
    text = takeaways(summary_of({"a": shares}, baselines=[("always-first", 0.5)]))
    assert "| model | all | jpeg | blur | exposure | noise | mean confidence | macro |" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| a |")]
    assert line.startswith("| a | 75.0 [")
    assert line.endswith("] | 90.0 | 80.0 | 70.0 | 60.0 | 0.70 | 75.0 |")
    assert "| _baseline: always-first_ | 50.0 | 50.0 | 50.0 | 50.0 | 50.0 | – | 50.0 |" in text


def test_types_that_a_model_is_not_shown_to_see_are_listed_apart_from_those_that_it_prefers_degraded():
    text = takeaways(summary_of({"a": {"blur": 1.0, "jpeg": 0.55, "noise": 0.1}}))
    assert "Not shown to see (interval not above 50 %): all of jpeg 55.0 % [" in text
    assert "Prefers the degraded photo (interval below 50 %): all of noise 10.0 % [" in text
    assert "Strongest on blur: 100.0 % [100.0, 100.0]. Weakest on noise: 10.0 % [" in text
    unseen = text.split("## Blind spots of all models")[1]
    assert "- all of jpeg: at best a, 55.0 % [" in unseen
    assert "all of blur" not in unseen


def test_a_type_that_one_model_sees_is_no_blind_spot_of_all_models():
    text = takeaways(summary_of({"a": {"blur": 1.0, "jpeg": 0.5}, "b": {"blur": 0.5, "jpeg": 1.0}}))
    assert "None: on each of 4 types and levels" in text


def test_types_whose_intervals_do_not_separate_are_not_called_different():
    text = takeaways(summary_of({"a": {"blur": 0.8, "jpeg": 0.75}}))
    assert "No difference shown between them" in text
    assert "Only one model" in text


def test_a_baseline_that_is_not_beaten_is_named():
    summary = summary_of({"a": {"blur": 0.9, "jpeg": 0.5}})
    against_blur = "models.a.against_baselines.by_degradation.blur"
    summary = changed(summary, against_blur, baseline="sharper", baseline_accuracy=0.95, value=-0.05, beaten=False)
    text = takeaways(summary)
    assert "**Not shown to beat the best baseline (always-first, sharper) on blur, jpeg.**" in text
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
    assert "order of the two photos in 2.5 % of 40 pairs" in text


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
    [("look", "each with its original"), ("sha256", "each with its original")]
    + [(by, "them as new, unless they share a cluster") for by in ("series", "folder", "photo")],
)
def test_copies_under_another_name_are_told_as_the_clusters_count_them(by, counted):
    summary = changed(summary_of({"a": {"blur": 0.9}}, photos=3), "clusters", by=by)
    text = takeaways(changed(summary, "", duplicate_photos=2))
    assert f"2 photo(s) are copies of others under another name; the intervals count {counted}." in text


def test_few_photos_are_a_limit():
    text = takeaways(summary_of({"a": {"blur": 0.9}}, photos=8))
    assert "Below 30 photos" in text
    assert "cannot reach p below 0.0078" in text
    assert "error rate of up to 37.5 %" in text
    assert "Below 30 photos" not in takeaways(summary_of({"a": {"blur": 0.9}}))


def test_too_few_resamples_for_so_many_comparisons_are_named():
    text = takeaways(summary_of({name: {"blur": 0.9} for name in "abcdefg"}, photos=6))
    assert "21 comparisons need more resamples: p cannot be below 0.1 here." in text


def test_a_run_in_which_everything_failed_claims_nothing():
    text = takeaways(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}}, photos=3, failed=3))
    assert "no pair judged" in text
    assert "is better than" not in text


def test_names_cannot_break_the_table():
    text = takeaways(summary_of({"a|b\n# <c>": {"blur|x\ny": 0.9}}, baselines=[("n|ull", 0.5)]))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert {line.replace("\\|", "").count("|") for line in table} == {6}
    assert "## a\\|b \\# \\<c\\>" in text


def test_the_same_summary_gives_the_same_text():
    assert takeaways(summary_of({"a": {"blur": 0.9}})) == takeaways(summary_of({"a": {"blur": 0.9}}))
