"""A gate for CI: ``python -m iqbench.check RUN --baseline OTHER_RUN`` fails where a model got worse beyond noise."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from iqbench.errors import GotWorse, UsageError, last_word

if TYPE_CHECKING:
    import pandas as pd


RESAMPLES = 20_000
"""More than in a report: with so many comparisons, p must be able to be small."""


def main() -> None:
    """Compare two runs, print the table, and exit with 4 if a model got worse on a type."""
    parser = argparse.ArgumentParser(
        prog="iqbench.check",
        description="Fail where a model got worse than in a baseline run: on a kind of damage, beyond noise.",
        epilog="exit codes: 0 no model got worse; 2 the runs cannot be compared; 4 a model got worse",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a sweep's root")
    parser.add_argument("--baseline", type=Path, metavar="OTHER_RUN", required=True, help="the run it is held against")
    options = parser.parse_args()
    with last_word("iqbench.check"):
        check(options.run, options.baseline)


def check(run: Path, baseline: Path) -> None:
    """Print how each model compares with the baseline.

    Raises:
        UsageError: If a folder holds no results, or they cannot be compared.
        GotWorse: If a model got worse on a type, or over all of them.
    """
    from iqbench.benchmark.regression import regressions
    from iqbench.reporting.regression_table import print_regressions

    found = regressions(results(run), results(baseline), seed=0, resamples=RESAMPLES)
    print_regressions(found)
    worse = [f"{one['model']} on {one['type']}" for one in found if one["verdict"] == "worse"]
    if worse:
        raise GotWorse(f"got worse than in {baseline}: {', '.join(worse)}")


def results(folder: Path) -> "pd.DataFrame":
    """Return a run's verdict rows, from its typed export.

    Raises:
        UsageError: If there are none.
    """
    import pandas as pd
    import pyarrow as pa

    file = folder / "unified_results.parquet"
    if not file.is_file():
        raise UsageError(f"{folder}: no unified_results.parquet here; is it a run's folder?")
    try:
        return pd.read_parquet(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read ({' '.join(str(error).split())[:160]})") from error


if __name__ == "__main__":
    main()
