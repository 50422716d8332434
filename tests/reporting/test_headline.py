"""The headline of hand-made benchmarks: what it says is true of their numbers, and of nothing else."""

import re
from collections import Counter

import pytest

from fixtures.summaries import changed
from fixtures.verdict_tables import frame, noisy, row, summarized, summary_of
from iqbench.reporting.headline import headline
from iqbench.results.model_summary import ChoosesLike
from iqbench.results.summary import RankedModel
from iqbench.statistics.estimate import Accuracy

GOOD, COIN, UPSIDE_DOWN = {"blur": 0.9, "jpeg": 0.85}, {"blur": 0.5, "jpeg": 0.5}, {"blur": 0.1, "jpeg": 0.1}


def levels(shares, photos=40, name="a", **more):
    """Return rows of a model that is right on a share of photos, by ladder and level."""
    rows, severity = [], Counter[str]()
    for (ladder, level, unit), share in shares.items():
        severity[ladder] += 1
        for at in range(photos):
            margin = 1.0 if at < share * photos else -1.0
            columns = {"ladder": ladder, "unit": unit, "severity": severity[ladder], **more}
            rows.append(row(name, f"./{at:02}.png", ladder.partition("/")[0], level, margin, **columns))
    return rows


def test_equal_models_cannot_be_told_apart_and_it_says_how_many_photos_would_do():
    summary = summary_of({"a": GOOD, "b": GOOD})
    needed = summary.least_difference.clusters_for_5_points
    assert 60 < needed < 80
    expected = (
        f"a and b cannot be told apart with 40 photos; about {needed} photos would show a difference of 5 points."
    )
    assert headline(summary) == expected


def test_a_better_model_is_named_and_recommended():
    assert headline(summary_of({"a": COIN, "b": GOOD})) == "b beats a with 40 photos. Of these, use b."


def test_accuracies_that_differ_by_luck_are_no_order():
    text = headline(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.85}}))
    assert text.startswith("a and b cannot be told apart with 40 photos")
    assert "beats" not in text
    assert "use" not in text


def test_who_beats_whom_follows_the_score_that_ranks_and_plain_accuracy_is_called_that():
    summary = summary_of({"a": GOOD, "b": GOOD, "c": COIN})
    undecided = [
        pair.model_copy(update={"better": None, "verdict": "too close to call"})
        if {pair.a, pair.b} == {"b", "c"}
        else pair
        for pair in summary.corrected_pairwise
    ]
    text = headline(changed(summary, "", corrected_pairwise=undecided))
    assert text.startswith("a and b cannot be told apart with 40 photos; a beats c, b only in plain accuracy. ")
    assert headline(summary).startswith("a and b cannot be told apart with 40 photos; both beat c. ")


def test_one_model_alone_has_its_accuracy_with_the_interval():
    summary = summary_of({"a": GOOD})
    low, high = summary.models["a"].overall.interval
    numbers = f"87.5 % of pairs ({100 * low:.1f}–{100 * high:.1f} %, 40 photos)"
    assert headline(summary).startswith(f"a prefers the original to its damaged copy in {numbers}. ")
    assert headline(summary).endswith("with people's choices (iqbench.evaluate).")


def test_a_perfect_model_is_right_in_all_pairs_but_not_proven_to_have_taste():
    summary = summary_of({"a": {"blur": 1.0, "jpeg": 1.0}})
    low, _ = summary.models["a"].overall.interval
    expected = (
        f"a is right in all 80 pairs (40 photos, at least {100 * low:.1f} %). Before you cull with it, compare it"
    )
    assert headline(summary).startswith(expected)
    both = headline(summary_of({"a": COIN, "b": {"blur": 1.0, "jpeg": 1.0}}))
    assert both == "b is right in all pairs and beats a with 40 photos. Of these, use b."


def test_a_model_that_is_upside_down_is_asked_about_its_sign():
    flipped = "b is right in only 10.0 % of pairs: is higher better in its score?"
    alone = headline(summary_of({"b": UPSIDE_DOWN}))
    assert alone == (
        f"{flipped} If lower is better, turn the sign round (model.higher_is_better=false) and run again; do not cull "
        "with it as it is."
    )
    beaten = headline(summary_of({"a": GOOD, "b": UPSIDE_DOWN}))
    assert beaten == f"a beats b with 40 photos. {flipped} Of these, use a."


