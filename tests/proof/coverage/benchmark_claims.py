"""False claims of each family of a benchmark, by the product's own code, about judges for whom none is true."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from fixtures.verdict_tables import STANDARD_SUITE, sample_of
from iqbench.baselines import baseline_verdicts
from iqbench.benchmark.against_baselines import BaselineComparisons
from iqbench.benchmark.chance import ChanceTests
from iqbench.benchmark.comparisons import Comparisons
from iqbench.benchmark.diagnostics import thirds
from iqbench.benchmark.tables import BenchmarkSample
from iqbench.statistics.estimate import ALPHA, Accuracy
from proof.coverage.cells import Cell, SimulatedTable, at_least, at_most
from proof.coverage.judges import PAIRS, Array, suited_right, verdicts

RESAMPLES = 400


def chance(photos: int, judges: int, spread: float, runs: int) -> dict[str, float]:
    """Return how often any of some coins has a verdict, in each family of tests against 50 %."""
    families = ("types", "levels", "strata")
    claims = dict.fromkeys(families, 0)
    for run in range(runs):
        answers = suited_right(np.full(judges, 0.5), photos, np.random.default_rng(run), spread)
        sample = sample_of(verdicts(answers), resamples=1)
        tests = ChanceTests(sample, thirds(sample.judged))
        for family in families:
            claims[family] += min(getattr(tests, family).values(), default=1.0) < ALPHA
    return {family: count / runs for family, count in claims.items()}


def chance_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos and judges; with a spread all pairs of a photo are alike."""
    for photos, judges, spread in product(
        (8, 50) if quick else (8, 15, 50), (1, 3) if quick else (1, 3, 8), (0.0, 3.0)
    ):
        runs = (60 if photos == 8 else 15) if quick else 300 if photos == 8 else 100
        yield {"photos": photos, "judges": judges, "spread": spread, "runs": runs}


def baselines(photos: int, judges: int, accuracy: float, runs: int) -> dict[str, float]:
    """Return how often any judge beats the best baseline on any type or on all, though none is better.

    The baseline "larger file" has the accuracy of the judges; with 50 % it is a coin, as "brighter" and "sharper".
    """
    claims = 0
    for run in range(runs):
        sample, of_baselines = _with_baselines(photos, np.full(judges, accuracy), accuracy, run)
        against = BaselineComparisons(sample, of_baselines)
        of_models = (against.of_model(name) for name in sample.models)
        claims += any(gap.beaten for model in of_models for gap in (model.overall, *model.by_degradation.values()))
    return {"beaten": claims / runs}


def _with_baselines(
    photos: int, accuracies: Array, larger_file: float, run: int, resamples: int = 1
) -> tuple[BenchmarkSample, pd.DataFrame]:
    """Return judges, and the verdicts of "larger file" of that accuracy and of the coins "brighter" and "sharper"."""
    random, per_pair = np.random.default_rng(run), (photos, PAIRS)
    table = verdicts(suited_right(accuracies, photos, random))
    sides = {
        "encoded_bytes": random.random(per_pair) < larger_file,
        "brightness": random.random(per_pair) < 0.5,
        "sharpness": random.random(per_pair) < 0.5,
    }
    for statistic, is_right in sides.items():
        less = np.tile(np.where(is_right, -1.0, 1.0).ravel(), len(accuracies))
        table[f"variant_{statistic}"] = table[f"original_{statistic}"] + less
    sample = sample_of(table, resamples=resamples)
    return sample, baseline_verdicts(sample.asked, sample.protocol, run)


def baseline_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, judges and the accuracy of judges and baseline."""
    for photos, judges, accuracy in product((8,) if quick else (8, 50), (1, 8), (0.5, 0.9)):
        runs = 40 if quick else 150 if judges == 1 or photos == 8 else 60
        yield {"photos": photos, "judges": judges, "accuracy": accuracy, "runs": runs}


def corrected(photos: int, judges: int, highest: float, runs: int) -> dict[str, float]:
    """Return how often judges are told apart by the corrected score, all of 70 %, or the first of ``highest``."""
    apart, pairs = 0, judges * (judges - 1) / 2
    found = 0.0
    for run in range(runs):
        accuracies = np.array([highest, *np.full(judges - 1, 0.7)])
        against = BaselineComparisons(*_with_baselines(photos, accuracies, 0.9, run, RESAMPLES))
        better = [gap.better for gap in against.corrected.pairwise()]
        apart += any(better)
        found += sum(map(bool, better)) / pairs
    return {"any": apart / runs, "pairs": found / runs}


def corrected_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, judges and the accuracy of the best one."""
    for photos, judges in product((8, 50) if quick else (8, 15, 50), (2,) if quick else (2, 8)):
        for highest in (0.7,) if judges > 2 or photos == 8 else (0.7, 0.85):
            runs = (60 if photos == 8 else 20) if quick else 400 if photos == 8 else 200
            yield {"photos": photos, "judges": judges, "highest": highest, "runs": runs}


