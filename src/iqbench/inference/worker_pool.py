"""The stream of prepared photos from the workers, in order, whatever becomes of a worker."""

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pickle import UnpicklingError
from typing import Any, Protocol, TypeVar, cast

from torch.utils.data import DataLoader, Dataset

from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.worker import start_worker
from iqbench.interfaces import PhotoFile

log = logging.getLogger(__name__)

AHEAD = 2
"""Photos that each worker prepares ahead."""

PARTING = 5
"""Seconds in which a worker that speaks no more is seen to be dead."""

START = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
"""How workers start; said, since a launcher may have set a way that only its own processes know."""

T = TypeVar("T", covariant=True)


class PreparesPhotos(Protocol[T]):
    """What the workers do: a data set of photos that can also say of one that it was lost with its worker."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> T: ...

    def lost(self, code: str, error: str) -> T:
        """Return what stands for the first photo, whose worker died or hung."""
        ...


def stream(
    files: Sequence[PhotoFile], preparing: Callable[[Sequence[PhotoFile]], PreparesPhotos[T]], settings: EngineConfig
) -> Iterator[T]:
    """Yield each photo as the workers prepared it, in the order of ``files``.

    When a worker dies, or says nothing for ``settings.timeout`` seconds, the photos that were in its hands or
    another's are prepared again, each by a worker of its own: the one that is guilty is lost, and no other.

    Args:
        files: The photos.
        preparing: Returns the data set of some of them.
        settings: How many workers there are, and how long they may be silent.
    """
    workers = settings.worker_count if len(files) > 1 else 0
    done = 0
    while done < len(files):
        try:
            with _prepared(preparing(files[done:]), workers, settings.timeout) as photos:
                for photo in photos:
                    yield photo
                    done += 1
        except _WorkerLostError as lost:
            log.warning("a worker %s near %s; its photos are looked at one by one", lost.verb, files[done].name)
            for file in files[done : done + workers * AHEAD]:
                yield _alone(preparing([file]), settings.timeout)
                done += 1


def _alone(photo: PreparesPhotos[T], timeout: int) -> T:
    try:
        with _prepared(photo, 1, timeout) as photos:
            (prepared,) = photos
    except _WorkerLostError as lost:
        return photo.lost(lost.code, f"the worker that prepared it {lost.verb}, twice")
    return prepared


class _WorkerLostError(Exception):
    """A worker died or hung: ``code`` is for the results."""

    def __init__(self, code: str, verb: str) -> None:
        super().__init__(code, verb)
        self.code, self.verb = code, verb


@contextmanager
def _prepared(photos: PreparesPhotos[T], workers: int, timeout: int) -> Iterator[Iterator[T]]:
    """Give the photos as the workers prepare them; after an error, a lost worker or Ctrl-C none is left over.

    Raises:
        _WorkerLostError: If one dies or hangs.
    """
    loader: DataLoader[T] = DataLoader(
        cast("Dataset[T]", photos),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=start_worker,
        prefetch_factor=AHEAD if workers else None,
        timeout=timeout if workers else 0,
        multiprocessing_context=START if workers else None,
    )
    before = set(multiprocessing.active_children())
    with _on_death_of(set()):  # DataLoader sets a handler that raises wherever this program is when a worker dies
        prepared = iter(loader)
    own = set(multiprocessing.active_children()) - before
    try:
        yield _watched(prepared, own)
    except BaseException:
        for worker in own:
            worker.kill()  # one that hangs may not listen to anything less, and waiting for the others takes seconds
        raise


def _watched(prepared: Iterator[T], workers: set[BaseProcess]) -> Iterator[T]:
    while True:
        try:
            with _on_death_of(workers):
                photo = next(prepared)
        except StopIteration:
            return
        except (RuntimeError, OSError, EOFError, UnpicklingError) as error:
            text = str(error)
            if "DataLoader timed out" in text:
                raise _WorkerLostError("timeout", "gave no answer in time") from error
            gone = wait([worker.sentinel for worker in workers], PARTING)  # what is handed over is fetched from there
            for worker in workers:
                if worker.sentinel in gone:
                    worker.join()  # it says no more, but may not yet have an exit code
            if _dead(workers) or ("DataLoader worker" in text and "exited unexpectedly" in text):
                raise _WorkerLostError("process_died", "died") from error
            raise
        yield photo


def _dead(workers: set[BaseProcess]) -> bool:
    return any(worker.exitcode not in (None, 0) for worker in workers)


@contextmanager
def _on_death_of(workers: set[BaseProcess]) -> Iterator[None]:
    """Have it raised at once, but only in here, if one of the workers is dead or dies.

    Where no signal can be caught, in another thread than the main one, it is found out after the timeout.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def look(*_: object) -> None:
        if _dead(workers):
            raise _WorkerLostError("process_died", "died")

    handler: Any = signal.signal(signal.SIGCHLD, look)
    try:
        look()
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler)
