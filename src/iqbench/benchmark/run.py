"""A run from its first photo to its last: scoring, both samples, gallery, and the stop of a broken model."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from iqbench.benchmark.cross_sample import SampleEncodings, score_cross_sample
from iqbench.benchmark.gallery_work import Gallery
from iqbench.benchmark.pairs import ScoredPhoto, score_pairs
from iqbench.benchmark.plan import Plan
from iqbench.benchmark.repeat_sample import repeat_scoring
from iqbench.benchmark.scoring import Scoring, Work
from iqbench.benchmark.task import BenchmarkTask
from iqbench.errors import Stopped
from iqbench.progress import track
from iqbench.protocol import MACHINE_FAULTS, OWN_FAULTS
from iqbench.results.schema import PairRow
from iqbench.results.store import Store

log = logging.getLogger(__name__)

MODEL_FAULTS = OWN_FAULTS + MACHINE_FAULTS
"""Statuses caused by the code or the machine. Broken photos have other statuses, and never stop a run."""

MAX_CONSECUTIVE_FAILURES = 100
MIN_PHOTOS = 50
"""Photos after which a run stops if more than half of them have failed."""


def run_plan(store: Store, plan: Plan) -> Iterator[Work]:
    """Bring a store up to date: score the missing pairs, both samples, and update the gallery.

    Each part that jobs can do together is yielded before it is done: whoever iterates may do it for several jobs at
    once (see `iqbench.benchmark.together`). What is left is done here.

    Raises:
        Stopped: If the model fails on photo after photo; the store keeps the pairs that were scored.
    """
    task = plan.task
    if (size := store.batch_size) is not None and size < int(task.engine.batch_size):
        log.info("batches have %d pictures, as before: more did not fit into memory", size)
        task = replace(task, engine=replace(task.engine, batch_size=size))
    store.set_series(task.files)
    sample, watch = SampleEncodings.of(task, plan.source_files), FailureWatch()

    def receive(photo: ScoredPhoto) -> None:
        store.write(plan.photo_row(photo.record), photo.pairs)
        sample.keep(photo)
        watch.check(photo)

    unfinished, name = store.unfinished(task.files), plan.identity["model_name"]
    if not unfinished:
        log.info("%s: all %d photos are scored already", name, len(task.files))
    scoring = Scoring(task.with_files(unfinished), receive, name, resized=store.record_batch_size)
    yield scoring
    scoring.alone()
    task = replace(task, engine=scoring.task.engine)
    _score_added_pairs(store, plan, task)
    score_cross_sample(store, task, sample)
    for work in (repeat_scoring(store, task, plan.repeat_sample), Gallery(store, task, plan.gallery_size)):
        yield work
        work.alone()


def _score_added_pairs(store: Store, plan: Plan, task: BenchmarkTask) -> None:
    """Score the pairs that finished photos lack because types or levels were added, and only their pictures."""
    for missing, files in store.incomplete(task.files, plan.variant_rows).items():
        variants = [variant for variant in task.variants if any(variant.key in cell for cell in missing)]
        description, watch = f"{plan.identity['model_name']}: {len(missing)} new pairs per photo", FailureWatch()
        with closing(score_pairs(replace(task, files=files, variants=variants))) as scored:
            for photo in track(scored, description, len(files)):
                store.add([pair for pair in photo.pairs if (pair.reference, pair.variant) in missing])
                watch.check(photo)


class FailureWatch:
    """Counts the photos on which a model fails, and gives it up after too many."""

    def __init__(self) -> None:
        self._photos = self._failures = self._in_a_row = 0

    def check(self, photo: ScoredPhoto) -> None:
        """Count a photo.

        Raises:
            Stopped: After `MAX_CONSECUTIVE_FAILURES`, or if more than half of at least `MIN_PHOTOS` photos failed.
        """
        reason = _model_fault(photo.pairs)
        self._photos, self._failures = self._photos + 1, self._failures + bool(reason)
        self._in_a_row = self._in_a_row + 1 if reason else 0
        has_failed_half = self._photos >= MIN_PHOTOS and 2 * self._failures > self._photos
        if reason and (self._in_a_row >= MAX_CONSECUTIVE_FAILURES or has_failed_half):
            raise Stopped(
                f"stopped: the model failed on {self._failures} of {self._photos} photos, most recently with {reason}; "
                "the cause is the model, a degradation or this machine, not the photos"
            )


def _model_fault(pairs: Sequence[PairRow]) -> str:
    """Return the status and error by which a model failed on all pairs of a photo; "" if it did not."""
    if any(pair.status == "ok" for pair in pairs):
        return ""
    faults = [pair for pair in pairs if pair.status in MODEL_FAULTS]
    return f"{faults[0].status} ({faults[0].error})" if faults else ""
