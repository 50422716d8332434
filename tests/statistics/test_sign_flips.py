import numpy as np
import pytest
from scipy import stats

from fixtures.slow_statistics import sign_flip_interval, sign_flip_p
from iqbench.statistics import sign_flips
from iqbench.statistics.sign_flips import SignFlips, standard_errors


def columns(random, clusters, width, rows=4):
    """Return sums and counts of differences from -1 to 1; one cluster holds fewer rows."""
    counts = np.full((clusters, width), float(rows))
    counts[0] = 1.0
    gaps = random.choice([-1, 0, 0, 1, 1], size=(clusters, width, rows))
    return np.where(counts == 1, gaps[..., 0], gaps.sum(axis=2)).astype(float), counts


def test_p_values_and_intervals_are_those_of_all_combinations_of_signs():
    sums, counts = columns(np.random.default_rng(0), 9, 4)
    sums[:, 3], counts[:, 3] = 4.0, 4.0  # all differences are 1
    alone, _ = SignFlips(9).test(sums)
    assert alone == pytest.approx([sign_flip_p(gaps) for gaps in sums.T])
    slow = [sign_flip_interval(*table) for table in zip(sums.T.tolist(), counts.T.tolist(), strict=True)]
    assert SignFlips(9).intervals(sums, counts) == pytest.approx(np.array(slow), abs=1e-12)


def test_a_cluster_without_rows_does_not_count():
    sums, counts = columns(np.random.default_rng(1), 9, 3)
    padded = [np.vstack([table, np.zeros((1, 3))]) for table in (sums, counts)]
    assert SignFlips(10).test(padded[0])[0] == pytest.approx(SignFlips(9).test(sums)[0])
    assert SignFlips(10).intervals(*padded) == pytest.approx(SignFlips(9).intervals(sums, counts))


def test_few_clusters_among_many_without_rows_are_as_uncertain_as_if_they_were_alone():
    sums, counts = np.zeros((50, 1)), np.zeros((50, 1))
    sums[:6], counts[:6] = 4.0, 4.0
    expected = pytest.approx([1 - 2 * (1 - 0.025 ** (1 / 6)), 1.0])
    assert SignFlips(6).intervals(sums[:6], counts[:6])[0] == expected
    # of 10,000 combinations of 50 signs some have all six on one side
    assert SignFlips(50).intervals(sums, counts)[0] == expected
    family = [SignFlips(count).family_intervals(sums[:count], counts[:count])[0, 0] for count in (6, 50)]
    assert family[1] <= 1 - 2 * (1 - 0.025 ** (1 / 6))
    counts[5] = 0.0
    assert SignFlips(50).least_difference(sums, counts).tolist() == [np.inf]  # five photos can show nothing
    assert np.isnan(SignFlips(50).least_difference(0 * sums, 0 * counts)).all()


def test_no_p_value_is_less_than_so_few_clusters_can_give():
    assert SignFlips(6).test(np.ones((6, 1)))[0] == pytest.approx(2 / 2**6)
    assert SignFlips(5).test(np.ones((5, 1)))[0] == pytest.approx(2 / 2**5)
    assert SignFlips(60).test(np.ones((60, 1)))[0] == pytest.approx(1 / sign_flips.FLIPS)


def test_p_is_that_of_a_t_test_where_differences_are_normal():
    random = np.random.default_rng(0)
    for clusters in (10, 20, 100):
        gaps = random.normal(2.0 / np.sqrt(clusters), 1.0, clusters)
        (p_value,), _ = SignFlips(clusters).test(gaps[:, None])
        assert p_value == pytest.approx(stats.ttest_1samp(gaps, 0.0).pvalue, rel=0.15)


def test_a_sample_of_the_combinations_is_close_to_all_of_them(monkeypatch):
    sums, counts = columns(np.random.default_rng(2), 13, 3)
    exact = SignFlips(13)
    p_values, intervals = exact.test(sums)[0], exact.intervals(sums, counts)
    monkeypatch.setattr(sign_flips, "EXACT_CLUSTERS", 12)
    sampled = SignFlips(13)
    assert sampled.count == sign_flips.FLIPS
    assert sampled.test(sums)[0] == pytest.approx(p_values, abs=0.02)
    assert sampled.intervals(sums, counts) == pytest.approx(intervals, abs=0.02)


