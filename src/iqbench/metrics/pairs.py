"""Agreement with preferences between two photos.

In all of these ``margin`` is the log-odds, as the model sees them, that the first photo is better (NaN
where it gave no answer: such a pair is left out), ``preference`` the probability that it is, as people
see it, and ``weight`` what the pair counts. A margin of 0 is a tie and worth 1/2. A preference of
exactly 0.5 has no winner: nobody can be right about it.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

AGREEMENT = (0.5, 0.6, 0.7, 0.8, 1.0)
"""The edges of the bins by how much people agree: the share of them who prefer the winner."""


class AgreementBin(NamedTuple):
    """The accuracy on pairs about which people agree from ``low`` to just below ``high`` (the last: up to 1)."""

    low: float
    high: float
    pairs: int
    accuracy: float | None


def pair_accuracy(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> float | None:
    """Return the share of pairs with a winner in which the model chose it, or None if there is no such pair.

    Example:
        >>> pair_accuracy(np.array([2.0, 0.0, -1.0]), np.array([0.9, 0.1, 0.5]), np.ones(3))
        0.75
    """
    return weighted_mean(hits(margin, preference), weight)


def voter_agreement(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> float | None:
    """Return the share of people who are expected to agree with the model's choices, pairs without winner included.

    Example:
        >>> voter_agreement(np.array([2.0, -1.0, 0.0]), np.array([0.75, 0.75, 0.9]), np.ones(3))
        0.5
    """
    return weighted_mean(agreements(margin, preference), weight)


def cross_entropy(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> float | None:
    """Return the mean log-loss of the margins in nats: lower is better, and ties throughout give ln 2 = 0.693.

    Unlike accuracy it depends on the scale of the margins: a model that ranks well but is too sure of
    itself, or whose margins are differences of scores in units of their own, does badly.

    Example:
        >>> round(cross_entropy(np.array([0.0]), np.array([0.9]), np.ones(1)), 3)
        0.693
    """
    return weighted_mean(cross_entropies(margin, preference), weight)


def constant_accuracy(preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]) -> float | None:
    """Return the accuracy of the better of two models that look at nothing: always-first and always-second.

    Example:
        >>> constant_accuracy(np.array([0.9, 0.2, 0.1, 0.5]), np.array([1.0, 1.0, 2.0, 9.0]))
        0.75
    """
    first = weighted_mean(hits(np.ones(len(preference)), preference), weight)
    return None if first is None else max(first, 1 - first)


def accuracy_by_agreement(
    margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]
) -> list[AgreementBin]:
    """Return the accuracy where people nearly disagree, and where they agree more and more.

    Example:
        >>> for found in accuracy_by_agreement(np.array([1.0, 1.0]), np.array([0.3, 0.95]), np.ones(2)):
        ...     print(found.low, found.high, found.pairs, found.accuracy)
        0.5 0.6 0 None
        0.6 0.7 0 None
        0.7 0.8 1 0.0
        0.8 1.0 1 1.0
    """
    right, bins = hits(margin, preference), agreement_bins(preference)
    found = []
    for at, (low, high) in enumerate(pairwise(AGREEMENT)):
        inside = np.where(bins == at, right, np.nan)
        found.append(AgreementBin(low, high, int((~np.isnan(inside)).sum()), weighted_mean(inside, weight)))
    return found


def hits(margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return 1 for each pair whose winner the model chose, 1/2 for a tie, else 0; NaN if there is no winner.

    Example:
        >>> hits(np.array([2.0, -1.0, 0.0, 1.0]), np.array([0.6, 0.6, 0.6, 0.5])).tolist()
        [1.0, 0.0, 0.5, nan]
    """
    return np.where(preference == 0.5, np.nan, (1 + np.sign(margin) * np.sign(preference - 0.5)) / 2)


def agreements(margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the chance that a voter agrees with the model's choice, 1/2 where it made none."""
    chance: Float[np.ndarray, n] = 0.5 + np.sign(margin) * (preference - 0.5)
    return chance


def cross_entropies(margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return each pair's log-loss, as `iqbench.losses.pairs.bradley_terry` has it; margins must not be infinite."""
    loss: Float[np.ndarray, n] = np.maximum(margin, 0) + np.log1p(np.exp(-np.abs(margin))) - preference * margin
    return loss


def agreement_bins(preference: Float[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
    """Return the number of each pair's bin in `AGREEMENT`.

    Example:
        >>> agreement_bins(np.array([0.5, 0.41, 0.4, 0.7, 0.2, 1.0])).tolist()
        [0, 0, 1, 2, 3, 3]
    """
    majority = np.round(np.maximum(preference, 1 - preference).astype(np.float64), 6)  # 0.7 in single precision is less
    bins: Int[np.ndarray, n] = np.searchsorted(AGREEMENT[1:-1], majority, side="right")
    return bins


def weighted_mean(values: Float[np.ndarray, "n"], weight: Float[np.ndarray, "n"]) -> float | None:
    """Return the mean of the values that are not NaN, or None if they weigh nothing.

    Example:
        >>> weighted_mean(np.array([1.0, 4.0, np.nan]), np.array([2.0, 1.0, 5.0]))
        2.0
    """
    known = ~np.isnan(values)
    total = float(weight[known].sum())
    return float(weight[known] @ values[known]) / total if total > 0 else None
