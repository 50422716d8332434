"""A run from its first photo to its last: scoring, both samples, gallery, and the stop of a broken model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from iqbench.benchmark.cross_sample import SampleEncodings, score_cross_sample
from iqbench.benchmark.gallery import update_gallery
from iqbench.benchmark.pairs import ScoredPhoto, score_pairs
from iqbench.benchmark.plan import Plan
from iqbench.benchmark.repeat_sample import score_repeat_sample
from iqbench.benchmark.task import BenchmarkTask
from iqbench.errors import Stopped
from iqbench.inference.autotuning import share_cores
from iqbench.progress import track
from iqbench.protocol import MACHINE_FAULTS, OWN_FAULTS
from iqbench.results.schema import PairRow
from iqbench.results.store import Store

MODEL_FAULTS = OWN_FAULTS + MACHINE_FAULTS
"""Statuses caused by the code or the machine. Broken photos have other statuses, and never stop a run."""

MAX_CONSECUTIVE_FAILURES = 100
MIN_PHOTOS = 50
"""Photos after which a run stops if more than half of them have failed."""


def run_plan(store: Store, plan: Plan) -> None:
    """Bring a store up to date: score the missing pairs, both samples, and update the gallery.

    Raises:
        Stopped: If the model fails on photo after photo; the store keeps the pairs that were scored.
    """
    task, name = plan.task, plan.identity["model_name"]
    store.set_series(task.files)
    unfinished = store.unfinished(task.files)
    task = replace(task, engine=share_cores(task.engine, task.model, unfinished, task.variants))
    scored = score_pairs(task.with_files(unfinished))
    sample = SampleEncodings.of(task, plan.source_files)
    for photo in stop_if_model_fails(track(scored, name, len(unfinished))):
        store.write(plan.photo_row(photo.record), photo.pairs)
        sample.keep(photo)
    _score_added_pairs(store, plan, task)
    score_cross_sample(store, task, sample)
    score_repeat_sample(store, task, plan.repeat_sample)
    update_gallery(store, task, plan.gallery_size)


def _score_added_pairs(store: Store, plan: Plan, task: BenchmarkTask) -> None:
    """Score the pairs that finished photos lack because types or levels were added, and only their pictures."""
    for missing, files in store.incomplete(task.files, plan.variant_rows).items():
        variants = [variant for variant in task.variants if any(variant.key in cell for cell in missing)]
        scored = score_pairs(replace(task, files=files, variants=variants))
        description = f"{plan.identity['model_name']}: {len(missing)} new pairs per photo"
        for photo in stop_if_model_fails(track(scored, description, len(files))):
            store.add([pair for pair in photo.pairs if (pair.reference, pair.variant) in missing])


def stop_if_model_fails(scored: Iterable[ScoredPhoto]) -> Iterator[ScoredPhoto]:
    """Yield the photos until the model has failed on too many.

    Raises:
        Stopped: After `MAX_CONSECUTIVE_FAILURES`, or if more than half of at least `MIN_PHOTOS` photos failed.
    """
    count = failures = consecutive = 0
    for photo in scored:
        yield photo
        reason = _model_fault(photo.pairs)
        count, failures, consecutive = count + 1, failures + bool(reason), consecutive + 1 if reason else 0
        if reason and (consecutive >= MAX_CONSECUTIVE_FAILURES or (count >= MIN_PHOTOS and 2 * failures > count)):
            raise Stopped(
                f"stopped: the model failed on {failures} of {count} photos, most recently with {reason}; "
                "the cause is the model, a degradation or this machine, not the photos"
            )


def _model_fault(pairs: Sequence[PairRow]) -> str:
    """Return the status and error by which a model failed on all pairs of a photo; "" if it did not."""
    if any(pair.status == "ok" for pair in pairs):
        return ""
    faults = [pair for pair in pairs if pair.status in MODEL_FAULTS]
    return f"{faults[0].status} ({faults[0].error})" if faults else ""
