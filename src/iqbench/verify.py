"""Check that results are complete and consistent: ``python -m iqbench.verify DIR``."""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from iqbench.commands import command
from iqbench.errors import IncompleteResults, UsageError, exit_on_error
from iqbench.paths import argument
from iqbench.results.summary import FailedJob
from iqbench.version import iqbench_version


def main() -> None:
    """Compare the stores at or below a folder with their plans, and the exports with the stores."""
    parser = argparse.ArgumentParser(
        prog="iqbench.verify",
        description="Check that every planned pair has its row, that rows do not contradict each other, and that "
        "the exports are those of the stores. Exit code 0: no problem; 6: rows or exports are missing or wrong.",
        epilog="example: python -m iqbench.verify results/bench/2026-01-31_12-00-00 --photos DIR",
    )
    parser.add_argument("--version", action="version", version=f"iqbench.verify {iqbench_version()}")
    parser.add_argument("folder", type=argument, metavar="DIR", help="a run's folder, or a sweep's root")
    parser.add_argument("--photos", type=argument, metavar="DIR", help="also check that the photos have not changed")
    arguments = parser.parse_args()
    with exit_on_error("iqbench.verify"):
        verify(arguments.folder, arguments.photos)


def verify(folder: Path, photos: Path | None) -> None:
    """Print the counts of the stores at or below a folder, and their problems.

    Raises:
        IncompleteResults: If there is a problem.
        UsageError: If there is no store, or it cannot be read.
    """
    from iqbench.benchmark.verdict_table import read_runs
    from iqbench.results.verification import counts, problems
    from iqbench.sweep import jobs

    failed, sources = jobs(folder)
    if not sources:
        raise UsageError(f"{folder}: no job has results")
    lines, export_checks = [], {folder.resolve(): partial(_outdated, folder, failed, sources)}
    for run in read_runs(sources):
        place = run.path.parent
        export_checks.setdefault(place.resolve(), partial(_outdated, place, [], [place]))
        rows = counts(run)
        statuses = sorted(rows, key=lambda status: (status != "ok", status))
        print(  # noqa: T201 - the program's result
            f"{place}: {len(run.photos)} of {len(run.identity['photos'])} photos x {len(run.variants)} "
            f"variants = {sum(rows.values())} rows: {', '.join(f'{rows[status]} {status}' for status in statuses)}"
        )
        lines += [f"{run.path}: {problem}" for problem in problems(run, photos)]
    lines += [] if lines else [line for check in export_checks.values() for line in check()]
    for line in lines:
        print(line)  # noqa: T201
    if lines:
        raise IncompleteResults(f"{folder}: {len(lines)} problem{'s' * (len(lines) != 1)}, see above")
    print(f"{folder}: complete; the exports are those of the stores")  # noqa: T201


def _outdated(folder: Path, failed: list[FailedJob], sources: list[Path]) -> list[str]:
    """Return a line for each export that is missing or differs from a new one."""
    from iqbench.reporting.exports import export

    with tempfile.TemporaryDirectory() as place:
        export(Path(place), failed, sources, kept=[folder])
        exports = {path.name: path.read_bytes() for path in sorted(Path(place).glob("[!.]*"))}
    states = {
        name: "missing" if not (folder / name).is_file() else "differs from the stores"
        for name, content in exports.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    }
    return [f"{folder / name}: {state}; run {command('report', folder)}" for name, state in states.items()]


if __name__ == "__main__":
    main()
