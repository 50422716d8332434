from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from iqbench.metrics.voters import halves, orders_agree, spearman_brown, strangers_agree, voters_agree

RATINGS = np.arange(1, 11)


def test_two_voters_of_three_agree_as_often_as_counted_by_hand():
    # of 3 votes, 2 for the first: the three pairs of voters agree once
    agreement = voters_agree(np.array([2, 1, 3, 0, 2]), np.array([3, 3, 3, 3, 4]))
    assert agreement == pytest.approx([1 / 3, 1 / 3, 1.0, 1.0, 1 / 3])
    assert np.isnan(voters_agree(np.array([0, 1, 0]), np.array([0, 1, 1]))).all()


def test_the_agreement_of_two_voters_is_that_of_the_people_and_that_with_their_own_majority_is_not():
    random = np.random.default_rng(0)
    preference = random.beta(2, 2, 400_000)
    first, voter, other = random.binomial(3, preference), *(random.random((2, 400_000)) < preference)
    own_majority = np.maximum(first, 3 - first) / 3
    assert own_majority.mean() == pytest.approx(0.800, abs=0.002)
    assert ((first >= 2) == voter).mean() == pytest.approx(0.629, abs=0.003)  # a fourth voter, with that majority
    assert (voter == other).mean() == pytest.approx(0.600, abs=0.003)
    assert voters_agree(first, np.full(400_000, 3)).mean() == pytest.approx(0.600, abs=0.003)
    assert strangers_agree(preference).mean() == pytest.approx(0.600, abs=0.003)


def test_two_orders_agree_as_often_as_in_all_ways_to_choose_four_votes():
    random = np.random.default_rng(0)
    first, second = (random.multinomial(votes, np.full(10, 0.1), size=8) for votes in (5, 4))
    for a, b, agreement in zip(first, second, orders_agree(first, second), strict=True):
        orders = [
            (np.sign(x - y), np.sign(other_x - other_y))
            for x, other_x in permutations(np.repeat(RATINGS, a), 2)
            for y, other_y in permutations(np.repeat(RATINGS, b), 2)
        ]
        assert agreement == pytest.approx(np.mean([(1 + one * other) / 2 for one, other in orders]))


def test_orders_of_photos_without_two_votes_each_are_unknown_and_equal_votes_are_half():
    one, two = np.eye(10, dtype=int)[[4]], 2 * np.eye(10, dtype=int)[[4]]
    assert np.isnan(orders_agree(one, two)).all()
    assert np.isnan(orders_agree(two, one)).all()
    assert orders_agree(two, two).tolist() == [0.5]
    assert orders_agree(two, np.roll(two, 1)).tolist() == [1.0]


def test_each_half_has_half_of_the_votes_and_both_together_have_all():
    counts = np.random.default_rng(0).multinomial(7, np.full(10, 0.1), size=30)
    total = counts @ RATINGS
    for a, b in halves(counts, 5, seed=3):
        assert (3 * a + 4 * b).tolist() == pytest.approx(total.tolist())
    (first,), (again,), (other,) = (list(halves(counts, 1, seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("votes", [10, 50])
def test_the_corrected_correlation_is_that_of_another_panel_and_its_root_that_of_the_true_means(votes):
    random = np.random.default_rng(0)
    shares = np.exp(-(((RATINGS - random.normal(5.4, 0.73, 5000)[:, None]) / 1.4) ** 2) / 2)
    shares /= shares.sum(axis=1, keepdims=True)
    counts, others = random.multinomial(votes, shares), random.multinomial(votes, shares)
    half = np.mean([spearmanr(a, b).statistic for a, b in halves(counts, 5, seed=0)])
    reliability = spearman_brown(np.array([half])).item()
    assert reliability == pytest.approx(spearmanr(counts @ RATINGS, others @ RATINGS).statistic, abs=0.02)
    assert reliability**0.5 == pytest.approx(spearmanr(counts @ RATINGS, shares @ RATINGS).statistic, abs=0.01)