def test_a_model_that_prefers_crops_only_is_not_called_upside_down():
    text = headline(summary_of({"a": {"crop_edge": 0.1}}))
    assert text.startswith("a prefers the damaged photo in 90.0 % of pairs. ")
    assert "is higher better" not in text


def test_models_at_chance_are_not_to_be_used():
    text = headline(summary_of(dict.fromkeys("abc", COIN)))
    assert text.endswith("They are not shown to be better than a coin. Do not cull with any of them.")
    alone = headline(summary_of({"a": COIN}))
    assert alone.endswith("40 photos). It is not shown to be better than a coin. Do not cull with it.")


def test_few_photos_name_what_they_show_and_nothing_else():
    rows = [
        row("a", f"./{at}.png", kind, "1", 1.0 if kind == "jpeg" or at < 4 else -1.0)
        for at in range(8)
        for kind in ("jpeg", "blur", "crop_edge")
    ]
    text = headline(summarized(frame(rows)))
    assert "It is shown to see only JPEG compression." in text
    assert "Weakest" not in text


@pytest.mark.parametrize(("photos", "text"), [(1, "1 photo is"), (2, "2 photos are"), (5, "5 photos are")])
def test_with_too_few_photos_nothing_is_said_about_models(photos, text):
    shares = {"a": {"blur": 1.0}, "b": {"blur": 0.0}}
    assert headline(summary_of(shares, photos=photos)) == f"{text} too few to show anything: use 50 or more."


def test_copies_of_one_photo_are_too_few_photos():
    summary = changed(summary_of({"a": GOOD, "b": COIN}), "clusters", clusters=5, near_copies=40)
    assert headline(summary) == "40 photos (5 independent) are too few to show anything: use 50 or more."


def test_a_constant_model_has_no_opinion():
    rows = [row("c", f"./{at}.png", kind, "1", 0.0) for at in range(40) for kind in ("blur", "jpeg")]
    assert headline(summarized(frame(rows))) == "c has no opinion: every pair is a tie. Do not cull with it."


def test_the_number_of_a_model_that_was_trained_on_the_photos_does_not_count():
    seen = changed(summary_of({"a": GOOD, "b": GOOD, "c": COIN}), "models.a", photos_seen_in_training=40)
    text = headline(seen)
    assert text.startswith(
        "b beats c with 40 photos. a was trained on 40 of these photos, so its number does not count."
    )
    assert text.endswith("Of these, use b.")
    alone = headline(changed(summary_of({"a": GOOD}), "models.a", photos_seen_in_training=3))
    expected = (
        "a was trained on 3 of these photos, so its number does not count. Benchmark on photos that were not used"
    )
    assert alone.startswith(expected)


def test_a_model_like_a_baseline_is_not_recommended_although_it_wins():
    like = ChoosesLike(share=0.97, errors=9, errors_shared=Accuracy(accuracy=0.9), suspect=True)
    summary = summary_of({"a": GOOD, "b": COIN})
    summary = changed(summary, "models.a.against_baselines", chooses_like={"larger file": like})
    expected = "a beats b with 40 photos. a chooses like a baseline that prefers the larger file. Do not cull"
    assert headline(summary).startswith(expected)


def test_a_score_that_is_not_above_the_baselines_is_no_recommendation():
    corrected = {"value": 0.1, "interval": (-0.2, 0.4), "baseline": "larger file", "reason": None}
    summary = changed(summary_of({"a": GOOD}), "models.a.against_baselines.corrected", **corrected)
    assert "It is not shown to see more than a baseline that prefers the larger file. Do not cull" in headline(summary)


def test_a_model_that_contradicts_itself_is_not_recommended():
    summary = changed(summary_of({"a": GOOD, "b": COIN}), "models.a.overall", order_consistency=0.7)
    expected = "a contradicts itself in 30.0 % of pairs when they are swapped. Do not cull with any of them."
    assert headline(summary).endswith(expected)


def test_weights_without_human_labels_are_said_to_judge_damage_and_not_taste():
    demo = "self-supervised on degraded copies"
    summary = changed(summary_of({"a": GOOD, "b": GOOD, "c": COIN}), "models.a", trained_on=demo)
    assert headline(summary).endswith("a learned from degraded copies, not from people: it judges damage, not taste.")
    both = changed(summary, "models.b", trained_on=demo)
    assert headline(both).endswith(
        "a and b learned from degraded copies, not from people: they judge damage, not taste."
    )
    alone = changed(summary_of({"a": GOOD, "b": GOOD}), "models.a", trained_on=demo)
    assert headline(changed(alone, "models.b", trained_on=demo)).endswith(
        "All learned from degraded copies, not from people: they judge damage, not taste."
    )


