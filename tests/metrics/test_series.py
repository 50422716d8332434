from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau

from iqbench.metrics.series import blind_tops, kendall_in_series, standings, taus, top_1, tops


def random_series(series=60, seed=0, decimals=0):
    """Return complete series with rounded margins and preferences, so that there are many ties."""
    random, rows, photos = np.random.default_rng(seed), [], 0
    for number in random.permutation(series) * 3:
        size = random.integers(2, 6)
        for i, j in combinations(range(photos, photos + size), 2):
            rows.append((i, j, round(random.normal(), decimals), round(random.random(), 1), number))
        photos += size
    first, second, margin, preference, number = map(np.array, zip(*rows, strict=True))
    return first, second, margin, preference, number


def slow_keys(pairs, lead):
    """Return wins minus losses and the sum of leads of each photo of a series, with plain loops."""
    keys = {}
    for (i, j), value in zip(pairs, lead, strict=True):
        for photo, sign in ((i, 1), (j, -1)):
            wins, total = keys.get(photo, (0.0, 0.0))
            keys[photo] = (wins + sign * np.sign(value), total + sign * value)
    return {photo: (wins, round(total, 6)) for photo, (wins, total) in keys.items()}


def one_series(margin, preference):
    """Return the pairs 0-1, 0-2, 1-2 of three photos."""
    return np.array([0, 0, 1]), np.array([1, 2, 2]), np.array(margin), np.array(preference), np.zeros(3, dtype=int)


def test_both_measures_are_those_of_slow_loops():
    first, second, margin, preference, series = random_series()
    hits, correlations = [], []
    for number in sorted(set(series)):
        at = np.flatnonzero(series == number)
        pairs = list(zip(first[at], second[at], strict=True))
        model, people = slow_keys(pairs, margin[at]), slow_keys(pairs, preference[at] - 0.5)
        best = {photo for photo in model if model[photo] == max(model.values())}
        liked = {photo for photo in people if people[photo] == max(people.values())}
        hits.append(len(best & liked) / len(best))
        ranks = [[sorted(set(keys.values())).index(keys[photo]) for photo in sorted(keys)] for keys in (model, people)]
        correlations.append(kendalltau(*ranks).statistic)
    table = standings(first, second, margin, preference, series)
    assert tops(table).tolist() == pytest.approx(hits)
    assert taus(table).tolist() == pytest.approx(correlations, nan_ok=True)
    assert 0 < np.isnan(correlations).sum() < len(hits)
    assert set(hits) > {0.0, 0.5, 1.0}
    assert top_1(first, second, margin, preference, series) == pytest.approx(np.mean(hits))
    tau = kendall_in_series(first, second, margin, preference, series)
    assert tau.value == pytest.approx(np.nanmean(correlations))
    assert (tau.series, tau.undefined) == ((~np.isnan(correlations)).sum(), np.isnan(correlations).sum())


def test_the_most_wins_come_first_and_the_clearest_ones_only_where_wins_are_equal():
    people = [0.9, 0.9, 0.9]  # 0 before 1 before 2
    assert top_1(*one_series([0.1, 0.1, 9.0], people)) == 1.0  # photo 1 has the greatest sum, photo 0 more wins
    assert (
        top_1(*one_series([2.0, -1.0, 4.0], people)) == 0.0
    )  # an intransitive triad; photo 1 leads by 4 - 2, photo 0 by 2 - 1
    assert top_1(*one_series([3.0, -1.0, 1.0], people)) == 1.0  # an intransitive triad; photo 0 leads by 3 - 1


def test_a_tie_at_the_models_top_is_worth_the_chance_of_drawing_the_right_photo():
    assert top_1(*one_series([0.0, 1.0, 1.0], [0.9, 0.9, 0.9])) == 1 / 2
    assert top_1(*one_series([0.0, 0.0, 0.0], [0.9, 0.9, 0.9])) == 1 / 3
    assert top_1(*one_series([1.0, 1.0, 1.0], [0.5, 0.8, 0.8])) == 1.0  # two are best to people: either will do
    assert top_1(*one_series([-1.0, 1.0, 1.0], [0.5, 0.8, 0.8])) == 1.0
    assert top_1(*one_series([1.0, -1.0, -2.0], [0.5, 0.8, 0.8])) == 0.0


def test_sums_that_differ_by_rounding_alone_are_tied():
    first, second = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([1, 2, 3, 4, 2, 3, 4])
    margin, preference = np.array([0.0, 0.1, 0.2, 0.3, 0.3, 0.2, 0.1]), np.full(7, 0.9)
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    assert top_1(first, second, margin, preference, np.zeros(7, dtype=int)) == 0.5
    assert top_1(first, second, margin + 1e-6 * (second == 4) * (first == 0), preference, np.zeros(7, dtype=int)) == 1.0


def test_the_order_of_photos_and_of_rows_changes_nothing():
    first, second, margin, preference, series = random_series(decimals=2)
    top, tau = (f(first, second, margin, preference, series) for f in (top_1, kendall_in_series))
    random = np.random.default_rng(1)
    for _ in range(5):
        row, swap = random.permutation(len(first)), random.random(len(first)) < 0.5
        left, right = np.where(swap, second, first)[row], np.where(swap, first, second)[row]
        lead, liked = np.where(swap, -margin, margin)[row], np.where(swap, 1 - preference, preference)[row]
        assert top_1(left, right, lead, liked, series[row]) == pytest.approx(top)
        result = kendall_in_series(left, right, lead, liked, series[row])
        assert (result.value, result.series, result.undefined) == (pytest.approx(tau.value), tau.series, tau.undefined)


def test_a_model_that_agrees_with_people_is_perfect_and_one_that_contradicts_them_is_not():
    first, second, _, preference, series = random_series()
    preference = np.where(preference == 0.5, 0.6, preference)
    same = kendall_in_series(first, second, preference - 0.5, preference, series)
    assert (top_1(first, second, preference - 0.5, preference, series), same.value) == (1.0, pytest.approx(1.0))
    assert kendall_in_series(first, second, 0.5 - preference, preference, series).value == pytest.approx(-1.0)


def test_a_blind_choice_hits_as_often_as_drawing_a_photo_does():
    table = standings(*one_series([1.0, 1.0, 1.0], [0.5, 0.8, 0.8]))
    assert blind_tops(table).tolist() == [2 / 3]
    assert blind_tops(standings(*one_series([1.0, 1.0, 1.0], [0.8, 0.8, 0.8]))).tolist() == [1 / 3]


def test_series_without_an_order_are_counted_and_left_out():
    tied = kendall_in_series(*one_series([0.0, 0.0, 0.0], [0.9, 0.9, 0.9]))
    assert tied == (None, 0, 1)
    assert kendall_in_series(*one_series([1.0, 1.0, 1.0], [0.5, 0.5, 0.5])) == (None, 0, 1)


def test_without_pairs_the_metrics_are_none():
    integers, real = np.empty(0, dtype=int), np.empty(0)
    assert top_1(integers, integers, real, real, integers) is None
    assert kendall_in_series(integers, integers, real, real, integers) == (None, 0, 0)


@pytest.mark.parametrize("margin", [np.nan, np.inf])
def test_a_series_is_not_ranked_from_a_margin_that_is_not_finite(margin):
    with pytest.raises(ValueError, match="finite"):
        top_1(*one_series([1.0, margin, 1.0], [0.9, 0.9, 0.9]))
