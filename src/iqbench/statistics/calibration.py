"""Calibration: probabilities fitted to margins, and their reliability."""

from math import fsum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iqbench.records import Record, value_or_reason, without_interval
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.estimate import NO_PAIR, Array, Estimate, Interval
from iqbench.statistics.resampled_calibration import BINS, bins_of, error_draws, expected_error

FOLDS = 5
INVERSE_PENALTY = 1e3
"""Inverse strength of the L2 penalty on the slope. It keeps the slope of a model without mistakes finite."""


EDGE = "an edge of the bin"


class CalibrationBin(Record):
    """One bin of a reliability curve: the pairs, in both orders, whose stated probability is from low to high."""

    low: float = without_interval(EDGE)
    high: float = without_interval(EDGE)
    count: int
    mean_probability: float = without_interval("the place of the bin's pairs on the axis")
    share_right: float
    share_right_interval: Interval | None = None
    share_right_interval_reason: str | None = None


class Calibration(Record):
    """Brier score, expected calibration error (ECE) and reliability curve of stated probabilities.

    ``ece_expected`` is the mean ECE of a perfectly calibrated judge with the same stated probabilities; an ECE
    near it shows no miscalibration.
    """

    of: str
    brier: float | None
    brier_reason: str | None = None
    brier_interval: Interval | None = None
    brier_interval_reason: str | None = None
    ece: float | None
    ece_reason: str | None = None
    ece_interval: Interval | None = None
    ece_interval_reason: str | None = None
    ece_expected: float | None = without_interval("simulated: the yardstick of ece", None)
    ece_expected_reason: str | None = None
    bins: list[CalibrationBin]


def cross_fitted(margins: Array, groups: NDArray[Any]) -> Array:
    """Return the probability that each margin's pair is won, fitted to the pairs of other groups.

    A logistic curve through 1/2 at margin 0, with each pair in both orders. Its slope is at least 0, so a
    probability never contradicts its margin: a judge below chance gets 1/2. Overconfidence does not pay:
    margins that are right half of the time get the probability 1/2. All probabilities are NaN if there is
    one group only. Sums depend on the order of the rows, so sort them first for reproducible digits.

    Args:
        margins: The margin of the better side of each pair.
        groups: The group of each pair. No group takes part in its own fit.
    """
    from sklearn.model_selection import GroupKFold  # here because it takes a second, which readers of results need not

    folds = min(FOLDS, len(np.unique(groups)))
    probabilities = np.full(len(margins), np.nan)
    if folds < 2:
        return probabilities
    scale = float(np.sqrt(np.mean(margins**2))) or 1.0
    for fitted, held_out in GroupKFold(folds).split(margins, groups=groups):
        probabilities[held_out] = _logistic_fit(margins[fitted] / scale, margins[held_out] / scale)
    return probabilities


def reliability(
    probabilities: Array, clusters: "pd.Series[str]", bootstrap: Bootstrap, of: str, undefined: str = NO_PAIR
) -> Calibration:
    """Return Brier score, expected calibration error and reliability curve of the better side's probabilities.

    Every pair enters in both orders, P against 1 and 1 - P against 0. With labels that are all 1 the
    error would be 1 - mean(P) for every model.

    Args:
        probabilities: The stated probabilities. NaN is left out.
        clusters: The cluster (photo) of each pair.
        bootstrap: Resamples of the clusters.
        of: A description of the probabilities.
        undefined: The reason if there are none.

    Example:
        >>> from iqbench.statistics.bootstrap import BootstrapConfig
        >>> clusters = pd.Series(["a", "a", "b", "b"])
        >>> bootstrap = Bootstrap(["a", "b"], BootstrapConfig(resamples=100))
        >>> calibration = reliability(np.array([0.75, 0.75, 0.75, 0.25]), clusters, bootstrap, "an example")
        >>> low, high = calibration.ece_interval
        >>> calibration.brier, calibration.ece, low, round(high, 2)
        (0.1875, 0.0, 0.0, 0.53)
    """
    stated = ~np.isnan(probabilities)
    probabilities, clusters = probabilities[stated], clusters[stated]
    both = np.concatenate([probabilities, 1 - probabilities])
    right = np.concatenate([np.ones(probabilities.size), np.zeros(probabilities.size)])
    bins, clusters_of_both = bins_of(both), pd.concat([clusters, clusters])
    stated_sums = np.bincount(bins, weights=both, minlength=BINS)
    shares = bootstrap.proportions(Estimate, clusters_of_both, bins, right, [{}] * BINS)
    curve = [
        CalibrationBin(
            low=at / BINS,
            high=(at + 1) / BINS,
            count=share.n,
            mean_probability=float(stated_sums[at] / share.n),
            **share.as_fields("share_right"),
        )
        for at, share in enumerate(shares)
        if share.n
    ]
    errors, deviations = error_draws(bootstrap, clusters, probabilities)
    ece = bootstrap.estimate(
        Estimate, errors, probabilities.size, clusters.nunique(), undefined, (0.0, 1.0), deviations
    )
    return Calibration(
        of=of,
        **bootstrap.mean(Estimate, clusters, (probabilities - 1) ** 2, undefined, (0.0, 1.0)).as_fields("brier"),
        **ece.as_fields("ece"),
        **value_or_reason("ece_expected", expected_error(probabilities, bootstrap.config.seed), undefined),
        bins=curve,
    )


def _logistic_fit(margins: Array, queries: Array) -> Array:
    """Return the probabilities at ``queries`` of the logistic curve fitted to ``margins`` in both orders."""
    from sklearn.linear_model import LogisticRegression

    # the log-likelihood is concave in the slope and rises at 0 only if the sum is above 0;
    # fsum: the sign of an exact sum does not depend on the order of the rows
    if fsum(margins) <= 0:
        return np.full(len(queries), 0.5)
    both = np.concatenate([margins, -margins])[:, None]
    curve = LogisticRegression(C=INVERSE_PENALTY, fit_intercept=False).fit(both, np.repeat([1, 0], len(margins)))
    probabilities: Array = curve.predict_proba(queries[:, None])[:, 1]
    return probabilities