def test_models_of_different_photos_are_not_ranked():
    summary = summary_of({"a": GOOD, "b": COIN})
    nowhere = {"place": None, "last_place": None, "corrected_place": None, "corrected_last_place": None}
    ranking = [RankedModel(model=name, **nowhere) for name in "ab"]
    text = headline(changed(summary, "", ranking=ranking))
    assert text == "a and b were scored on different photos, so they cannot be ranked. Run them on the same photos."


def test_twenty_models_are_groups_and_no_litany():
    text = headline(
        summary_of({f"m{number}": {"blur": 0.5 + number / 40, "jpeg": 0.5 + number / 40} for number in range(20)})
    )
    assert text.startswith("m19, m18, m17 and ")
    assert "other models cannot be told apart with 40 photos; each of the other " in text
    assert len(text) < 400
    equal = headline(summary_of({f"m{number}": GOOD for number in range(20)}))
    assert equal.startswith("None of the 20 models is shown to be better than another with 40 photos; about ")
    best = headline(summary_of({"best": {"blur": 1.0}} | {f"m{number}": {"blur": 0.5} for number in range(19)}))
    assert best.startswith("best is right in all pairs and beats the other 19 models with 40 photos. ")


def test_failures_leave_what_is_left_and_a_run_without_a_photo_says_so():
    some = headline(summary_of({"a": GOOD}, failed=3))
    assert "37 photos)" in some
    assert headline(summary_of({"a": GOOD}, photos=8, failed=8)) == "None of the 8 photos could be judged (decode)."


def test_an_incomplete_run_says_so_first():
    text = headline(changed(summary_of({"a": GOOD, "b": COIN}), "", complete=False))
    assert text == "Incomplete so far: a beats b with 40 photos. Of these, use a."


def test_controls_alone_show_nothing():
    rows = [row("a", f"./{at}.png", "control", "identity", 0.0) for at in range(10)]
    assert headline(summarized(frame(rows))) == "Only controls were scored, so nothing is shown about the models."


STANDARD = {
    ("jpeg", "10", "quality"): 1.0,
    ("jpeg", "20", "quality"): 1.0,
    ("exposure/brighter", "1", "EV"): 0.45,
    ("exposure/brighter", "2", "EV"): 0.9,
    ("crop_edge/right", "right_20pct", "% removed"): 0.5,
    ("crop_edge/right", "right_30pct", "% removed"): 0.95,
}


def test_the_weakest_levels_are_told_in_the_words_of_a_photographer():
    text = headline(summarized(frame(levels(STANDARD))))
    assert "Weakest: one stop brighter and a fifth cut off on the right." in text


def test_a_weakness_that_only_one_of_two_models_has_is_not_told_of_both():
    other = STANDARD | {("exposure/brighter", "1", "EV"): 1.0}
    text = headline(summarized(frame(levels(STANDARD) + levels(other, name="b"))))
    assert "Weakest: a fifth cut off on the right." in text


def test_a_damage_of_somebodys_own_keeps_its_name():
    own = {("jpeg", "10", "quality"): 1.0, ("rain/heavy", "5 mm", "mm"): 0.5, ("rain/heavy", "9 mm", "mm"): 0.9}
    assert "Weakest: rain heavy (5 mm)." in headline(summarized(frame(levels(own))))


def test_models_without_a_weakness_have_none_in_most_benchmarks():
    texts = [headline(summarized(noisy("a", 50, seed, lift=0.0), resamples=100)) for seed in range(6)]
    assert sum("Weakest" in text for text in texts) <= 1


def test_names_are_one_line():
    assert headline(summary_of({"a\nb": COIN, "c": GOOD})) == "c beats a b with 40 photos. Of these, use c."


def test_three_sentences_are_the_most():
    flipped = {"a": {"blur": 1.0, "jpeg": 0.4}, "b": UPSIDE_DOWN}
    text = headline(changed(summary_of(flipped), "models.a", trained_on="self-supervised on x"))
    assert len(re.split(r"(?<=[.?]) ", text)) == 3
