import numpy as np
import pytest

from fixtures.slow_statistics import jeffreys_interval, unweighted
from iqbench.statistics.proportions import cluster_interval, cluster_intervals


def tables(*columns):
    """Return the sums and counts, clusters x columns, of lists of values per cluster."""
    sums = np.array([[sum(values) for values in clusters] for clusters in columns]).T
    counts = np.array([[len(values) for values in clusters] for clusters in columns]).T
    return sums.astype(float), counts.astype(float)


def test_each_interval_is_the_formula_written_out():
    random = np.random.default_rng(0)
    columns = [
        [random.choice([0.0, 0.5, 1.0], size=size, p=[0.3, 0.1, 0.6]).tolist() for size in (4, 4, 1, 6, 3, 4, 2, 5)],
        [[1.0] * 4] * 8,
        [[0.0] * 4] * 8,
        [[0.5] * 4] * 8,
        [[1.0] * 4] * 7 + [[1.0, 1.0, 1.0, 0.0]],
        [[1.0] * 4] * 4 + [[0.0] * 4] * 4,
    ]
    expected = [jeffreys_interval(unweighted(column)) for column in columns]
    assert cluster_intervals(*tables(*columns)) == pytest.approx(np.array(expected))


def test_with_one_row_per_cluster_it_is_nearly_that_of_a_binomial_proportion():
    # Jeffreys' interval of 40 of 50: 0.675 to 0.892, from Brown, Cai and DasGupta's formula; t costs a little more
    low, high = cluster_interval(np.array([1.0] * 40 + [0.0] * 10), np.ones(50))
    assert 0.66 < low < 0.676
    assert 0.891 < high < 0.90


def test_an_accuracy_of_one_has_an_interval_below_one_where_that_of_resamples_has_no_width():
    low, high = cluster_interval(np.full(8, 27.0), np.full(8, 27.0))
    assert high == 1.0
    assert 0.6 < low < 0.7  # as if of 8 photos, not of 216 pairs


def test_a_cluster_that_is_copied_adds_nothing():
    sums, counts = np.array([3.0, 4.0, 2.0, 4.0]), np.full(4, 4.0)
    once = cluster_intervals(sums[:, None], counts[:, None])
    twice = cluster_intervals(2 * sums[:, None], 2 * counts[:, None])
    assert once == pytest.approx(twice)


def test_an_interval_needs_two_clusters():
    assert cluster_interval(np.array([3.0, 0.0]), np.array([4.0, 0.0])) is None
    assert cluster_interval(np.array([3.0, 1.0]), np.array([4.0, 1.0])) is not None


@pytest.mark.parametrize(("share", "alike"), [(0.5, 0.0), (0.8, 0.3), (0.97, 0.3), (0.9, 1.0)])
def test_intervals_of_few_photos_cover_where_those_of_resamples_would_not(share, alike):
    random, runs, photos, rows = np.random.default_rng(1), 400, 8, 27
    fate = random.random((photos, runs)) < share  # shared by all rows of a photo, with probability ``alike``
    own = random.random((photos, rows, runs)) < share
    shared = random.random((photos, 1, runs)) < alike
    sums = np.where(shared, fate[:, None], own).sum(axis=1).astype(float)
    low, high = cluster_intervals(sums, np.full((photos, runs), float(rows))).T
    assert np.mean((low <= share) & (share <= high)) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / runs)
