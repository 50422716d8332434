"""Merge and export results again, at any time: ``python -m iqbench.report DIR``."""

import argparse
import sys
from pathlib import Path

from iqbench.errors import IqbenchError


def main() -> None:
    """Export the runs at or below a folder into it, from their stores alone, and print the table."""
    parser = argparse.ArgumentParser(
        prog="iqbench.report",
        description="Write all exports of a run, or of a sweep and its jobs, again.",
        epilog="example: python -m iqbench.report results/bench/2026-01-31_12-00-00",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a run's folder, or any folder above several")
    folder = parser.parse_args().folder
    from iqbench.reporting.exports import export
    from iqbench.reporting.table import print_table
    from iqbench.sweep import failed_jobs

    try:
        print_table(export(folder, failed_jobs(folder)))
    except IqbenchError as error:
        print(f"iqbench.report: {error}", file=sys.stderr)  # noqa: T201 - the program's last word
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
