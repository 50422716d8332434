"""Plan a benchmark before it is run: ``python -m iqbench.plan RUN --difference 2``."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from iqbench.errors import UsageError, exit_on_error
from iqbench.paths import argument
from iqbench.version import iqbench_version

if TYPE_CHECKING:
    from iqbench.benchmark.comparisons import Comparisons


def main() -> None:
    """Print how many photos a difference needs, and what difference a number of photos can show."""
    parser = argparse.ArgumentParser(
        prog="iqbench.plan",
        description="From a small run: the photos that show a difference between models in 80 % of benchmarks, and "
        "the least difference that a number of photos shows, over all pairs and on each degradation type.",
        epilog="example: python -m iqbench.plan results/bench/2026-01-31_12-00-00 --difference 2 --photos 500",
    )
    parser.add_argument("--version", action="version", version=f"iqbench.plan {iqbench_version()}")
    parser.add_argument("folder", type=argument, metavar="RUN", help="a run's folder, or a sweep's root, as the pilot")
    parser.add_argument(
        "--difference", type=float, default=2.0, metavar="POINTS", help="in percentage points; default 2"
    )
    parser.add_argument(
        "--photos", type=int, metavar="N", help="number of photos, or clusters; default: that of the pilot"
    )
    options = parser.parse_args()
    with exit_on_error("iqbench.plan"):
        if not 0 < options.difference <= 100:
            raise UsageError(f"--difference {options.difference:g}: must be above 0 and at most 100 points")
        if options.photos is not None and options.photos < 2:
            raise UsageError(f"--photos {options.photos}: must be 2 or more")
        plan(options.folder, options.difference, options.photos)


def plan(folder: Path, difference: float, photos: int | None = None) -> None:
    """Print the table of a plan.

    Args:
        folder: The run, or the sweep, that serves as the pilot.
        difference: The difference to show, in percentage points.
        photos: The number of photos, None for that of the pilot.

    Raises:
        UsageError: If the folder holds no results, or too few photos to plan from.
    """
    from iqbench.benchmark.comparisons import FEWEST_CLUSTERS, comparisons_of
    from iqbench.benchmark.tables import BenchmarkSample, Tables
    from iqbench.benchmark.verdict_table import adjacent_rows, protocol_of, read_runs, verdict_rows
    from iqbench.reporting.plan_table import Pilot, PlanRow, print_plan
    from iqbench.statistics.bootstrap import BootstrapConfig
    from iqbench.sweep import jobs

    _, sources = jobs(folder)
    if not sources:
        raise UsageError(f"{folder}: no job has results")
    runs = read_runs(sources)
    table = verdict_rows(runs).assign(probability=float("nan"))
    sample = BenchmarkSample(Tables(table, adjacent_rows(runs)), protocol_of(runs), BootstrapConfig(resamples=0))
    clusters = len(sample.bootstrap.index)
    pilot = Pilot(len(sample.models), int(sample.asked["original"].nunique()), clusters)
    if clusters < FEWEST_CLUSTERS:
        number = f"{clusters} {pilot.unit}"
        raise UsageError(f"{folder}: {number} are too few to plan from; benchmark {FEWEST_CLUSTERS} or more first")
    comparisons: Comparisons = comparisons_of(sample)
    rows = []
    for kind in (None, *sample.types):
        power = comparisons.power(kind)
        least = power.least_difference(photos or clusters)
        rows.append(PlanRow(kind or "all pairs", power.clusters_for(difference / 100), least if least <= 1 else None))
    print_plan(rows, difference, photos or clusters, pilot)


if __name__ == "__main__":
    main()
