import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.calibration import cross_fitted, reliability

FOUR = pd.Series(["a", "b", "c", "d"])
BOOTSTRAP = Bootstrap(FOUR.tolist(), BootstrapConfig(resamples=50))


def true_log_odds(groups=400, slope=3.0, unit=1.0, seed=0):
    """Return margins, in ``unit``, that are the true log-odds divided by ``slope``, and a group for each."""
    random = np.random.default_rng(seed)
    size = np.abs(random.normal(size=groups))
    right = random.random(groups) < expit(slope * size)
    return unit * np.where(right, size, -size), np.array([f"{i:03}" for i in range(groups)])


def test_the_probabilities_are_the_true_ones_whatever_unit_the_margins_have():
    for unit in (1.0, 1e-3, 1e4):
        margins, groups = true_log_odds(unit=unit)
        np.testing.assert_allclose(cross_fitted(margins, groups), expit(3.0 * margins / unit), atol=0.08)


def test_a_coin_that_is_sure_of_itself_ends_at_a_half():
    random = np.random.default_rng(0)
    margins = 100.0 * random.choice([-1, 1], size=400)
    np.testing.assert_allclose(cross_fitted(margins, np.arange(400)), 0.5, atol=0.1)


def test_a_judge_below_chance_says_a_half_and_never_contradicts_its_own_verdict():
    random = np.random.default_rng(0)
    right = random.random(2000) < 0.399
    margins = np.where(right, 1.0, -1.0) * random.uniform(0.1, 2.0, 2000)
    assert cross_fitted(margins, np.arange(2000)).tolist() == [0.5] * 2000
    of_the_negation = cross_fitted(-margins, np.arange(2000))
    assert ((of_the_negation > 0.5) == (margins < 0)).all()


def test_a_probability_is_on_the_side_of_its_margin_in_every_fold_of_a_judge_near_chance():
    for seed in range(20):
        margins = np.random.default_rng(seed).normal(size=60)
        probabilities = cross_fitted(margins, np.arange(60))
        assert ((probabilities - 0.5) * margins >= 0).all()


def test_no_group_calibrates_itself():
    margins, groups = true_log_odds(40)
    before = cross_fitted(margins, groups)
    turned = margins.copy()
    turned[0] *= -1
    after = cross_fitted(turned, groups)
    np.testing.assert_allclose(after[0], 1 - before[0])
    assert not np.allclose(after[1:], before[1:], atol=1e-12)


def test_a_model_without_an_opinion_says_a_half_and_one_group_says_nothing():
    assert cross_fitted(np.zeros(4), np.arange(4)).tolist() == [0.5] * 4
    assert np.isnan(cross_fitted(np.ones(4), np.zeros(4))).all()


def test_brier_and_ece_are_those_worked_out_by_hand():
    calibration = reliability(np.array([0.25, 0.75, 0.75, 0.75]), FOUR, BOOTSTRAP, "")
    assert calibration.brier == pytest.approx((3 * 0.25**2 + 0.75**2) / 4)
    assert calibration.ece == pytest.approx(0.0)  # says 0.75, right 3 times of 4
    assert reliability(np.array([0.05, 0.95, 0.95, 0.95]), FOUR, BOOTSTRAP, "").ece == pytest.approx(0.2)


def test_the_intervals_are_those_of_copied_clusters():
    random, names = np.random.default_rng(0), [f"{at:02}" for at in range(12)]
    clusters, probabilities = pd.Series(np.repeat(names, 5)), random.uniform(size=60)
    bootstrap = Bootstrap(names, BootstrapConfig(resamples=80))
    calibration, copies = reliability(probabilities, clusters, bootstrap, ""), []
    for weights in bootstrap.weights[1:]:
        copied = np.repeat(probabilities, np.repeat(weights, 5))
        alone = reliability(copied, pd.Series("00", index=range(len(copied))), bootstrap, "")
        assert alone.brier_interval_reason == alone.ece_interval_reason == "an interval needs at least two photos"
        copies.append([alone.brier, alone.ece])
    tail = 100 * stats.norm.cdf(stats.t.ppf(0.025, 11) * np.sqrt(12 / 11))  # of 12 clusters
    brier, ece = np.percentile(copies, [tail, 100 - tail], axis=0).T
    spread = np.abs(2 * (probabilities - 1) ** 2).reshape(12, 5).mean(axis=1)  # in units of half the range
    deviations = np.abs(spread - np.median(spread)).sum()
    reach = (1 - 0.025 ** (1 / 12)) * 0.5 / (0.5 + deviations)
    widened = brier[0] - reach * calibration.brier, brier[1] + reach * (1 - calibration.brier)
    assert calibration.brier_interval == pytest.approx(widened)
    means = np.zeros((12, 10))  # of what is stated minus what is right, in each bin; each pair in both orders
    for stated, excess in ((probabilities, probabilities - 1), (1 - probabilities, 1 - probabilities)):
        np.add.at(means, (np.repeat(np.arange(12), 5), np.minimum((stated * 10).astype(int), 9)), excess / 10)
    reach = (1 - 0.025 ** (1 / 12)) * 0.5 / (0.5 + 2 * np.abs(means - np.median(means, axis=0)).sum())
    widened = ece[0] - reach * calibration.ece, ece[1] + reach * (1 - calibration.ece)
    assert calibration.ece_interval == pytest.approx(widened)


def test_what_is_unknown_has_a_reason_and_enters_nothing():
    calibration = reliability(np.array([np.nan]), FOUR[:1], BOOTSTRAP, "", "no probability")
    assert (calibration.ece, calibration.ece_reason, calibration.bins) == (None, "no probability", [])
    assert calibration.brier_interval_reason == calibration.ece_expected_reason == "no probability"
    with_unknown = reliability(np.array([0.75, np.nan]), FOUR[:2], BOOTSTRAP, "")
    assert with_unknown == reliability(np.array([0.75]), FOUR[:1], BOOTSTRAP, "")
