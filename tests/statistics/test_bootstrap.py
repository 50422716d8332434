import numpy as np
import pandas as pd
import pytest
from scipy import stats

from iqbench.statistics.bootstrap import Bootstrap, holm, interval, two_sided_p


def test_intervals_over_photos_cover_where_intervals_over_rows_would_not():
    random, covered, runs = np.random.default_rng(3), 0, 150
    boot = Bootstrap([str(photo) for photo in range(40)], seed=0, resamples=300)
    photos = pd.Series([str(photo) for photo in range(40) for _ in range(27)])
    for _ in range(runs):
        right = np.repeat(random.random(40) < 0.7, 27).astype(float)  # 27 variants of a photo share one fate
        draws = boot.totals(photos, np.zeros(len(photos), dtype=int), right, 1)[:, 0] / (40 * 27)
        low, high = interval(draws)
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / runs <= 1.0


def test_holm_is_that_of_a_slow_rederivation():
    random = np.random.default_rng(0)
    for size in range(6):
        p = random.random(size).round(1).tolist()  # rounded: there are ties
        order = sorted(range(size), key=lambda at: p[at])
        slow = [max(min(1.0, (size - j) * p[order[j]]) for j in range(order.index(at) + 1)) for at in range(size)]
        assert holm(p) == pytest.approx(slow)


def test_no_p_value_is_less_than_a_sign_test_of_so_few_photos_can_give():
    assert two_sided_p(np.ones(2001), photos=6) == 0.03125
    assert two_sided_p(np.ones(2001), photos=60) >= 2 / 2001


def test_p_is_that_of_a_t_test_where_resamples_are_normal():
    random = np.random.default_rng(0)
    for photos in (5, 20, 100):
        gaps = random.normal(1.5 / np.sqrt(photos), 1.0, photos)
        spread = gaps.std(ddof=0) / np.sqrt(photos)  # what resamples of the mean vary by
        draws = gaps.mean() + spread * stats.norm.ppf((np.arange(1, 100_001) - 0.5) / 100_000)
        expected = stats.ttest_1samp(gaps, 0.0).pvalue
        found = two_sided_p(np.concatenate([[gaps.mean()], draws]), photos)
        assert found == pytest.approx(max(expected, 2.0 ** (1 - photos)), rel=0.05)


def test_a_resample_draws_as_many_photos_as_there_are_and_the_first_row_is_the_sample_itself():
    boot = Bootstrap(["a", "b", "c"], seed=1, resamples=200)
    totals = boot.totals(pd.Series(["a", "b", "c", "c"]), np.array([0, 1, 1, 1]), np.array([1.0, 2.0, 4.0, 8.0]), 2)
    assert totals[0].tolist() == [1.0, 14.0]
    assert set(boot.weights.sum(axis=1).tolist()) == {3}
    assert totals[1:, 1].tolist() == (2.0 * boot.weights[1:, 1] + 12.0 * boot.weights[1:, 2]).tolist()
