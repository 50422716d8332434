"""Coverage of the intervals of accuracies and of differences between judges."""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from iqbench.statistics.proportions import cluster_intervals
from iqbench.statistics.sign_flips import SignFlips
from proof.coverage.cells import Cell, SimulatedTable, at_least, at_most
from proof.coverage.judges import PAIRS, Array, right_pairs, suited_right

PHOTOS = (2, 3, 5, 8, 15, 30, 50, 100, 200)
ACCURACIES = (0.5, 0.7, 0.9, 0.97, 0.995)
OF_PHOTO = (1, 2, 4, 5, PAIRS)
"""Pairs of a photo: one level, the types of the standard suite, and all pairs."""

DEPENDENCE = ("none", "logistic 1.2", "logistic 3", "beta 0.3", "fate 0.5", "fate 0.75", "fate 1")


def accuracies(photos: int, accuracy: float, pairs: int, dependence: str, runs: int) -> dict[str, float]:
    """Return how often the interval of an accuracy holds the truth."""
    right = right_pairs(accuracy, pairs, dependence, (runs, photos), seed=1).T
    low, high = cluster_intervals(right, np.full(right.shape, float(pairs))).T
    return {"held": float(((low <= accuracy) & (accuracy <= high)).mean())}


def accuracy_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, accuracies, pairs of a photo, and their dependence."""
    photos, runs = ((8, 15, 50), 400) if quick else (PHOTOS, 2000)
    for count, accuracy, pairs, dependence in product(photos, ACCURACIES, OF_PHOTO, DEPENDENCE):
        if pairs > 1 or dependence == "none":
            yield {"photos": count, "accuracy": accuracy, "pairs": pairs, "dependence": dependence, "runs": runs}


def two_judges(photos: int, a: float, b: float, dependence: str, runs: int) -> dict[str, float]:
    """Return how often the interval of the difference of two judges holds the truth."""
    right = [right_pairs(value, PAIRS, dependence, (runs, photos), seed).T for value, seed in ((a, 1), (b, 2))]
    gaps = right[0] - right[1]
    low, high = SignFlips(photos).intervals(gaps, np.full(gaps.shape, float(PAIRS))).T
    return {"held": float(((low <= a - b) & (a - b <= high)).mean())}


def two_judges_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, two accuracies, and the dependence within a photo."""
    photos, runs = ((8, 15, 50), 50) if quick else (PHOTOS, 400)
    all_pairs = ((0.9, 0.8), (0.97, 0.9), (0.995, 0.97), (0.97, 0.97))
    for count, (a, b), dependence in product(photos, all_pairs[::2] if quick else all_pairs, DEPENDENCE[:6]):
        yield {"photos": count, "a": a, "b": b, "dependence": dependence, "runs": runs}


def many_judges(photos: int, judges: int, lowest: float, highest: float, runs: int) -> dict[str, float]:
    """Return how often intervals of all differences hold the truth: each by itself, and all of a family together."""
    truth = np.linspace(lowest, highest, judges)
    true_gaps = np.array([a - b for a, b in combinations(truth, 2)])
    flips, each, together = SignFlips(photos), 0.0, 0
    for run in range(runs):
        gaps = _gaps(suited_right(truth, photos, np.random.default_rng(run)).sum(axis=2))
        counts = np.full(gaps.shape, float(PAIRS))
        low, high = flips.intervals(gaps, counts).T
        each += float(((low <= true_gaps) & (true_gaps <= high)).mean())
        low, high = flips.family_intervals(gaps, counts).T
        together += bool(((low <= true_gaps) & (true_gaps <= high)).all())
    return {"each": each / runs, "together": together / runs}


def many_judges_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, numbers of judges, and the spread of their accuracies."""
    photos, judges = ((8, 50), (2, 8)) if quick else ((8, 15, 50), (2, 8, 20, 40))
    for count, number, (lowest, highest) in product(photos, judges, ((0.55, 0.95), (0.9, 0.9))):
        runs = 40 if quick else 200 if number < 20 or count == 8 else 50
        yield {"photos": count, "judges": number, "lowest": lowest, "highest": highest, "runs": runs}


def skewed(photos: int, rare: float, fall: float, base: float, runs: int) -> dict[str, float]:
    """Return the false claims and the coverage where equal judges differ strongly on a rare kind of photo.

    The first judge has the accuracy ``base``. The second is worse by ``fall`` on that share of photos, and a little
    better on all others.
    """
    random = np.random.default_rng(3)
    is_rare = random.random((photos, runs)) < rare
    of_second = np.where(is_rare, base - fall, base + fall * rare / (1 - rare))
    gaps = (random.binomial(PAIRS, base, of_second.shape) - random.binomial(PAIRS, of_second)).astype(float)
    flips = SignFlips(photos)
    claims = np.concatenate([flips.test(column[:, None])[0] for column in gaps.T]) < 0.05
    low, high = flips.intervals(gaps, np.full(gaps.shape, float(PAIRS))).T
    return {"called different": float(claims.mean()), "held": float(((low <= 0) & (high >= 0)).mean())}


def skewed_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, the share of the rare kind, the fall there, and the accuracy of the first judge."""
    kinds = (*product((0.1, 0.25), (0.0, 0.3, 0.6), (0.75,)), (0.1, 0.6, 0.9))
    for count, (rare, fall, base) in product((8, 15, 50) if quick else (8, 15, 30, 50, 100), kinds):
        yield {"photos": count, "rare": rare, "fall": fall, "base": base, "runs": 100 if quick else 500}


def _gaps(right: Array) -> Array:
    """Return the differences of every two judges, photos x pairs of judges."""
    return np.stack([a - b for a, b in combinations(right.astype(float), 2)], axis=1)


TABLES = (
    SimulatedTable(
        "accuracies",
        "Intervals of an accuracy hold the truth in 95 % of benchmarks.",
        accuracies,
        accuracy_cells,
        {
            "held": (
                at_least(0.92, lambda cell: cell["pairs"] == PAIRS and int(cell["photos"]) >= 8),
                at_least(0.90, lambda cell: cell["pairs"] != PAIRS and int(cell["photos"]) >= 15),
            )
        },
    ),
    SimulatedTable(
        "differences",
        "Intervals of the difference of two judges hold the truth in 95 % of benchmarks.",
        two_judges,
        two_judges_cells,
        {"held": (at_least(0.92, lambda cell: int(cell["photos"]) >= 8),)},
    ),
    SimulatedTable(
        "many judges",
        "Intervals of each difference hold in 95 %; those corrected for the family, all together in 95 %.",
        many_judges,
        many_judges_cells,
        {"each": (at_least(0.92),), "together": (at_least(0.95),)},
    ),
    SimulatedTable(
        "skewed",
        "A known limit where one photo in ten goes strongly the other way; no bar before 50 photos.",
        skewed,
        skewed_cells,
        {
            "called different": (
                at_most(0.05, lambda cell: cell["fall"] == 0),
                at_most(0.10, lambda cell: int(cell["photos"]) >= 50),
            ),
            "held": (at_least(0.90, lambda cell: int(cell["photos"]) >= 50),),
        },
    ),
)
