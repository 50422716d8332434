"""Benchmark a model: ``python -m iqbench.bench model=iqa``, ``python -m iqbench.bench -m model=siamese,ava,iqa``."""

import json
import logging
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from iqbench import cli, held_jobs, model_job
from iqbench import config as configuration
from iqbench.errors import IqbenchError, UsageError
from iqbench.job import Job
from iqbench.sweep import Status, recorded

if TYPE_CHECKING:
    from iqbench.benchmark.comparison_pictures import Catalogue
    from iqbench.benchmark.plan import Plan
    from iqbench.benchmark.scoring import Work
    from iqbench.interfaces import PhotoFile, PhotoListing, QualityModel, Variant
    from iqbench.results.summary import FailedJob, Summary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """A benchmark that somebody asks for, from the command line or from Python.

    Args:
        config: The config of the run. A part that is given as an object below is described in it, and not built.
        model: The model, None if the config builds it.
        listing: The photos, None if the config lists them.
        variants: The variants of each photo without the controls, None if the config makes them.
    """

    config: DictConfig
    model: "QualityModel | None" = None
    listing: "PhotoListing | None" = None
    variants: "Sequence[Variant] | None" = None

    def photos(self) -> "PhotoListing":
        """Return the photos.

        Raises:
            UsageError: If there are none, or the config cannot be used.
        """
        if self.listing is not None:
            return self.listing
        listing: PhotoListing = configuration.build(self.config.data, "data").photos()
        return listing

    def suite(self) -> "list[Variant]":
        """Return the variants, with the controls.

        Raises:
            UsageError: If the config cannot be used.
        """
        from iqbench.degradations.control import controls

        return (_degraded(self.config) if self.variants is None else list(self.variants)) + controls()

    def judge(self) -> "QualityModel":
        """Return the model.

        Raises:
            UsageError: If the config cannot be used.
        """
        if self.model is not None:
            return self.model
        model: QualityModel = configuration.build(self.config.model, "model")
        return model


def main() -> None:
    """Start the benchmark from the command line."""
    cli.launch(job, "bench")


def job(config: DictConfig) -> None:
    """Run one job, or hold it back in a sweep of this process, whose jobs are run together when all are known.

    A job of a sweep records its failure, and the next job starts.
    """
    current = Job.current()
    if current.is_sweep and held_jobs.are_held():
        held_jobs.hold(partial(_job_steps, config, current), what_is_shared(config))
    else:
        for _ in _job_steps(config, current):
            pass


def _job_steps(config: DictConfig, current: Job) -> "Iterator[Work]":
    with recorded(current) as status:
        cli.prepare(config, current, "bench")
        summary = yield from bench(Request(config), current.folder, status, _command(current))
        if not current.is_sweep:
            show(summary, current.folder)
        check_failures(summary, config.max_failures)


def what_is_shared(config: DictConfig) -> str:
    """Return what jobs must have in common to be run together: photos, damage and the use of the machine."""
    try:
        settings: Any = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException:  # the job says it in its own words
        return ""
    shared = {key: settings.get(key) for key in ("data", "degradation", "seed", "shard", "shards")}
    engine = {key: settings["engine"].get(key) for key in ("device", "workers", "timeout", "sweep_memory")}
    return json.dumps([shared, engine], sort_keys=True, default=str)


def run_held_jobs() -> None:
    """Run the jobs of a sweep that were held back, those together that judge the same degraded photos."""
    from iqbench.benchmark.together import run_together

    for jobs in held_jobs.release():
        run_together(jobs)


def _command(current: Job) -> str:
    """Return the command that repeats a job in a new folder of results."""
    from iqbench.benchmark.plan import PLACE_SETTINGS

    return current.command("bench", without=PLACE_SETTINGS)


def show(summary: "Summary", folder: Path) -> None:
    """Print the table and the folder of the results."""
    from iqbench.reporting.table import print_table

    print_table(summary)
    log.info("results: %s", folder)


def bench(request: Request, folder: Path, status: Status, command: str = "") -> "Generator[Work, None, Summary]":
    """Score every planned pair, store the answers in ``folder``, export them, and return the summary.

    Each part that several jobs can do together is yielded before it is done; see `iqbench.benchmark.run.run_plan`.

    Args:
        request: What is judged, and by which model.
        folder: The folder of the store and the exports.
        status: The job's status, which is told when the store in the folder is this run's.
        command: The command that repeats the run, for the report; "" for a run from Python.

    Raises:
        IqbenchError: If the config cannot be used, or the model fails on photo after photo.
    """
    from iqbench.benchmark.export_work import Exporting
    from iqbench.benchmark.run import run_plan
    from iqbench.inference.process_state import process_settings, restore_settings, restored_process_state
    from iqbench.io import lock
    from iqbench.reporting.exports import export
    from iqbench.results.origin import Origin
    from iqbench.results.store import Store
    from iqbench.results.store_files import set_aside

    config = request.config
    if config.gallery < 0:
        raise UsageError(f"gallery={config.gallery}: must be 0 or more")
    folder_of_program = str(Path.cwd())
    with ExitStack() as model_code:
        model_code.enter_context(restored_process_state())
        plan = _plan(request, folder)
        with lock(folder):
            if config.fresh:
                set_aside(folder)
            origin = Origin.now(command, folder_of_program)
            store = Store(folder, plan.identity, plan.details, plan.variant_rows, origin)
            status.holds_results()
            degraded = [variant for variant in plan.task.variants if variant.group != "control"]
            log.info("%s: %d photos x %d variants", config.name, len(plan.task.files), len(degraded))
            if plan.training_data:
                log.info("%s: training data: %s", config.name, plan.training_data)
            if plan.task.is_shareable:  # other jobs may run before this one ends, and it has changed nothing so far
                model_code.close()
                model_code.callback(restore_settings, process_settings())
            try:
                with closing(store):
                    yield from run_plan(store, plan)
                model_code.close()
                exporting = Exporting(plan.task, folder, export)
                yield exporting
            except BaseException as error:  # show the finished photos as an incomplete run, if that is possible
                model_code.close()
                if not isinstance(error, GeneratorExit):
                    with suppress(IqbenchError, OSError):
                        export(folder)
                raise
            return exporting.summary


