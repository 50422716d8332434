import itertools

import numpy as np
import pytest
from scipy import stats

from iqbench.statistics import sign_flips
from iqbench.statistics.sign_flips import SignFlips, standard_errors


def gaps(photos, accuracies, seed=0, pairs=27):
    """Return the sums of the differences of every two models in each photo, and the numbers of pairs."""
    random = np.random.default_rng(seed)
    right = (random.random((photos, pairs, len(accuracies))) < np.array(accuracies)).sum(axis=1)
    columns = [right[:, a] - right[:, b] for a, b in itertools.combinations(range(len(accuracies)), 2)]
    sums = np.stack(columns, axis=1).astype(float)
    return sums, np.full(sums.shape, float(pairs))


def enumerated(sums, counts):
    """Return p alone and the means that are not refused, from all signs, one combination after the other."""
    total, number = sums.sum(), counts.sum()
    p, means = [], []
    for signs in itertools.product([1.0, -1.0], repeat=len(sums)):
        kept = np.array(signs) > 0
        p.append(abs((np.array(signs) * sums).sum()) >= abs(total) - 1e-9)
        if kept.any() and not kept.all():
            means.append(max(sums[kept].sum() / counts[kept].sum(), sums[~kept].sum() / counts[~kept].sum()))
        else:
            means.append(np.inf)
    return float(np.mean(p)), sorted(means, reverse=True)[int(0.05 * len(means))], total / number


def test_p_and_the_upper_end_are_those_of_all_combinations_of_signs():
    random = np.random.default_rng(0)
    for _ in range(5):
        counts = random.integers(1, 6, 9).astype(float)
        sums = random.normal(0.3, 1.0, 9).round(1) * counts / 6
        alone, _ = SignFlips(9).test(sums[:, None])
        p, upper, mean = enumerated(sums, counts)
        assert alone.item() == pytest.approx(p)
        deviations = np.abs(sums - np.median(sums / counts) * counts).sum() / counts.mean()
        reach = (1 - 0.025 ** (1 / 9)) * 0.5 / (0.5 + deviations)
        high = SignFlips(9).intervals(sums[:, None], counts[:, None])[0, 1]
        assert high == pytest.approx(min(1.0, upper + reach * (1 - mean)))


def test_eight_models_from_55_to_95_percent_are_told_apart_by_50_photos_and_more_models_cost_little():
    for models in (8, 20, 40):
        sums, _ = gaps(50, np.linspace(0.55, 0.95, models))
        _, corrected = SignFlips(50).test(sums)
        t_test = np.array([stats.ttest_1samp(column, 0).pvalue for column in sums.T])
        holm = np.maximum.accumulate(np.sort(t_test) * np.arange(len(t_test), 0, -1))
        shown, by_holm = (corrected < 0.05).sum(), (holm < 0.05).sum()
        assert shown >= min(by_holm - 1, 0.97 * by_holm)
        assert shown > 0.7 * len(holm)


def test_a_fall_from_100_to_0_percent_of_every_type_is_shown_by_eight_photos():
    _, corrected = SignFlips(8).test(np.full((8, 8), -4.0))
    assert corrected.tolist() == [1 / 128] * 8


@pytest.mark.slow
@pytest.mark.parametrize("photos", [6, 8, 14, 15, 40])
@pytest.mark.parametrize("accuracy", [0.7, 0.97])
def test_equal_models_are_called_different_in_at_most_5_percent_of_benchmarks(photos, accuracy):
    flips, runs = SignFlips(photos), 150
    wrong = sum((flips.test(gaps(photos, [accuracy] * 6, seed)[0])[1] < 0.05).any() for seed in range(runs))
    assert wrong <= stats.binom.ppf(0.995, runs, 0.05)


def test_the_interval_excludes_0_exactly_where_the_test_of_one_comparison_does():
    for photos in (7, 14, 30):
        for seed in range(10):
            sums, counts = gaps(photos, [0.6, 0.7, 0.9, 0.97, 1.0], seed)
            alone, _ = SignFlips(photos).test(sums)
            low, high = SignFlips(photos).intervals(sums, counts).T
            assert (((low > 0) | (high < 0)) == (alone <= 0.05 + 1e-12)).all()


@pytest.mark.parametrize("accuracies", [(0.9, 0.7), (0.995, 0.97), (0.97, 0.97)])
@pytest.mark.parametrize("photos", [8, 15, 50])
def test_intervals_hold_the_true_difference(photos, accuracies):
    random, runs = np.random.default_rng(1), 300
    clusters = random.random((runs, photos, 1)), random.random((runs, photos, 1))
    # half of the pairs of a photo share a fate, so the pairs are not independent
    right = [
        np.where(np.arange(10) < 5, fate < accuracy, random.random((runs, photos, 10)) < accuracy).sum(axis=2)
        for fate, accuracy in zip(clusters, accuracies, strict=True)
    ]
    sums = (right[0] - right[1]).T.astype(float)
    low, high = SignFlips(photos).intervals(sums, np.full(sums.shape, 10.0)).T
    held = ((low <= accuracies[0] - accuracies[1]) & (accuracies[0] - accuracies[1] <= high)).mean()
    assert held >= 0.92


def test_equal_verdicts_and_opposite_ones_have_intervals_of_some_width():
    intervals = SignFlips(50).intervals(np.stack([np.zeros(50), np.full(50, 27.0)], axis=1), np.full((50, 2), 27.0))
    assert intervals[0] == pytest.approx([-0.0711, 0.0711], abs=1e-4)  # 1 - 0.025 ** (1 / 50)
    assert intervals[1] == pytest.approx([1 - 2 * 0.0711, 1.0], abs=2e-4)


def test_one_cluster_or_none_has_no_interval():
    sums, counts = np.array([[1.0], [0.0]]), np.array([[2.0], [0.0]])
    assert np.isnan(SignFlips(2).intervals(sums, counts)).all()


def test_photos_beyond_a_few_are_flipped_by_a_fixed_sample_whose_blocks_do_not_matter(monkeypatch):
    sums, counts = gaps(20, [0.6, 0.7, 0.8])
    first = SignFlips(20).test(sums), SignFlips(20).intervals(sums, counts)
    monkeypatch.setattr(sign_flips, "CELLS", 50_000)
    again = SignFlips(20).test(sums), SignFlips(20).intervals(sums, counts)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert SignFlips(20).count == 10_000
    assert SignFlips(14).count == 2**13


@pytest.mark.slow
def test_family_intervals_are_wider_and_hold_for_all_columns_at_once():
    sums, counts = gaps(30, [0.8] * 5)
    one, family = SignFlips(30).intervals(sums, counts), SignFlips(30).family_intervals(sums, counts)
    assert (family[:, 1] - family[:, 0] > one[:, 1] - one[:, 0]).mean() > 0.8
    runs = 150
    held = 0
    for seed in range(runs):
        low, high = SignFlips(15).family_intervals(*gaps(15, [0.8] * 5, seed)).T
        held += ((low <= 0) & (high >= 0)).all()
    assert held >= stats.binom.ppf(0.005, runs, 0.95)


def test_standard_errors_are_those_of_cluster_means():
    values = np.random.default_rng(0).random((12, 2))
    assert standard_errors(values * 3, np.full((12, 2), 3.0)) == pytest.approx(values.std(axis=0, ddof=1) / np.sqrt(12))
