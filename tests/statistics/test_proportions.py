import numpy as np
import pytest
from scipy import stats

from iqbench.statistics.proportions import cluster_interval, cluster_intervals


def intervals(right, pairs):
    """Return the interval of each run from (runs, photos) numbers of right pairs."""
    return cluster_intervals(right.T.astype(float), np.full(right.T.shape, float(pairs)))


def test_independent_rows_have_jeffreys_interval_with_t_in_place_of_z():
    random = np.random.default_rng(0)
    right = (random.random(400) < 0.8).astype(float)
    size = 400 * (stats.norm.ppf(0.025) / stats.t.ppf(0.025, 399)) ** 2
    share = right.mean()
    expected = stats.beta(share * size + 0.5, (1 - share) * size + 0.5).interval(0.95)
    assert cluster_interval(right, np.ones(400)) == pytest.approx(expected)


def test_a_copied_row_adds_nothing():
    right = (np.random.default_rng(0).random(60) < 0.8).astype(float)
    assert cluster_interval(right * 6, np.full(60, 6.0)) == pytest.approx(
        cluster_interval(right, np.ones(60)), abs=1e-9
    )


def test_all_right_or_all_wrong_is_no_certainty():
    assert cluster_interval(np.full(8, 27.0), np.full(8, 27.0)) == pytest.approx((0.6466, 1.0), abs=1e-4)
    size = 50 * (stats.norm.ppf(0.025) / stats.t.ppf(0.025, 49)) ** 2  # as many rows as photos: they may be all alike
    upper = stats.beta.ppf(0.975, 0.5, size + 0.5)
    assert cluster_interval(np.zeros(50), np.full(50, 4.0)) == pytest.approx((0.0, upper))


def test_one_cluster_has_no_interval():
    assert cluster_interval(np.array([3.0, 0.0]), np.array([4.0, 0.0])) is None


@pytest.mark.parametrize("pairs", [2, 4, 27])
@pytest.mark.parametrize("photos", [8, 15, 50])
@pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.97, 0.995])
@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_intervals_hold_the_true_accuracy(pairs, photos, accuracy, together):
    random = np.random.default_rng(2)
    fate, own = random.random((1500, photos, 1)), random.random((1500, photos, pairs))
    shared = random.random((1500, photos, pairs)) < together  # pairs of a photo that share a fate
    right = np.where(shared, fate < accuracy, own < accuracy).sum(axis=2)
    low, high = intervals(right, pairs).T
    assert ((low <= accuracy) & (accuracy <= high)).mean() >= 0.91
