"""The typed diagnostics of one model: calibration, visibility of changes, and strata of originals."""

from iqbench.records import Record, without_interval
from iqbench.statistics.calibration import Calibration
from iqbench.statistics.estimate import Accuracy, AccuracyAgainstChance, Interval

EDGE = "the least and the largest value in the third"


class TypeCalibration(Record):
    """The mean stated probability on a type, and the measured accuracy (``found``).

    ``overconfidence`` is the paired difference, stated minus found.
    """

    stated: float | None
    stated_reason: str | None = None
    stated_interval: Interval | None = None
    stated_interval_reason: str | None = None
    found: float | None
    found_reason: str | None = None
    found_interval: Interval | None = None
    found_interval_reason: str | None = None
    overconfidence: float | None = None
    overconfidence_reason: str | None = None
    overconfidence_interval: Interval | None = None
    overconfidence_interval_reason: str | None = None


class Confidence(Calibration):
    """The reliability of the cross-fitted probabilities, and how well they separate right from wrong (AUROC)."""

    auroc: float | None
    auroc_reason: str | None = None
    auroc_interval: Interval | None = None
    auroc_interval_reason: str | None = None
    by_degradation: dict[str, TypeCalibration]


class Visibility(Record):
    """The change of a model's input by a type, and the accuracy where the change is visible and where it is not.

    ``input_change_max`` is the largest change in these photos, so it has no interval.
    """

    input_change: float | None
    input_change_reason: str | None = None
    input_change_interval: Interval | None = None
    input_change_interval_reason: str | None = None
    input_change_max: float | None = without_interval("the largest of the sample")
    input_change_max_reason: str | None = None
    visible: float | None
    visible_reason: str | None = None
    visible_interval: Interval | None = None
    visible_interval_reason: str | None = None
    accuracy_where_visible: Accuracy
    accuracy_where_invisible: Accuracy


class Stratum(Record):
    """A third of the originals by one image statistic, with the accuracy on each ladder."""

    low: float = without_interval(EDGE, alias="from")
    high: float = without_interval(EDGE, alias="to")
    photos: int
    by_ladder: dict[str, AccuracyAgainstChance]
