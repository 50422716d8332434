"""The benchmark as a call: the same run as ``python -m iqbench.bench``, from objects instead of a command line."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig
from torch import nn

from iqbench import bench, config, sweep
from iqbench.api.call_frame import given_back, prepare_folder, random_state, results_folder
from iqbench.api.models import NamedModel, are_several, named_models
from iqbench.api.results import BenchmarkResult
from iqbench.api.sources import data_of
from iqbench.api.suites import suite_of
from iqbench.api.workers import is_starting_worker, why_without_workers
from iqbench.benchmark.comparison_pictures import Catalogue
from iqbench.benchmark.scoring import Work
from iqbench.benchmark.together import run_together
from iqbench.errors import Stopped, as_disk_error
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import PhotoListing, Variant
from iqbench.job import Job
from iqbench.outputs import MARK
from iqbench.progress import progress_bars
from iqbench.reporting.exports import export

log = bench.log


@dataclass(frozen=True)
class Options:
    """The settings of a benchmark besides models, photos and damage; see `iqbench.benchmark`."""

    out: str | Path | None
    device: str
    workers: int | str
    batch_size: int | str
    precision: str
    seed: int
    limit: int | None
    gallery: int
    fresh: bool
    progress: bool


def benchmark(model: Any, photos: Any, suite: Any, options: Options) -> BenchmarkResult:
    """See `iqbench.benchmark`."""
    if is_starting_worker():
        sys.exit('iqbench.benchmark: put the call below the line if __name__ == "__main__":')
    models = named_models(model)
    with results_folder(options.out) as folder, progress_bars(options.progress), random_state():
        with as_disk_error():
            prepare_folder(folder, photos)
            data, listing = data_of(photos, options.limit, options.seed, folder)
            degradation, variants = suite_of(suite)
            runs = [_Run(each, data, listing, degradation, variants, options) for each in models]
            if are_several(model):
                _run_all(runs, folder)
            else:
                for _ in runs[0].steps(Job(folder)):
                    pass
        return _result(folder, None if options.out is None else folder)


@dataclass(frozen=True)
class _Run:
    """The run of one model."""

    model: NamedModel
    data: DictConfig
    listing: PhotoListing | None
    degradation: DictConfig
    variants: list[Variant] | None
    options: Options

    def steps(self, job: Job) -> Iterator[Work]:
        """Run it in the folder of a job, step by step; see `iqbench.bench.bench`.

        Raises:
            IqbenchError: If it cannot run, and the job belongs to no sweep.
        """
        with sweep.recorded(job) as status, given_back(self.model):
            request = self.request(job.folder)
            summary = yield from bench.bench(request, job.folder, status)
            for name, entry in summary.models.items():
                if failures := ", ".join(f"{rows} {reason}" for reason, rows in sorted(entry.failures.items())):
                    log.warning("%s: rows failed: %s; see status and error of result.pairs", name, failures)

    def request(self, folder: Path) -> bench.Request:
        """Return the run as the command line would ask for it, with the objects that were given.

        Raises:
            UsageError: If a setting cannot be used.
        """
        options = self.options
        composed = config.compose("bench", [])
        files = composed.copy()
        composed.model, composed.data, composed.degradation = self.model.settings, self.data, self.degradation
        composed.name, composed.out, composed.fresh = self.model.name, str(folder), options.fresh
        composed.seed, composed.gallery = options.seed, options.gallery
        composed.engine.device, composed.engine.precision = options.device, options.precision
        composed.engine.batch_size, composed.engine.workers = options.batch_size, options.workers
        config.check(composed, files)
        request = bench.Request(composed, self.model.model, self.listing, self.variants)
        engine: EngineConfig = config.build(composed.engine, "engine")
        if reason := self._why_without_workers(engine, request):
            log.warning("%s: photos are prepared in this process, without workers: %s", self.model.name, reason)
            composed.engine.workers = 0
        elif self.model.runs_here and options.workers == "auto":
            composed.engine.workers = 0
        return request

    def _why_without_workers(self, engine: EngineConfig, request: bench.Request) -> str:
        if engine.worker_count == 0:
            return ""
        return why_without_workers(engine.torch_device, self.model.model, request.suite())


def _run_all(runs: list[_Run], root: Path) -> None:
    """Run every model in its own folder, and export their results together. A model that fails stops no other.

    Each photo is decoded and degraded once for all of them; an object that is given twice judges twice.

    Raises:
        IqbenchError: If no model has results.
    """
    with sweep.started(root):
        groups: dict[int, list[Callable[[], Iterator[Work]]]] = {}
        seen = Counter[int]()
        for number, run in enumerate(runs):
            name = re.sub(r"[^\w.-]+", "_", run.model.name)[:60]
            folder = root / f"{number}_{name}"
            folder.mkdir(exist_ok=True)
            (folder / MARK).touch()
            parts = _parts(run.model.model)
            groups.setdefault(max((seen[part] for part in parts), default=0), []).append(
                partial(run.steps, Job(folder, root, number))
            )
            seen.update(parts)
        for group in groups.values():
            run_together(group)
        sweep.finish(root)
        failed, sources = sweep.jobs(root)
        if not sources:
            raise Stopped("; ".join(f"{job.job}: {job.error}" for job in failed))
        request = runs[0].request(root)
        files, variants = request.photos().files, request.suite()
        catalogue = Catalogue({file.name: file for file in files}, {variant.key: variant for variant in variants})
        export(root, failed, sources, catalogue=lambda: catalogue)


def _parts(model: Any) -> set[int]:
    """Return the identities of an object and what it computes with, which no other model of a pass may use."""
    if model is None:
        return set()
    parts = (
        model.modules() if isinstance(model, nn.Module) else filter(callable, getattr(model, "__dict__", {}).values())
    )
    return {id(model), *map(id, parts)}


def _result(folder: Path, kept: Path | None) -> BenchmarkResult:
    from iqbench.results.summary import read_summary

    rows = pd.read_parquet(folder / "unified_results.parquet")
    is_control = (rows["degradation_group"] == "control").to_numpy()
    return BenchmarkResult(
        summary=read_summary(folder),
        pairs=rows[~is_control].reset_index(drop=True),
        controls=rows[is_control].reset_index(drop=True),
        takeaways=(folder / "KEY_TAKEAWAYS.md").read_text(encoding="utf-8"),
        folder=kept,
        page=(folder / "report.html").read_text(encoding="utf-8"),
    )
