import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from iqbench.losses.pairs import bradley_terry
from iqbench.metrics.pairs import (
    accuracy_by_agreement,
    agreement_bins,
    constant_accuracy,
    cross_entropy,
    pair_accuracy,
    voter_agreement,
)

ALL = (pair_accuracy, voter_agreement, cross_entropy)


def random_pairs(size=400, seed=0):
    random = np.random.default_rng(seed)
    preference = random.integers(0, 21, size) / 20  # many are exactly 0.5, and many on the edge of a bin
    margin = np.where(random.random(size) < 0.15, 0.0, preference - 0.5 + random.normal(size=size))
    return margin, preference, random.integers(0, 4, size).astype(float)


def test_accuracy_is_the_one_counted_by_hand():
    margin, preference = np.array([2.0, -2.0, 0.0, 1.0, -1.0]), np.array([0.9, 0.9, 0.2, 0.5, 0.1])
    assert pair_accuracy(margin, preference, np.ones(5)) == (1 + 0 + 0.5 + 1) / 4
    assert pair_accuracy(margin, preference, np.array([3.0, 1.0, 2.0, 9.0, 0.0])) == (3 + 0 + 1) / 6


def test_voter_agreement_is_the_one_counted_by_hand():
    margin, preference = np.array([2.0, -2.0, 0.0, 1.0]), np.array([0.75, 0.75, 0.25, 0.5])
    assert voter_agreement(margin, preference, np.ones(4)) == (0.75 + 0.25 + 0.5 + 0.5) / 4
    assert voter_agreement(margin, preference, np.array([1.0, 3.0, 2.0, 2.0])) == (0.75 + 0.75 + 1 + 1) / 8


def test_all_measures_are_those_of_a_slow_loop_over_pairs():
    margin, preference, weight = random_pairs()
    right, agree, loss = [], [], []
    for m, p, w in zip(margin, preference, weight, strict=True):
        if p != 0.5:
            right.append((w, 0.5 if m == 0 else float((m > 0) == (p > 0.5))))
        agree.append((w, 0.5 if m == 0 else p if m > 0 else 1 - p))
        chance = 1 / (1 + np.exp(-m))
        loss.append((w, -p * np.log(chance) - (1 - p) * np.log(1 - chance)))
    slow = [sum(w * x for w, x in rows) / sum(w for w, _ in rows) for rows in (right, agree, loss)]
    assert [measure(margin, preference, weight) for measure in ALL] == pytest.approx(slow)


def test_without_ties_accuracy_and_log_loss_are_those_of_sklearn():
    margin, preference, weight = random_pairs()
    sure = (margin != 0) & (preference != 0.5)
    margin, won, weight = margin[sure], (preference[sure] > 0.5).astype(float), weight[sure]
    assert pair_accuracy(margin, won, weight) == pytest.approx(accuracy_score(won, margin > 0, sample_weight=weight))
    expected = log_loss(won, 1 / (1 + np.exp(-margin)), sample_weight=weight)
    assert cross_entropy(margin, won, weight) == pytest.approx(expected)


def test_cross_entropy_is_the_loss_of_training_and_stays_finite_for_any_margin():
    margin, preference, _ = random_pairs()
    loss = bradley_terry(torch.from_numpy(margin), torch.from_numpy(preference)).mean().item()
    assert cross_entropy(margin, preference, np.ones(len(margin))) == pytest.approx(loss)
    assert cross_entropy(np.array([-5e4, 5e4]), np.array([1.0, 1.0]), np.ones(2)) == 25000


def test_the_order_within_pairs_changes_nothing():
    margin, preference, weight = random_pairs()
    for measure in ALL:
        assert measure(-margin, 1 - preference, weight) == pytest.approx(measure(margin, preference, weight))
    assert constant_accuracy(1 - preference, weight) == pytest.approx(constant_accuracy(preference, weight))
    bins, swapped = (accuracy_by_agreement(m, p, weight) for m, p in ((margin, preference), (-margin, 1 - preference)))
    assert [bin.pairs for bin in bins] == [bin.pairs for bin in swapped]
    assert [bin.accuracy for bin in bins] == pytest.approx([bin.accuracy for bin in swapped])


def test_only_the_sign_of_a_margin_matters_to_accuracy_and_agreement():
    margin, preference, weight = random_pairs()
    for measure in (pair_accuracy, voter_agreement):
        assert measure(margin * 1000, preference, weight) == measure(margin, preference, weight)


def test_ties_only_count_a_half_whatever_the_preferences():
    _, preference, weight = random_pairs()
    tied = np.zeros(len(preference))
    assert pair_accuracy(tied, preference, weight) == 0.5
    assert voter_agreement(tied, preference, weight) == 0.5
    assert cross_entropy(tied, preference, weight) == pytest.approx(np.log(2))


def test_a_pair_without_an_answer_is_left_out():
    margin, preference, weight = random_pairs()
    some = np.arange(len(margin)) % 3 > 0
    for measure in ALL:
        value = measure(np.where(some, margin, np.nan), preference, weight)
        assert value == pytest.approx(measure(margin[some], preference[some], weight[some]))


def test_a_constant_answer_is_as_good_as_its_better_side():
    preference, weight = np.array([0.9, 0.8, 0.1, 0.5]), np.array([1.0, 1.0, 6.0, 5.0])
    assert constant_accuracy(preference, weight) == 0.75
    assert constant_accuracy(1 - preference, weight) == 0.75


def test_an_undefined_metric_is_none():
    nothing, weight = np.empty(0), np.ones(3)
    margin, undecided = np.array([1.0, 0.0, -1.0]), np.full(3, 0.5)
    for measure in ALL:
        assert measure(nothing, nothing, nothing) is None
        assert measure(margin, np.array([0.9, 0.8, 0.7]), np.zeros(3)) is None
    assert pair_accuracy(margin, undecided, weight) is None
    assert constant_accuracy(undecided, weight) is None
    assert voter_agreement(margin, undecided, weight) == 0.5
    assert [bin.accuracy for bin in accuracy_by_agreement(margin, undecided, weight)] == [None] * 4


def test_bins_begin_at_their_lower_edge_from_either_side():
    edges = np.array([0.5, 0.599, 0.6, 0.699, 0.7, 0.799, 0.8, 1.0])
    assert agreement_bins(edges).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert agreement_bins(1 - edges).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    thousandths = np.arange(1, 1000) / 1000  # every value that a pair list of PhotoTriage can hold
    exact = [sum(max(t, 1000 - t) >= edge for edge in (600, 700, 800)) for t in range(1, 1000)]
    assert agreement_bins(thousandths).tolist() == exact
    assert agreement_bins(1 - thousandths).tolist() == exact
    assert agreement_bins(thousandths.astype(np.float32)).tolist() == exact


def test_bins_divide_the_pairs_that_have_a_winner():
    margin, preference, weight = random_pairs()
    bins = accuracy_by_agreement(margin, preference, weight)
    assert [(bin.low, bin.high) for bin in bins] == [(0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 1.0)]
    assert sum(bin.pairs for bin in bins) == (preference != 0.5).sum()
    majority = np.maximum(preference, 1 - preference)
    sure = (majority > 0.79) & (weight >= 0)
    assert bins[3].accuracy == pytest.approx(pair_accuracy(margin[sure], preference[sure], weight[sure]))
