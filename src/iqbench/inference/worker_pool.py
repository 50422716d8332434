"""A pool of worker processes that survives workers that die or hang."""

import heapq
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, Generic, Protocol, TypeVar

from iqbench.inference import messages

log = logging.getLogger(__name__)

AHEAD = 2
"""Items that each worker has in hand: one that it works on, one that waits."""

START_SECONDS = 120
"""Time limit for a worker to start, in seconds. Where processes cannot be forked, each one imports torch anew."""

STOP_SECONDS = 5
"""Time limit for a worker to end by itself, in seconds; then it is killed."""

POLL_SECONDS = 1
"""Interval in seconds between looks at whether workers and parents are alive."""

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Dataset(Protocol[T_co]):
    """A sequence of items that workers compute, which also returns a substitute for an item that kills its worker.

    Where processes cannot be forked (Windows, macOS, or once CUDA has started) it is pickled for each worker.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> T_co: ...

    def lost(self, index: int, code: str, error: str) -> T_co:
        """Return the substitute: ``code`` is ``process_died`` or ``timeout``, ``error`` says what happened."""
        ...


@dataclass(frozen=True)
class WorkerPool:
    """Compute the items of a dataset in worker processes.

    If a worker dies or hangs, its item is tried once more while nothing else runs. If that fails too, the
    item gets a substitute (`Dataset.lost`). All other items are computed as if nothing had happened. Errors
    that an item raises are raised here. No worker outlives the iteration, Ctrl-C or this process.

    Args:
        workers: Number of processes; 0 computes everything in this process, unprotected.
        timeout: Seconds that an item may take.
    """

    workers: int
    timeout: float

    def in_order(self, dataset: Dataset[T]) -> Iterator[T]:
        """Yield the items in order. At most ``2 * workers`` of them are computed ahead."""
        early: dict[int, T] = {}
        run = _Run(self, dataset, limit=self.workers * AHEAD)
        for index, item in run.items():
            early[index] = item
            while run.limit - self.workers * AHEAD in early:
                run.limit += 1
                yield early.pop(run.limit - 1 - self.workers * AHEAD)

    def as_finished(self, dataset: Dataset[T]) -> Iterator[tuple[int, T]]:
        """Yield the items as they are finished, each with its index."""
        return _Run(self, dataset, limit=len(dataset)).items()


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_method() -> str:
    """Return how to start workers: ``fork`` where that is safe, otherwise ``forkserver`` or ``spawn``.

    A program that calls ``multiprocessing.set_start_method("spawn")`` gets ``spawn``. macOS's own libraries
    break in forked processes, and so does a GPU's driver after it has started.
    """
    methods = multiprocessing.get_all_start_methods()
    if multiprocessing.get_start_method(allow_none=True) == "spawn" or sys.platform == "darwin":
        return "spawn"
    torch = sys.modules.get("torch")
    safe = ["forkserver"] if torch is not None and torch.cuda.is_initialized() else ["fork"]
    return next((method for method in safe if method in methods), "spawn")


class _CannotStartError(Exception):
    """A worker died or hung before it was ready."""


class _Worker:
    """A process with a pipe of its own: its death cannot damage what other workers send."""

    def __init__(self, context: BaseContext, dataset: object) -> None:
        self.connection, theirs = context.Pipe()
        self.process: Any = context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(theirs, dataset), name="iqbench-worker", daemon=True
        )
        try:
            with _starting():
                self.process.start()
        except BaseException:  # a Ctrl-C comes when the process has started
            if self.process.pid is not None:
                self.process.kill()
            self.connection.close()
            raise
        finally:
            theirs.close()
        self.indexes: deque[int] = deque()
        """Items in its hands, the current one first."""
        self.is_ready = False
        self.since = time.monotonic()
        """When it started or took up its current item."""

    def give(self, index: int) -> None:
        """Hand over an item to compute."""
        if not self.indexes:
            self.since = time.monotonic()
        self.indexes.append(index)
        with suppress(OSError):  # it is dead, which shows when its answer is awaited
            self.connection.send(index)

    def stop(self, patience: float) -> None:
        """End the process: ask, wait ``patience`` seconds, then kill."""
        if patience:
            with suppress(OSError):
                self.connection.send(None)
            self.process.join(patience)
        self.process.kill()
        self.process.join(STOP_SECONDS)
        self.connection.close()


class _Run(Generic[T]):
    """One pass over a dataset."""

    def __init__(self, pool: WorkerPool, dataset: Dataset[T], limit: int) -> None:
        self.limit = limit
        """Index of the first item that is not yet to be computed."""
        self._dataset, self._timeout = dataset, pool.timeout
        self._size = min(pool.workers, len(dataset))
        self._waiting = list(range(len(dataset)))  # a heap
        self._suspects: deque[int] = deque()
        """Items whose worker died or hung; each is tried again alone."""
        self._tried_alone: set[int] = set()
        self._workers: list[_Worker] = []

    def items(self) -> Iterator[tuple[int, T]]:
        """Yield each item with its index, as they are finished."""
        if self._size == 0:
            yield from ((index, self._dataset[index]) for index in self._waiting)
            return
        patience = 0
        try:
            method = start_method()
            context = multiprocessing.get_context(method)
            packed = method != "fork" and _Packed([bytes(buffer) for buffer in messages.pack(self._dataset)])
            if method == "forkserver":
                context.set_forkserver_preload([__name__, type(self._dataset).__module__])
            while self._waiting or self._suspects or any(worker.indexes for worker in self._workers):
                self._start(context, packed or self._dataset)
                self._hand_out()
                yield from self._collect()
            patience = STOP_SECONDS
        except _CannotStartError:
            for worker in self._workers:
                self._take_back(worker)
            self._stop(0)
            log.warning("worker processes cannot be started from this program; it goes on without them")
            yield from self._without_workers()
        finally:
            self._stop(patience)

    def _start(self, context: BaseContext, payload: object) -> None:
        wanted = min(self._size, len(self._waiting) + len(self._suspects))
        try:
            while len(self._workers) < wanted:
                self._workers.append(_Worker(context, payload))
        except OSError as error:
            raise _CannotStartError from error

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
        by_handle = {worker.connection: worker for worker in self._workers}
        sentinels = {worker.process.sentinel: worker for worker in self._workers}
        handles = set(wait([*by_handle, *sentinels], POLL_SECONDS))
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.connection in handles:
                try:
                    buffers = messages.receive(worker.connection)
                except (EOFError, OSError):
                    yield from self._lose(worker, "process_died", "died")
                else:
                    worker.since = now
                    yield from self._take(worker, messages.unpack(buffers))
            elif worker.process.sentinel in handles or not worker.process.is_alive():
                yield from self._lose(worker, "process_died", "died")
            elif worker.indexes and now - worker.since > (self._timeout if worker.is_ready else START_SECONDS):
                yield from self._lose(worker, "timeout", "gave no answer in time")

    def _take(self, worker: _Worker, message: Any) -> Iterator[tuple[int, T]]:
        if not worker.is_ready:
            worker.is_ready = True
            return
        error, item = message
        if error is not None:
            raise error
        index = worker.indexes.popleft()
        self._tried_alone.discard(index)
        yield index, item

    def _lose(self, worker: _Worker, code: str, reason: str) -> Iterator[tuple[int, T]]:
        """Drop a worker that died or hung; its current item is guilty, the others go back."""
        self._workers.remove(worker)
        worker.stop(0)
        if not worker.is_ready:
            self._take_back(worker)
            raise _CannotStartError
        if not worker.indexes:
            return
        index = worker.indexes.popleft()
        self._take_back(worker)
        if index in self._tried_alone:
            self._tried_alone.discard(index)
            yield index, self._dataset.lost(index, code, f"the worker that prepared it {reason}, twice")
        else:
            log.warning("a worker %s at item %d; it is tried once more, alone", reason, index)
            self._suspects.append(index)

    def _take_back(self, worker: _Worker) -> None:
        while worker.indexes:
            index = worker.indexes.popleft()
            if index in self._tried_alone:
                self._suspects.append(index)
            else:
                heapq.heappush(self._waiting, index)

    def _without_workers(self) -> Iterator[tuple[int, T]]:
        for index in self._suspects:
            error = "the worker that prepared it died, and no other could be started"
            yield index, self._dataset.lost(index, "process_died", error)
        yield from ((index, self._dataset[index]) for index in sorted(self._waiting))

    def _stop(self, patience: float) -> None:
        for worker in self._workers:
            worker.stop(patience)
        self._workers = []


@dataclass(frozen=True)
class _Packed:
    """A pickled dataset."""

    buffers: list[bytes]


def _serve(connection: Connection, dataset: Any) -> None:
    """Compute the items whose indexes come, in a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the parent handles it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if isinstance(dataset, _Packed):
        dataset = messages.unpack([bytearray(buffer) for buffer in dataset.buffers])
    _use_one_core()
    messages.send(connection, messages.pack(None))
    while (index := connection.recv()) is not None:
        try:
            message = messages.pack((None, dataset[index]))
        except Exception as error:  # noqa: BLE001 - raised again in the parent
            message = messages.pack((_portable(error), None))
        messages.send(connection, message)


