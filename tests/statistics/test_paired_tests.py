import numpy as np
import pytest

from fixtures.slow_statistics import sign_flip_p, step_down_p
from iqbench.results.summary import PhotoDifference
from iqbench.statistics.estimate import Difference
from iqbench.statistics.paired_tests import paired_differences, undefined_difference
from iqbench.statistics.sign_flips import SignFlips


def differences_of(sums, counts=None, reasons=None):
    """Return the differences of columns of sums, of 2 pairs in each cluster."""
    counts = np.full(sums.shape, 2.0) if counts is None else counts
    width = sums.shape[1]
    flips = SignFlips(len(sums))
    return paired_differences(Difference, flips, sums, counts, [{}] * width, reasons or [""] * width)


def test_p_values_are_corrected_for_all_columns_as_in_a_literal_loop():
    sums = np.random.default_rng(0).choice([-1.0, 0.0, 1.0, 2.0], size=(8, 4))
    columns = sums.T.tolist()
    differences = differences_of(sums)
    assert [difference.value for difference in differences] == pytest.approx((sums.sum(axis=0) / 16).tolist())
    assert [difference.p for difference in differences] == pytest.approx([sign_flip_p(gaps) for gaps in columns])
    assert [difference.p_corrected for difference in differences] == pytest.approx(step_down_p(columns))


def test_five_clusters_show_nothing_however_clear_it_looks_and_six_do():
    (five,), (six,) = (differences_of(np.full((clusters, 1), 2.0)) for clusters in (5, 6))
    assert (five.value, five.p, five.shown) == (1.0, 0.0625, False)
    assert (six.value, six.p, six.shown) == (1.0, 0.03125, True)
    assert five.interval == (-1.0, 1.0)  # no mean has a p-value below 5 %; the interval of resamples was (1, 1)
    assert six.interval == pytest.approx((1 - 2 * (1 - 0.025 ** (1 / 6)), 1.0))


def test_differences_without_a_p_value_do_not_count_as_comparisons():
    sums = np.random.default_rng(1).choice([0.0, 1.0, 2.0], size=(9, 3))
    first, _, third = corrected = differences_of(sums, reasons=["", "no pair", ""])
    assert [first, third] == differences_of(sums[:, [0, 2]])
    assert (corrected[1].p, corrected[1].p_corrected, corrected[1].interval) == (None, None, None)
    assert corrected[1].p_reason == corrected[1].p_corrected_reason == corrected[1].interval_reason == "no pair"
    assert [difference.shown for difference in corrected] == [True, False, True]


def test_an_undefined_difference_gives_one_reason_for_all_that_it_lacks():
    difference = undefined_difference(PhotoDifference, "one model", photos=3)
    assert (difference.value, difference.p, difference.photos) == (None, None, 3)
    assert {difference.reason, difference.interval_reason, difference.p_reason, difference.p_corrected_reason} == {
        "one model"
    }
