"""The logistic curve of four parameters, and the correlation after it."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from iqbench.metrics.logistic import Logistic, fit_logistic


def correlation(scores, opinions):
    curve = fit_logistic(scores, opinions)
    return np.corrcoef(curve(scores), opinions)[0, 1]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("curve", [Logistic(5, 1, 0, 1), Logistic(1, 5, 0.5, 0.3), Logistic(100, -20, -1, 2.5)])
def test_a_model_that_is_a_logistic_of_the_truth_agrees_perfectly_after_it(curve, scale):
    scores = np.random.default_rng(0).normal(size=200)
    opinions = curve(scores)
    fitted = fit_logistic(1000 + scale * scores, opinions)
    assert np.abs(fitted(1000 + scale * scores) - opinions).max() < 1e-2 * np.ptp(opinions)
    assert correlation(1000 + scale * scores, opinions) == pytest.approx(1, abs=1e-5)
    assert fitted.rises == curve.rises


def test_the_fit_is_that_of_scipy_where_scipy_starts_at_the_solution():
    random = np.random.default_rng(1)
    scores = random.normal(size=300)
    opinions = Logistic(5, 1, 0.2, 0.7)(scores) + 0.4 * random.normal(size=300)

    def form(x, high, low, centre, width):
        return (high - low) / (1 + np.exp(-(x - centre) / width)) + low

    expected, _ = curve_fit(form, scores, opinions, (5, 1, 0.2, 0.7))
    assert tuple(fit_logistic(scores, opinions)) == pytest.approx(tuple(expected), rel=1e-3)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("count", [5, 12, 100])
def test_a_curve_never_agrees_less_than_a_line(noise, count):
    for seed in range(5):
        random = np.random.default_rng(seed)
        scores = random.normal(size=count)
        opinions = scores + noise * random.normal(size=count)
        assert correlation(scores, opinions) >= abs(np.corrcoef(scores, opinions)[0, 1]) - 1e-3


@pytest.mark.parametrize(
    ("scores", "opinions"),
    [
        (np.ones(9), np.arange(9.0)),
        (np.arange(9.0), np.ones(9)),
        (np.arange(4.0), np.arange(4.0)),
        (np.array([]), np.array([])),
        (np.array([1, 2, 3, 4, 5, np.inf]), np.arange(6.0)),
        (np.arange(6.0), np.array([1, 2, 3, 4, 5, np.nan])),
    ],
)
def test_what_has_no_curve_gets_none(scores, opinions):
    assert fit_logistic(scores, opinions) is None


@pytest.mark.parametrize(
    "scores",
    [
        np.repeat([0.0, 1.0], [15, 5]),  # the middle half of the scores has no width
        np.concatenate([np.linspace(0, 1, 19), [1e6]]),  # one score is far away
        np.linspace(1e8, 1e8 + 1, 20),
        np.linspace(0, 1e-12, 20),
    ],
)
def test_odd_scales_are_fitted_all_the_same(scores):
    curve = fit_logistic(scores, np.linspace(1, 5, 20))
    assert curve is not None
    assert np.isfinite(curve(scores)).all()
    assert np.isfinite(curve).all()
