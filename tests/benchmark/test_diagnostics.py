import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import STANDARD, frame, noisy, row, sample_of
from iqbench.baselines import against_baselines, baseline_verdicts
from iqbench.benchmark.diagnostics import confidence, probabilities, strata, thirds, visibility
from iqbench.results.model_summary import ChoosesLike

LEVELS = [("blur", "1"), ("jpeg", "1"), ("crop_edge", "1")]


def judged(margin, photos=30, name="a", **statistics):
    """Return rows of a model whose margin depends on photo and type; image statistics of the variants by type."""
    rows = []
    for at in range(photos):
        for kind, level in LEVELS:
            more = {f"variant_{key}": by_type.get(kind, 100.0) for key, by_type in statistics.items()}
            rows.append(row(name, f"./{at:02}.png", kind, level, margin(at, kind), **more))
    return frame(rows)


def baselines_of(rows):
    """Return the comparison of a model with the baselines."""
    sample = sample_of(rows, resamples=200)
    return against_baselines(rows, baseline_verdicts(rows, STANDARD, 0), sample.bootstrap, sample.types)


def test_a_judge_of_file_sizes_chooses_like_the_baseline_and_does_not_beat_it():
    sizes = {"blur": 60.0, "jpeg": 40.0, "crop_edge": 80.0}
    against = baselines_of(judged(lambda at, kind: 1.0, encoded_bytes=sizes))
    assert against.chooses_like["larger file"] == ChoosesLike(share=1.0, suspect=True)
    assert against.overall.baseline == "larger file"
    assert against.overall.value == 0.0
    assert against.overall.beaten is False


def test_a_model_beats_the_best_baseline_where_their_paired_difference_is_shown():
    against = baselines_of(
        judged(lambda at, kind: 1.0 if kind != "jpeg" or at % 2 else -1.0, pixels={"crop_edge": 50.0})
    )
    assert against.by_degradation["blur"].beaten is True  # the baselines tie there
    assert against.by_degradation["jpeg"].beaten is False
    crops = against.by_degradation["crop_edge"]
    assert (crops.baseline, crops.beaten, crops.value) == ("more pixels", False, 0.0)


def test_a_model_that_is_right_where_the_baseline_has_no_opinion_is_no_suspect():
    against = baselines_of(judged(lambda at, kind: 1.0, pixels={"crop_edge": 50.0}))
    crops = sum(kind == "crop_edge" for kind, _ in LEVELS) / len(LEVELS)
    assert against.chooses_like["more pixels"] == ChoosesLike(share=crops, suspect=False)
    counting = baselines_of(judged(lambda at, kind: float(kind == "crop_edge"), pixels={"crop_edge": 50.0}))
    assert counting.chooses_like["more pixels"] == ChoosesLike(share=1.0, suspect=True)


def test_a_baseline_that_hardly_ever_chooses_says_nothing_of_a_model_that_chooses_like_it():
    rows = judged(lambda at, kind: 1.0)
    rows.loc[0, "variant_sharpness"] = 50.0
    assert "sharper" not in baselines_of(rows).chooses_like


def test_a_change_below_that_of_a_reencoding_is_invisible_and_told_apart():
    rows = frame(
        [
            row("a", f"./{at}.png", "blur", "1", 1 if at < 6 else -1, input_change=0.1 if at >= 5 else 3.0)
            for at in range(10)
        ]
    )
    controls = frame([row("a", f"./{at}.png", "control", "reencode", 0, input_change=0.5) for at in range(10)])

    def blur_visibility(pairs):
        sample = sample_of(pd.concat([pairs, controls], ignore_index=True))
        return visibility(sample.of_model("a"), ["blur"], sample.bootstrap)["blur"]

    blur_result = blur_visibility(rows)
    assert (blur_result.visible, blur_result.input_change_max) == (0.5, 2.0)
    assert blur_result.input_change == pytest.approx((5 * 3.0 + 5 * 0.1) / 10)
    low, high = blur_result.visible_interval  # of 10 photos, 5 of them visible
    assert 0.0 < low < 0.5 < high < 1.0
    assert blur_result.input_change_interval == pytest.approx((0.1 + 2.9 * low, 0.1 + 2.9 * high))
    assert blur_result.accuracy_where_visible.value == 1.0
    assert blur_result.accuracy_where_invisible.value == pytest.approx(0.2)
    unknown = blur_visibility(rows.assign(input_change=np.nan))
    assert (unknown.visible, unknown.visible_reason) == (None, "the model's inputs have different shapes")
    assert unknown.visible_interval_reason == unknown.input_change_interval_reason == unknown.visible_reason


