"""One run from its first photo to its last: judged, asked again, illustrated, and given up if the model is broken."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from iqbench.benchmark.gallery import renew
from iqbench.benchmark.pairs import answers
from iqbench.benchmark.plan import Plan
from iqbench.benchmark.repeat_sample import second_look
from iqbench.errors import Stopped
from iqbench.inference.autotuning import split
from iqbench.inference.engine_config import Settings
from iqbench.inference.worker import Workshop
from iqbench.interfaces import PhotoFile, QualityModel, Variant
from iqbench.progress import track
from iqbench.results.schema import PairRow, PhotoRow
from iqbench.results.store import Store

Judged = tuple[PhotoRow, list[PairRow]]

NOT_THE_PHOTO = ("model_error", "prepare_error", "nonfinite", "process_died", "timeout")
"""What is wrong with the code or the machine rather than with a photo; broken photos may be as many as they like."""

IN_A_ROW = 100
ENOUGH = 50
"""Photos after which more than half may not fail."""


def judge_all(
    store: Store,
    plan: Plan,
    files: Sequence[PhotoFile],
    again: Collection[str],
    variants: Sequence[Variant],
    model: QualityModel,
    settings: Settings,
    gallery: int,
) -> None:
    """Bring a store up to date: judge what it lacks, ask again about some photos, keep pictures of the worst mistakes.

    Raises:
        Stopped: If the model fails on photo after photo; the store holds what was judged.
    """
    todo = store.unfinished(files)
    settings = split(settings, model, todo, lambda some: Workshop(some, variants, model), len(variants) + 1)
    judged = answers(model, todo, variants, settings)
    for photo, pairs in patient(track(judged, plan.identity["model_name"], len(todo))):
        store.write(plan.marked(photo), pairs)
    _fill(store, plan, files, variants, model, settings)
    second_look(store, files, again, variants, model, settings)
    renew(store, files, variants, model, gallery)


def _fill(
    store: Store,
    plan: Plan,
    files: Sequence[PhotoFile],
    variants: Sequence[Variant],
    model: QualityModel,
    settings: Settings,
) -> None:
    """Judge what finished photos lack since types or levels came along: their pairs, and the pictures in them."""
    for missing, lacking in store.lacking(files, plan.variant_rows).items():
        wanted = [variant for variant in variants if any(variant.key in cell for cell in missing)]
        judged = answers(model, lacking, wanted, settings)
        new = f"{plan.identity['model_name']}: {len(missing)} new pairs a photo"
        for _, pairs in patient(track(judged, new, len(lacking))):
            store.add([pair for pair in pairs if (pair.reference, pair.variant) in missing])


def patient(judged: Iterable[Judged]) -> Iterator[Judged]:
    """Yield the photos as they come, until the model has failed on too many.

    Raises:
        Stopped: After `IN_A_ROW` failures one after the other, or where more than half fail after `ENOUGH` photos.
    """
    seen = failed = in_a_row = 0
    for photo, pairs in judged:
        yield photo, pairs
        reason = _failure(photo, pairs)
        seen, failed, in_a_row = seen + 1, failed + bool(reason), in_a_row + 1 if reason else 0
        if reason and (in_a_row >= IN_A_ROW or (seen >= ENOUGH and 2 * failed > seen)):
            raise Stopped(
                f"stopped: the model failed on {failed} of {seen} photos, the last time with {reason}; "
                "it is the model, the degradations or this machine, and not the photos"
            )


def _failure(photo: PhotoRow, pairs: Sequence[PairRow]) -> str:
    """Return what kept a photo from having any answer, if it was not the photo."""
    if any(pair.status == "ok" for pair in pairs):
        return ""
    wrong = [pair for pair in pairs if pair.status in NOT_THE_PHOTO]
    return f"{wrong[0].status} ({wrong[0].error})" if wrong else ""
