"""One pass over the photos for several models: a worker prepares a photo for all, each scores it in its turn."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from iqbench.benchmark.member import Member
from iqbench.benchmark.scoring import Scoring
from iqbench.errors import one_line
from iqbench.inference import messages
from iqbench.inference.autotuning import AUTOTUNING_TIMEOUT, balanced_workers, is_beside_workers, seconds_per_picture
from iqbench.inference.process_state import process_settings
from iqbench.inference.shared_worker import Excluded, Lost, SharedPhotoDataset, preparation_key, preparation_of
from iqbench.inference.worker import NOTHING_LEFT_OUT, LeftOut, PreparedPhoto
from iqbench.inference.worker_pool import WorkerPool
from iqbench.inference.worker_process import start_method
from iqbench.interfaces import PhotoFile, Prepares
from iqbench.progress import track

log = logging.getLogger(__name__)

LOST = ("process_died", "timeout")
"""Statuses of a photo whose worker died or hung."""


@dataclass(eq=False)
class Runner:
    """A job in the pass: its scoring, and the number of what prepares its photos."""

    member: Member
    scoring: Scoring
    preparation: int

    def attempt(self, action: Callable[[], None]) -> None:
        """Let the job's code run; an error is the job's, and ends it."""
        try:
            with self.member.turn():
                action()
        except Exception as error:  # noqa: BLE001 - recorded by the job
            with self.member.turn():
                self.member.fail(error)


class ScoringPass:
    """Scores photos for several jobs. Photos that are left when it has run are left to the jobs.

    Args:
        members: The jobs; those count whose next work is a `Scoring`.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._preparations: dict[object, tuple[int, Prepares]] = {}
        self._runners: list[Runner] = []
        for member in members:
            if isinstance(scoring := member.work, Scoring) and scoring.files:
                model = scoring.task.model
                number, _ = self._preparations.setdefault(
                    preparation_key(model), (len(self._preparations), preparation_of(model))
                )
                self._runners.append(Runner(member, scoring, number))
        self._settings = process_settings()
        self._patience = 1

    def run(self) -> None:
        """Score the photos, and show the progress over models x photos."""
        if len(self._runners) < 2:
            return
        self._task = self._runners[0].scoring.task
        self._leave_out_what_cannot_travel()
        if not self._runners:
            return
        self._workers = self._measured_workers()
        counts = [len(runner.scoring.files) for runner in self._runners]
        turns = self._turns()
        if any(runner.scoring.description for runner in self._runners):
            title = f"{len(counts)} models x {max(counts)} photos"
            log.info("%s: each photo is decoded and degraded once for all models", title)
            turns = track(turns, title, sum(counts))
        for _ in turns:
            pass

    def _turns(self) -> Iterator[None]:
        """Yield after each turn of a model with a photo."""
        while len({id(runner) for runner in self._runners if runner.scoring.files}) > 1:
            yield from self._round()
            for runner in list(self._runners):
                self._attempt(runner, runner.scoring.flush)

    def _round(self) -> Iterator[None]:
        """Score photos until all are scored or one is lost, after which the workers start anew."""
        files, dataset = self._photos()
        pool = WorkerPool(self._workers, self._task.engine.timeout * self._patience)
        items = pool.in_order(dataset)
        for file, needed in zip(files, dataset.needs, strict=True):
            runners = [r for r in self._runners if r.preparation in needed and r.scoring.lacks(file)]
            try:
                outcomes = next(items)
            except Exception as error:  # noqa: BLE001 - of what cannot be sent; each job meets it again alone
                log.warning("the workers that all models share failed (%s); each model goes on alone", one_line(error))
                self._exclude(self._runners, "the workers failed")
                return
            if isinstance(outcomes, Lost):
                items.close()
                yield from self._one_by_one(file, runners, outcomes)
                return
            for runner in runners:
                outcome = outcomes[runner.preparation]
                if isinstance(outcome, PreparedPhoto):
                    self._score(runner, outcome)
                elif isinstance(outcome, Excluded):
                    self._exclude([runner], outcome.reason)
                yield
        items.close()

    def _photos(self, count: int | None = None) -> tuple[list[PhotoFile], SharedPhotoDataset]:
        """Return the photos that are not scored for every model, and the data set that prepares them."""
        needs: dict[str, set[int]] = {}
        files: dict[str, PhotoFile] = {}
        for runner in self._runners:
            for file in runner.scoring.files:
                files[file.name] = file
                needs.setdefault(file.name, set()).add(runner.preparation)
        order = {file.name: place for place, file in enumerate(self._task.source_files or self._task.files)}
        names = sorted(files, key=order.__getitem__)[:count]
        preparations = [preparation for _, preparation in self._preparations.values()]
        chosen = [files[name] for name in names]
        source_files = self._task.source_files or self._task.files
        needed = [needs[name] for name in names]
        left_out = [self._left_out(number) for number in range(len(preparations))]
        return chosen, SharedPhotoDataset(chosen, self._task.variants, preparations, needed, source_files, left_out)

    def _left_out(self, preparation: int) -> LeftOut:
        """Return the pictures that workers leave out for models that prepare alike."""
        each = {runner.scoring.task.left_out for runner in self._runners if runner.preparation == preparation}
        return each.pop() if len(each) == 1 else NOTHING_LEFT_OUT

    def _score(self, runner: Runner, prepared: PreparedPhoto) -> None:
        self._attempt(runner, lambda: runner.scoring.put(prepared))
        if runner.member.surroundings[0] != self._settings:
            self._exclude([runner], "it changes settings of the process")

    def _attempt(self, runner: Runner, action: Callable[[], None]) -> None:
        runner.attempt(action)
        if runner.member.work is not runner.scoring and runner in self._runners:  # it has failed
            self._runners.remove(runner)

    def _exclude(self, runners: Sequence[Runner], reason: str) -> None:
        """Let models go on alone."""
        for runner in [each for each in runners if each in self._runners]:
            log.info("%s goes on alone: %s", runner.scoring.name, reason)
            self._runners.remove(runner)

    def _one_by_one(self, file: PhotoFile, runners: Sequence[Runner], lost: Lost) -> Iterator[None]:
        """Prepare a photo whose worker died or hung for each model alone; a model that is to blame goes on alone."""
        pool, task = WorkerPool(1, self._task.engine.timeout), self._task
        [without_models] = pool.in_order(SharedPhotoDataset([file], task.variants, [], [set()], task.source_files))
        everybody = list(self._runners)
        for runner in runners:
            if isinstance(without_models, Lost):
                self._score(runner, PreparedPhoto.unread(file.name, *without_models))
            else:
                self._score_alone(runner, file, pool)
            yield
        if not isinstance(without_models, Lost) and everybody == self._runners:  # nobody is to blame
            if lost.status == "timeout":
                self._patience *= 2
            else:
                self._exclude(everybody, f"{lost.error} at {file.name}, though no model alone is to blame")

    def _score_alone(self, runner: Runner, file: PhotoFile, pool: WorkerPool) -> None:
        try:
            [prepared] = pool.in_order(runner.scoring.task.dataset([file]))
        except Exception as error:  # noqa: BLE001 - the job meets it again alone
            self._exclude([runner], one_line(error))
            return
        self._score(runner, prepared)
        if prepared.record.status in LOST:
            self._exclude([runner], f"{prepared.record.error}, at {file.name}")

    def _leave_out_what_cannot_travel(self) -> None:
        """Let models go on alone that cannot be pickled, where workers are not forked."""
        if start_method() == "fork" or not self._task.engine.worker_count:
            return
        for number, preparation in self._preparations.values():
            try:
                messages.pack(preparation)
            except Exception as error:  # noqa: BLE001 - of other people's code
                self._exclude([r for r in self._runners if r.preparation == number], one_line(error))

    def _measured_workers(self) -> int:
        """Return the number of workers, which share the cores with the networks; see `share_cores`."""
        engine = self._task.engine
        networks = [r for r in self._runners if is_beside_workers(r.scoring.task.engine, r.scoring.task.model)]
        files, dataset = self._photos(count=2)
        if not networks or len(files) < 2:
            return engine.worker_count
        times, outcomes = [], []
        trial = WorkerPool(1, min(engine.timeout, AUTOTUNING_TIMEOUT * len(self._runners)))
        try:
            for item in trial.in_order(dataset):
                times.append(time.perf_counter())
                outcomes.append(item)
        except Exception:  # noqa: BLE001 - the pass will meet it again
            return engine.worker_count
        encoding = 0.0
        for runner in networks:
            for item in outcomes:
                prepared = None if isinstance(item, Lost) else item[runner.preparation]
                if isinstance(prepared, PreparedPhoto) and prepared.stacks:
                    task = runner.scoring.task
                    seconds = seconds_per_picture(task.engine, task.model, prepared.stacks[0].pictures[0])
                    encoding += (seconds or 0.0) * (len(task.variants) + 1)
                    break
        return balanced_workers(times[1] - times[0], encoding)
