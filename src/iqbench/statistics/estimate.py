"""Estimates: a statistic, its interval, and a reason for each that is undefined."""

from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import stats

from iqbench.records import Record, without_interval

ALPHA = 0.05
"""Intervals cover ``1 - ALPHA``; a difference is shown where its corrected p-value is below ``ALPHA``."""

Array = NDArray[np.float64]
Interval = tuple[float, float]

ChanceVerdict = Literal["above chance", "below chance", "not shown"]

NO_PAIR = "no pair judged"
NO_RESAMPLE = "no resample defines it"

P_VALUE = "a p-value"
"""Why a p-value has no interval."""


class Estimate(Record):
    """A statistic with its 95 % interval, and a reason for each of them that is None.

    ``n`` is the number of pairs, series or photos in the statistic.

    Example:
        >>> Estimate.from_draws(np.array([0.5, 0.5, 0.5]), 4, units=2, undefined="no pair").model_dump()
        {'value': 0.5, 'interval': (0.5, 0.5), 'n': 4}
        >>> Estimate.from_draws(np.array([np.nan]), 0, units=0, undefined="no pair").model_dump()
        {'value': None, 'interval': None, 'n': 0, 'reason': 'no pair', 'interval_reason': 'no pair'}
    """

    value: float | None
    interval: Interval | None = None
    n: int = 0
    reason: str | None = None
    interval_reason: str | None = None

    @classmethod
    def from_draws(cls, draws: Array, n: int, units: int, undefined: str, no_interval: str = "", **fields: Any) -> Self:
        """Return the estimate from its value in the sample (the first draw) and in the resamples (the others).

        Args:
            draws: The statistic in the sample and in each resample.
            n: The number of pairs, series or photos.
            units: The number of clusters that were resampled.
            undefined: The reason if the value is not finite.
            no_interval: The reason why there is no interval, or "".
            fields: The other fields of a subclass.
        """
        value = float(draws[0])
        if not np.isfinite(value):
            return cls(value=None, n=n, reason=undefined, interval_reason=undefined, **fields)
        reason = no_interval or ("" if np.isfinite(draws[1:]).any() else NO_RESAMPLE)
        if reason:
            return cls(value=value, n=n, interval_reason=reason, **fields)
        return cls(value=value, interval=percentile_interval(draws, units), n=n, **fields)

    @classmethod
    def with_interval(
        cls, value: float, interval: Interval | None, n: int, undefined: str, no_interval: str = "", **fields: Any
    ) -> Self:
        """Return the estimate from its value and interval.

        Args:
            value: The value, NaN if it is undefined.
            interval: The interval, None if there is none.
            n: The number of pairs, series or photos.
            undefined: The reason if the value is not finite.
            no_interval: The reason if there is no interval.
            fields: The other fields of a subclass.
        """
        if not np.isfinite(value):
            return cls(value=None, n=n, reason=undefined, interval_reason=undefined, **fields)
        return cls(value=value, interval=interval, n=n, interval_reason=no_interval or None, **fields)

    def as_fields(self, name: str) -> dict[str, Any]:
        """Return the value and its interval as fields of a record, None with the reason in the field beside it.

        Example:
            >>> Estimate(value=0.5, interval=(0.25, 0.75)).as_fields("brier")
            {'brier': 0.5, 'brier_interval': (0.25, 0.75)}
        """
        fields = {
            name: self.value,
            f"{name}_reason": self.reason,
            f"{name}_interval": self.interval,
            f"{name}_interval_reason": self.interval_reason,
        }
        return {field: value for field, value in fields.items() if value is not None or not field.endswith("reason")}

    @classmethod
    def of_fields(cls, record: Record, name: str) -> Self:
        """Return the estimate that `as_fields` wrote into a record; a value that is never None has no reason there."""
        value, interval, interval_reason = (
            getattr(record, f"{name}{suffix}") for suffix in ("", "_interval", "_interval_reason")
        )
        reason = getattr(record, f"{name}_reason", None)
        return cls(value=value, reason=reason, interval=interval, interval_reason=interval_reason)


EstimateType = TypeVar("EstimateType", bound=Estimate)


class Accuracy(Estimate):
    """An accuracy over pairs, in JSON as ``accuracy``, ``interval`` and ``pairs``."""

    value: float | None = Field(alias="accuracy")
    n: int = Field(default=0, alias="pairs")
    reason: str | None = Field(default=None, alias="accuracy_reason")


class AccuracyAgainstChance(Accuracy):
    """An accuracy that is tested against 50 %.

    ``p_chance`` is corrected for all claims of its family in the summary: the degradation types and all pairs of all
    models, their levels, or their strata. The verdict needs p below 5 %, and an interval on the same side.
    """

    p_chance: float | None = without_interval(P_VALUE, None)
    p_chance_reason: str | None = None
    verdict: ChanceVerdict = "not shown"


class Share(Estimate):
    """A share of pairs, in JSON as ``share``, ``interval`` and ``pairs``."""

    value: float | None = Field(alias="share")
    n: int = Field(default=0, alias="pairs")
    reason: str | None = Field(default=None, alias="share_reason")


class Difference(Estimate):
    """A paired difference, with the p-value of "no difference": alone (``p``) and corrected for its family.

    In JSON ``difference``, ``interval``, ``pairs``, ``p``, ``p_corrected``.
    """

    value: float | None = Field(alias="difference")
    n: int = Field(default=0, alias="pairs")
    reason: str | None = Field(default=None, alias="difference_reason")
    p: float | None = without_interval(P_VALUE, None)
    p_reason: str | None = None
    p_corrected: float | None = without_interval(P_VALUE, None)
    p_corrected_reason: str | None = None

    @property
    def shown(self) -> bool:
        """True if the corrected p-value is below `ALPHA`."""
        return self.p_corrected is not None and self.p_corrected < ALPHA


def expanded_tail(units: int) -> float:
    """Return the share of resamples beyond each end of a 95 % percentile interval.

    Resamples of few clusters vary too little, so the percentiles are moved outwards as Student's t is.

    Args:
        units: The number of clusters that were resampled.

    Example:
        >>> [round(expanded_tail(units), 4) for units in (1000, 50, 8)]
        [0.0248, 0.0212, 0.0057]

    Reference:
        Hesterberg, *What teachers should know about the bootstrap*, The American Statistician 2015, 3.4.
    """
    if units < 2:
        return 0.0
    return float(stats.norm.cdf(stats.t.ppf(ALPHA / 2, units - 1) * np.sqrt(units / (units - 1))))


def percentile_interval(draws: Array, units: int) -> Interval:
    """Return the 95 % percentile interval of the resamples: all ``draws`` but the first; see `expanded_tail`.

    Args:
        draws: The statistic in the sample and in each resample.
        units: The number of clusters that were resampled.

    Example:
        >>> draws = np.concatenate([[0.5], np.linspace(0, 1, 1001)])
        >>> [round(end, 4) for end in percentile_interval(draws, units=8)]
        [0.0057, 0.9943]
    """
    tail = expanded_tail(units)
    low, high = np.nanpercentile(draws[1:], [100 * tail, 100 - 100 * tail])
    return float(low), float(high)
