import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import accuracy_score, root_mean_squared_error

from iqbench.losses import votes as losses
from iqbench.metrics.votes import binary_accuracy, binary_constant_accuracy, emd, krcc, plcc, rmse, srcc

CORRELATIONS = (srcc, plcc, krcc)


def random_votes(size=200, seed=0):
    random = np.random.default_rng(seed)
    true = random.normal(5.4, 0.7, size).round(1)  # rounded: there are ties
    return (true + random.normal(0, 0.7, size)).round(1), true


def shares(size=30, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(10), size)


def test_correlations_are_those_of_scipy_ties_and_all():
    predicted, true = random_votes()
    assert srcc(predicted, true) == pytest.approx(stats.spearmanr(predicted, true).statistic)
    assert plcc(predicted, true) == pytest.approx(stats.pearsonr(predicted, true).statistic)
    assert krcc(predicted, true) == pytest.approx(stats.kendalltau(predicted, true, variant="b").statistic)


def test_kendalls_correlation_is_that_of_a_slow_loop_over_pairs():
    predicted, true = random_votes(40)
    agree = untied = true_untied = 0.0
    for i in range(40):
        for j in range(i):
            a, b = np.sign(predicted[i] - predicted[j]), np.sign(true[i] - true[j])
            agree, untied, true_untied = agree + a * b, untied + a * a, true_untied + b * b
    assert krcc(predicted, true) == pytest.approx(agree / np.sqrt(untied * true_untied))


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_a_correlation_is_none_where_a_side_is_constant_missing_or_too_short(measure):
    steps = np.array([1.0, 2.0, 3.0])
    assert measure(np.full(3, 0.1), steps) is None
    assert measure(steps, np.full(3, 0.1)) is None
    assert measure(np.array([1.0, np.nan, 3.0]), steps) is None
    assert measure(np.array([1.0, np.inf, 3.0]), steps) is None
    assert measure(steps[:1], steps[:1]) is None
    assert measure(steps[:0], steps[:0]) is None
    assert measure(steps[:2], steps[1:]) == pytest.approx(1.0)


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_a_correlation_changes_sign_with_the_scores_and_ignores_units(measure):
    predicted, true = random_votes()
    assert measure(-predicted, true) == pytest.approx(-measure(predicted, true))
    assert measure(true, predicted) == pytest.approx(measure(predicted, true))
    assert measure(predicted * 64 + 1024, true) == pytest.approx(measure(predicted, true))


def test_linear_correlation_survives_scores_of_any_size():
    predicted, true = random_votes()
    for scale in (1e-200, 1e200):
        assert plcc(predicted * scale, true) == pytest.approx(plcc(predicted, true))
    assert plcc(np.array([1.0, 1.0 + 1e-15]), np.array([0.0, 1.0])) == pytest.approx(1.0)


def test_errors_of_means_are_those_of_sklearn():
    predicted, true = random_votes()
    assert rmse(predicted, true) == pytest.approx(root_mean_squared_error(true, predicted))
    assert binary_accuracy(predicted, true) == accuracy_score(true > 5, predicted > 5)


def test_a_mean_vote_of_exactly_five_is_not_good():
    assert binary_accuracy(np.array([5.0, 5.1]), np.array([4.0, 5.0])) == 0.5
    assert binary_constant_accuracy(np.array([5.0, 5.0, 5.1])) == pytest.approx(2 / 3)


def test_the_constant_answer_is_the_better_of_good_and_bad():
    assert binary_constant_accuracy(np.array([6.0, 4.0, 3.0, 2.0])) == 0.75
    assert binary_constant_accuracy(np.array([6.0, 7.0, 3.0, 9.0])) == 0.75


def test_the_distance_of_votes_is_the_loss_of_training():
    predicted, true = shares(), shares(seed=1)
    answer = losses.VotePrediction(torch.empty(0), torch.from_numpy(np.log(predicted)))
    loss = losses.emd(answer, torch.from_numpy(true)).mean().item()
    assert emd(predicted, true) == pytest.approx(loss)
    assert emd(true, predicted) == pytest.approx(loss)
    assert emd(true, true) == 0.0


def test_without_photos_the_metrics_are_none():
    nothing = np.empty(0)
    assert rmse(nothing, nothing) is None
    assert emd(np.empty((0, 10)), np.empty((0, 10))) is None
    assert binary_accuracy(nothing, nothing) is None
    assert binary_constant_accuracy(nothing) is None
