import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from iqbench.statistics import resampled_calibration
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.calibration import reliability
from iqbench.statistics.resampled_calibration import auroc_draws, error_draws, expected_error


def sample_of(count, pairs_each, resamples=40):
    """Return a bootstrap, the cluster of each pair, and the random numbers to go on with."""
    names = [f"{at:02}" for at in range(count)]
    bootstrap = Bootstrap(names, BootstrapConfig(resamples=resamples))
    return bootstrap, pd.Series(np.repeat(names, pairs_each)), np.random.default_rng(0)


def test_auroc_tells_whether_confidence_tells_right_from_wrong():
    bootstrap, clusters, _ = sample_of(4, 1)
    right = np.array([True, True, False, False])
    for confidence, area in (([0.4, 0.3, 0.1, 0.2], 1.0), ([0.1, 0.1, 0.4, 0.4], 0.0), ([0.2, 0.1, 0.2, 0.1], 0.5)):
        assert auroc_draws(bootstrap, clusters, right, np.array(confidence))[0] == area
    assert np.isnan(auroc_draws(bootstrap, clusters[:2], right[:2], np.array([0.4, 0.3]))).all()
    assert np.isnan(auroc_draws(bootstrap, clusters[:0], right[:0], np.empty(0))).all()


@pytest.mark.parametrize("cells", [4_000_000, 7])
def test_auroc_of_each_resample_is_that_of_scikit_learn(monkeypatch, cells):
    monkeypatch.setattr(resampled_calibration, "CELLS", cells)
    bootstrap, clusters, random = sample_of(10, 3)
    confidence = random.uniform(0, 0.5, 30).round(1)  # with equal ones
    right = random.random(30) < 0.5 + confidence
    weights = bootstrap.weights[:, np.repeat(np.arange(10), 3)]
    expected = [roc_auc_score(right, confidence, sample_weight=row) for row in weights]
    np.testing.assert_allclose(auroc_draws(bootstrap, clusters, right, confidence), expected)


def test_many_pairs_have_fewer_resamples(monkeypatch):
    monkeypatch.setattr(resampled_calibration, "WEIGHED_PAIRS", 90)
    monkeypatch.setattr(resampled_calibration, "MIN_RESAMPLES", 2)
    bootstrap, clusters, random = sample_of(10, 3)
    right = np.arange(30) % 2 == 0
    assert len(auroc_draws(bootstrap, clusters, right, random.random(30))) == 1 + 3
    assert len(auroc_draws(bootstrap, clusters[:3], right[:3], random.random(3))) == 1 + 30


def test_the_error_of_the_sample_is_that_of_the_reliability_curve():
    bootstrap, clusters, random = sample_of(10, 3)
    stated = random.uniform(size=30)
    calibration = reliability(stated, clusters, bootstrap, "")
    gaps = [bin_.count * abs(bin_.mean_probability - bin_.share_right) for bin_ in calibration.bins]
    draws, deviations = error_draws(bootstrap, clusters, stated)
    assert draws[0] == pytest.approx(sum(gaps) / 60)
    alone = error_draws(bootstrap, clusters, np.where(clusters == clusters[0], stated, 0.9))[1]
    assert deviations > alone > 0
    assert error_draws(bootstrap, clusters, np.full(30, 0.9))[1] == 0.0  # all clusters say the same and are right
    assert calibration.ece == pytest.approx(sum(gaps) / 60)


def test_the_expected_error_of_one_bin_is_the_mean_deviation_of_a_binomial_share():
    # 100 pairs at 0.8: E|X - 80| = 3.194, X binomial, by the formula of de Moivre
    assert expected_error(np.full(100, 0.8), seed=0) == pytest.approx(0.0319, abs=0.003)
    assert expected_error(np.full(100, 0.2), seed=0) == expected_error(np.full(100, 0.8), seed=0)
    assert expected_error(np.empty(0), seed=0) is None


def test_a_perfectly_calibrated_judge_has_the_expected_error_on_the_mean():
    random = np.random.default_rng(1)
    stated, errors = random.uniform(0.5, 1.0, 216), []  # 8 photos of 27 pairs
    bootstrap, clusters = Bootstrap(["a"], BootstrapConfig(resamples=1)), pd.Series(["a"] * 216)
    for _ in range(300):
        right = random.random(216) < stated
        errors.append(reliability(np.where(right, stated, 1 - stated), clusters, bootstrap, "").ece)
    assert expected_error(stated, seed=0) == pytest.approx(np.mean(errors), abs=0.003)
    assert np.mean(errors) > 0.04  # far from 0
