import numpy as np
import pytest
from scipy.stats import kendalltau

from fixtures.verdict_tables import frame, row, sample_of
from iqbench.benchmark.monotonicity import monotonicity_tests, thresholds


def blur_test(table, neighbours=None):
    """Return the L-test of model a on blur."""
    sample = sample_of(table, neighbours)
    return monotonicity_tests(sample.of_model("a"), ["blur"], sample.bootstrap, tie_margin=1e-5)["blur"]


def blur_threshold(table, resamples=50):
    """Return the threshold on the ladder of blur."""
    sample = sample_of(table, resamples=resamples)
    return thresholds(sample.judged, sample.bootstrap)["blur"]


def ladder(margins, photo="./0.png", kind="blur"):
    """Return rows with the margins of the original over each level of one ladder, mildest first."""
    return [row("a", photo, kind, str(at), margin, severity=at) for at, margin in enumerate(margins, start=1)]


@pytest.mark.parametrize("margins", [[1, 2, 3], [3, 2, 1], [-1, 2, 2], [1, 1, 1], [0, 0, 5], [-3, -2, 4]])
def test_the_l_test_is_kendalls_tau_with_the_original_as_the_first_level(margins):
    rows = frame(ladder(margins))
    expected = kendalltau(range(len(margins) + 1), [0, *margins]).statistic
    assert blur_test(rows).tau.value == pytest.approx(expected)


def test_it_is_a_mean_over_photos_and_those_without_any_opinion_are_counted_apart():
    rows = frame(ladder([1, 2, 3]) + ladder([3, 2, 1], "./1.png") + ladder([0, 0, 0], "./2.png"))
    test = blur_test(rows)
    assert test.tau.value == pytest.approx((1 + kendalltau(range(4), [0, 3, 2, 1]).statistic) / 2)
    assert (test.ladders, test.without_opinion) == (3, 1)
    assert test.tau.n == 2


def test_a_model_without_any_opinion_has_no_tau_and_a_reason():
    tau = blur_test(frame(ladder([0, 0]))).tau
    assert (tau.value, tau.interval) == (None, None)
    assert tau.reason == "the model has no opinion about any ladder"


def test_a_ladder_that_lacks_a_level_on_a_photo_says_nothing_there():
    rows = frame(ladder([1, 2]) + ladder([2], "./1.png"))
    assert blur_test(rows).tau.value == 1.0


def test_margins_that_differ_by_noise_are_equal():
    assert blur_test(frame(ladder([1.0, 1.0 + 1e-7]))).tau.value == pytest.approx(
        kendalltau([0, 1, 2], [0, 1, 1]).statistic
    )


def test_violations_are_neighbours_of_which_the_harsher_one_is_preferred():
    rows = frame([cell for at in range(4) for cell in ladder([1, 2, 3], f"./{at}.png")])
    steps = frame([row("a", f"./{at}.png", "blur", "2", margin) for at, margin in enumerate([1, 1, -1, 0])])
    assert blur_test(rows, steps).violations.value == pytest.approx((0 + 0 + 1 + 0.5) / 4)


def test_violations_on_photos_without_a_pair_that_counts_are_left_out():
    rows = frame([row("a", f"./{at}.png", "blur", "1", 1, status="ok" if at else "decode") for at in range(3)])
    steps = frame([row("a", f"./{at}.png", "blur", "2", -1) for at in range(3)])
    violations = blur_test(rows, steps).violations
    assert (violations.value, violations.n) == (1.0, 2)


def noticed(shares, photos=40, amounts=None):
    """Return a ladder of which level i is noticed on that share of the photos."""
    rows = []
    for at in range(photos):
        margins = [1.0 if (at + 0.5) / photos < share else -1.0 for share in shares]
        rows += ladder(margins, f"./{at}.png")
    rows = frame(rows)
    return rows if amounts is None else rows.assign(amount=rows["severity"].map(dict(enumerate(amounts, start=1))))


def test_jpeg_is_noticed_from_the_quality_at_which_the_curve_crosses_three_quarters():
    rows = noticed([0.5, 0.7, 0.8, 1.0], amounts=[80, 60, 40, 20])
    threshold = blur_threshold(rows, 400)
    assert threshold.amount == pytest.approx(50.0)
    mild, harsh = threshold.interval
    assert mild > 50 > harsh
    assert threshold.at_most is False


def test_a_mildest_level_that_is_noticed_is_only_a_bound():
    threshold = blur_threshold(noticed([0.9, 1.0]))
    assert (threshold.amount, threshold.at_most) == (1.0, True)


def test_what_is_never_noticed_has_no_threshold_and_an_interval_without_an_end():
    threshold = blur_threshold(noticed([0.5, 0.7]), 400)
    assert threshold.amount is None
    assert threshold.amount_reason == "75 % is not reached at 2"
    assert threshold.interval[1] is None
    unmeasured = blur_threshold(noticed([0.5, 0.9]).assign(amount=np.nan))
    assert unmeasured.amount_reason == unmeasured.interval_reason == "its levels have no measure"
