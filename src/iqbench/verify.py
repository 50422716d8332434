"""Check that results are whole: ``python -m iqbench.verify DIR``."""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from iqbench.errors import NotWhole, UsageError, last_word
from iqbench.results.summary import FailedJob


def main() -> None:
    """Recompute what the stores at or below a folder must hold and export, and say what is not so."""
    parser = argparse.ArgumentParser(
        prog="iqbench.verify",
        description="Check that every planned pair has its row, that counts add up, and that the exports are those "
        "of the stores. Exit code 0: all of it; 6: something is missing, strange or out of date.",
        epilog="example: python -m iqbench.verify results/bench/2026-01-31_12-00-00 --photos DIR",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a run's folder, or a sweep's root")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="also check that the photos are still the same")
    arguments = parser.parse_args()
    with last_word("iqbench.verify"):
        verify(arguments.folder, arguments.photos)


def verify(folder: Path, photos: Path | None) -> None:
    """Print what the stores at or below a folder hold, and what is wrong with it.

    Raises:
        IqbenchError: If anything is.
    """
    from iqbench.benchmark.verdict_table import read_runs
    from iqbench.results.verification import counts, problems
    from iqbench.sweep import jobs

    failed, sources = jobs(folder)
    if not sources:
        raise UsageError(f"{folder}: no job has results")
    wrong, outdated = [], {folder.resolve(): partial(_outdated, folder, failed, sources)}
    for run in read_runs(sources):
        place = run.path.parent
        outdated.setdefault(place.resolve(), partial(_outdated, place, [], [place]))
        rows = counts(run)
        by_status = ", ".join(f"{rows[status]} {status}" for status in sorted(rows, key=lambda one: (one != "ok", one)))
        print(  # noqa: T201 - the program's result
            f"{run.path.parent}: {len(run.photos)} of {len(run.identity['photos'])} photos x {len(run.variants)} "
            f"variants = {sum(rows.values())} rows: {by_status}"
        )
        wrong += [f"{run.path}: {problem}" for problem in problems(run, photos)]
    wrong += [] if wrong else [line for find in outdated.values() for line in find()]
    for line in wrong:
        print(line)  # noqa: T201
    if wrong:
        raise NotWhole(f"{folder}: {len(wrong)} thing{'s' * (len(wrong) != 1)} not as planned, see above")
    print(f"{folder}: whole; the exports are what the stores give")  # noqa: T201


def _outdated(folder: Path, failed: list[FailedJob], sources: list[Path]) -> list[str]:
    """Return which exports are missing or not what the stores give."""
    from iqbench.reporting.exports import export

    with tempfile.TemporaryDirectory() as place:
        export(Path(place), failed, sources)
        made = {path.name: path.read_bytes() for path in sorted(Path(place).glob("[!.]*"))}
    states = {
        name: "missing" if not (folder / name).is_file() else "not what the stores give"
        for name, content in made.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    }
    return [f"{folder / name}: {state}; python -m iqbench.report {folder} makes it" for name, state in states.items()]


if __name__ == "__main__":
    main()