def test_thirds_of_the_originals_show_where_a_change_is_no_damage():
    rows = judged(lambda at, kind: -1.0 if at < 10 else 1.0)
    rows["original_brightness"] = rows["original"].str[2:4].astype(float)
    parts = strata(rows, thirds(rows), sample_of(rows).bootstrap)
    assert set(parts) == {"brightness"}  # the other statistics do not vary
    parts = parts["brightness"]
    assert [parts[third].by_ladder["blur"].value for third in ("low", "middle", "high")] == [0.0, 1.0, 1.0]
    assert (parts["low"].low, parts["low"].high, parts["low"].photos) == (0.0, 9.0, 10)


def test_probabilities_are_for_judged_pairs_only():
    rows = pd.concat(
        [noisy(["a"], 4, seed=0), frame([row("a", "./0.png", "control", "identity", 0)])], ignore_index=True
    )
    assert probabilities(rows).isna().tolist() == [False] * 16 + [True]


def test_the_order_of_the_rows_changes_no_probability():
    rows = noisy(["a", "b"], 30, seed=0)
    shuffled = rows.sample(frac=1.0, random_state=1)
    assert probabilities(shuffled).tolist() == probabilities(rows)[shuffled.index].tolist()


def test_no_photo_calibrates_itself():
    rows = noisy(["a"], 40, seed=0)
    chances = probabilities(rows)
    first = rows["original"] == "./0.png"
    turned = rows.assign(margin=rows["margin"].where(~first, -rows["margin"]))
    np.testing.assert_allclose(probabilities(turned)[first], 1 - chances[first])


def confidence_of(rows, types=("blur",)):
    """Return the confidence of the one model of a table."""
    return confidence(rows, list(types), sample_of(rows, resamples=200).bootstrap)


def test_confidence_separates_right_from_wrong_or_says_why_it_is_unknown():
    rows = frame([row("a", f"./{i}.png", "blur", "1", margin) for i, margin in enumerate([1, 1, -1, -1])])
    assert confidence_of(rows.assign(probability=[0.9, 0.8, 0.4, 0.3])).auroc == 1.0
    assert confidence_of(rows.assign(probability=[0.6, 0.6, 0.1, 0.1])).auroc == 0.0
    sure = confidence_of(rows[:2].assign(probability=[0.9, 0.8]))
    assert (sure.auroc, sure.auroc_reason) == (None, "all verdicts are right, or all wrong")
    assert (sure.auroc_interval, sure.auroc_interval_reason) == (None, sure.auroc_reason)
    alone = confidence_of(rows[:1])
    assert (alone.ece, alone.ece_reason) == (None, "calibration needs at least two photos")
    assert confidence_of(rows[:0]).ece_reason == "no pair judged"


def test_calibration_has_intervals_over_photos():
    rows = noisy(["a"], 30, seed=0, lift=1.0)
    calibrated = confidence_of(rows.assign(probability=probabilities(rows)), ["blur", "jpeg"])
    for name in ("brier", "auroc"):
        low, high = getattr(calibrated, f"{name}_interval")
        assert 0 < low < getattr(calibrated, name) < high < 1
    assert 0 < calibrated.ece_interval[0] < calibrated.ece_interval[1] < 0.5
    assert 0.01 < calibrated.ece_expected < 0.1
    blur = calibrated.by_degradation["blur"]
    assert blur.overconfidence == pytest.approx(blur.stated - blur.found)
    # paired: the interval of the difference is that of resampled differences
    low, high = blur.overconfidence_interval
    assert low < blur.overconfidence < high
    assert blur.found_interval[0] < blur.found < blur.found_interval[1]


def test_a_curve_that_fits_on_the_whole_may_be_wrong_on_each_type():
    rows = frame(
        [row("a", f"./{at}.png", kind, "1", margin) for at in range(4) for kind, margin in (("blur", 1), ("jpeg", -1))]
    )
    by_type = confidence_of(rows.assign(probability=0.5), ["blur", "jpeg", "crop_edge"]).by_degradation
    assert (by_type["blur"].stated, by_type["blur"].found) == (0.5, 1.0)
    assert (by_type["jpeg"].stated, by_type["jpeg"].found) == (0.5, 0.0)
    assert (by_type["blur"].overconfidence, by_type["blur"].overconfidence_interval) == (-0.5, (-0.5, -0.5))
    assert by_type["crop_edge"].stated is None
    assert by_type["crop_edge"].overconfidence_interval_reason == "calibration needs at least two photos"
