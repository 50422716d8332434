import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixtures.predictions import pair_answers, tangled_answers
from iqbench.metrics.pairs import hits
from iqbench.metrics.votes import krcc
from iqbench.statistics import pigeonhole, resampled_measures
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.estimate import Estimate, percentile_interval
from iqbench.statistics.resampled_measures import PairBootstrap, copied_draws, mean_draws, plcc_draws, srcc_draws


def krcc_draws(weights, predicted, true):
    return copied_draws(krcc, weights, predicted, true)


def scores(size, seed=0):
    random = np.random.default_rng(seed)
    true = random.normal(size=size).round(1)  # rounded: there are ties
    return (true + random.normal(size=size)).round(1), true


def expanded(weights, *sides):
    for row in weights:
        yield [np.repeat(side, row) for side in sides]


@pytest.mark.parametrize("cells", [4_000_000, 70])
@pytest.mark.parametrize(
    ("draws", "slow"),
    [(srcc_draws, stats.spearmanr), (plcc_draws, stats.pearsonr), (krcc_draws, stats.kendalltau)],
)
def test_a_resampled_correlation_is_that_of_photos_copied_as_often_as_they_were_drawn(draws, slow, cells, monkeypatch):
    monkeypatch.setattr(pigeonhole, "CELLS", cells)
    predicted, true = scores(30)
    weights = Bootstrap([str(at) for at in range(30)], BootstrapConfig(1, 50)).weights
    expected = [slow(first, second).statistic for first, second in expanded(weights, predicted, true)]
    assert draws(weights, predicted, true) == pytest.approx(expected)


@pytest.mark.parametrize("draws", [srcc_draws, plcc_draws, krcc_draws])
def test_a_correlation_is_undefined_in_the_resamples_in_which_a_side_is_constant(draws):
    weights = np.array([[1, 1, 1], [3, 0, 0], [1, 2, 0], [0, 1, 2], [1, 0, 2]], dtype=np.uint8)
    correlations = draws(weights, np.array([0.1, 0.2, 0.2]), np.array([1 / 3, 2 / 3, 1.0]))
    assert np.isnan(correlations).tolist() == [False, True, False, True, False]
    assert correlations[[2, 4]] == pytest.approx(1.0)
    assert np.isnan(draws(weights, np.full(3, 0.1), np.array([0.1, 0.2, 0.3]))).all()


def test_rounding_does_not_make_a_correlation_of_copies_of_one_photo():
    predicted, true = np.random.default_rng(0).random((2, 200))
    assert np.isnan(plcc_draws(200 * np.eye(200, dtype=np.uint8), predicted, true)).all()


def test_kendall_is_resampled_less_often_where_there_are_many_photos(monkeypatch):
    predicted, true = scores(100)
    weights = Bootstrap([str(at) for at in range(100)], BootstrapConfig(1, 50)).weights
    assert len(krcc_draws(weights, predicted, true)) == 51
    monkeypatch.setattr(resampled_measures, "MIN_RESAMPLES", 5)
    monkeypatch.setattr(resampled_measures, "COPIED_PHOTOS", 2000)
    assert len(krcc_draws(weights, predicted, true)) == 21
    monkeypatch.setattr(resampled_measures, "COPIED_PHOTOS", 1)
    assert len(krcc_draws(weights, predicted, true)) == 6


@pytest.mark.parametrize("cells", [4_000_000, 70])
def test_a_resampled_mean_is_that_of_copied_photos(cells, monkeypatch):
    monkeypatch.setattr(pigeonhole, "CELLS", cells)
    values, _ = scores(30)
    weights = Bootstrap([str(at) for at in range(30)], BootstrapConfig(1, 50)).weights
    assert mean_draws(weights, values) == pytest.approx([copies.mean() for (copies,) in expanded(weights, values)])
    assert np.isnan(mean_draws(np.ones((3, 0), dtype=np.uint8), np.empty(0))).all()


@pytest.mark.parametrize("cells", [4_000_000, 70])
def test_means_over_resampled_series_are_those_of_copied_series(cells, monkeypatch):
    monkeypatch.setattr(pigeonhole, "CELLS", cells)
    pairs = pair_answers(12)
    values = np.stack([hits(pairs["margin"], pairs["preference"]), pairs["preference"]], axis=1)
    draws = PairBootstrap(pairs, BootstrapConfig(3, 40))
    assert (draws.unit, draws.units, draws.no_interval) == ("series", 12, "")
    means, random = draws.means(values, pairs["weight"].to_numpy()), np.random.default_rng(3)
    names = sorted(pairs["series"].astype(str).unique())
    for row in range(41):
        chosen = names if row == 0 else [names[at] for at in random.integers(12, size=12)]
        at = np.concatenate([np.flatnonzero(pairs["series"].astype(str) == name) for name in chosen])
        weight = pairs["weight"].to_numpy()[at]
        winner = ~np.isnan(values[at, 0])
        assert means[row, 0] == pytest.approx(np.average(values[at, 0][winner], weights=weight[winner]))
        assert means[row, 1] == pytest.approx(np.average(values[at, 1], weights=weight))
    per_series = np.random.default_rng(0).random(12)
    per_series[4] = np.nan
    over, random = draws.over_series(np.arange(12), per_series), np.random.default_rng(3)
    for row in range(41):
        chosen = np.arange(12) if row == 0 else random.integers(12, size=12)
        assert over[row] == pytest.approx(np.nanmean(per_series[chosen]))


