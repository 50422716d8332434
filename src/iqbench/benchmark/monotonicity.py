"""The L-test: does the preference for the original grow with the damage, and from which amount on is it shown?

Reference:
    Ma et al., *Waterloo Exploration Database: New challenges for image quality assessment models*, IEEE TIP 2017.
"""

import numpy as np
import pandas as pd

from iqbench.benchmark.tables import ModelTables
from iqbench.records import value_or_reason
from iqbench.results.model_summary import MonotonicityTest, Threshold
from iqbench.statistics.bootstrap import Bootstrap, ratio
from iqbench.statistics.estimate import Array, Estimate, expanded_tail
from iqbench.statistics.monotonicity import crossing, kendall_taus, monotone
from iqbench.statistics.unseen import deviation_mass, unseen_reach

NOTICED = 0.75
"""Accuracy at which a level counts as noticed: halfway between chance and certainty."""

NO_LADDER = "no ladder of two levels was judged in full"
ALL_TIED = "the model has no opinion about any ladder"
NO_NEIGHBOURS = "no neighbouring levels"
NO_MEASURE = "its levels have no measure"


def monotonicity_tests(
    tables: ModelTables, types: list[str], bootstrap: Bootstrap, tie_margin: float
) -> dict[str, MonotonicityTest]:
    """Return the L-test of each type.

    ``tau`` is the mean, over photos and ladders, of Kendall's tau-b between severity and the margin of
    the original over each level, with the original itself, of margin 0, as the first level. It is 1 if
    the preference grows with every step of damage. ``violations`` is the share of neighbouring levels,
    compared directly, of which the harsher one is preferred; a tie is half a violation.

    Args:
        tables: The rows of the model.
        types: The degradation types.
        bootstrap: Resamples of the photos.
        tie_margin: Margins that differ by at most this are equal.
    """
    taus = _taus(tables.judged, tie_margin)
    tests = {}
    for kind in types:
        of_type = taus[taus["degradation_type"] == kind]
        decided = of_type.dropna(subset=["tau"])
        steps = tables.neighbours[tables.neighbours["degradation_type"] == kind]
        undefined = ALL_TIED if len(of_type) else NO_LADDER
        tau = bootstrap.mean(Estimate, decided["cluster"], decided["tau"].to_numpy(np.float64), undefined, (-1.0, 1.0))
        wrong = 1 - steps["correct"].to_numpy(np.float64)
        tests[kind] = MonotonicityTest(
            tau=tau,
            violations=bootstrap.proportion(Estimate, steps["cluster"], wrong, NO_NEIGHBOURS),
            ladders=len(of_type),
            without_opinion=int(of_type["tau"].isna().sum()),
        )
    return tests


def thresholds(judged: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Threshold]:
    """Return for each ladder the amount of damage from which on a model notices it, with an interval over photos.

    Accuracy over amount is made monotone (isotonic regression). The threshold is its crossing of `NOTICED`,
    on a straight line between two levels. Where the mildest level is noticed, the threshold is that level,
    ``at_most``. An end of the interval is None where the crossing lies beyond the harshest level.

    Args:
        judged: The model's judged rows.
        bootstrap: Resamples of the photos.
    """
    by_ladder = {}
    for ladder, rows in judged.groupby("ladder", sort=False):
        steps = rows.drop_duplicates("severity").sort_values("severity")
        by_ladder[str(ladder)] = _threshold(rows, steps, bootstrap)
    return by_ladder


def _threshold(rows: pd.DataFrame, steps: pd.DataFrame, bootstrap: Bootstrap) -> Threshold:
    """Return the threshold on one ladder, of which ``steps`` holds a row per level, the mildest first."""
    kind, unit = str(steps["degradation_type"].iloc[0]), str(steps["unit"].iloc[0])
    if steps["amount"].isna().any():
        return Threshold(
            degradation_type=kind,
            unit=unit,
            amount=None,
            amount_reason=NO_MEASURE,
            interval=None,
            interval_reason=NO_MEASURE,
        )
    codes = pd.Index(steps["severity"]).get_indexer(pd.Index(rows["severity"]))
    correct = rows["correct"].to_numpy(np.float64)
    sums, counts = (
        bootstrap.sums(rows["cluster"], codes, column, len(steps)) for column in (correct, np.ones(len(rows)))
    )
    amounts = steps["amount"].to_numpy(np.float64)
    at = float(crossing(monotone(ratio(sums.sum(axis=0), counts.sum(axis=0))[None]), amounts, NOTICED)[0])
    amount = at if np.isfinite(at) else None
    few = bootstrap.too_few(rows["cluster"].nunique())
    beyond = f"{100 * NOTICED:.0f} % is not reached at {amounts[-1]:g}"
    return Threshold(
        degradation_type=kind,
        unit=unit,
        **value_or_reason("amount", amount, beyond),
        at_most=amount is not None and amount == float(amounts[0]),
        interval=None if few else _threshold_interval(sums, counts, amounts, bootstrap),
        interval_reason=few or None,
    )


def _threshold_interval(
    sums: Array, counts: Array, amounts: Array, bootstrap: Bootstrap
) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the crossing, from mild to harsh; None is beyond the harshest level.

    Each end is that of curves which are moved by what photos could add that were not drawn: up for the mild end,
    down for the harsh one.
    """
    sign = 1.0 if amounts[-1] >= amounts[0] else -1.0  # a harsher JPEG has a lower quality
    curves, photos = ratio(bootstrap.drawn(sums), bootstrap.drawn(counts))[1:], (counts > 0).sum(axis=0)
    curves = curves[np.isfinite(curves).all(axis=1)]
    if not len(curves):
        return None, None
    reach, tail = unseen_reach(photos, deviation_mass(2 * sums, counts)), expanded_tail(int(photos.min()))
    ends = []
    for moved, quantile in ((curves + reach * (1 - curves), tail), (curves - reach * curves, 1 - tail)):
        crossings = crossing(monotone(moved), amounts, NOTICED)
        damage = np.where(np.isinf(crossings), np.inf, sign * crossings)
        end = float(np.quantile(damage, quantile, method="nearest"))
        ends.append(None if np.isinf(end) else sign * end)
    return ends[0], ends[1]


def _taus(judged: pd.DataFrame, tie_margin: float) -> pd.DataFrame:
    """Return Kendall's tau-b of each photo on each ladder of which it has every level, NaN where all is tied."""
    tables = []
    for ladder, rows in judged.groupby("ladder", sort=False):
        margins = rows.pivot(index="original", columns="severity", values="margin").dropna()
        if margins.shape[1] < 2 or margins.empty:
            continue
        with_original = np.hstack([np.zeros((len(margins), 1)), margins.to_numpy(np.float64)])
        taus = kendall_taus(with_original, tie_margin)
        kind = rows["degradation_type"].iloc[0]
        clusters = rows.drop_duplicates("original").set_index("original")["cluster"].reindex(margins.index)
        table = {"cluster": clusters.to_numpy(), "ladder": ladder, "degradation_type": kind, "tau": taus}
        tables.append(pd.DataFrame(table))
    columns = {"cluster": str, "ladder": str, "degradation_type": str, "tau": float}
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(columns)).astype(columns)
