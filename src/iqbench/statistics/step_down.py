"""The step-down correction of a family of tests: p-values that hold for all of its claims together."""

from collections.abc import Callable, Iterable

import numpy as np

from iqbench.statistics.estimate import ALPHA, Array

SAME = 1e-9
"""Statistics that differ by less are equal."""

Null = Callable[[], Iterable[Array]]
"""Yields the statistics under the null hypothesis: blocks of draws x tests. The first draw is the observed one."""


def step_down(observed: Array, null: Null) -> tuple[Array, Array]:
    """Return the p-value of each test alone, and its p-value corrected for the family (step-down max-T).

    The largest statistic is compared with the largest of all tests in each draw, the next one with the largest
    of the remaining tests, and so on. The draws of all tests belong together, so tests that are alike cost
    little, and p is never multiplied: it can be as small with a thousand tests as with one.

    Args:
        observed: The statistic of each test; large values speak against the null hypothesis.
        null: The statistics of the same tests under the null hypothesis.

    Example:
        >>> draws = np.array([[3.0, 1.0], [1.0, 2.0], [0.5, 0.5], [2.0, 0.0]])
        >>> alone, corrected = step_down(draws[0], lambda: [draws])
        >>> alone.tolist(), corrected.tolist()
        ([0.25, 0.5], [0.25, 0.5])

    Reference:
        Westfall and Young, *Resampling-based multiple testing*, 1993, algorithm 4.1;
        Romano and Wolf, *Exact and approximate stepdown methods for multiple hypothesis testing*, JASA 2005.
    """
    order = np.argsort(observed, kind="stable")  # ascending, so that a cumulative maximum is over the smaller ones
    ordered = observed[order] - SAME
    alone, family, draws = np.zeros(len(observed)), np.zeros(len(observed)), 0
    for block in null():
        sorted_block = block[:, order]
        alone += (sorted_block >= ordered).sum(axis=0)
        family += (np.maximum.accumulate(sorted_block, axis=1) >= ordered).sum(axis=0)
        draws += len(block)
    family = np.maximum.accumulate(family[::-1])[::-1]
    back = np.argsort(order, kind="stable")
    return alone[back] / max(draws, 1), family[back] / max(draws, 1)


def holm(p: Array) -> Array:
    """Return p-values corrected for all of them, whatever their dependence: Holm's step-down correction.

    It multiplies p, so it is for tests that share no draws.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.02])).tolist()
        [0.03, 0.04, 0.04]

    Reference:
        Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 1979.
    """
    order = np.argsort(p, kind="stable")
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(1.0, corrected)[np.argsort(order, kind="stable")]


def critical_value(null: Null, level: float = ALPHA) -> float:
    """Return the value that the largest statistic of the family exceeds in at most that share of the draws.

    Example:
        >>> critical_value(lambda: [np.arange(40.0).reshape(-1, 1)])
        37.0
    """
    largest = np.sort(np.concatenate([block.max(axis=1) for block in null()]))
    return float(largest[len(largest) - 1 - int(round(level * len(largest), 6))])
