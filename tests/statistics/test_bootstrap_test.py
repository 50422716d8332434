import warnings

import numpy as np
import pytest
from scipy import stats

from iqbench.statistics.bootstrap_test import BootstrapTest
from iqbench.statistics.estimate import expanded_tail


def draws_of(values, resamples=1999):
    """Means of values in the sample and in resamples; the mean of half a normal sample is none of 0."""
    random = np.random.default_rng(0)
    rows = random.integers(len(values), size=(resamples, len(values)))
    return np.vstack([values.mean(axis=0), values[rows].mean(axis=1)])


def normal_draws(value, spread, count=3999):
    """Resamples that are exactly normal around a value."""
    return np.concatenate([[value], value + spread * stats.norm.ppf((np.arange(count) + 0.5) / count)])


@pytest.mark.parametrize("units", [5, 20, 400])
def test_p_and_interval_are_those_of_a_t_test_where_resamples_are_normal(units):
    error = 0.1
    spread = error * np.sqrt((units - 1) / units)  # what resamples of a mean vary by
    test = BootstrapTest(normal_draws(0.25, spread)[:, None], np.array([units]))
    alone, corrected = test.test()
    assert alone == corrected == pytest.approx(2 * stats.t.sf(2.5, units - 1), abs=2e-3)
    low, high = test.intervals(bound=1.0)[0]
    half = stats.t.isf(0.025, units - 1) * error
    assert (low, high) == (pytest.approx(0.25 - half, rel=0.03, abs=2e-3), pytest.approx(0.25 + half, rel=0.03))
    tail = expanded_tail(units)  # the same widening as that of percentile intervals
    assert half == pytest.approx(stats.norm.isf(tail) * spread)


@pytest.mark.parametrize("resamples", [20, 99, 499])
def test_the_interval_excludes_0_exactly_where_p_alone_is_below_5_percent(resamples):
    random = np.random.default_rng(0)
    for units in (6, 15, 60):
        values = random.normal(random.normal(0, 2.5 / np.sqrt(units), 50), 1.0, (units, 50)).round(1)
        test = BootstrapTest(draws_of(values, resamples), np.full(50, units))
        low, high = test.intervals(bound=10.0).T
        shown = test.test()[0] < 0.05
        assert 0 < shown.sum() < 50
        assert (shown == ((low > 0) | (high < 0))).all()
        assert ((low <= test.draws[0]) & (test.draws[0] <= high)).all()


def test_clusters_that_all_agree_show_no_more_than_their_signs_would():
    for units, expected in ((4, 0.125), (5, 0.0625), (6, 0.03125), (11, 2**-10)):
        test = BootstrapTest(np.full((2001, 1), 0.8), np.array([units]))
        assert test.test()[0] == pytest.approx(expected)
        assert (test.intervals(1.0)[0, 0] > 0) == (expected < 0.05)


def test_the_correction_is_for_all_columns_and_nothing_for_copies():
    random = np.random.default_rng(1)
    column = random.normal(0.5, 1.0, (30, 1))
    alone, corrected = BootstrapTest(draws_of(np.repeat(column, 9, axis=1)), np.full(9, 30)).test()
    assert corrected.tolist() == alone.tolist()
    others = np.hstack([column, random.normal(0.0, 1.0, (30, 9))])
    alone, corrected = BootstrapTest(draws_of(others), np.full(10, 30)).test()
    assert (corrected >= alone).all()
    assert alone[0] < corrected[0] < 10 * alone[0]


def test_a_resample_that_defines_no_difference_counts_against_it_alone():
    draws = normal_draws(0.5, 0.1, 999)
    broken = draws.copy()
    broken[1:101] = np.nan
    test = BootstrapTest(np.stack([draws, broken], axis=1), np.array([30, 30]))
    alone, corrected = test.test()
    assert alone[0] == pytest.approx(0.001)
    assert corrected[0] < 0.01
    assert alone[1] == pytest.approx(0.101)
    low, high = test.intervals(bound=2.0)[1]
    assert (low, high) == (-2.0, 2.0)


def test_equal_judges_and_differences_without_spread():
    draws = np.stack([np.zeros(1000), np.ones(1000), np.full(1000, -1.0)], axis=1)
    test = BootstrapTest(draws, np.full(3, 20))
    alone, _ = test.test()
    assert alone.tolist() == [1.0, 0.001, 0.001]
    (low, high), up, down = test.intervals(bound=1.0, reach=np.full(3, 0.6)).tolist()
    assert (low, high) == (-0.6, 0.6)
    assert 0 < up[0] < 1e-300  # moved outwards, but never over 0
    assert up[1] == 1.0
    assert (down[0], -down[1]) == (-1.0, up[0])
    assert np.isnan(test.least_difference()).all()


def test_the_least_difference_is_shown_in_80_percent_of_samples():
    random, units, true = np.random.default_rng(3), 50, 0.41
    values = random.normal(true, 1.0, (units, 400))
    least, shown = [], []
    for column in values.T:
        test = BootstrapTest(draws_of(column[:, None], 499), np.array([units]))
        least.append(test.least_difference()[0])
        shown.append(test.test()[0][0] < 0.05)
    assert np.mean(least) == pytest.approx(true, rel=0.03)
    assert np.mean(shown) == pytest.approx(0.8, abs=0.06)


def test_too_few_resamples_for_an_interval_and_no_spread_are_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        test = BootstrapTest(np.full((10, 1), 0.5), np.array([2]))
        assert test.intervals(bound=1.0).tolist() == [[-1.0, 1.0]]
