"""Power: models told apart, beside a paired t-test with Holm's correction, and the photos that a plan asks for."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy import stats

from fixtures.verdict_tables import sample_of
from iqbench.benchmark.comparisons import Comparisons
from iqbench.statistics.estimate import ALPHA
from iqbench.statistics.sign_flips import SignFlips
from proof.coverage.cells import Cell, SimulatedTable, at_least
from proof.coverage.judges import Array, suited_right, verdicts


def told_apart(photos: int, models: int, lowest: float, highest: float, runs: int) -> dict[str, float]:
    """Return the share of pairs of models that are told apart, by the product and by a paired t-test with Holm."""
    shown = np.zeros(2)
    truth = np.linspace(lowest, highest, models)
    for run in range(runs):
        right = suited_right(truth, photos, np.random.default_rng(run)).sum(axis=2).astype(float)
        gaps = np.stack([a - b for a, b in combinations(right, 2)], axis=1)
        by_flips = SignFlips(photos).test(gaps)[1]
        shown += [(by_flips < ALPHA).mean(), (holm(stats.ttest_1samp(gaps, 0.0).pvalue) < ALPHA).mean()]
    flips, t = shown / runs
    return {"sign flips": flips, "t with Holm": t, "sign flips / t": flips / t}


def holm(p: Array) -> Array:
    """Return Holm's corrected p-values; NaN, of equal judges, counts as 1."""
    order, p = np.argsort(np.nan_to_num(p, nan=1.0)), np.nan_to_num(p, nan=1.0)
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(1.0, corrected[np.argsort(order)])


def told_apart_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos and models, of accuracies spread evenly."""
    for photos, models in ((8, 8), (50, 8), (50, 20), (50, 40)) if not quick else ((8, 8), (50, 8), (50, 20)):
        runs = 10 if quick else 40
        yield {"photos": photos, "models": models, "lowest": 0.55, "highest": 0.95, "runs": runs}


def planned(photos: int, accuracy: float, points: float, runs: int) -> dict[str, float]:
    """Return how often a difference is shown with as many photos as the plan asks for, from a pilot of some photos.

    Each run has its own pilot and its own benchmark. A plan from so few photos varies, and so does the power.
    """
    shown, asked, truth = 0, [], np.array([accuracy, accuracy - points / 100])
    for run in range(runs):
        random = np.random.default_rng(run)
        sample = sample_of(verdicts(suited_right(truth, photos, random)), resamples=1)
        pilot = Comparisons(sample.asked, sample.models, sample.types, sample.bootstrap, sample.flips)
        needed = pilot.power().clusters_for(points / 100) or 0
        right = suited_right(truth, needed, random).sum(axis=2).astype(float)
        shown += bool(SignFlips(needed).test((right[0] - right[1])[:, None])[1][0] < ALPHA)
        asked.append(needed)
    return {"shown": shown / runs, "photos asked for": float(np.median(asked))}


def planned_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of the pilot's photos, the accuracy, and the difference in points."""
    some = (
        ((50, 0.8, 5.0),)
        if quick
        else ((20, 0.8, 5.0), (50, 0.8, 5.0), (50, 0.8, 2.0), (50, 0.95, 2.0), (50, 0.6, 10.0))
    )
    for photos, accuracy, points in some:
        yield {"photos": photos, "accuracy": accuracy, "points": points, "runs": 60 if quick else 200}


TABLES = (
    SimulatedTable(
        "told apart",
        "Many models cost little: as many pairs as a paired t-test with Holm tells apart.",
        told_apart,
        told_apart_cells,
        {"sign flips / t": (at_least(0.95, lambda cell: cell["photos"] == 50),)},
    ),
    SimulatedTable(
        "planned",
        "With the photos that iqbench.plan asks for, a difference is shown in 80 % of benchmarks.",
        planned,
        planned_cells,
        {"shown": (at_least(0.8, lambda cell: int(cell["photos"]) >= 50),)},
    ),
)
