"""Fit an ensemble of benchmarked models: ``python -m iqbench.stack RESULTS --out ensemble.json``."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from iqbench.commands import command, override
from iqbench.errors import UsageError, exit_on_error
from iqbench.paths import argument
from iqbench.version import iqbench_version


def main() -> None:
    """Fit both variants of an ensemble on stored margins, print how good they are on other photos, write the file."""
    parser = argparse.ArgumentParser(
        prog="iqbench.stack",
        description="Fit an ensemble (model=ensemble) of models that were benchmarked on the same photos. Judge it on "
        "other photos than these.",
        epilog="example: python -m iqbench.stack results/members --out ensemble.json",
    )
    parser.add_argument("--version", action="version", version=f"iqbench.stack {iqbench_version()}")
    parser.add_argument(
        "folders", nargs="+", type=argument, metavar="RESULTS", help="a sweep over the members, or several runs"
    )
    parser.add_argument(
        "--out", type=argument, default=Path("ensemble.json"), metavar="FILE", help="default: ensemble.json"
    )
    parser.add_argument("--members", nargs="+", metavar="NAME", help="models to combine; default: all")
    parser.add_argument(
        "--keep-seen",
        action="store_true",
        help="use also photos that a member was trained on, which gives that member too much weight",
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with exit_on_error("iqbench.stack"):
        stack(options.folders, options.out, options.members, options.keep_seen)


def stack(folders: Sequence[Path], out: Path, members: Sequence[str] | None = None, keep_seen: bool = False) -> None:
    """Fit an ensemble, print its tables, and write it.

    Args:
        folders: The results of the members on the photos of the fit.
        out: The file.
        members: The names of the members; None for all models in the results.
        keep_seen: See `iqbench.benchmark.stacking_data.stacking_data`.

    Raises:
        UsageError: If there are too few members or photos, or a member cannot be built again.
    """
    from iqbench.benchmark.cross_fit import cross_fit
    from iqbench.benchmark.stacking import fitted_ensemble
    from iqbench.benchmark.stacking_data import stacking_data
    from iqbench.benchmark.verdict_table import read_runs
    from iqbench.models.ensemble import built_member
    from iqbench.models.ensemble_file import read_ensemble, write_ensemble
    from iqbench.reporting.stack_table import print_router, print_stack
    from iqbench.sweep import jobs

    if out.exists():
        read_ensemble(out)  # any other file is not replaced
    sources = [source for folder in folders for source in jobs(folder)[1]]
    if not sources:
        raise UsageError(f"{', '.join(map(str, folders))}: no job has results")
    data = stacking_data(read_runs(sources), members, keep_seen)
    for member in data.members:
        built_member(member, str(out))  # a member that cannot be built again is refused before anything is written
    ensemble, judged = fitted_ensemble(data), cross_fit(data)
    photos = f"{len(data.photos):,} photos, {len(data.pairs):,} pairs"
    left_out = f"; {data.left_out:,} photos left out, since a member was trained on them" if data.left_out else ""
    _say(f"{len(data.names)} members on {photos}{left_out}. Below, each photo is judged by a fit on other photos.")
    print_stack(judged.accuracies, judged.by_type, judged.differences)
    print_router(judged.heard)
    weights = zip(data.names, ensemble.stacking.weights, strict=True)
    _say("weights of stacking: " + ", ".join(f"{name} {weight:.3g}" for name, weight in weights))
    write_ensemble(out, ensemble)
    code = [] if all(member.is_data for member in data.members) else [override("model.trust_code", True)]
    settings = ["model=ensemble", override("model.file", str(out)), *code, "data=folder", "data.root=OTHER_PHOTOS"]
    _say(f"{out}: judge it on other photos: {command('bench', *settings)}")


def _say(line: str) -> None:
    print(line)  # noqa: T201 - the answer of the command


if __name__ == "__main__":
    main()