def _plan(request: Request, folder: Path) -> "Plan":
    """Return the plan of a run: everything that can fail on a wrong config fails here, before a photo is read."""
    import torch

    from iqbench.benchmark.plan import make_plan, shard_of
    from iqbench.benchmark.task import BenchmarkTask
    from iqbench.degradations.rehearsal import rehearse
    from iqbench.inference.autotuning import autotune
    from iqbench.inference.process_state import process_settings, random_states
    from iqbench.inference.rehearsal import rehearse_model
    from iqbench.inference.tensor_pictures import tensor_pictures
    from iqbench.interfaces import StoredAnswers
    from iqbench.provenance import fingerprint
    from iqbench.results.reader import recorded_identity

    config = request.config
    engine = configuration.build(config.engine, "engine")
    protocol = configuration.build(config.protocol, "protocol")
    listing = request.photos()
    files = shard_of(listing.files, config.shard, config.shards)
    variants = request.suite()
    digests = rehearse(variants)
    torch.manual_seed(config.seed)  # the random weights of an untrained network are the same in a resumed run
    before = process_settings()
    model = request.judge()
    if isinstance(model, StoredAnswers):
        model.check_answers(files, variants)
    settings: Any = OmegaConf.to_container(config.model, resolve=True)
    model_fingerprint = fingerprint(model, settings)  # before it is used, since a model may remember what it has seen
    model = engine.place(model)
    engine = engine.for_model(model)
    drawn = random_states()
    picture = rehearse_model(model, engine, files)
    engine = engine.with_recorded_batch_size({} if config.fresh else recorded_identity(folder))
    engine = autotune(engine, model, picture)
    changes_process = process_settings() != before or random_states() != drawn
    task = BenchmarkTask(
        model,
        files,
        variants,
        engine,
        listing.files,
        picture_bytes=0 if picture is None else picture.nbytes,
        is_shareable=not changes_process and not engine.compile,
        tensor_pictures=tensor_pictures(model, variants, engine, files, listing.files),
    )
    return make_plan(config, task, listing, protocol, digests, model_fingerprint)


def _degraded(config: DictConfig) -> "list[Variant]":
    from iqbench.degradations.ladder import suite

    kinds = config.degradation.items()
    return suite({kind: configuration.build(node, f"degradation.{kind}") for kind, node in kinds})


def merge(root: Path, failed_jobs: "Sequence[FailedJob]", sources: Sequence[Path]) -> "Summary":
    """Export the results of a sweep's jobs together, with pictures of the photos on which models disagree.

    Args:
        root: The folder of the sweep.
        failed_jobs: The jobs that left no complete results.
        sources: The folders of the jobs that have results.
    """
    from iqbench.reporting.exports import export

    return export(root, failed_jobs, sources, catalogue=lambda: _catalogue(sources))


def _catalogue(jobs: Sequence[Path]) -> "Catalogue":
    """Return the photos and variants of a sweep's jobs, from the configs that Hydra wrote when it started them."""
    from iqbench.benchmark.comparison_pictures import Catalogue

    files: dict[str, PhotoFile] = {}
    variants: dict[str, Variant] = {}
    seen = set[str]()
    for job_folder in jobs:
        try:
            config = DictConfig(OmegaConf.load(job_folder / ".hydra" / "config.yaml"))
            source = OmegaConf.to_yaml(OmegaConf.create([config.data, config.degradation]))
            if source not in seen:
                seen.add(source)
                request = Request(config)
                files = {file.name: file for file in request.photos().files} | files
                variants = {variant.key: variant for variant in request.suite()} | variants
        except (OSError, ValueError, YAMLError, IqbenchError, OmegaConfBaseException) as error:
            log.warning("%s: no pictures from its photos (%s)", job_folder, " ".join(str(error).split())[:160])
    return Catalogue(files, variants)


def check_failures(summary: "Summary", max_failures: int) -> None:
    """Raise if more rows of all models failed than are allowed; see `iqbench.model_job.check_failures`."""
    failures: Counter[str] = Counter()
    for model in summary.models.values():
        failures.update(model.failures)
    model_job.check_failures(failures, max_failures, "unified_results.csv")


if __name__ == "__main__":
    main()
