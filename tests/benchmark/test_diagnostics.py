import numpy as np
import pandas as pd
import pytest

from fixtures.slow_statistics import jeffreys_interval, unweighted
from fixtures.verdict_tables import frame, noisy, row, sample_of
from iqbench.benchmark.chance import ChanceTests
from iqbench.benchmark.diagnostics import confidence, probabilities, strata, thirds, visibility

LEVELS = [("blur", "1"), ("jpeg", "1"), ("crop_edge", "1")]


def judged(margin, photos=30, name="a"):
    """Return rows of a model whose margin depends on photo and type."""
    return frame(
        [row(name, f"./{at:02}.png", kind, level, margin(at, kind)) for at in range(photos) for kind, level in LEVELS]
    )


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
    assert (low, high) == pytest.approx(jeffreys_interval(unweighted([[0.0], [1.0]] * 5)))
    change_low, change_high = blur_result.input_change_interval
    assert 0.1 < change_low < blur_result.input_change < change_high < 3.0
    assert blur_result.accuracy_where_visible.value == 1.0
    assert blur_result.accuracy_where_invisible.value == pytest.approx(0.2)
    unknown = blur_visibility(rows.assign(input_change=np.nan))
    assert (unknown.visible, unknown.visible_reason) == (None, "the model's inputs have different shapes")
    assert unknown.visible_interval_reason == unknown.input_change_interval_reason == unknown.visible_reason


def test_thirds_of_the_originals_show_where_a_change_is_no_damage():
    rows = judged(lambda at, kind: -1.0 if at < 10 else 1.0)
    rows["original_brightness"] = rows["original"].str[2:4].astype(float)
    sample = sample_of(rows)
    labels = thirds(sample.judged)
    parts = strata(sample.of_model("a"), labels, sample.bootstrap, ChanceTests(sample, labels))
    assert set(parts) == {"brightness"}  # the other statistics do not vary
    parts = parts["brightness"]
    assert [parts[third].by_ladder["blur"].value for third in ("low", "middle", "high")] == [0.0, 1.0, 1.0]
    assert (parts["low"].low, parts["low"].high, parts["low"].photos) == (0.0, 9.0, 10)
    verdicts = [{cell.verdict for cell in parts[third].by_ladder.values()} for third in ("low", "middle", "high")]
    assert verdicts == [{"below chance"}, {"above chance"}, {"above chance"}]
    # three thirds of ten photos, each all right or all wrong; the ladders are alike and cost nothing
    assert parts["low"].by_ladder["blur"].p_chance == pytest.approx(1 - (1 - 2 / 2**10) ** 3, abs=0.003)


@pytest.mark.slow
def test_a_coin_is_rarely_called_worse_than_chance_on_any_third():
    random, below = np.random.default_rng(0), 0
    for _ in range(20):
        rows = judged(lambda at, kind: random.choice([-1.0, 1.0]), photos=24)
        for statistic in ("brightness", "sharpness", "pixels"):
            rows[f"original_{statistic}"] = rows["original"].map(
                dict(zip(rows["original"].unique(), random.permutation(24), strict=True))
            )
        sample = sample_of(rows)
        labels = thirds(sample.judged)
        of_model = strata(sample.of_model("a"), labels, sample.bootstrap, ChanceTests(sample, labels))
        cells = [cell for by in of_model.values() for third in by.values() for cell in third.by_ladder.values()]
        assert len(cells) == 3 * 3 * 3
        below += any(cell.verdict != "not shown" for cell in cells)
    assert below <= 4  # 1 expected


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
    sample = sample_of(rows, resamples=200)
    return confidence(sample.judged, list(types), sample.bootstrap)


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
    clusters = [of["correct"].tolist() for _, of in rows[rows["degradation_type"] == "blur"].groupby("original")]
    assert blur.found_interval == pytest.approx(jeffreys_interval(unweighted(clusters)))


def test_a_curve_that_fits_on_the_whole_may_be_wrong_on_each_type():
    rows = frame(
        [row("a", f"./{at}.png", kind, "1", margin) for at in range(4) for kind, margin in (("blur", 1), ("jpeg", -1))]
    )
    by_type = confidence_of(rows.assign(probability=0.5), ["blur", "jpeg", "crop_edge"]).by_degradation
    assert (by_type["blur"].stated, by_type["blur"].found) == (0.5, 1.0)
    assert (by_type["jpeg"].stated, by_type["jpeg"].found) == (0.5, 0.0)
    low, high = by_type["blur"].overconfidence_interval  # four equal photos are no certainty: 1 - 0.025 ** (1 / 4)
    assert (by_type["blur"].overconfidence, low) == (-0.5, pytest.approx(-0.5 - 0.6024 * 0.5, abs=1e-4))
    assert high == pytest.approx(-0.5 + 0.6024 * 1.5, abs=1e-4)
    assert by_type["crop_edge"].stated is None
    assert by_type["crop_edge"].overconfidence_interval_reason == "calibration needs at least two photos"
