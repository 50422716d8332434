import io
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fixtures.slow_statistics import step_down_p
from fixtures.verdict_tables import frame, noisy, row, sample_of, summary_of_table
from iqbench.benchmark.combinations import Combinations
from iqbench.benchmark.comparisons import Comparisons
from iqbench.benchmark.diagnostics import probabilities
from iqbench.reporting.table import print_table
from iqbench.reporting.takeaways import takeaways
from iqbench.statistics.estimate import Accuracy


def comparisons_of(table, margin=None):
    """Return the comparisons of the models of a table."""
    sample = sample_of(table)
    return Comparisons(sample.asked, sample.models, sample.types, sample.bootstrap, sample.flips, margin)


def combinations_of(table):
    """Return what the models of a table reach together."""
    return Combinations(sample_of(table))


def test_the_perfect_choice_per_type_of_the_published_table_is_94_7_with_hindsight():
    types = {"jpeg": 250, "crop_edge": 200, "crop_aspect": 200, "crop_center": 100}
    types |= {"crop_corner": 200, "blur": 200, "exposure": 200}
    published = {
        "siamese": [100.0, 96.5, 94.5, 94.0, 85.5, 84.5, 74.0],
        "ava": [95.2, 67.0, 73.0, 68.0, 76.0, 92.5, 91.0],
        "rules": [89.6, 55.5, 45.0, 38.0, 51.5, 100.0, 78.5],
    }
    rows = []
    for name, shares in published.items():
        for (kind, pairs), share in zip(types.items(), shares, strict=True):
            right = round(pairs * share / 100)
            margins = [1 if at < right else -1 for at in range(pairs)]
            rows += [
                row(name, f"./{at % 50}.png", kind, str(at // 50), margin, severity=at // 50 + 1)
                for at, margin in enumerate(margins)
            ]
    summary = summary_of_table(frame(rows), resamples=20)
    overall = [round(100 * model.overall.value, 1) for model in summary.models.values()]
    assert overall == [89.9, 81.9, 68.4]
    assert round(100 * summary.best_per_type.hindsight, 1) == 94.7
    # the winners lead by so much that any 40 photos choose as all 50 do
    assert summary.best_per_type.value == pytest.approx(summary.best_per_type.hindsight)
    assert summary.best_per_type.choice["blur"] == "rules"
    assert summary.best_per_type.choice["exposure"] == "ava"


def test_models_are_compared_on_the_same_photos():
    rows = noisy(["a"], 12, seed=2)
    summary = summary_of_table(pd.concat([rows, rows.assign(model_name="twin")]), resamples=100)
    assert summary.models["a"].overall == summary.models["twin"].overall
    (twins,) = summary.pairwise
    assert (twins.value, twins.p, twins.p_corrected) == (0.0, 1.0, 1.0)
    # photos of another kind, on which they may differ, are up to 1 - 0.025^(1/12) of all; resamples showed none
    share = 1 - 0.025 ** (1 / 12)
    assert twins.interval == pytest.approx((-share, share))
    assert (twins.better, twins.verdict) == (None, "too close to call")
    assert {winner.verdict for winner in summary.by_degradation_winner.values()} == {"no difference shown"}


def test_a_clearly_better_model_is_named_whichever_comes_first():
    for names, lift in ((["a", "b"], 3.0), (["b", "a"], -3.0)):
        summary = summary_of_table(noisy(names, 40, seed=4, lift=lift), resamples=500)
        (difference,) = summary.pairwise
        assert (difference.better, difference.verdict) == ("b", "b better")
        assert {winner.best for winner in summary.by_degradation_winner.values()} == {"b"}


def test_equal_models_are_rarely_told_apart():
    runs = [comparisons_of(noisy(["a", "b", "c"], 25, seed)).pairwise() for seed in range(15)]
    assert sum(any(difference.better for difference in pairwise) for pairwise in runs) <= 3


def opposites(photos):
    """Return the one difference of a model that is always right and one that never is."""
    cells = [(at, name, sign) for at in range(photos) for name, sign in (("a", 1), ("b", -1))]
    (difference,) = comparisons_of(
        frame([row(name, f"./{at}.png", "blur", "1.0", sign) for at, name, sign in cells])
    ).pairwise()
    return difference


def test_a_handful_of_photos_shows_nothing_however_clear_it_looks():
    five, six = opposites(5), opposites(6)
    assert (five.value, five.interval, five.p) == (1.0, (-1.0, 1.0), 0.0625)  # resamples gave (1, 1)
    assert five.verdict == "too close to call"
    assert (six.p, six.verdict) == (0.03125, "a better")
    assert six.interval == pytest.approx((1 - 2 * (1 - 0.025 ** (1 / 6)), 1.0))


def test_p_values_do_not_grow_with_the_number_of_models_where_they_say_the_same():
    rows = noisy(["a", "b"], 8, seed=0, lift=6.0)
    (alone,) = comparisons_of(rows).pairwise()
    copies = [rows[rows["model_name"] == "b"].assign(model_name=f"copy {at}") for at in range(12)]
    pairwise = comparisons_of(pd.concat([rows, *copies])).pairwise()
    assert alone.better == "b"
    assert alone.p_corrected == alone.p < 0.05 < 78 * alone.p  # corrected for 13 models one by one, nothing is shown
    of_a = [difference for difference in pairwise if difference.a == "a"]
    assert [difference.better for difference in of_a] == [difference.b for difference in of_a]
    assert {difference.p_corrected for difference in of_a} == {alone.p_corrected}


def test_the_winner_of_a_type_is_tested_against_all_models_on_all_types():
    rows = noisy(["a", "b", "c"], 9, seed=3, lift=0.7)
    sample = sample_of(rows)
    comparisons = comparisons_of(rows)
    names = ("a", "b", "c")
    accuracies = {
        name: {kind: Accuracy(accuracy=of["correct"].mean()) for kind, of in by_type}
        for name in names
        for by_type in [rows[rows["model_name"] == name].groupby("degradation_type")]
    }
    sums = sample.asked.pivot_table("correct", ["original", "degradation_type"], "model_name", "sum").unstack()
    keys = [(a, b, kind) for a, b in combinations(names, 2) for kind in sample.types]
    slow = step_down_p([(sums[a] - sums[b])[kind].tolist() for a, b, kind in keys])
    corrected = dict(zip(keys, slow, strict=True))
    for kind, winner in comparisons.winners(accuracies).items():
        first, second = sorted([winner.best, winner.runner_up])
        assert winner.p_corrected == pytest.approx(corrected[first, second, kind])
        assert winner.p_corrected >= winner.p
        assert (winner.better is not None) == (winner.p_corrected < 0.05 and winner.interval[0] > 0)


def test_models_within_a_margin_are_shown_to_be_equal_and_others_are_not():
    right = noisy(["a"], 60, seed=0).assign(correct=1.0)
    twin = right.assign(model_name="b")
    twin.loc[twin.index[:2], "correct"] = 0.0  # one photo of 60
    (close,) = comparisons_of(pd.concat([right, twin]), margin=0.15).pairwise()
    assert (close.better, close.within_margin, close.verdict) == (None, True, "within 15 points")
    (closer,) = comparisons_of(pd.concat([right, twin]), margin=0.02).pairwise()
    assert (closer.within_margin, closer.verdict) == (False, "too close to call")
    (without,) = comparisons_of(pd.concat([right, twin])).pairwise()
    assert (without.within_margin, without.verdict) == (False, "too close to call")


def test_models_that_were_asked_about_other_photos_have_no_place_and_each_row_its_number_of_photos():
    rows = noisy(["a", "b"], 20, seed=4, lift=3.0)
    rows = rows[(rows["model_name"] == "a") | ~rows["original"].isin([f"./{at}.png" for at in range(8)])]
    summary = summary_of_table(rows)
    places = [(ranked.place, ranked.last_place, ranked.corrected_place) for ranked in summary.ranking]
    assert places == [(None, None, None)] * 2
    assert {name: model.photos for name, model in summary.models.items()} == {"a": 20, "b": 12}
    (difference,) = summary.pairwise
    assert (difference.photos, difference.n) == (12, 48)
    out = io.StringIO()
    print_table(summary, Console(file=out, width=120))
    lines = out.getvalue().splitlines()
    for name, photos in (("a", 20), ("b", 12)):
        at = next(at for at, line in enumerate(lines) if line.startswith(f" {name} "))
        assert lines[at + 1].startswith(f" {photos} photos ")
    assert "- no place: b" in takeaways(summary)
    assert "Models that were asked about different photos have no place" in takeaways(summary)


@pytest.mark.slow
def test_the_best_model_per_type_is_chosen_on_other_photos():
    rows = noisy([f"coin {at}" for at in range(8)], 20, seed=0)
    margins = np.random.default_rng(0).normal(size=len(rows))
    rows = rows.assign(margin=margins, correct=(margins > 0).astype(float))
    best = summary_of_table(rows).best_per_type
    assert best.hindsight > 0.58  # the luckiest of eight coins on each type
    assert best.value == pytest.approx(0.5, abs=0.09)
    assert best.interval[0] < 0.5 < best.interval[1]
    right = rows.pivot(
        index=["original", "degradation_type", "degradation_level"], columns="model_name", values="correct"
    )
    photos = sorted(rows["original"].unique())
    held_out = []
    for (photo, kind, _), answers in right.iterrows():
        fold = photos.index(photo) % 5
        others = [at for at in right.index if at[1] == kind and photos.index(at[0]) % 5 != fold]
        held_out.append(answers[right.loc[others].mean().idxmax()])
    assert best.value == pytest.approx(np.mean(held_out))


def test_one_model_leaves_nothing_to_choose_from():
    best = summary_of_table(noisy(["a"], 5, seed=0)).best_per_type
    assert (best.value, best.reason) == (None, "there is only one model to choose from")
    assert best.hindsight is not None


def test_together_is_where_at_least_one_is_right_and_averaged_is_their_mean_odds():
    chances = {"a": [0.9, 0.9, 0.4, 0.2], "b": [0.8, 0.05, 0.7, 0.1]}
    rows = frame(
        [
            row(name, f"./{at}.png", "blur", "1", chance - 0.5, probability=chance)
            for name, model_chances in chances.items()
            for at, chance in enumerate(model_chances)
        ]
    )
    together = combinations_of(rows)
    (agreement,) = together.agreement()
    assert agreement.either_right.value == 0.75
    assert agreement.averaged.value == 0.5  # logit 0.9 + logit 0.05 < 0, logit 0.4 + logit 0.7 > 0
    assert agreement.averaged.n == 4
    assert together.nobody_right().overall.value == 0.25
    assert together.nobody_right().by_degradation["blur"].n == 4


def averaged_of(margins):
    """Return the averaged accuracy of judges, calibrated from their margins, a row per judge and a photo per pair."""
    rows = frame(
        [
            row(name, f"./{at:03}.png", "blur", "1", margin)
            for name, of_judge in margins.items()
            for at, margin in enumerate(of_judge)
        ]
    )
    (agreement,) = combinations_of(rows.assign(probability=probabilities(rows))).agreement()
    return agreement.averaged.value


def test_judges_below_chance_are_worth_a_tie_in_an_average_and_not_the_opposite_of_what_they_say():
    below = np.random.default_rng(0).permutation([1.0] * 80 + [-1.0] * 120)  # right in 40 %
    assert averaged_of({"a": below, "b": below}) == 0.5
    assert averaged_of({"a": below, "b": -below}) == 0.6  # the negation alone: the judge has no say


def test_without_calibration_there_is_no_average():
    rows = frame([row(name, "./0.png", "blur", "1", 1.0) for name in "ab"])
    (agreement,) = combinations_of(rows).agreement()
    assert agreement.averaged.value is None
    assert "calibration needs" in agreement.averaged.reason
