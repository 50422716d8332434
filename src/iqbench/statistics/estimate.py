"""Estimates: a statistic, its interval, and a reason for each that is undefined."""

from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from iqbench.records import Record

ALPHA = 0.05
"""Intervals cover ``1 - ALPHA``; a difference is shown where its corrected p-value is below ``ALPHA``."""

Array = NDArray[np.float64]
Interval = tuple[float, float]

NO_PAIR = "no pair judged"
NO_RESAMPLE = "no resample defines it"


class Estimate(Record):
    """A statistic with its 95 % interval, and a reason for each of them that is None.

    ``n`` is the number of pairs, series or photos in the statistic.

    Example:
        >>> Estimate.from_draws(np.array([0.5, 0.5, 0.5]), 4, undefined="no pair").model_dump()
        {'value': 0.5, 'interval': (0.5, 0.5), 'n': 4}
        >>> Estimate.from_draws(np.array([np.nan]), 0, undefined="no pair").model_dump()
        {'value': None, 'interval': None, 'n': 0, 'reason': 'no pair', 'interval_reason': 'no pair'}
    """

    value: float | None
    interval: Interval | None = None
    n: int = 0
    reason: str | None = None
    interval_reason: str | None = None

    @classmethod
    def from_draws(cls, draws: Array, n: int, undefined: str, no_interval: str = "", **fields: Any) -> Self:
        """Return the estimate from its value in the sample (the first draw) and in the resamples (the others).

        Args:
            draws: The statistic in the sample and in each resample.
            n: The number of pairs, series or photos.
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
        return cls(value=value, interval=percentile_interval(draws), n=n, **fields)

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
        """Return the estimate that `as_fields` wrote into a record."""
        value, reason, interval, interval_reason = (
            getattr(record, f"{name}{suffix}") for suffix in ("", "_reason", "_interval", "_interval_reason")
        )
        return cls(value=value, reason=reason, interval=interval, interval_reason=interval_reason)


EstimateType = TypeVar("EstimateType", bound=Estimate)


class Accuracy(Estimate):
    """An accuracy over pairs, in JSON as ``accuracy``, ``interval`` and ``pairs``."""

    value: float | None = Field(alias="accuracy")
    n: int = Field(default=0, alias="pairs")
    reason: str | None = Field(default=None, alias="accuracy_reason")


class Share(Estimate):
    """A share of pairs, in JSON as ``share``, ``interval`` and ``pairs``."""

    value: float | None = Field(alias="share")
    n: int = Field(default=0, alias="pairs")
    reason: str | None = Field(default=None, alias="share_reason")


class Difference(Estimate):
    """A paired difference with the p-value of "no difference", raw (``p``) and Holm-corrected (``p_holm``).

    In JSON ``difference``, ``interval``, ``pairs``, ``p``, ``p_holm``.
    """

    value: float | None = Field(alias="difference")
    n: int = Field(default=0, alias="pairs")
    reason: str | None = Field(default=None, alias="difference_reason")
    p: float | None = None
    p_reason: str | None = None
    p_holm: float | None = None
    p_holm_reason: str | None = None

    @property
    def shown(self) -> bool:
        """Whether the corrected p-value is below `ALPHA`."""
        return self.p_holm is not None and self.p_holm < ALPHA


def percentile_interval(draws: Array) -> Interval:
    """Return the 95 % percentile interval of the resamples: all ``draws`` but the first.

    Example:
        >>> percentile_interval(np.array([0.5, 0.0, 0.25, 0.5, 0.75, 1.0]))
        (0.025, 0.975)
    """
    low, high = np.nanpercentile(draws[1:], [50 * ALPHA, 100 - 50 * ALPHA])
    return float(low), float(high)
