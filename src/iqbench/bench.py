"""Benchmark a judge: ``python -m iqbench.bench model=iqa``, ``python -m iqbench.bench -m model=siamese,ava,iqa``."""

import logging
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import IqbenchError, TooManyFailures, UsageError
from iqbench.sweep import Status, recorded

if TYPE_CHECKING:
    from iqbench.results.summary import Summary

log = logging.getLogger(__name__)


def main() -> None:
    """Start the benchmark from the command line."""
    cli.launch(job, "bench")


def job(config: DictConfig) -> None:
    """Run one job: alone, or as one of a sweep, where a failure is written down and the next job goes on."""
    current = cli.Job.current()
    with recorded(current) as status:
        cli.prepare(config, current, "bench")
        summary = bench(config, current.folder, status)
        if not current.is_sweep:
            show(summary, current.folder)
        check_failures(summary, config.max_failures)


def show(summary: "Summary", folder: Path) -> None:
    """Print the table, and where the rest is."""
    from iqbench.reporting.table import print_table

    print_table(summary)
    log.info("results: %s", folder)


def bench(config: DictConfig, folder: Path, status: Status) -> "Summary":
    """Judge every planned pair, keep the answers in ``folder``, export them, and return the summary.

    Args:
        config: The whole config of the run.
        folder: Where the store and the exports are.
        status: Is told when the store in the folder is this run's.

    Raises:
        IqbenchError: If something in the config cannot be used, or the model fails on photo after photo.
    """
    import torch

    from iqbench.benchmark.plan import Plan, rehearse, self_test, shard_of
    from iqbench.benchmark.repeat_sample import asked_again
    from iqbench.benchmark.run import judge_all
    from iqbench.degradations.control import controls
    from iqbench.degradations.ladder import suite
    from iqbench.inference.autotuning import fitted
    from iqbench.reporting.exports import export
    from iqbench.results.reader import recorded
    from iqbench.results.store import Store, lock, set_aside

    if config.gallery < 0:
        raise UsageError(f"gallery={config.gallery}: must be 0 or more")
    settings = configuration.build(config.engine, "engine")
    protocol = configuration.build(config.protocol, "protocol")
    listing = configuration.build(config.data, "data").photos()
    files = shard_of(listing.files, config.shard, config.shards)
    degradations = {
        type_: configuration.build(node, f"degradation.{type_}") for type_, node in config.degradation.items()
    }
    variants = suite(degradations) + controls()
    rehearse(variants)
    torch.manual_seed(config.seed)  # an untrained network is the same one when the run goes on
    model = settings.place(configuration.build(config.model, "model"))
    self_test(model, settings.torch_device)
    settings = fitted(settings.as_recorded({} if config.fresh else recorded(folder)), model)
    plan = Plan(config, model, files, listing.ignored, variants, protocol, settings)
    with lock(folder):
        if config.fresh:
            set_aside(folder)
        store = Store(folder, plan.identity, plan.details, plan.variant_rows)
        status.holds_results()
        log.info("%s: %d photos x %d variants", config.name, len(files), len(variants) - len(controls()))
        if plan.schooling:
            log.info("%s: its training was %s", config.name, plan.schooling)
        try:
            with closing(store):
                judge_all(store, plan, files, asked_again(listing.files), variants, model, settings, config.gallery)
        except BaseException:  # whatever ended it is told; what is finished is shown, as incomplete, if that can be
            with suppress(IqbenchError, OSError):
                export(folder)
            raise
        return export(folder)


def check_failures(summary: "Summary", max_failures: int) -> None:
    """Raise where more rows failed than are allowed.

    Raises:
        TooManyFailures: With the counts by reason; the results are complete all the same.
    """
    failures = {status: n for model in summary.models.values() for status, n in model.failures.items()}
    if sum(failures.values()) > max_failures:
        counts = ", ".join(f"{n} {status}" for status, n in sorted(failures.items()))
        raise TooManyFailures(f"finished, but rows failed: {counts}; see status and error in unified_results.csv")


if __name__ == "__main__":
    main()
