"""How well predictions agree with labels. Where a metric is undefined it is None, never 0."""

import numpy as np
from jaxtyping import Float
from scipy import stats


def srcc(predicted: Float[np.ndarray, "n"], true: Float[np.ndarray, "n"]) -> float | None:
    """Return Spearman's rank correlation, or None where either side is constant.

    Example:
        >>> srcc(np.array([1.0, 2.0, 4.0]), np.array([10.0, 20.0, 30.0]))
        1.0
        >>> srcc(np.array([1.0, 1.0]), np.array([10.0, 20.0])) is None
        True
    """
    if len(true) < 2 or np.ptp(predicted) == 0 or np.ptp(true) == 0:
        return None
    return float(stats.spearmanr(predicted, true).statistic)
