"""Ask whether verdicts depend on the size of the photo: ``python -m iqbench.resolution model=siamese data=folder``."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import TooManyFailures, UsageError
from iqbench.sweep import recorded

if TYPE_CHECKING:
    from iqbench.results.resolution_summary import ResolutionSummary

log = logging.getLogger(__name__)


def main() -> None:
    """Start the resolution test from the command line."""
    cli.launch(job, "resolution", interrupted="no results were written")


def job(config: DictConfig) -> None:
    """Run one job. In a sweep its failure is recorded, and the next job starts."""
    current = cli.Job.current()
    with recorded(current):
        cli.prepare(config, current, "resolution")
        summary = resolution_test(config, current.folder)
        if not current.is_sweep:
            show(summary, current.folder)
        check_failures(summary, config.max_failures)


def show(summary: "ResolutionSummary", folder: Path) -> None:
    """Print the table and the folder of the results."""
    from iqbench.reporting.resolution_report import print_resolution

    print_resolution(summary)
    log.info("results: %s", folder)


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
    import torch

    from iqbench.benchmark.resolution import ResolutionTask, resolution_rows, resolution_suite
    from iqbench.benchmark.resolution_summary import summarize_resolution
    from iqbench.degradations.ladder import suite
    from iqbench.degradations.rehearsal import rehearse
    from iqbench.inference.autotuning import autotune
    from iqbench.inference.process_state import restored_process_state
    from iqbench.inference.rehearsal import rehearse_model
    from iqbench.io import lock
    from iqbench.provenance import fingerprint
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
    torch.manual_seed(config.seed)  # the random weights of an untrained network are those of the benchmark
    with ExitStack() as model_code:
        model_code.enter_context(restored_process_state())
        model = configuration.build(config.model, "model")
        settings: Any = OmegaConf.to_container(config.model, resolve=True)
        model_fingerprint = fingerprint(model, settings)  # before it is used, as in the benchmark
        model = engine.place(model)
        engine = engine.for_model(model)
        picture = rehearse_model(model, engine, listing.files)
        engine = autotune(engine, model, picture)
        task = ResolutionTask(model, listing.files, variants, engine, questions=questions)
        log.info("%s: %d photos x %d variants x %d sizes", config.name, len(listing.files), len(damage), len(sizes) + 1)
        with lock(folder):
            check_same(folder, config.name, model_fingerprint)
            rows = resolution_rows(task, protocol, listing.cluster, config.name)
            model_code.close()
            names = config.name, model_fingerprint
            summary = summarize_resolution(rows, names, [*map(str, sizes), FULL], protocol, listing.cluster)
            return export(folder, summary, rows)


def check_failures(summary: "ResolutionSummary", max_failures: int) -> None:
    """Raise if more questions have no answer than ``max_failures``.

    Raises:
        TooManyFailures: With the counts by reason. The results are complete nevertheless.
    """
    failures = {status: n for model in summary.models.values() for status, n in model.failures.items()}
    if sum(failures.values()) > max_failures:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(failures.items()))
        raise TooManyFailures(f"finished, but rows failed: {counts}; see status and error in resolution.csv")


if __name__ == "__main__":
    main()
