import numpy as np
import pandas as pd

from fixtures.verdict_tables import frame, noisy, row, sample_of, summary_of_table
from iqbench.benchmark.comparisons import Comparisons
from iqbench.benchmark.diagnostics import probabilities


def comparisons_of(table, resamples):
    """Return the comparisons of the models of a table."""
    sample = sample_of(table, resamples=resamples)
    return Comparisons(sample.judged, sample.models, sample.types, sample.bootstrap)


def test_the_perfect_choice_per_type_of_the_published_table_is_94_7():
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
    assert round(100 * summary.best_per_type.accuracy, 1) == 94.7
    assert summary.best_per_type.choice["blur"] == "rules"
    assert summary.best_per_type.choice["exposure"] == "ava"


def test_models_are_compared_on_the_same_resampled_photos():
    rows = noisy(["a"], 12, seed=2)
    summary = summary_of_table(pd.concat([rows, rows.assign(model_name="twin")]), resamples=100)
    assert summary.models["a"].overall == summary.models["twin"].overall
    (twins,) = summary.pairwise
    assert (twins.value, twins.interval, twins.p) == (0.0, (0.0, 0.0), 1.0)
    assert (twins.better, twins.verdict) == (None, "too close to call")
    assert {winner.verdict for winner in summary.by_degradation_winner.values()} == {"no difference shown"}


def test_a_clearly_better_model_is_named_whichever_comes_first():
    for names, lift in ((["a", "b"], 3.0), (["b", "a"], -3.0)):
        summary = summary_of_table(noisy(names, 40, seed=4, lift=lift), resamples=500)
        (difference,) = summary.pairwise
        assert (difference.better, difference.verdict) == ("b", "b better")
        assert {winner.best for winner in summary.by_degradation_winner.values()} == {"b"}


def test_equal_models_are_rarely_told_apart():
    runs = [comparisons_of(noisy(["a", "b", "c"], 25, seed), 200).pairwise() for seed in range(15)]
    assert sum(any(difference.better for difference in pairwise) for pairwise in runs) <= 3


def test_a_handful_of_photos_shows_nothing_however_clear_it_looks():
    rows = [row(name, f"./{at}.png", "blur", "1.0", sign) for at in range(5) for name, sign in (("a", 1), ("b", -1))]
    (difference,) = comparisons_of(frame(rows), 2000).pairwise()
    assert (difference.value, difference.interval, difference.p) == (1.0, (1.0, 1.0), 0.0625)
    assert difference.verdict == "too close to call"


def test_together_is_where_at_least_one_is_right_and_averaged_is_their_mean_odds():
    chances = {"a": [0.9, 0.9, 0.4, 0.2], "b": [0.8, 0.05, 0.7, 0.1]}
    rows = frame(
        [
            row(name, f"./{at}.png", "blur", "1", chance - 0.5, probability=chance)
            for name, model_chances in chances.items()
            for at, chance in enumerate(model_chances)
        ]
    )
    comparisons = comparisons_of(rows, 50)
    (agreement,) = comparisons.agreement()
    assert agreement.either_right.value == 0.75
    assert agreement.averaged.value == 0.5  # logit 0.9 + logit 0.05 < 0, logit 0.4 + logit 0.7 > 0
    assert agreement.averaged.n == 4
    assert comparisons.nobody_right().overall.value == 0.25
    assert comparisons.nobody_right().by_degradation["blur"].n == 4


def averaged_of(margins):
    """Return the averaged accuracy of judges, calibrated from their margins, a row per judge and a photo per pair."""
    rows = frame(
        [
            row(name, f"./{at:03}.png", "blur", "1", margin)
            for name, of_judge in margins.items()
            for at, margin in enumerate(of_judge)
        ]
    )
    (agreement,) = comparisons_of(rows.assign(probability=probabilities(rows)), 50).agreement()
    return agreement.averaged.value


def test_judges_below_chance_are_worth_a_tie_in_an_average_and_not_the_opposite_of_what_they_say():
    below = np.random.default_rng(0).permutation([1.0] * 80 + [-1.0] * 120)  # right in 40 %
    assert averaged_of({"a": below, "b": below}) == 0.5
    assert averaged_of({"a": below, "b": -below}) == 0.6  # the negation alone: the judge has no say


def test_without_calibration_there_is_no_average():
    rows = frame([row(name, "./0.png", "blur", "1", 1.0) for name in "ab"])
    (agreement,) = comparisons_of(rows, 50).agreement()
    assert agreement.averaged.value is None
    assert "calibration needs" in agreement.averaged.reason
