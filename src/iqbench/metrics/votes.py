"""Metrics for votes for single photos.

``predicted`` and ``true`` are a score or mean vote per photo, or the shares of the ratings.
"""

import numpy as np
from jaxtyping import Float, Num
from scipy import stats

GOOD = 5.0
"""Mean vote above which a photo is good, in the binary task of Murray et al. 2012."""


def srcc(predicted: Num[np.ndarray, "n"], true: Num[np.ndarray, "n"]) -> float | None:
    """Return Spearman's rank correlation, or None if either side is constant.

    Example:
        >>> srcc(np.array([1.0, 2.0, 4.0]), np.array([10.0, 20.0, 30.0]))
        1.0
        >>> srcc(np.array([1.0, 1.0]), np.array([10.0, 20.0])) is None
        True
    """
    return float(stats.spearmanr(predicted, true).statistic) if _vary(predicted, true) else None


def plcc(predicted: Num[np.ndarray, "n"], true: Num[np.ndarray, "n"]) -> float | None:
    """Return Pearson's linear correlation, or None if either side is constant.

    The scores are used as they are. Some papers fit a curve to them first.

    Example:
        >>> plcc(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]))
        -1.0
    """
    if not _vary(predicted, true):
        return None
    x, y = _deviations(predicted), _deviations(true)
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1, 1))


def krcc(predicted: Num[np.ndarray, "n"], true: Num[np.ndarray, "n"]) -> float | None:
    """Return Kendall's rank correlation tau-b, which handles ties, or None if either side is constant.

    Example:
        >>> round(krcc(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 3)
        0.333
    """
    return float(stats.kendalltau(predicted, true).statistic) if _vary(predicted, true) else None


def rmse(predicted: Float[np.ndarray, "n"], true: Float[np.ndarray, "n"]) -> float | None:
    """Return the root mean squared error, in votes, or None without photos.

    Example:
        >>> rmse(np.array([5.0, 6.0]), np.array([5.0, 4.0])) == 2**0.5
        True
    """
    return float(np.sqrt(np.mean((predicted - true) ** 2))) if len(true) else None


def emd(predicted: Float[np.ndarray, "n bins"], true: Float[np.ndarray, "n bins"]) -> float | None:
    """Return the mean earth mover's distance between predicted and true votes, or None without photos.

    Example:
        >>> round(emd(np.eye(10)[:1], np.eye(10)[1:2]), 4)  # one bin of ten apart
        0.3162
    """
    return float(distances(predicted, true).mean()) if len(true) else None


def distances(predicted: Float[np.ndarray, "n bins"], true: Float[np.ndarray, "n bins"]) -> Float[np.ndarray, "n"]:
    """Return each photo's earth mover's distance with r = 2, equal to `iqbench.losses.votes.emd`.

    Both rows sum to 1, and the bins are one vote apart.

    Reference:
        Talebi and Milanfar, *NIMA: Neural image assessment*, IEEE TIP 2018, equation 1.
    """
    gap = np.cumsum(predicted - true, axis=1)
    distance: Float[np.ndarray, n] = np.sqrt(np.mean(gap**2, axis=1))
    return distance


def binary_accuracy(predicted: Float[np.ndarray, "n"], true: Float[np.ndarray, "n"]) -> float | None:
    """Return the share of photos with predicted and true mean vote on the same side of `GOOD`.

    Example:
        >>> binary_accuracy(np.array([5.1, 5.0, 4.0]), np.array([6.0, 5.0, 7.0])) == 2 / 3
        True
    """
    return float(np.mean((predicted > GOOD) == (true > GOOD))) if len(true) else None


def binary_constant_accuracy(true: Float[np.ndarray, "n"]) -> float | None:
    """Return the binary accuracy of the better constant answer: all good, or all bad.

    Example:
        >>> binary_constant_accuracy(np.array([6.0, 5.5, 7.0, 3.0]))
        0.75
    """
    good = float(np.mean(true > GOOD)) if len(true) else None
    return None if good is None else max(good, 1 - good)


def _vary(x: Num[np.ndarray, "n"], y: Num[np.ndarray, "n"]) -> bool:
    """Return whether the correlation of the two is defined."""
    return len(x) >= 2 and all(bool(np.isfinite(side).all() and side.max() > side.min()) for side in (x, y))


def _deviations(values: Num[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the deviations from the mean, scaled so that their squares neither overflow nor underflow."""
    scaled = values.astype(np.float64) / np.abs(values).max()
    deviation: Float[np.ndarray, n] = scaled - scaled.mean()
    deviation /= np.abs(deviation).max()
    return deviation
