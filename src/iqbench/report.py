"""Merge and export results again, at any time: ``python -m iqbench.report DIR``."""

import argparse
from pathlib import Path

from iqbench.errors import last_word


def main() -> None:
    """Export the runs at or below one or several folders, from their stores alone, and print the table."""
    parser = argparse.ArgumentParser(
        prog="iqbench.report",
        description="Write all exports of a run, or of a sweep and its jobs, again; or of several runs together.",
        epilog="example: python -m iqbench.report results/bench/2026-01-31_12-00-00",
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="a run's folder, or any folder above several"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the exports go; for one DIR, itself")
    arguments = parser.parse_args()
    folders, out = arguments.folders, arguments.out
    if out is None and len(folders) > 1:
        parser.error("--out: say where the exports of several runs go, such as --out results/together")
    from iqbench.reporting.exports import export
    from iqbench.reporting.table import print_table
    from iqbench.sweep import jobs

    with last_word("iqbench.report"):
        found = [jobs(folder) for folder in folders]
        failed = [job for failures, _ in found for job in failures]
        print_table(export(out or folders[0], failed, [place for _, sources in found for place in sources]))


if __name__ == "__main__":
    main()