@pytest.mark.parametrize("cells", [4_000_000, 50])
def test_the_size_of_the_blocks_changes_nothing(monkeypatch, cells):
    sums, counts = columns(np.random.default_rng(3), 9, 5)
    expected = SignFlips(9).test(sums), SignFlips(9).intervals(sums, counts)
    monkeypatch.setattr(sign_flips, "CELLS", cells)
    assert SignFlips(9).test(sums)[1].tolist() == expected[0][1].tolist()
    assert SignFlips(9).intervals(sums, counts).tolist() == expected[1].tolist()


def test_interval_and_test_agree():
    random = np.random.default_rng(4)
    for clusters in (6, 8, 12):
        sums, counts = columns(random, clusters, 40)
        alone, _ = SignFlips(clusters).test(sums)
        low, high = SignFlips(clusters).intervals(sums, counts).T
        assert (((low > 0) | (high < 0)) == (alone < 0.05)).all()


def test_models_that_are_equal_on_every_photo_may_differ_on_photos_that_were_not_drawn():
    for clusters in (6, 8, 50):
        ((low, high),) = SignFlips(clusters).intervals(np.zeros((clusters, 1)), np.full((clusters, 1), 27.0))
        # (1 - q)^n = 2.5 % for a share q of photos of another kind
        share = 1 - 0.025 ** (1 / clusters)
        assert (low, high) == pytest.approx((-share, share))
    # with fewer than six clusters no p-value is below 5 %, so no difference is excluded
    assert SignFlips(5).intervals(np.zeros((5, 1)), np.full((5, 1), 27.0)).tolist() == [[-1.0, 1.0]]


@pytest.mark.parametrize(("mean", "clusters"), [(0.0, 8), (0.3, 8), (0.3, 25), (0.95, 8)])
def test_intervals_of_few_clusters_cover(mean, clusters):
    random, runs = np.random.default_rng(5), 300
    right = random.random((clusters, runs)) < (1 + mean) / 2
    counts = np.full((clusters, runs), 27.0)
    low, high = SignFlips(clusters).intervals(counts * (2.0 * right - 1), counts).T
    assert np.mean((low <= mean) & (mean <= high)) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / runs)


def test_intervals_of_a_family_cover_all_of_it():
    random, runs, covered = np.random.default_rng(6), 150, 0
    for _ in range(runs):
        sums, counts = np.clip(random.normal(0.1, 0.25, size=(20, 8)), -1, 1), np.ones((20, 8))
        low, high = SignFlips(20).family_intervals(sums, counts).T
        covered += bool(((low <= 0.1) & (high >= 0.1)).all())
    assert covered / runs >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / runs)


def test_one_family_in_twenty_at_most_holds_a_false_claim():
    random, runs, false = np.random.default_rng(7), 200, 0
    for _ in range(runs):
        shared = random.normal(size=(10, 1))
        _, corrected = SignFlips(10).test(shared + random.normal(size=(10, 30)))
        false += bool((corrected < 0.05).any())
    assert false / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_the_least_difference_is_shown_in_four_of_five_samples():
    random, runs, clusters = np.random.default_rng(8), 200, 25
    pilot = np.clip(random.normal(0.0, 0.3, size=(clusters, 4)), -1, 1)
    least = SignFlips(clusters).least_difference(pilot, np.ones_like(pilot))
    spread = pilot.std(axis=0, ddof=1)
    shown = np.zeros(4)
    for _ in range(runs):
        _, corrected = SignFlips(clusters).test(random.normal(least, spread, size=(clusters, 4)))
        shown += corrected < 0.05
    assert ((shown / runs > 0.72) & (shown / runs < 0.93)).all()


def test_few_clusters_show_no_difference_and_copies_of_rows_do_not_help():
    assert SignFlips(5).least_difference(np.ones((5, 1)), np.ones((5, 1))).tolist() == [np.inf]
    sums = np.random.default_rng(9).choice([-1.0, 0.0, 1.0], size=(30, 2))
    once = SignFlips(30).least_difference(sums, np.ones((30, 2)))
    assert SignFlips(30).least_difference(27 * sums, np.full((30, 2), 27.0)) == pytest.approx(once)
    more = SignFlips(30).least_difference(sums, np.ones((30, 2)), clusters=120)
    assert more == pytest.approx(once / 2, rel=0.1)


def test_the_standard_error_is_that_of_the_mean_of_clusters_of_one_size():
    values = np.random.default_rng(10).normal(size=(12, 3))
    assert standard_errors(4 * values, np.full((12, 3), 4.0)) == pytest.approx(stats.sem(values, axis=0))
