"""Merge runs and write their exports again: ``python -m iqbench.report DIR``."""

import argparse

from iqbench.errors import exit_on_error
from iqbench.paths import argument


def main() -> None:
    """Export the runs at or below one or several folders from their stores, and print the table."""
    parser = argparse.ArgumentParser(
        prog="iqbench.report",
        description="Write the exports of a run or a sweep again, or of several runs together, without their photos.",
        epilog="example: python -m iqbench.report results/bench/2026-01-31_12-00-00",
    )
    parser.add_argument(
        "folders", nargs="+", type=argument, metavar="DIR", help="a run's folder, or any folder above several"
    )
    parser.add_argument(
        "--out", type=argument, metavar="FOLDER", help="folder of the exports; default: DIR, if only one"
    )
    arguments = parser.parse_args()
    folders, out = arguments.folders, arguments.out
    if out is None and len(folders) > 1:
        parser.error("several folders need a folder for their exports: add --out FOLDER, such as --out results/merged")
    from iqbench.reporting.exports import export
    from iqbench.reporting.table import print_table
    from iqbench.sweep import jobs

    with exit_on_error("iqbench.report"):
        sweeps = [jobs(folder) for folder in folders]
        failed_jobs = [job for failed, _ in sweeps for job in failed]
        sources = [source for _, sources in sweeps for source in sources]
        print_table(export(out or folders[0], failed_jobs, sources, kept=folders))


if __name__ == "__main__":
    main()
