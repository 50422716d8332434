"""Tests of paired differences, and the correction of their p-values for the number of comparisons."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from scipy import stats

from iqbench.statistics.estimate import Array, Difference

DifferenceType = TypeVar("DifferenceType", bound=Difference)


def two_sided_p(draws: Array, clusters: int) -> float:
    """Return the p-value of "no difference" from the bootstrap draws of a difference.

    Twice the share of resamples on the rarer side of 0. One resample is added to each side, so that p is
    never 0 (Davison & Hinkley 1997, 4.2). Resamples of few clusters are too narrow, so p is widened as the
    expanded percentile interval is (Hesterberg 2015, 3.4). The least p is that of the sign test,
    2^(1 - clusters): the resamples of three clusters that agree never cross 0, however many are drawn.

    Args:
        draws: The difference in the sample and in each resample.
        clusters: The number of clusters.

    Example:
        >>> round(two_sided_p(np.array([0.1, 0.1, 0.2, -0.1, 0.2]), clusters=50), 3)
        0.803
        >>> two_sided_p(np.full(2001, 0.1), clusters=3)
        0.25
    """
    resamples = draws[1:][~np.isnan(draws[1:])]
    rarer = min(int((resamples <= 0).sum()), int((resamples >= 0).sum()))
    p = min(1.0, 2.0 * (rarer + 1) / (len(resamples) + 1))
    widened = 2 * stats.t.cdf(stats.norm.ppf(p / 2) * np.sqrt((clusters - 1) / clusters), df=clusters - 1)
    return float(max(widened, 2.0 ** (1 - clusters)))


def sign_test(better: int, worse: int) -> float:
    """Return the exact p-value of the sign test.

    Example:
        >>> sign_test(5, 0), sign_test(0, 0)
        (0.0625, 1.0)
    """
    return float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the order given (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    count, corrected, highest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, at in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (count - rank) * p_values[at]))
        corrected[at] = highest
    return corrected


def with_holm(differences: Sequence[DifferenceType]) -> list[DifferenceType]:
    """Return the differences with ``p_holm``, the p-values corrected for their number.

    Example:
        >>> pair = [Difference(difference=0.1, p=0.01), Difference(difference=0.2, p=0.04)]
        >>> [difference.p_holm for difference in with_holm(pair)]
        [0.02, 0.04]
    """
    corrected = iter(holm([difference.p for difference in differences if difference.p is not None]))
    return [
        difference.model_copy(
            update={"p_holm_reason": difference.p_reason} if difference.p is None else {"p_holm": next(corrected)}
        )
        for difference in differences
    ]
