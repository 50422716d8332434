"""Merge runs and write their exports again: ``python -m iqbench.report DIR``."""

import argparse

from iqbench.errors import exit_on_error
from iqbench.paths import argument
from iqbench.version import iqbench_version


def main() -> None:
    """Export the runs at or below one or several folders from their stores, or compare trainings; print the table."""
    parser = argparse.ArgumentParser(
        prog="iqbench.report",
        description="Write the exports of a run or a sweep again, or of several runs together, without their photos.",
        epilog="example: python -m iqbench.report results/bench/2026-01-31_12-00-00 --format latex,pdf",
    )
    parser.add_argument("--version", action="version", version=f"iqbench.report {iqbench_version()}")
    parser.add_argument(
        "folders", nargs="+", type=argument, metavar="DIR", help="a run's folder, or any folder above several"
    )
    parser.add_argument(
        "--out", type=argument, metavar="FOLDER", help="folder of the exports; default: DIR, if only one"
    )
    parser.add_argument(
        "--format",
        metavar="LIST",
        help="files for a paper, besides the usual exports: latex (leaderboard.tex), pdf and svg (figures), csv "
        "(leaderboard.csv), separated by commas",
    )
    parser.add_argument(
        "--agreement",
        nargs="+",
        type=argument,
        metavar="DIR",
        help="folders of iqbench.evaluate: draw robustness against agreement with people (agreement.png, .svg, .csv)",
    )
    arguments = parser.parse_args()
    folders, out = arguments.folders, arguments.out
    if out is None and len(folders) > 1:
        parser.error("several folders need a folder for their exports: add --out FOLDER, such as --out results/merged")
    from iqbench.reporting import training_table
    from iqbench.reporting.agreement_picture import read_evaluations, write_agreement
    from iqbench.reporting.exports import export
    from iqbench.reporting.paper import chosen_formats, write_paper
    from iqbench.reporting.table import print_table
    from iqbench.sweep import jobs

    with exit_on_error("iqbench.report"):
        formats = [] if arguments.format is None else chosen_formats(arguments.format)
        evaluations = read_evaluations(arguments.agreement or [])
        if len(folders) == 1 and training_table.is_for(folders[0]):
            training_table.show(training_table.export(folders[0], *jobs(folders[0])))
            return
        sweeps = [jobs(folder) for folder in folders]
        failed_jobs = [job for failed, _ in sweeps for job in failed]
        sources = [source for _, sources in sweeps for source in sources]
        place = out or folders[0]
        summary = export(place, failed_jobs, sources, kept=folders)
        print_table(summary)
        paths = write_paper(summary, place, formats)
        if evaluations:
            paths += write_agreement(summary, evaluations, place)
        for path in paths:
            print(path)  # noqa: T201 - the answer of the command


if __name__ == "__main__":
    main()
