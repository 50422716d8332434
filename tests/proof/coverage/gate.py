"""The gate: false alarms, the falls that it sees, and falls of the size that it must exclude (`iqbench.check`)."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fixtures.verdict_tables import STANDARD_SUITE
from iqbench.benchmark.comparisons import NO_DIFFERENCE
from iqbench.benchmark.regression import Regression, regressions
from proof.coverage.cells import Cell, SimulatedTable, at_least, at_most
from proof.coverage.judges import PAIRS, suited_right, verdicts

NOISE = 0.02
"""Share of pairs in which a model changes its verdict by chance between two runs, both ways."""

TYPES = np.repeat(list(STANDARD_SUITE), list(STANDARD_SUITE.values()))


def falls(photos: int, models: int, before: float, fall: float, runs: int) -> dict[str, float]:
    """Return how often the gate sees that the first of some models fell, and how often it accuses another one.

    Args:
        photos: Number of photos.
        models: Number of models.
        before: Their accuracy before.
        fall: The fall of the first model, on all types alike.
        runs: Number of simulated gates.
    """
    seen, wrong = 0, 0
    for run in range(runs):
        changed = [change for change in _changes(photos, models, before, fall, run) if change.verdict != NO_DIFFERENCE]
        seen += any(change.model == "m00" and change.verdict == "worse" for change in changed)
        wrong += any(change.model != "m00" or change.verdict == "better" or not fall for change in changed)
    return {"seen": seen / runs, "accused wrongly": wrong / runs}


def fall_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, models, the accuracy before and the fall."""
    some = [(8, 1, 1.0, 1.0), (8, 1, 0.85, 0.0), (8, 20, 0.85, 0.0), (50, 1, 0.85, 0.05), (50, 20, 0.85, 0.2)]
    more = [(8, 1, 0.85, 0.5), (8, 1, 0.85, 0.2), (8, 20, 0.85, 0.5), (50, 1, 0.85, 0.0), (50, 20, 0.85, 0.0)]
    more += [(50, 1, 0.85, 0.02), (50, 20, 0.85, 0.05), (200, 1, 0.85, 0.02), (200, 1, 0.85, 0.01)]
    for photos, models, before, fall in some if quick else some + more:
        runs = (40 if models == 1 else 8) if quick else 100 if models == 1 else 60
        yield {"photos": photos, "models": models, "before": before, "fall": fall, "runs": runs}


def non_inferior(photos: int, where: str, fall: float, runs: int) -> dict[str, float]:
    """Return how often the gate passes with ``--worse-than`` the true fall, in points, and twice that.

    Args:
        photos: Number of photos.
        where: On ``all`` pairs alike, on one ``type`` only, or on ``rare`` photos: all of the fall on one in four.
        fall: The fall in points.
        runs: Number of simulated gates.
    """
    passed = np.zeros(2)
    for run in range(runs):
        changes = _changes(photos, 1, 0.85, fall / 100, run, where)
        passed += [all(change.excludes_fall_of(points) for change in changes) for points in (fall, 2 * fall)]
    of_size, of_twice = passed / runs
    return {"passed": of_size, "half as large passed": of_twice}


def non_inferior_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, where a model falls, and by how many points."""
    sizes = ((8, 40.0), (50, 10.0)) if quick else ((8, 40.0), (15, 20.0), (50, 10.0), (200, 4.0))
    for (photos, fall), where in product(sizes, ("all", "type") if quick else ("all", "type", "rare")):
        if where == "rare" and fall > 20:  # one photo in four cannot hold such a fall
            continue
        yield {"photos": photos, "where": where, "fall": fall, "runs": 40 if quick else 200 if photos < 200 else 100}


def _changes(photos: int, models: int, before: float, fall: float, run: int, where: str = "all") -> list[Regression]:
    random = np.random.default_rng(run)
    if before == 1.0:
        first = np.ones((models, photos, PAIRS), dtype=bool)
    else:
        first = suited_right(np.full(models, before), photos, random)
    second = first.copy()
    second[0] &= ~lost(photos, fall, first[0], where, random)
    noise = random.random(second.shape) < NOISE * (before < 1.0)
    second = np.where(noise, random.random(second.shape) < _mean(second), second)
    return regressions(verdicts(second), verdicts(first))


def lost(
    photos: int, fall: float, first: NDArray[np.bool_], where: str, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Return the pairs that are lost, if they were right."""
    share = np.full((photos, PAIRS), fall / max(first.mean(), 1e-9))
    if where == "type":
        share = np.where(TYPES == "crop_center", share, 0.0)
    elif where == "rare":
        share = np.where(random.random((photos, 1)) < 0.25, 4 * share, 0.0)
    hit: NDArray[np.bool_] = random.random((photos, PAIRS)) < share
    return hit


def _mean(answers: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the accuracy of each model on each pair's type, so that noise leaves it as it is."""
    means = np.empty((len(answers), 1, PAIRS))
    for kind in STANDARD_SUITE:
        of_kind = kind == TYPES
        means[:, 0, of_kind] = answers[:, :, of_kind].mean(axis=(1, 2))[:, None]
    return means


TABLES = (
    SimulatedTable(
        "gate",
        "The gate sees a fall, and accuses a model that did not fall in at most 5 % of runs.",
        falls,
        fall_cells,
        {
            "seen": (
                at_least(0.95, lambda cell: float(cell["fall"]) >= 0.2 and (cell["photos"], cell["fall"]) != (8, 0.2)),
            ),
            "accused wrongly": (at_most(0.05),),
        },
    ),
    SimulatedTable(
        "non-inferiority",
        "--worse-than passes a model that fell by that much in at most 5 %.",
        non_inferior,
        non_inferior_cells,
        {"passed": (at_most(0.05),)},
    ),
)
