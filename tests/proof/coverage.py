"""Coverage of the intervals: simulated benchmarks of models whose true accuracy is known.

A model is right about a photo's variants with a probability that depends on the photo (some photos are easy), so
the 27 pairs of a photo are not independent. Each simulated benchmark has its own photos. Its intervals are those of
`iqbench.benchmark.accuracies` and `iqbench.benchmark.comparisons`, as in a real one.

``python tests/proof/coverage.py --runs 1000 --json FILE`` prints how often the 95 % intervals hold the true accuracy,
how often those of a naive binomial would, and how often two equally good models are called different.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.special import expit
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).parent.parent))

from fixtures.verdict_tables import frame, row, sample_of
from iqbench.benchmark.accuracies import ModelAccuracies
from iqbench.benchmark.comparisons import Comparisons
from iqbench.statistics.bootstrap import BootstrapConfig

VARIANTS = {"blur": 4, "jpeg": 5, "exposure": 4, "crop_edge": 4, "crop_corner": 4, "crop_aspect": 4, "crop_center": 2}
MEANS = {
    "blur": 2.0,
    "jpeg": 1.5,
    "exposure": 0.7,
    "crop_edge": 0.2,
    "crop_corner": 0.6,
    "crop_aspect": 0.4,
    "crop_center": 0.5,
}
"""Log-odds of a right verdict on each type, on a photo without effect."""

SPREAD = 1.2
"""Standard deviation of the photos' effect on the log-odds."""


def chances(photos: int, random: np.random.Generator) -> np.ndarray:
    """Return the probability of a right verdict on each variant of each photo, (photos, 27)."""
    levels = np.concatenate([np.full(count, MEANS[kind]) for kind, count in VARIANTS.items()])
    return expit(levels + SPREAD * random.normal(size=(photos, 1)))


def template(names: list[str], photos: int) -> pd.DataFrame:
    """Return the verdict table of a benchmark, to be filled with simulated verdicts."""
    cells = [(kind, str(level), level) for kind, count in VARIANTS.items() for level in range(1, count + 1)]
    return frame(
        [
            row(name, f"./{at:03}.png", kind, level, 1.0, s)
            for name in names
            for at in range(photos)
            for kind, level, s in cells
        ]
    )


def main() -> None:
    """Simulate, and print and write the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    truth = float(chances(1_000_000, np.random.default_rng(0)).mean())
    rows, random = template(["a", "b"], options.photos), np.random.default_rng(1)
    held = {"overall": 0, "macro": 0, "naive binomial": 0}
    macro_truth = macro(chances(1_000_000, np.random.default_rng(0)))
    different = 0
    for run in track(range(options.runs), "simulating", console=Console(stderr=True)):
        # both models see the same photos, and are right or wrong independently
        p = chances(options.photos, random)
        right = (random.random((2, *p.shape)) < p).astype(float)
        rows["correct"], rows["margin"] = right.ravel(), 2 * right.ravel() - 1
        rows["prediction"] = pd.array(right.ravel().astype(int), dtype="Int64")
        sample = sample_of(rows, seed=run, resamples=BootstrapConfig().resamples)
        model = ModelAccuracies(sample.of_model("a"), sample.types, sample.bootstrap)
        held["overall"] += inside(truth, model.overall().interval)
        held["macro"] += inside(macro_truth, model.macro().interval)
        naive = binomtest(int(right[0].sum()), right[0].size).proportion_ci(method="wilson")
        held["naive binomial"] += inside(truth, (naive.low, naive.high))
        (difference,) = Comparisons(sample.judged, sample.models, sample.types, sample.bootstrap).pairwise()
        different += difference.better is not None
    report({name: count / options.runs for name, count in held.items()}, different / options.runs, truth, options)


def macro(p: np.ndarray) -> float:
    """Return the mean over types of the mean accuracy on each."""
    ends = np.cumsum(list(VARIANTS.values()))
    return float(np.mean([part.mean() for part in np.split(p, ends[:-1], axis=1)]))


def inside(value: float, interval: tuple[float, float]) -> int:
    """Return 1 if the interval holds the value."""
    return int(interval[0] <= value <= interval[1])


def report(held: dict[str, float], different: float, truth: float, options: Any) -> None:
    """Print the table and write the file."""
    table = Table(
        "",
        "share of runs",
        "must be",
        title=f"{options.runs} benchmarks of {options.photos} photos, true accuracy {truth:.3f}",
    )
    for name, share in held.items():
        must = "0.93 to 0.97" if name != "naive binomial" else "far below"
        table.add_row(f"95 % interval holds the truth: {name}", f"{share:.3f}", must)
    table.add_row("two equal models called different", f"{different:.3f}", "<= 0.05")
    Console(width=110).print(table)
    if options.json:
        options.json.write_text(
            json.dumps({"held": held, "called_different": different, "truth": truth}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
