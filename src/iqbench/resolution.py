"""Ask whether verdicts depend on the size of the photo: ``python -m iqbench.resolution model=siamese data=folder``."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import UsageError
from iqbench.model_job import built_model, ready_model, run_job

if TYPE_CHECKING:
    from iqbench.results.resolution_summary import ResolutionSummary

log = logging.getLogger(__name__)


def main() -> None:
    """Start the resolution test from the command line."""
    cli.launch(job, "resolution", interrupted="no results were written")


def job(config: DictConfig) -> None:
    """Run one job. In a sweep its failure is recorded, and the next job starts."""
    run_job(config, "resolution", resolution_test, show, failures, "resolution.csv")


def show(summary: "ResolutionSummary") -> None:
    """Print the table."""
    from iqbench.reporting.resolution_report import print_resolution

    print_resolution(summary)


def failures(summary: "ResolutionSummary") -> Mapping[str, int]:
    """Return the questions without an answer, by status."""
    (model,) = summary.models.values()
    return model.failures


def checked_sizes(sizes: Sequence[int]) -> list[int]:
    """Return the sizes from small to large.

    Raises:
        UsageError: If there is none, one is no number of pixels, or one is given twice.

    Example:
        >>> checked_sizes([512, 256])
        [256, 512]
    """
    if not sizes or len(set(sizes)) != len(sizes) or not all(type(size) is int and size >= 32 for size in sizes):
        raise UsageError(f"sizes={list(sizes)}: must be different numbers of pixels, of 32 or more, such as [256,512]")
    return sorted(sizes)


def resolution_test(config: DictConfig, folder: Path) -> "ResolutionSummary":
    """Ask a model about the photos at all sizes, write the results into ``folder``, and return the summary.

    Raises:
        IqbenchError: If a part of the config cannot be used.
    """
    from iqbench.benchmark.resolution import ResolutionTask, resolution_rows, resolution_suite
    from iqbench.benchmark.resolution_summary import summarize_resolution
    from iqbench.degradations.ladder import suite
    from iqbench.degradations.rehearsal import rehearse
    from iqbench.inference.process_state import restored_process_state
    from iqbench.io import lock
    from iqbench.reporting.resolution_report import check_same, export
    from iqbench.results.resolution_summary import FULL

    sizes = checked_sizes(list(config.sizes))
    engine = configuration.build(config.engine, "engine")
    protocol = configuration.build(config.protocol, "protocol")
    listing = configuration.build(config.data, "data").photos()
    kinds = {kind: configuration.build(node, f"degradation.{kind}") for kind, node in config.degradation.items()}
    damage = suite({str(kind): degradation for kind, degradation in kinds.items()})
    rehearse(damage)
    variants, questions = resolution_suite(damage, sizes)
    with lock(folder):
        with restored_process_state():
            model, fingerprint = built_model(config)
            check_same(folder, config.name, fingerprint)
            ready = ready_model(model, engine, listing.files)
            task = ResolutionTask(ready.model, listing.files, variants, ready.engine, questions=questions)
            shape = len(listing.files), len(damage), len(sizes) + 1
            log.info("%s: %d photos x %d variants x %d sizes", config.name, *shape)
            rows = resolution_rows(task, protocol, listing.cluster, config.name)
        names = config.name, fingerprint
        summary = summarize_resolution(rows, names, [*map(str, sizes), FULL], protocol, listing.cluster)
        return export(folder, summary, rows)


if __name__ == "__main__":
    main()
