import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.isotonic import IsotonicRegression

from iqbench.statistics.monotonicity import crossing, kendall_taus, monotone


def test_the_monotone_curve_is_scikit_learns():
    accuracy = np.random.default_rng(0).random((40, 5))
    expected = [IsotonicRegression().fit_transform(range(5), values) for values in accuracy]
    np.testing.assert_allclose(monotone(accuracy), expected)


def test_a_crossing_lies_on_the_straight_line_between_the_levels_around_it():
    assert crossing(np.array([[0.5, 0.6, 0.9]]), np.array([80.0, 40.0, 20.0]), 0.75).tolist() == [30.0]
    assert crossing(np.array([[0.8]]), np.array([2.0]), 0.75).tolist() == [2.0]
    assert crossing(np.array([[0.7]]), np.array([2.0]), 0.75).tolist() == [np.inf]


def test_each_tau_is_scipys():
    series = np.random.default_rng(1).integers(0, 4, size=(30, 5)).astype(float)
    expected = [kendalltau(range(5), values).statistic for values in series]
    assert kendall_taus(series, 0.0) == pytest.approx(expected, nan_ok=True)
