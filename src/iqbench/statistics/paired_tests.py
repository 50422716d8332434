"""The family of paired differences that are compared at once: differences, intervals and corrected p-values."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from iqbench.statistics.bootstrap import ratio
from iqbench.statistics.estimate import Array, Difference
from iqbench.statistics.sign_flips import SignFlips

DifferenceType = TypeVar("DifferenceType", bound=Difference)


def undefined_difference(kind: type[DifferenceType], reason: str, **fields: Any) -> DifferenceType:
    """Return a difference without a value, for a reason."""
    names = ("reason", "interval_reason", "p_reason", "p_corrected_reason")
    return kind.model_validate({"value": None, **dict.fromkeys(names, reason), **fields})


def paired_differences(
    kind: type[DifferenceType],
    flips: SignFlips,
    sums: Array,
    counts: Array,
    fields: Sequence[Mapping[str, Any]],
    reasons: Sequence[str],
    room: Array | None = None,
) -> list[DifferenceType]:
    """Return the mean difference of each column, with p-values corrected for all columns.

    Args:
        kind: The class of the differences.
        flips: The signs of the clusters.
        sums: The sum of the differences in each cluster, values from -1 to 1; clusters x columns.
        counts: The number of pairs in each cluster.
        fields: The other fields of each difference.
        reasons: The reason why a column has no value, or no interval and test; "" where it has both.
        room: See `SignFlips.intervals`.

    Example:
        >>> sums = np.array([[2.0], [1.0], [2.0], [1.0], [2.0], [2.0]])
        >>> (difference,) = paired_differences(Difference, SignFlips(6), sums, np.full((6, 1), 2.0), [{}], [""])
        >>> difference.value.__round__(3), difference.p, difference.p_corrected
        (0.833, 0.03125, 0.03125)
    """
    means = ratio(sums.sum(axis=0), counts.sum(axis=0))
    tested = np.array([not reason for reason in reasons], dtype=bool)
    alone, corrected = (np.full(len(reasons), np.nan) for _ in range(2))
    intervals = np.full((len(reasons), 2), np.nan)
    if tested.any():
        alone[tested], corrected[tested] = flips.test(sums[:, tested])
        intervals[tested] = flips.intervals(sums[:, tested], counts[:, tested], None if room is None else room[tested])
    differences = []
    for at, reason in enumerate(reasons):
        tests: dict[str, Any] = {"p_reason": reason, "p_corrected_reason": reason}
        if not reason:
            tests = {"p": float(alone[at]), "p_corrected": float(corrected[at])}
        interval = None if reason else (float(intervals[at, 0]), float(intervals[at, 1]))
        n = int(counts[:, at].sum())
        differences.append(kind.with_interval(float(means[at]), interval, n, reason, reason, **fields[at], **tests))
    return differences