def _end_with_parent() -> None:
    """End this worker when its parent is gone, however it ended."""
    parent: Any = multiprocessing.parent_process()
    started_by = os.getppid()
    # siblings may hold copies of the pipe whose end would tell, so look at the parent's number as well
    while os.getppid() == started_by and not wait([parent.sentinel], POLL_SECONDS):
        pass
    os._exit(1)


def _use_one_core() -> None:
    """Keep libraries to one thread: there is a worker for each core."""
    if (cv2 := sys.modules.get("cv2")) is not None:
        cv2.setNumThreads(0)  # 1 would wait for the parent's threads, which a forked process does not have
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


def _portable(error: Exception) -> Exception:
    """Return an error that can be pickled, with the worker's traceback as a note."""
    note = f"In a worker process:\n{''.join(traceback.format_exception(error))}"
    try:
        messages.unpack(messages.pack(error))
    except Exception:  # noqa: BLE001 - whatever its own pickling raises
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(note)
    return error


@contextmanager
def _starting() -> Iterator[None]:
    """Start a process here even in a daemon, without a Ctrl-C in its first moments, nor a warning about threads."""
    process = multiprocessing.current_process()
    is_daemon = process.daemon
    can_block = hasattr(signal, "pthread_sigmask")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_block else None
    try:
        process.daemon = False  # daemons may not have children; these end with it all the same
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"This process .* is multi-threaded", DeprecationWarning)
            yield
    finally:
        process.daemon = is_daemon
        if blocked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
