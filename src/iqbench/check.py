"""A gate for CI: ``python -m iqbench.check RUN --baseline OTHER_RUN`` fails where a model got worse beyond noise."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from iqbench.errors import GotWorse, UsageError, exit_on_error

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 20_000
"""More than in a report: with so many comparisons, p must be able to be small."""


def main() -> None:
    """Compare two runs, print the table, and exit with 4 if a model got worse on a type."""
    parser = argparse.ArgumentParser(
        prog="iqbench.check",
        description="Fail where a model got worse than in a reference run: on a degradation type, beyond noise.",
        epilog="exit codes: 0 no model got worse; 2 the runs cannot be compared; 4 a model got worse, or fails more",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a sweep's root")
    parser.add_argument("--baseline", type=Path, metavar="OTHER_RUN", required=True, help="the reference run")
    options = parser.parse_args()
    with exit_on_error("iqbench.check"):
        check(options.run, options.baseline)


def check(run: Path, reference: Path) -> None:
    """Print the change of each model since the reference run.

    Raises:
        UsageError: If a folder holds no results, or the runs cannot be compared.
        GotWorse: If a model got worse on a type or over all of them, or fails on pairs that it judged before.
    """
    from iqbench.benchmark.regression import read_verdicts, regressions
    from iqbench.reporting.regression_table import print_regressions
    from iqbench.statistics.bootstrap import BootstrapConfig

    now, before = read_verdicts(run), read_verdicts(reference)
    _check_rules(run, reference)
    _check_answers(before, reference)
    _check_failures(now, before, run, reference)
    changes = regressions(now, before, BootstrapConfig(resamples=RESAMPLES))
    print_regressions(changes)
    worse = [f"{change.model} on {change.type}" for change in changes if change.verdict == "worse"]
    if worse:
        raise GotWorse(f"got worse than in {reference}: {', '.join(worse)}")


def _check_rules(run: Path, reference: Path) -> None:
    """Refuse runs of different rules. A run without a summary is taken to have the same rules."""
    from iqbench.benchmark.regression import rule_difference
    from iqbench.results.summary import FILE_NAME, read_summary

    summaries = []
    for folder in (run, reference):
        if (folder / FILE_NAME).is_file():
            summaries.append(read_summary(folder))
        else:
            print(f"{folder}: no {FILE_NAME}; assuming the same protocol and degradations")  # noqa: T201
    if len(summaries) == 2 and (difference := rule_difference(*summaries)):
        raise UsageError(f"{run} and {reference}: differ in {difference}; nothing to compare")


def _check_answers(before: "pd.DataFrame", reference: Path) -> None:
    """Refuse a reference run in which a model judged no pair."""
    from iqbench.benchmark.regression import judged

    for name, rows in before.groupby("model_name", sort=True):
        if not judged(rows).any():
            raise UsageError(f"{reference}: model {name!r} judged no pair; give a reference run with answers")
    if not len(before):
        raise UsageError(f"{reference}: holds no judged pair; give a reference run with answers")


def _check_failures(now: "pd.DataFrame", before: "pd.DataFrame", run: Path, reference: Path) -> None:
    """Fail if a model fails on pairs that it judged before."""
    from iqbench.benchmark.regression import new_failures

    failures = {name: new_failures(name, now, before) for name in before["model_name"].unique()}
    lines = [
        f"{name} on {sum(reasons.values()):,} pairs ({', '.join(reasons)})"
        for name, reasons in failures.items()
        if reasons
    ]
    if lines:
        raise GotWorse(f"fails on pairs judged in {reference}: {'; '.join(lines)}; see status and error in {run}")


if __name__ == "__main__":
    main()