def equal(photos: int, judges: int, accuracy: float, runs: int) -> dict[str, float]:
    """Return how often equal judges are told apart: any two over all pairs, and the first two on any type."""
    overall, types = 0, 0
    for run in range(runs):
        answers = suited_right(np.full(judges, accuracy), photos, np.random.default_rng(run))
        comparisons, accuracies = _comparisons(verdicts(answers))
        overall += any(difference.better for difference in comparisons.pairwise())
        types += any(winner.better for winner in comparisons.winners(accuracies).values())
    return {"overall": overall / runs, "on a type": types / runs}


def equal_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, judges and their accuracy."""
    for photos, judges, accuracy in product((8, 50), (2, 8) if quick else (2, 8, 20, 40), (0.7, 0.97)):
        if quick:
            runs = 60 if photos == 8 else 20
        else:
            runs = 300 if judges < 20 else 200 if photos == 8 else 100 if judges == 20 else 40
        yield {"photos": photos, "judges": judges, "accuracy": accuracy, "runs": runs}


def equivalence(photos: int, judges: int, margin: float, apart: float, runs: int) -> dict[str, float]:
    """Return how often judges are called "within the margin": any two, of judges that lie so many points apart.

    Each judge is wrong where the one before it is wrong, and in some more pairs, so differences vary little.
    """
    within, flips = 0, (apart / 100) / 0.9
    for run in range(runs):
        random = np.random.default_rng(run)
        answers = [suited_right(np.array([0.9]), photos, random)[0]]
        for _ in range(judges - 1):
            answers.append(answers[-1] & (random.random(answers[-1].shape) >= flips * 0.9 / answers[-1].mean()))
        comparisons, _ = _comparisons(verdicts(np.stack(answers)), margin / 100)
        within += any(difference.within_margin for difference in comparisons.pairwise())
    return {"within": within / runs}


def equivalence_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, judges, the margin and the true difference, in points."""
    for photos, judges, margin in product((50,) if quick else (15, 50, 200), (2,) if quick else (2, 4), (2.0, 5.0)):
        for apart in (margin,) if judges > 2 else (margin, 0.0):
            runs = 60 if quick else 200 if photos < 200 else 100
            yield {"photos": photos, "judges": judges, "margin": margin, "apart": apart, "runs": runs}


def _comparisons(
    table: pd.DataFrame, margin: float | None = None
) -> tuple[Comparisons, dict[str, dict[str, Accuracy]]]:
    """Return the comparisons of the judges of a table, and the accuracy of each judge on each type."""
    sample = sample_of(table, resamples=1)
    means = sample.asked.groupby(["model_name", "degradation_type"])["correct"].mean()
    accuracies = {
        name: {kind: Accuracy(accuracy=float(means[name, kind])) for kind in STANDARD_SUITE} for name in sample.models
    }
    return Comparisons(sample.asked, sample.models, sample.types, sample.bootstrap, sample.flips, margin), accuracies


TABLES = (
    SimulatedTable(
        "chance",
        "A coin is better or worse than chance in at most 5 % of benchmarks, in each family.",
        chance,
        chance_cells,
        {family: (at_most(0.05),) for family in ("types", "levels", "strata")},
    ),
    SimulatedTable(
        "baselines",
        "Judges no better than the best baseline beat it in at most 5 % of benchmarks.",
        baselines,
        baseline_cells,
        {"beaten": (at_most(0.05),)},
    ),
    SimulatedTable(
        "corrected",
        "Equal judges are told apart by the corrected score in at most 5 % of benchmarks, unequal ones mostly.",
        corrected,
        corrected_cells,
        {
            "any": (
                at_most(0.05, lambda cell: cell["highest"] == 0.7),
                at_least(0.5, lambda cell: cell["highest"] == 0.85 and cell["photos"] == 50),
            )
        },
    ),
    SimulatedTable(
        "equal",
        "Equal judges are told apart in at most 5 % of benchmarks.",
        equal,
        equal_cells,
        {"overall": (at_most(0.05),), "on a type": (at_most(0.05),)},
    ),
    SimulatedTable(
        "equivalence",
        "Judges that differ by the margin are called within it in at most 5 %.",
        equivalence,
        equivalence_cells,
        {"within": (at_most(0.05, lambda cell: cell["apart"] == cell["margin"]),)},
    ),
)
