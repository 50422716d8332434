"""A pool of worker processes that survives workers that die or hang."""

import heapq
import logging
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any, Generic, Protocol, TypeVar

from iqbench.errors import UsageError, one_line
from iqbench.inference import messages
from iqbench.inference.worker_process import POLL_SECONDS, STOP_SECONDS, Packed, WorkerProcess, start_method

log = logging.getLogger(__name__)

AHEAD = 2
"""Items that each worker has in hand: one that it works on, one that waits."""

START_SECONDS = 120
"""Time limit for a worker to start, in seconds. Where processes cannot be forked, each one imports torch anew."""

MAX_ON_WINDOWS = 30
"""Largest number of workers on Windows, which waits for 63 events at most; each worker has two."""

WITHOUT_WORKERS = "use engine.workers=0"

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class WorkerDataset(Protocol[T_co]):
    """A sequence of items that workers compute, which also returns a substitute for an item that kills its worker.

    Where processes cannot be forked (Windows, macOS, or once CUDA has started) it is pickled for each worker.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> T_co: ...

    def substitute(self, index: int, code: str, error: str) -> T_co:
        """Return the substitute: ``code`` is ``process_died`` or ``timeout``, ``error`` says what happened."""
        ...


@dataclass(frozen=True)
class WorkerPool:
    """Compute the items of a dataset in worker processes.

    If a worker dies or hangs, its item is tried once more while nothing else runs. If that fails too, the
    item gets a substitute (`WorkerDataset.substitute`). All other items are computed as if nothing had happened. Errors
    that an item raises are raised here. No worker outlives the iteration, Ctrl-C or this process.

    Args:
        workers: Number of processes; 0 computes everything in this process, unprotected.
        timeout: Seconds that an item may take.
    """

    workers: int
    timeout: float

    def in_order(self, dataset: WorkerDataset[T]) -> Generator[T]:
        """Yield the items in order. At most ``2 * workers`` of them are computed ahead.

        The workers end with the generator: close it where an error may leave it unfinished, since the traceback of the
        error keeps what the code that met it has named.
        """
        ahead = self.workers * AHEAD
        run = _Run(self, dataset, limit=ahead)
        position = 0
        early: dict[int, T] = {}
        for index, item in run.items():
            early[index] = item
            while position in early:
                run.limit = position + 1 + ahead
                yield early.pop(position)
                position += 1

    def as_finished(self, dataset: WorkerDataset[T]) -> Iterator[tuple[int, T]]:
        """Yield the items as they are finished, each with its index."""
        return _Run(self, dataset, limit=len(dataset)).items()


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _packed(dataset: object) -> Packed:
    """Return the dataset as workers get it that are not forked.

    Raises:
        UsageError: If it cannot be pickled.
    """
    try:
        return Packed.of(dataset)
    except Exception as error:
        raise UsageError(
            f"the model or a degradation cannot be pickled for a worker process ({one_line(error)}); "
            f"define it at the top level of a module, or {WITHOUT_WORKERS}"
        ) from error


class _CannotStartError(Exception):
    """A worker died or hung before it was ready."""


class _Run(Generic[T]):
    """One pass over a dataset."""

    def __init__(self, pool: WorkerPool, dataset: WorkerDataset[T], limit: int) -> None:
        self.limit = limit
        """Index of the first item that is not yet to be computed."""
        self._dataset, self._timeout = dataset, pool.timeout
        self._size = min(pool.workers, len(dataset), MAX_ON_WINDOWS if os.name == "nt" else pool.workers)
        self._waiting = list(range(len(dataset)))  # a heap
        self._suspects: deque[int] = deque()
        """Items whose worker died or hung; each is tried again alone."""
        self._tried_alone: set[int] = set()
        self._workers: list[WorkerProcess] = []

    def items(self) -> Iterator[tuple[int, T]]:
        """Yield each item with its index, as they are finished."""
        if self._size == 0:
            yield from ((index, self._dataset[index]) for index in self._waiting)
            return
        patience = 0
        try:
            method = start_method()
            context = multiprocessing.get_context(method)
            dataset = self._dataset if method == "fork" else _packed(self._dataset)
            if method == "forkserver":
                context.set_forkserver_preload([__name__, type(self._dataset).__module__])
            while self._waiting or self._suspects or any(worker.indexes for worker in self._workers):
                self._start(context, dataset)
                self._hand_out()
                yield from self._collect()
            patience = STOP_SECONDS
        except _CannotStartError as error:
            for worker in self._workers:
                self._take_back(worker)
            self._stop(0)
            log.warning("worker processes cannot be started (%s); this process goes on without them", error)
            yield from self._without_workers()
        finally:
            self._stop(patience)

    def _start(self, context: BaseContext, dataset: object) -> None:
        wanted = min(self._size, len(self._waiting) + len(self._suspects))
        try:
            while len(self._workers) < wanted:
                self._workers.append(WorkerProcess(context, dataset))
        except OSError as error:
            raise _CannotStartError(str(error)) from error

    def _hand_out(self) -> None:
        if self._suspects:
            if not any(worker.indexes for worker in self._workers):
                index = self._suspects.popleft()
                self._tried_alone.add(index)
                self._workers[0].give(index)
            return
        if any(worker.indexes and worker.indexes[0] in self._tried_alone for worker in self._workers):
            return
        while self._waiting and self._waiting[0] < self.limit:
            worker = min(self._workers, key=lambda worker: len(worker.indexes))
            if len(worker.indexes) >= AHEAD:
                return
            worker.give(heapq.heappop(self._waiting))

    def _collect(self) -> Iterator[tuple[int, T]]:
        """Yield what workers send; wait for at most `POLL_SECONDS`."""
        connections = [worker.connection for worker in self._workers]
        handles = set(wait([*connections, *(worker.process.sentinel for worker in self._workers)], POLL_SECONDS))
        items: list[tuple[int, T]] = []  # yielded later: what is known of the workers is out of date after a yield
        failure: Exception | None = None
        for worker in list(self._workers):
            try:
                items += self._look_at(worker, worker.connection in handles)
            except Exception as error:  # noqa: BLE001 - raised when the items that are there have been yielded
                failure = error
                break
        yield from items
        if failure is not None:
            raise failure

    def _look_at(self, worker: WorkerProcess, has_sent: bool) -> list[tuple[int, T]]:
        """Return the item that a worker sent, or the substitute for the one that it died or hung at."""
        now = time.monotonic()
        if not has_sent and not worker.process.is_alive():
            has_sent = worker.has_sent()  # between the wait and its death
            if not has_sent:
                return self._lose(worker, "process_died", "died")
        if has_sent:
            try:
                buffers = messages.receive(worker.connection)
            except (EOFError, OSError):
                return self._lose(worker, "process_died", "died")
            worker.since = now  # it may have waited for a consumer that was away
            return self._take(worker, messages.unpack(buffers))
        if worker.indexes and now - worker.since > (self._timeout if worker.is_ready else START_SECONDS):
            return self._lose(worker, "timeout", "gave no answer in time")
        return []

    def _take(self, worker: WorkerProcess, message: Any) -> list[tuple[int, T]]:
        if not worker.is_ready:
            if message is not None:
                raise UsageError(f"a worker process cannot load its work ({message}); {WITHOUT_WORKERS}")
            worker.is_ready = True
            return []
        error, item = message
        if error is not None:
            raise error
        index = worker.indexes.popleft()
        self._tried_alone.discard(index)
        return [(index, item)]

    def _lose(self, worker: WorkerProcess, code: str, reason: str) -> list[tuple[int, T]]:
        """Drop a worker that died or hung; its current item is guilty, the others go back."""
        self._workers.remove(worker)
        worker.stop(0)
        if not worker.is_ready:
            self._take_back(worker)
            raise _CannotStartError(f"one {reason} before it was ready, exit code {worker.process.exitcode}")
        if not worker.indexes:
            return []
        index = worker.indexes.popleft()
        self._take_back(worker)
        if index in self._tried_alone:
            self._tried_alone.discard(index)
            return [(index, self._dataset.substitute(index, code, f"the worker that prepared it {reason}, twice"))]
        log.warning("a worker %s at photo %d; it is tried once more, alone", reason, index)
        self._suspects.append(index)
        return []

    def _take_back(self, worker: WorkerProcess) -> None:
        while worker.indexes:
            index = worker.indexes.popleft()
            if index in self._tried_alone:
                self._suspects.append(index)
            else:
                heapq.heappush(self._waiting, index)

    def _without_workers(self) -> Iterator[tuple[int, T]]:
        for index in self._suspects:
            error = "the worker that prepared it died, and no other could be started"
            yield index, self._dataset.substitute(index, "process_died", error)
        yield from ((index, self._dataset[index]) for index in sorted(self._waiting))

    def _stop(self, patience: float) -> None:
        if patience:
            for worker in self._workers:
                worker.ask_to_stop()
        for worker in self._workers:
            worker.stop(patience)
        self._workers = []
