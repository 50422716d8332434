"""The fit of an ensemble."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from iqbench.benchmark.stacking import fit_router, fit_stacking
from iqbench.errors import UsageError


def specialists(pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the margins of one member that sees only the first half of the pairs, and of one that sees the others.

    What it does not see, a member judges with a small margin and by chance. Their units differ.
    """
    random = np.random.default_rng(seed)
    sees = np.arange(pairs) < pairs // 2
    seen, unseen = random.normal(2.0, 1.0, (2, pairs)), random.normal(0.0, 0.3, (2, pairs))
    margins = np.stack([np.where(sees, seen[0], unseen[0]), 100 * np.where(sees, unseen[1], seen[1])], axis=1)
    return margins, np.where(sees, 0, 1)


def accuracy(margins: torch.Tensor | np.ndarray) -> float:
    return float((np.asarray(margins) > 0).mean())


def test_the_weight_of_one_member_is_that_of_a_logistic_regression_computed_by_hand() -> None:
    margins = np.array([[1.0], [2.0], [-1.0], [3.0]])
    scaled = margins[:, 0] / 1.5  # the median size

    def loss(weight: float) -> float:  # scikit-learn's: half the squared weight, and the losses
        return 0.5 * weight**2 + float(np.log1p(np.exp(-weight * scaled)).sum())

    by_hand = minimize_scalar(loss, bracket=(0, 5)).x / 1.5
    assert fit_stacking(margins).weights == pytest.approx([by_hand], rel=1e-3)


def test_stacking_and_the_router_beat_both_specialists_on_other_pairs() -> None:
    margins, _ = specialists(2000, seed=0)
    others, specialist = specialists(2000, seed=1)
    stacked, router = fit_stacking(margins), fit_router(margins)
    best = max(accuracy(others[:, 0]), accuracy(others[:, 1]))
    assert best < 0.8
    assert accuracy(stacked.margin(torch.from_numpy(others))) > best + 0.1
    assert accuracy(router.margin(torch.from_numpy(others))) > best + 0.1
    assert (router.choice(torch.from_numpy(others)).numpy() == specialist).mean() > 0.9


def test_the_units_of_a_member_change_nothing() -> None:
    margins, _ = specialists(400, seed=0)
    rescaled = margins * [1000.0, 0.001]
    for fit in (fit_stacking, fit_router):
        before, after = (fit(each).margin(torch.from_numpy(each)) for each in (margins, rescaled))
        assert torch.allclose(before, after, rtol=1e-3, atol=1e-3)


def test_a_member_that_prefers_the_damage_gets_no_weight_and_changes_nothing_for_the_others() -> None:
    margins, _ = specialists(400, seed=0)
    with_liar = np.column_stack([margins, -margins[:, 0] - 0.5])
    *weights, liar = fit_stacking(with_liar).weights
    assert liar == 0
    assert weights == fit_stacking(margins).weights
    router = fit_router(with_liar)
    assert 2 not in router.choice(torch.from_numpy(with_liar))
    assert not any(router.coefficients[2])  # no class of the gate, though it is right about some pairs


def test_a_member_that_always_ties_gets_no_weight() -> None:
    margins, _ = specialists(400, seed=0)
    silent = np.column_stack([np.zeros(400), margins])
    assert fit_stacking(silent).weights[0] == 0
    assert 0 not in fit_router(silent).choice(torch.from_numpy(silent))


def test_members_that_are_right_about_the_same_pairs_are_as_good_as_one() -> None:
    margins, _ = specialists(400, seed=0)
    twins = np.column_stack([margins[:, 0], margins[:, 0]])
    router = fit_router(twins)
    assert len(set(router.choice(torch.from_numpy(twins)).tolist())) == 1
    assert torch.equal(router.margin(torch.from_numpy(twins)).sign(), torch.from_numpy(twins[:, 0]).sign())


@pytest.mark.parametrize("fit", [fit_stacking, fit_router])
@pytest.mark.parametrize("worth", [-1.0, 0.0])
def test_nothing_is_made_of_members_that_all_prefer_the_damage_or_always_tie(fit, worth: float) -> None:
    with pytest.raises(UsageError, match=r"higher_is_better=false"):
        fit(np.full((30, 2), worth))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_gate_of_any_number_of_members_listens_to_the_right_one(count: int) -> None:
    random = np.random.default_rng(count)
    pairs = 300 * count
    specialist = np.arange(pairs) % count
    sees = specialist[:, None] == np.arange(count)
    margins = np.where(sees, random.normal(2.0, 0.5, (pairs, count)), random.normal(0.0, 0.3, (pairs, count)))
    choice = fit_router(margins).choice(torch.from_numpy(margins)).numpy()
    assert (choice == specialist).mean() > 0.9
