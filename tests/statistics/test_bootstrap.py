import numpy as np
import pandas as pd
import pytest
from scipy.special import betaincinv

from fixtures.slow_statistics import jeffreys_interval, unweighted
from iqbench.results.model_summary import ReencodeControl
from iqbench.statistics.bootstrap import DRAWS, Bootstrap, BootstrapConfig
from iqbench.statistics.estimate import Accuracy, Estimate, Share, percentile_interval


def test_intervals_over_photos_cover_where_intervals_over_rows_would_not():
    random, covered, runs = np.random.default_rng(3), 0, 150
    boot = Bootstrap([str(photo) for photo in range(40)], BootstrapConfig(seed=0, resamples=300))
    photos = pd.Series([str(photo) for photo in range(40) for _ in range(27)])
    for _ in range(runs):
        right = np.repeat(random.random(40) < 0.7, 27).astype(float)  # 27 variants of a photo share one fate
        draws = boot.totals(photos, np.zeros(len(photos), dtype=int), right, 1)[:, 0] / (40 * 27)
        low, high = percentile_interval(draws, units=40)
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / runs <= 1.0


def test_a_resample_draws_as_many_photos_as_there_are_and_the_first_row_is_the_sample_itself():
    boot = Bootstrap(["a", "b", "c"], BootstrapConfig(seed=1, resamples=200))
    totals = boot.totals(pd.Series(["a", "b", "c", "c"]), np.array([0, 1, 1, 1]), np.array([1.0, 2.0, 4.0, 8.0]), 2)
    assert totals[0].tolist() == [1.0, 14.0]
    assert set(boot.weights.sum(axis=1).tolist()) == {3}
    assert totals[1:, 1].tolist() == (2.0 * boot.weights[1:, 1] + 12.0 * boot.weights[1:, 2]).tolist()


@pytest.mark.parametrize("photos", [0, 1, 2, 7, DRAWS // 2, DRAWS + 1])
def test_resamples_are_drawn_one_after_the_other_however_many_are_counted_at_once(photos):
    boot = Bootstrap([str(photo) for photo in range(photos)], BootstrapConfig(seed=5, resamples=5))
    generator = np.random.default_rng(5)
    draws = [generator.integers(max(1, photos), size=photos) for _ in range(5)]
    assert (boot.weights[1:] == [np.bincount(draw, minlength=photos) for draw in draws]).all()


def test_a_mean_is_an_estimate_of_the_class_that_is_asked_for():
    bootstrap = Bootstrap(["a", "b"], BootstrapConfig(resamples=20))
    estimate = bootstrap.mean(Estimate, pd.Series(["a", "a", "b", "b"]), np.array([1.0, 1.0, 3.0, 5.0]))
    assert estimate == Estimate(value=2.5, interval=(1.0, 4.0), n=4)
    share = bootstrap.mean(Share, pd.Series(["a", "a"]), np.array([0.0, 1.0]))
    assert (share.value, share.interval, share.interval_reason) == (0.5, None, "an interval needs at least two photos")
    nothing = bootstrap.mean(Share, pd.Series([], dtype=str), np.array([]), "no pair")
    assert (nothing.value, nothing.reason, nothing.interval_reason) == (None, "no pair", "no pair")


def test_proportions_have_intervals_of_their_own_each_with_its_other_fields():
    clusters = [[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    bootstrap = Bootstrap(["a", "b", "c"], BootstrapConfig(resamples=1))
    names = pd.Series(["a", "a", "b", "b", "c", "c"])
    low, high = jeffreys_interval(unweighted(clusters))
    accuracy = bootstrap.proportion(Accuracy, names, np.concatenate(clusters))
    assert (accuracy.value, accuracy.n) == (pytest.approx(5 / 6), 6)
    assert accuracy.interval == pytest.approx((low, high))
    columns = np.array([0, 0, 0, 0, 1, 1])
    first, second, third = bootstrap.proportions(
        ReencodeControl, names, columns, np.concatenate(clusters), [{"failed": 1}, {"failed": 2}, {"failed": 3}]
    )
    assert first.interval == pytest.approx(jeffreys_interval(unweighted(clusters[:2])))
    assert (second.value, second.interval, second.failed) == (1.0, None, 2)
    assert second.interval_reason == "an interval needs at least two photos"
    assert (third.value, third.reason) == (None, "no pair judged")


def test_an_accuracy_of_one_is_not_certain_where_the_interval_of_resamples_had_no_width():
    bootstrap = Bootstrap(["a", "b"], BootstrapConfig(resamples=20))
    accuracy = bootstrap.proportion(Accuracy, pd.Series(["a", "a", "b", "b"]), np.ones(4))
    assert accuracy.value == 1.0
    # two photos are as good as nothing: Jeffreys' prior of 2 (z / t)^2 = 0.05 rows
    assert accuracy.interval == (pytest.approx(betaincinv(0.5 + 2 * (1.959964 / 12.706205) ** 2, 0.5, 0.025)), 1.0)
    draws = bootstrap.mean_draws(pd.Series(["a", "a", "b", "b"]), np.ones(4))
    assert percentile_interval(draws, units=2) == (1.0, 1.0)


@pytest.mark.parametrize(("units", "z"), [(8, 2.365 * np.sqrt(8 / 7)), (50, 2.0096 * np.sqrt(50 / 49))])
def test_percentiles_of_few_clusters_are_as_far_out_as_students_t(units, z):
    draws = np.random.default_rng(0).normal(size=400_001)
    low, high = percentile_interval(draws, units)
    assert (-low, high) == pytest.approx((z, z), abs=0.03)


def test_a_reason_names_the_unit_of_the_clusters():
    bootstrap = Bootstrap(["a", "b"], BootstrapConfig(resamples=1), unit="scene")
    assert bootstrap.too_few(1) == "an interval needs at least two scenes"
    assert bootstrap.too_few(2) == ""


def test_a_bootstrap_without_clusters_has_no_values():
    bootstrap = Bootstrap([], BootstrapConfig(resamples=3))
    assert np.isnan(bootstrap.mean_draws(pd.Series([], dtype=str), np.array([]))).tolist() == [True] * 4
