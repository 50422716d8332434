"""Metrics for preferences between two photos.

``margin`` is the model's log-odds that the first photo is better; NaN is a missing prediction, and the
pair is left out. ``preference`` is the probability that people prefer the first photo. ``weight`` is the
weight of the pair. A margin of 0 is a tie and counts 1/2. A preference of exactly 0.5 has no winner, so
no prediction is right.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

AGREEMENT = (0.5, 0.6, 0.7, 0.8, 1.0)
"""Edges of the bins of agreement, which is the share of people who prefer the winner."""


class AgreementBin(NamedTuple):
    """The accuracy on pairs with an agreement from ``low`` to just below ``high``; the last bin includes 1."""

    low: float
    high: float
    pairs: int
    accuracy: float | None


def pair_accuracy(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> float | None:
    """Return the share of correct choices in pairs with a winner, or None if there is no such pair.

    Example:
        >>> pair_accuracy(np.array([2.0, 0.0, -1.0]), np.array([0.9, 0.1, 0.5]), np.ones(3))
        0.75
    """
    return weighted_mean(hits(margin, preference), weight)


def voter_agreement(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> float | None:
    """Return the expected share of people who agree with the model's choices, including pairs without a winner.

    Example:
        >>> voter_agreement(np.array([2.0, -1.0, 0.0]), np.array([0.75, 0.75, 0.9]), np.ones(3))
        0.5
    """
    return weighted_mean(agreements(margin, preference), weight)


def cross_entropy(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> float | None:
    """Return the mean log-loss of the margins in nats. Lower is better; ties only give ln 2 = 0.693.

    Unlike accuracy it depends on the scale of the margins. It is high for an overconfident model, even
    if it ranks well, and for margins that are differences of scores in arbitrary units.

    Example:
        >>> round(cross_entropy(np.array([0.0]), np.array([0.9]), np.ones(1)), 3)
        0.693
    """
    return weighted_mean(cross_entropies(margin, preference), weight)


def constant_accuracy(preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]) -> float | None:
    """Return the accuracy of the better constant answer: always first, or always second.

    Example:
        >>> constant_accuracy(np.array([0.9, 0.2, 0.1, 0.5]), np.array([1.0, 1.0, 2.0, 9.0]))
        0.75
    """
    first = weighted_mean(hits(np.ones(len(preference)), preference), weight)
    return None if first is None else max(first, 1 - first)


def accuracy_by_agreement(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> list[AgreementBin]:
    """Return the accuracy in each bin of agreement.

    Example:
        >>> for bin in accuracy_by_agreement(np.array([1.0, 1.0]), np.array([0.3, 0.95]), np.ones(2)):
        ...     print(bin.low, bin.high, bin.pairs, bin.accuracy)
        0.5 0.6 0 None
        0.6 0.7 0 None
        0.7 0.8 1 0.0
        0.8 1.0 1 1.0
    """
    correct, bins = hits(margin, preference), agreement_bins(preference)
    accuracies = []
    for number, (low, high) in enumerate(pairwise(AGREEMENT)):
        in_bin = np.where(bins == number, correct, np.nan)
        accuracies.append(AgreementBin(low, high, int((~np.isnan(in_bin)).sum()), weighted_mean(in_bin, weight)))
    return accuracies


def hits(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], tie_worth: float = 0.5
) -> Float[np.ndarray, "n"]:
    """Return 1 for each correct choice, ``tie_worth`` for a tie, 0 for a wrong choice; NaN for a pair without a winner.

    Example:
        >>> hits(np.array([2.0, -1.0, 0.0, 1.0]), np.array([0.6, 0.6, 0.6, 0.5])).tolist()
        [1.0, 0.0, 0.5, nan]
    """
    right = (1 + np.sign(margin) * np.sign(preference - 0.5)) / 2
    return np.where(preference == 0.5, np.nan, np.where(margin == 0, tie_worth, right))


def agreements(margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the probability that a voter agrees with the model's choice; 1/2 for a tie."""
    probability: Float[np.ndarray, n] = 0.5 + np.sign(margin) * (preference - 0.5)
    return probability


def cross_entropies(margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return each pair's log-loss, equal to `iqbench.losses.pairs.bradley_terry`. Margins must be finite."""
    loss: Float[np.ndarray, n] = np.maximum(margin, 0) + np.log1p(np.exp(-np.abs(margin))) - preference * margin
    return loss


def agreement_bins(preference: Float[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
    """Return the number of each pair's bin in `AGREEMENT`.

    Example:
        >>> agreement_bins(np.array([0.5, 0.41, 0.4, 0.7, 0.2, 1.0])).tolist()
        [0, 0, 1, 2, 3, 3]
    """
    # rounded, because 0.7 in single precision is below 0.7
    majority = np.round(np.maximum(preference, 1 - preference).astype(np.float64), 6)
    bins: Int[np.ndarray, n] = np.searchsorted(AGREEMENT[1:-1], majority, side="right")
    return bins


def weighted_mean(values: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]) -> float | None:
    """Return the weighted mean of the values that are not NaN, or None if their total weight is 0.

    Example:
        >>> weighted_mean(np.array([1.0, 4.0, np.nan]), np.array([2.0, 1.0, 5.0]))
        2.0
    """
    defined = ~np.isnan(values)
    total = float(weight[defined].sum())
    return float(weight[defined] @ values[defined]) / total if total > 0 else None
