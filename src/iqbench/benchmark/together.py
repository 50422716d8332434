"""Jobs that judge the same photos, done together: each photo is decoded once and each variant made once for all models.

The jobs differ in nothing but their models. Each is an iterator over its `iqbench.benchmark.scoring.Work`, which goes
on alone with whatever was not done together. So a model that needs anything else than a picture and its turn leaves:
it raises, kills or hangs a worker, changes the process, or does not fit into the memory. Then its rows are made as if
it were alone, because it is, and no other model's rows depend on it.
"""

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from torch import nn

from iqbench.benchmark.export_work import MEGABYTE, Exporting, share_exports
from iqbench.benchmark.gallery import Key
from iqbench.benchmark.gallery_work import Gallery, View, viewed_photos
from iqbench.benchmark.member import Member
from iqbench.benchmark.pairs import WAITING_PHOTOS
from iqbench.benchmark.scoring import Work
from iqbench.benchmark.scoring_pass import ScoringPass
from iqbench.benchmark.task import BenchmarkTask
from iqbench.errors import one_line
from iqbench.inference.shared_worker import preparation_key
from iqbench.inference.worker_pool import AHEAD

log = logging.getLogger(__name__)


def run_together(jobs: Iterable[Callable[[], Iterator[Work]]]) -> None:
    """Run the jobs of a sweep that differ in nothing but their models.

    As many models share a pass over the photos as ``engine.sweep_memory`` allows; the others follow in another pass.

    Args:
        jobs: The jobs, as functions that start them.
    """
    members: list[Member] = []
    try:
        for job in jobs:
            member = Member(job())
            with member.turn():
                member.advance()
                while member.work is not None and not member.work.task.is_shareable:
                    member.advance()
            if member.work is None:
                continue
            allowed = member.work.task.engine.sweep_memory
            if members and _megabytes([*members, member]) > allowed:
                log.info("engine.sweep_memory=%d holds %d models; the others follow", allowed, len(members))
                _finish(members)
            members.append(member)
        _finish(members)
    except BaseException as stop:
        _stop(members, stop)
        raise


def _stop(members: Sequence[Member], reason: BaseException) -> None:
    """Stop the jobs that are open: each exports what it has, until somebody interrupts that as well."""
    is_patient = True
    for member in members:
        try:
            with member.turn():
                if is_patient:
                    member.fail(reason)
                else:
                    member.close()
        except BaseException as error:  # noqa: BLE001 - the reason comes back
            is_patient = is_patient and error is reason


def _finish(members: list[Member]) -> None:
    """Take the jobs through all of their work, side by side, until each has ended."""
    while members:
        by_workers: dict[object, list[Member]] = {}
        for member in members:
            if member.work is not None:
                by_workers.setdefault(member.work.task.engine.workers, []).append(member)
        for group in by_workers.values():
            _share(group)
        for member in list(members):
            if member.work is not None:
                with member.turn():
                    member.advance()
            if member.work is None:
                members.remove(member)


def _share(members: Sequence[Member]) -> None:
    """Do together what can be done together of the work that is next."""
    galleries = [member.work for member in members if isinstance(member.work, Gallery)]
    if len(galleries) > 1:
        _share_galleries(galleries)
    exports = [member.work for member in members if isinstance(member.work, Exporting)]
    if len(exports) > 1:
        share_exports(exports)
    ScoringPass(members).run()


def _share_galleries(galleries: Sequence[Gallery]) -> None:
    """Make the missing pictures of several galleries; what cannot be made so is left to each of them."""
    missing = [gallery.missing for gallery in galleries]
    wanted: dict[Hashable, tuple[View, dict[Key, str], list[int]]] = {}
    for number, gallery in enumerate(galleries):
        key = preparation_key(gallery.task.model), gallery.view.names
        _, names, sharers = wanted.setdefault(key, (gallery.view, {}, []))
        names.update(missing[number])
        sharers.append(number)
    views, all_names, all_sharers = zip(*wanted.values(), strict=True)
    task = galleries[0].task
    try:
        for photo in viewed_photos(all_names, task, views, task.engine):
            for view, picture in photo.pictures:
                for number in all_sharers[view]:
                    if (picture.sha256, picture.variant) in missing[number]:
                        galleries[number].put(picture)
    except Exception as error:  # noqa: BLE001 - of a model, which meets it again alone
        log.warning("the pictures of mistakes are made for one model at a time (%s)", one_line(error))


def _megabytes(members: Sequence[Member]) -> float:
    """Return the memory that the models of some jobs take: their weights, and the prepared photos on their way."""
    tasks = [member.work.task for member in members if member.work is not None]
    pictures = {preparation_key(task.model): task.picture_bytes * (len(task.variants) + 1) for task in tasks}
    photos = WAITING_PHOTOS + AHEAD * max(task.engine.worker_count for task in tasks)
    return (sum(map(_weights, tasks)) + photos * sum(pictures.values())) / MEGABYTE


def _weights(task: BenchmarkTask) -> int:
    if not isinstance(task.model, nn.Module):
        return 0
    return sum(tensor.nbytes for tensor in (*task.model.parameters(), *task.model.buffers()))
