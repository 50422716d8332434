import numpy as np
import pytest
from scipy import stats

from iqbench.statistics.estimate import Difference
from iqbench.statistics.paired_tests import holm, two_sided_p, with_holm


def test_holm_is_that_of_a_slow_rederivation():
    random = np.random.default_rng(0)
    for size in range(6):
        p = random.random(size).round(1).tolist()  # rounded: there are ties
        order = sorted(range(size), key=lambda at: p[at])
        slow = [max(min(1.0, (size - j) * p[order[j]]) for j in range(order.index(at) + 1)) for at in range(size)]
        assert holm(p) == pytest.approx(slow)


def test_no_p_value_is_less_than_a_sign_test_of_so_few_photos_can_give():
    assert two_sided_p(np.ones(2001), clusters=6) == 0.03125
    assert two_sided_p(np.ones(2001), clusters=60) >= 2 / 2001


def test_p_is_that_of_a_t_test_where_resamples_are_normal():
    random = np.random.default_rng(0)
    for photos in (5, 20, 100):
        gaps = random.normal(1.5 / np.sqrt(photos), 1.0, photos)
        spread = gaps.std(ddof=0) / np.sqrt(photos)  # what resamples of the mean vary by
        draws = gaps.mean() + spread * stats.norm.ppf((np.arange(1, 100_001) - 0.5) / 100_000)
        expected = stats.ttest_1samp(gaps, 0.0).pvalue
        p_value = two_sided_p(np.concatenate([[gaps.mean()], draws]), photos)
        assert p_value == pytest.approx(max(expected, 2.0 ** (1 - photos)), rel=0.05)


def test_differences_without_a_p_value_do_not_count_as_comparisons():
    differences = [
        Difference(difference=0.1, p=0.02),
        Difference(difference=None, p=None, p_reason="no pair"),
        Difference(difference=0.2, p=0.03),
    ]
    corrected = with_holm(differences)
    assert [difference.p_holm for difference in corrected] == [0.04, None, 0.04]
    assert corrected[1].p_holm_reason == "no pair"
    assert [difference.shown for difference in corrected] == [True, False, True]
