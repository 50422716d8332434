"""Agreement with votes for single photos.

``predicted`` and ``true`` are a score or mean vote per photo, or the share of each rating in its votes.
"""

import numpy as np
from jaxtyping import Float, Num
from scipy import stats

GOOD = 5.0
"""A mean vote above this makes a good photo, in the binary task of Murray et al. 2012."""


def srcc(predicted: Num[np.ndarray, "n"], true: Num[np.ndarray, "n"]) -> float | None:
    """Return Spearman's rank correlation, or None where either side is constant.

    Example:
        >>> srcc(np.array([1.0, 2.0, 4.0]), np.array([10.0, 20.0, 30.0]))
        1.0
        >>> srcc(np.array([1.0, 1.0]), np.array([10.0, 20.0])) is None
        True
    """
    return float(stats.spearmanr(predicted, true).statistic) if _vary(predicted, true) else None


def plcc(predicted: Num[np.ndarray, "n"], true: Num[np.ndarray, "n"]) -> float | None:
    """Return Pearson's linear correlation, or None where either side is constant.

    It is that of the raw scores: no curve is fitted to them first, as some papers do.

    Example:
        >>> plcc(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]))
        -1.0
    """
    if not _vary(predicted, true):
        return None
    one, other = _standard(predicted), _standard(true)
    return float(np.clip(one @ other / np.sqrt((one @ one) * (other @ other)), -1, 1))


def krcc(predicted: Num[np.ndarray, "n"], true: Num[np.ndarray, "n"]) -> float | None:
    """Return Kendall's rank correlation tau-b, which allows for ties, or None where either side is constant.

    Example:
        >>> round(krcc(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 3)
        0.333
    """
    return float(stats.kendalltau(predicted, true).statistic) if _vary(predicted, true) else None


def rmse(predicted: Float[np.ndarray, "n"], true: Float[np.ndarray, "n"]) -> float | None:
    """Return the root of the mean squared error, in votes, or None where there is no photo.

    Example:
        >>> rmse(np.array([5.0, 6.0]), np.array([5.0, 4.0])) == 2**0.5
        True
    """
    return float(np.sqrt(np.mean((predicted - true) ** 2))) if len(true) else None


def emd(predicted: Float[np.ndarray, "n bins"], true: Float[np.ndarray, "n bins"]) -> float | None:
    """Return the mean earth mover's distance between predicted and true votes, or None where there is no photo.

    Example:
        >>> round(emd(np.eye(10)[:1], np.eye(10)[1:2]), 4)  # one bin of ten apart
        0.3162
    """
    return float(distances(predicted, true).mean()) if len(true) else None


def distances(predicted: Float[np.ndarray, "n bins"], true: Float[np.ndarray, "n bins"]) -> Float[np.ndarray, "n"]:
    """Return each photo's earth mover's distance with r = 2, as `iqbench.losses.votes.emd` has it.

    Both rows sum to 1, and the bins are one vote apart.

    Reference:
        Talebi and Milanfar, *NIMA: Neural image assessment*, IEEE TIP 2018, equation 1.
    """
    gap = np.cumsum(predicted - true, axis=1)
    distance: Float[np.ndarray, n] = np.sqrt(np.mean(gap**2, axis=1))
    return distance


def binary_accuracy(predicted: Float[np.ndarray, "n"], true: Float[np.ndarray, "n"]) -> float | None:
    """Return the share of photos whose mean vote is on the side of `GOOD` that was predicted.

    Example:
        >>> binary_accuracy(np.array([5.1, 5.0, 4.0]), np.array([6.0, 5.0, 7.0])) == 2 / 3
        True
    """
    return float(np.mean((predicted > GOOD) == (true > GOOD))) if len(true) else None


def binary_constant_accuracy(true: Float[np.ndarray, "n"]) -> float | None:
    """Return the binary accuracy of the better of two models that look at nothing: all good, and all bad.

    Example:
        >>> binary_constant_accuracy(np.array([6.0, 5.5, 7.0, 3.0]))
        0.75
    """
    good = float(np.mean(true > GOOD)) if len(true) else None
    return None if good is None else max(good, 1 - good)


def _vary(one: Num[np.ndarray, "n"], other: Num[np.ndarray, "n"]) -> bool:
    """Say whether a correlation of the two is defined."""
    return len(one) >= 2 and all(bool(np.isfinite(side).all() and side.max() > side.min()) for side in (one, other))


def _standard(side: Num[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return deviations from the mean on a scale on which their squares neither overflow nor vanish."""
    scaled = side.astype(np.float64) / np.abs(side).max()
    deviation: Float[np.ndarray, n] = scaled - scaled.mean()
    deviation /= np.abs(deviation).max()
    return deviation
