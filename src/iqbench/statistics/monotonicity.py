"""Monotone regression, its crossing of a level, and Kendall's tau of many short series."""

from itertools import combinations

import numpy as np

from iqbench.statistics.estimate import Array


def monotone(curves: Array) -> Array:
    """Return the nearest non-decreasing curve to each row (isotonic regression with equal weights).

    Example:
        >>> monotone(np.array([[0.5, 0.9, 0.7, 1.0]])).round(2).tolist()
        [[0.5, 0.8, 0.8, 1.0]]
    """
    width = curves.shape[1]
    sums = np.cumsum(np.hstack([np.zeros((len(curves), 1)), curves]), axis=1)
    means = np.full((len(curves), width, width), np.inf)  # of the steps from the second index to the third
    for first in range(width):
        for last in range(first, width):
            means[:, first, last] = (sums[:, last + 1] - sums[:, first]) / (last + 1 - first)
    least = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    fitted: Array = np.stack([least[:, : at + 1, at].max(axis=1) for at in range(width)], axis=1)
    return fitted


def crossing(curves: Array, positions: Array, level: float) -> Array:
    """Return where each non-decreasing row first reaches a level, infinite where it does not.

    Between two positions the curve is a straight line.

    Args:
        curves: A row per curve.
        positions: The position of each column.
        level: The level.

    Example:
        >>> curves = np.array([[0.5, 0.5, 1.0], [0.8, 0.9, 1.0], [0.5, 0.6, 0.7]])
        >>> crossing(curves, np.array([0.0, 1.0, 3.0]), 0.75).tolist()
        [2.0, 0.0, inf]
    """
    reached = curves >= level
    at = np.maximum(reached.argmax(axis=1), 1) if curves.shape[1] > 1 else reached.argmax(axis=1)
    rows = np.arange(len(curves))
    low, high = curves[rows, at - 1], curves[rows, at]
    share = np.divide(level - low, high - low, out=np.ones(len(at)), where=high > low)
    between = positions[at - 1] + share * (positions[at] - positions[at - 1])
    return np.where(reached[:, 0], positions[0], np.where(reached.any(axis=1), between, np.inf))


def kendall_taus(series: Array, tie_margin: float) -> Array:
    """Return Kendall's tau-b between the columns' order and each row's values, NaN where all values are tied.

    Args:
        series: A row per series.
        tie_margin: Values that differ by at most this are tied.

    Example:
        >>> kendall_taus(np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [1.0, 1.0, 1.0]]), 0.0)
        array([ 1., -1., nan])
    """
    pairs = list(combinations(range(series.shape[1]), 2))
    growth = np.stack([series[:, later] - series[:, earlier] for earlier, later in pairs], axis=1)
    signs = np.where(np.abs(growth) <= tie_margin, 0.0, np.sign(growth))
    untied = np.abs(signs).sum(axis=1)
    scale = np.sqrt(untied * len(pairs))
    taus: Array = np.divide(signs.sum(axis=1), scale, out=np.full(len(series), np.nan), where=scale > 0)
    return taus
