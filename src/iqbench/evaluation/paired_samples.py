"""The paired differences of every two judges: values, tests and intervals, all from the same flips or resamples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from iqbench.evaluation.agreement import cluster_bootstrap
from iqbench.evaluation.answers import unanswered
from iqbench.evaluation.measures import CONSTANT, NO_WINNER
from iqbench.metrics.pairs import hits
from iqbench.results.agreement_summary import ClusterBootstrap
from iqbench.statistics.bootstrap import BootstrapConfig, ratio
from iqbench.statistics.bootstrap_test import POWER, BootstrapTest
from iqbench.statistics.estimate import ALPHA, NO_RESAMPLE, Array
from iqbench.statistics.pair_proportions import photos_of_columns, series_table
from iqbench.statistics.resampled_measures import ONE_PHOTO, ONE_SERIES, PairBootstrap, PhotoBootstrap, srcc_draws
from iqbench.statistics.sign_flips import SignFlips, standard_errors
from iqbench.statistics.unseen import resampled_deviations, unseen_reach

COLUMNS = 64
"""Differences that are resampled at once, so that memory stays small."""

LARGEST_ACCURACY, LARGEST_SRCC = 1.0, 2.0
"""The largest possible differences."""

Flags = NDArray[np.bool_]
Judges = tuple[int, int]


class PairedSample(NamedTuple):
    """Two judges on the labels that both were asked about, and the reason why they are not tested, or ""."""

    a: float
    b: float
    difference: float
    n: int
    unanswered: int
    left_out: int
    no_test: str


class Tests(NamedTuple):
    """The tests of the differences that can be tested, an entry for each; see `SignFlips` and `BootstrapTest`."""

    p: Array
    p_corrected: Array
    intervals: Array
    least: Array


NO_TESTS = Tests(np.zeros(0), np.zeros(0), np.zeros((0, 2)), np.zeros(0))


@dataclass(frozen=True)
class PairedSamples:
    """The difference of every two judges, and how they were tested.

    ``tests`` has an entry for each sample without a reason in ``no_test``, in their order.
    """

    samples: Sequence[PairedSample]
    tests: Tests
    measure: Literal["accuracy", "srcc"]
    undefined: str
    method: Literal["sign flips", "bootstrap"]
    resampling: ClusterBootstrap


def accuracy_differences(
    tables: Sequence[pd.DataFrame], judges: Sequence[Judges], config: BootstrapConfig, tie_worth: float
) -> PairedSamples:
    """Return the differences in accuracy.

    Args:
        tables: The answers of each judge about the same pairs, from `iqbench.evaluation.answers.pair_answers`.
        judges: The numbers of every two judges.
        config: The seed and the number of resamples.
        tie_worth: The accuracy of a tie.
    """
    labels, preference = tables[0], tables[0]["preference"].to_numpy(np.float64)
    owed = np.stack([unanswered(table).to_numpy(bool) for table in tables], axis=1)
    asked = owed | np.stack([(table["status"] == "ok").to_numpy(bool) for table in tables], axis=1)
    margins = np.where(owed, 0.0, np.stack([table["margin"].to_numpy(np.float64) for table in tables], axis=1))
    right = np.where(asked, hits(margins, preference[:, None], tie_worth), np.nan)
    rows = (labels["weight"] > 0).to_numpy(bool) & ((~np.isnan(right)).sum(axis=1) >= 2)
    bootstrap, weight = PairBootstrap(labels[rows], config), labels["weight"].to_numpy(np.float64)[rows]
    gaps = np.stack([right[rows, a] - right[rows, b] for a, b in judges], axis=1)
    no_test = _no_test(bootstrap, ~np.isnan(gaps))
    samples = []
    for at, (a, b) in enumerate(judges):
        known = ~np.isnan(gaps[:, at])
        of_a, of_b, difference = (
            float(ratio(np.array(weight[known] @ values[known]), np.array(weight[known].sum())))
            for values in (right[rows, a], right[rows, b], gaps[:, at])
        )
        ties = int((owed[rows, a] | owed[rows, b])[known].sum())
        left_out = int((~(asked[:, a] & asked[:, b])).sum())
        samples.append(PairedSample(of_a, of_b, difference, int(known.sum()), ties, left_out, no_test[at]))
    gaps = gaps[:, [not reason for reason in no_test]]
    flips = SignFlips(bootstrap.units, config.seed) if bootstrap.unit == "series" else None
    resamples = config.resamples if flips is None else flips.count
    if not gaps.shape[1]:
        tests = NO_TESTS
    elif flips is None:
        tests = _resampled(bootstrap, gaps, weight)
    else:
        tests = _flipped(bootstrap, flips, gaps, weight)
    return PairedSamples(
        samples,
        tests,
        "accuracy",
        NO_WINNER,
        "bootstrap" if flips is None else "sign flips",
        cluster_bootstrap(bootstrap.unit, bootstrap.units, BootstrapConfig(config.seed, resamples)),
    )


def srcc_differences(
    tables: Sequence[pd.DataFrame], judges: Sequence[Judges], config: BootstrapConfig
) -> PairedSamples:
    """Return the differences in SRCC on the photos that both judges were asked about.

    Args:
        tables: The answers of each judge about the same photos, from
            `iqbench.evaluation.answers.with_average_answers`.
        judges: The numbers of every two judges.
        config: The seed and the number of resamples.
    """
    scored = np.stack([(table["status"] == "ok").to_numpy(bool) for table in tables], axis=1)
    owed = np.stack([table["owed"].to_numpy(bool) for table in tables], axis=1)
    rows = scored.sum(axis=1) >= 2
    clusters, true = tables[0]["photo_cluster"].to_numpy(str)[rows], tables[0]["true"].to_numpy(np.float64)[rows]
    predicted = [table["predicted"].to_numpy(np.float64)[rows] for table in tables]
    bootstrap = PhotoBootstrap(clusters.tolist(), config)
    known_draws: dict[tuple[int, bytes], Array] = {}

    def draws_of(judge: int, known: Flags) -> Array:
        key = judge, known.tobytes()
        if key not in known_draws:
            known_draws[key] = srcc_draws(bootstrap.weights[:, known], predicted[judge][known], true[known])
        return known_draws[key]

    samples, differences, units = [], [], []
    for a, b in judges:
        known = scored[rows, a] & scored[rows, b]
        of_a, of_b = draws_of(a, known), draws_of(b, known)
        gap, n, of_pair = of_a - of_b, int(known.sum()), len(np.unique(clusters[known]))
        no_test = CONSTANT if np.isnan(gap[0]) else ONE_PHOTO if of_pair < 2 else ""
        no_test = no_test or ("" if np.isfinite(gap[1:]).any() else NO_RESAMPLE)
        left_out = int((~(scored[:, a] & scored[:, b])).sum())
        average = int((owed[rows, a] | owed[rows, b])[known].sum())
        samples.append(PairedSample(float(of_a[0]), float(of_b[0]), float(gap[0]), n, average, left_out, no_test))
        if not no_test:
            differences.append(gap)
            units.append(of_pair)
    tests = NO_TESTS
    if differences:
        test = BootstrapTest(np.stack(differences, axis=1), np.array(units))
        deviations = [
            resampled_deviations(gap, bootstrap.unit_weights, number)
            for gap, number in zip(differences, units, strict=True)
        ]
        reach = unseen_reach(np.array(units), np.array(deviations) / LARGEST_SRCC)
        tests = Tests(*test.test(), test.intervals(LARGEST_SRCC, reach), test.least_difference())
    return PairedSamples(
        samples,
        tests,
        "srcc",
        CONSTANT,
        "bootstrap",
        cluster_bootstrap("photo", bootstrap.units, config),
    )


def _no_test(bootstrap: PairBootstrap, known: Flags) -> list[str]:
    """Return for each column the reason why it has no test, or ""."""
    if bootstrap.unit == "photo":
        return [bootstrap.no_interval or ("" if column.any() else NO_WINNER) for column in known.T]
    series = (series_table(bootstrap, known.astype(np.float64)) > 0).sum(axis=0)
    return [ONE_SERIES if count < 2 else "" for count in series]


def _flipped(bootstrap: PairBootstrap, flips: SignFlips, gaps: Array, weight: Array) -> Tests:
    known = ~np.isnan(gaps)
    sums = series_table(bootstrap, np.where(known, gaps, 0.0) * weight[:, None])
    counts = series_table(bootstrap, known * weight[:, None])
    least = np.fmax(_least_by_flips(flips, sums, counts), _unseen(gaps, np.full(gaps.shape[1], flips.clusters)))
    return Tests(*flips.test(sums), flips.intervals(sums, counts), least)


def _least_by_flips(flips: SignFlips, sums: Array, counts: Array) -> Array:
    """Return the difference that so many series show with a power of 80 %, after correction for all columns."""
    family, freedom = flips.family_quantile(sums), flips.clusters - 1
    if 2.0**-freedom > ALPHA or not np.isfinite(family):
        return np.full(sums.shape[1], np.inf)
    steps = float(stats.t.isf(stats.norm.sf(family), freedom) + stats.t.ppf(POWER, freedom))
    return steps * standard_errors(sums, counts)


def _resampled(bootstrap: PairBootstrap, gaps: Array, weight: Array) -> Tests:
    """Return the tests of pairs that share photos, with intervals that do not vanish where all pairs are alike."""
    parts = [gaps[:, at : at + COLUMNS] for at in range(0, gaps.shape[1], COLUMNS)]
    draws = np.hstack([bootstrap.means(part, weight) for part in parts])
    photos = np.array(photos_of_columns(bootstrap, ~np.isnan(gaps)), dtype=np.float64)
    test, reach = BootstrapTest(draws, photos), _unseen(gaps, photos / 2)  # n photos hold n / 2 disjoint pairs
    least = np.fmax(test.least_difference(), reach)
    return Tests(*test.test(), test.intervals(LARGEST_ACCURACY, reach), least)


def _unseen(gaps: Array, units: Array) -> Array:
    """Return what independent units could add that were not drawn; pairs of one unit deviate alike."""
    deviations = np.nanmean(np.abs(gaps - np.nanmedian(gaps, axis=0)), axis=0) * units
    return unseen_reach(units, deviations)
