"""A gate for CI: ``python -m iqbench.check RUN --baseline OTHER_RUN`` fails where a model got worse beyond noise."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from iqbench.errors import GotWorse, Undecided, UsageError, exit_on_error
from iqbench.paths import argument
from iqbench.version import iqbench_version

if TYPE_CHECKING:
    import pandas as pd

    from iqbench.benchmark.regression import Regression
    from iqbench.results.summary import Summary


def main() -> None:
    """Compare two runs, print the table, and exit with 4 if a model got worse on a type."""
    parser = argparse.ArgumentParser(
        prog="iqbench.check",
        description="Fail where a model got worse than in a reference run: on a degradation type, beyond noise.",
        epilog="exit codes: 0 no model got worse; 2 the runs cannot be compared; 4 a model got worse, or fails more; "
        "7 a fall of --worse-than points cannot be excluded",
    )
    parser.add_argument("--version", action="version", version=f"iqbench.check {iqbench_version()}")
    parser.add_argument("run", type=argument, metavar="RUN", help="a run's folder, or a sweep's root")
    parser.add_argument("--baseline", type=argument, metavar="OTHER_RUN", required=True, help="the reference run")
    parser.add_argument(
        "--worse-than",
        type=_points,
        metavar="POINTS",
        help="also fail (7) where a fall by so many percentage points cannot be excluded",
    )
    options = parser.parse_args()
    with exit_on_error("iqbench.check"):
        check(options.run, options.baseline, options.worse_than)


def check(run: Path, reference: Path, worse_than: float | None = None) -> None:
    """Print the change of each model since the reference run.

    Args:
        run: The run.
        reference: The run before.
        worse_than: A fall in percentage points that must be excluded, None for none.

    Raises:
        UsageError: If a folder holds no results, or the runs cannot be compared.
        GotWorse: If a model got worse on a type or over all of them, or fails on pairs that it judged before.
        Undecided: If a fall of ``worse_than`` points cannot be excluded.
    """
    from iqbench.benchmark.regression import cluster_lines, read_verdicts, regressions
    from iqbench.reporting.regression_table import print_regressions

    now, before = read_verdicts(run), read_verdicts(reference)
    summaries = _summaries(run, reference)
    _check_rules(run, reference, summaries)
    _check_answers(before, reference)
    _check_failures(now, before, run, reference)
    changes = regressions(now, before)
    choices = [summary.clusters.by for summary in summaries]
    print_regressions(changes, cluster_lines({run: now, reference: before}, choices))
    worse = [f"{change.model} on {change.type}" for change in changes if change.verdict == "worse"]
    if worse:
        raise GotWorse(f"got worse than in {reference}: {', '.join(worse)}")
    if worse_than is not None:
        _exclude_fall(changes, worse_than)


def _points(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError("must be above 0 and at most 100, in percentage points")
    return value


def _exclude_fall(changes: "list[Regression]", points: float) -> None:
    """Fail if a fall of so many points is not excluded (non-inferiority, each comparison by its own interval)."""
    from iqbench.reporting.regression_table import sample_size

    undecided = [change for change in changes if not change.excludes_fall_of(points)]
    if undecided:
        photos = sample_size(undecided)
        falls = [change.least_fall for change in undecided]
        least = max((fall for fall in falls if fall is not None), default=None)
        shown = "no fall at all" if None in falls or least is None else f"only falls above {100 * least:.1f} points"
        raise Undecided(
            f"no fall is shown, but one by {points:g} points is not excluded for "
            f"{', '.join(f'{change.model} on {change.type}' for change in undecided)}: {photos} can show "
            f"{shown}; benchmark more photos, or give a larger --worse-than"
        )


def _summaries(run: Path, reference: Path) -> "list[Summary]":
    """Return the summaries of the two runs. A run without one is taken to have the same rules."""
    from iqbench.results.summary import FILE_NAME, read_summary

    summaries = []
    for folder in (run, reference):
        if (folder / FILE_NAME).is_file():
            summaries.append(read_summary(folder))
        else:
            print(f"{folder}: no {FILE_NAME}; assuming the same protocol and degradations")  # noqa: T201
    return summaries


def _check_rules(run: Path, reference: Path, summaries: "list[Summary]") -> None:
    """Refuse runs of different rules."""
    from iqbench.benchmark.regression import rule_difference

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