@pytest.mark.parametrize("cells", [4_000_000, 170])
def test_means_over_resampled_photos_count_a_pair_as_often_as_both_its_photos(cells, monkeypatch):
    monkeypatch.setattr(pigeonhole, "CELLS", cells)
    pairs = tangled_answers(14, 60)
    values = hits(pairs["margin"], pairs["preference"])[:, None]
    draws = PairBootstrap(pairs, BootstrapConfig(3, 40))
    assert (draws.unit, draws.units, draws.no_interval) == ("photo", 14, "")
    means, random = draws.means(values, np.ones(60)), np.random.default_rng(3)
    names = sorted({*pairs["first"], *pairs["second"]})
    for row in range(41):
        chosen = names if row == 0 else [names[at] for at in random.integers(14, size=14)]
        copies = [chosen.count(a) * chosen.count(b) for a, b in zip(pairs["first"], pairs["second"], strict=True)]
        assert means[row, 0] == pytest.approx(np.average(values[:, 0], weights=copies))


def test_a_pair_of_photos_that_are_drawn_often_counts_in_full():
    draws = PairBootstrap(tangled_answers(14, 60), BootstrapConfig(3, 2))
    first, second, _ = draws.numbers
    often = np.where(np.arange(14) < 5, 20, 1)
    draws._of_photos.weights[1] = often  # 20 times 20 is more than the weights' own type can hold
    values = np.random.default_rng(0).random(60)
    expected = np.average(values, weights=often[first] * often[second])
    assert draws.means(values[:, None], np.ones(60))[1, 0] == pytest.approx(expected)


def frame(*rows):
    return pd.DataFrame(rows, columns=["first", "second", "series"])


def test_series_are_resampled_only_where_they_are_independent_and_none_holds_most_pairs():
    apart = [(f"{name}1", f"{name}2", name) for name in "abcdefgh"]
    assert PairBootstrap(frame(*apart), BootstrapConfig(0, 5)).unit == "series"
    chain = [(f"z{at}", f"z{at + 1}", "z") for at in range(9)]
    giant = PairBootstrap(frame(*apart, *chain), BootstrapConfig(0, 5))  # 9 of 17 pairs hang together
    assert (giant.unit, giant.divided, giant.no_interval) == ("photo", True, "")
    assert PairBootstrap(frame(*apart, *chain[:8]), BootstrapConfig(0, 5)).unit == "series"
    shared = PairBootstrap(frame(*apart, ("a1", "b1", "x")), BootstrapConfig(0, 5))
    assert (shared.unit, shared.divided) == ("photo", False)


def test_there_is_no_interval_from_one_series_of_few_photos():
    few = PairBootstrap(frame(("a", "b", 1), ("b", "c", 1)), BootstrapConfig(0, 5))
    assert few.no_interval == "an interval over the photos of pairs needs at least ten"
    assert np.isnan(PairBootstrap(frame(), BootstrapConfig(0, 5)).means(np.empty((0, 2)), np.empty(0))).all()
    assert PairBootstrap(frame(("a", "b", 1), ("c", "d", 2)), BootstrapConfig(0, 5)).no_interval == ""


def test_intervals_over_series_cover_where_intervals_over_pairs_would_not():
    random, covered, naive, runs = np.random.default_rng(5), 0, 0, 100
    pairs = frame(*((f"{at}-{i}", f"{at}-{j}", at) for at in range(40) for i in range(4) for j in range(i)))
    draws = PairBootstrap(pairs, BootstrapConfig(0, 200))
    order = np.unique(pairs["series"].astype(str), return_inverse=True)[1]
    for _ in range(runs):
        right = (random.random(40) < 0.7).astype(float)[order]  # the six pairs of a series share one fate
        low, high = percentile_interval(draws.means(right[:, None], np.ones(240))[:, 0], draws.units)
        covered += low <= 0.7 <= high
        naive += abs(right.mean() - 0.7) <= 1.96 * np.sqrt(0.7 * 0.3 / 240)
    assert 0.88 <= covered / runs <= 1.0
    assert naive / runs < 0.75


def test_intervals_over_photos_cover_where_intervals_over_pairs_would_not():
    covered, naive, runs = 0, 0, 60
    for seed in range(runs):
        pairs = tangled_answers(30, 600, seed)  # expected accuracy: 3/4, as margins correlate with truth by 1/sqrt(2)
        right = hits(pairs["margin"].to_numpy(), pairs["preference"].to_numpy())
        draws = PairBootstrap(pairs, BootstrapConfig(0, 200))
        low, high = percentile_interval(draws.means(right[:, None], np.ones(600))[:, 0], draws.units)
        covered += low <= 0.75 <= high
        naive += abs(right.mean() - 0.75) <= 1.96 * np.sqrt(0.75 * 0.25 / 600)
    assert covered / runs >= 0.9
    assert naive / runs < 0.75


def test_an_estimate_says_why_it_or_its_interval_is_missing():
    assert Estimate.from_draws(np.array([0.5, np.nan, np.nan]), 1, 2, "none").model_dump() == {
        "value": 0.5,
        "interval": None,
        "n": 1,
        "interval_reason": "no resample defines it",
    }
    assert Estimate.from_draws(np.array([0.5]), 1, 2, "none").interval_reason == "no resample defines it"
    assert Estimate.from_draws(np.array([0.5, 0.1]), 1, 1, "none", "alone").interval_reason == "alone"
    assert Estimate.from_draws(np.array([np.inf, 0.1]), 0, 1, "none", "alone").model_dump() == {
        "value": None,
        "interval": None,
        "n": 0,
        "reason": "none",
        "interval_reason": "none",
    }
