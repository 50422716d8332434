"""Decoding many photos in processes of their own, so that a photo that kills its process takes nothing else down."""

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from iqbench import photos

log = logging.getLogger(__name__)

FEW = 100
"""Photos that are decoded sooner than other processes start."""
_CHUNK = 8
"""Photos that a process is given at a time; those in the air when a process dies are decoded again, one by one."""

START_SECONDS = 120
"""In which all processes have to come up."""


class Finding(NamedTuple):
    """What became of a photo when it was decoded: ``code`` is ``ok``, or why it cannot be used."""

    sha256: str | None
    file_bytes: int | None
    width: int | None
    height: int | None
    code: str
    error: str


DIED = Finding(None, None, None, None, "process_died", "the process that decoded it was killed, twice")


def look(path: Path) -> Finding:
    """Decode a photo, and return what is to be remembered of it.

    Raises:
        OSError: If the machine is at fault, for instance its disk.
    """
    try:
        decoded = photos.read(path)
    except photos.PhotoError as error:
        return Finding(None, None, None, None, error.code, str(error))
    height, width = decoded.pixels.shape[:2]
    return Finding(decoded.sha256, decoded.file_bytes, width, height, "ok", "")


def inspect(paths: Sequence[Path], look: Callable[[Path], Finding] = look) -> Iterator[tuple[int, Finding]]:
    """Yield what became of each photo, with its place in ``paths``, as they are finished.

    Args:
        paths: The photos.
        look: What is done with each, a function that other processes can import.
    """
    if len(paths) < FEW:
        yield from ((place, look(path)) for place, path in enumerate(paths))
        return
    waiting = deque(range(start, min(start + _CHUNK, len(paths))) for start in range(0, len(paths), _CHUNK))
    while waiting:
        suspects: list[int] = []
        with _pool(len(os.sched_getaffinity(0))) as pool:
            if pool is None:
                log.warning("other processes cannot be started from this program; decoding in this one alone")
                yield from ((place, look(paths[place])) for chunk in waiting for place in chunk)
                return
            yield from _until_broken(pool, waiting, paths, look, suspects)
        if suspects:
            yield from _singly(suspects, paths, look)


def _until_broken(
    pool: ProcessPoolExecutor,
    waiting: deque[range],
    paths: Sequence[Path],
    look: Callable[[Path], Finding],
    suspects: list[int],
) -> Iterator[tuple[int, Finding]]:
    """Yield findings until all is done or a process dies; then ``suspects`` are the photos that were in the air."""
    running: dict[Future[list[Finding]], range] = {}
    most = 2 * len(os.sched_getaffinity(0))
    try:
        while waiting or running:
            while waiting and len(running) < most:
                running[pool.submit(_look_at, look, [paths[place] for place in waiting[0]])] = waiting[0]
                waiting.popleft()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                findings = future.result()
                yield from zip(running.pop(future), findings, strict=True)
    except BrokenProcessPool:
        suspects += sorted(place for chunk in running.values() for place in chunk)


def _singly(
    places: Iterable[int], paths: Sequence[Path], look: Callable[[Path], Finding]
) -> Iterator[tuple[int, Finding]]:
    """Yield findings one by one: whoever kills the process now is guilty, and the next photo gets a new one."""
    waiting = deque(places)
    while waiting:
        with _pool(1) as pool:
            try:
                while pool is not None and waiting:
                    yield waiting[0], pool.submit(look, paths[waiting[0]]).result()
                    waiting.popleft()
            except BrokenProcessPool:
                pool = None
            if pool is None and waiting:
                yield waiting.popleft(), DIED


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor | None]:
    """Give a pool whose processes have all come up, or None if they cannot.

    All of them at once, since a pool that starts one more while another dies waits for it for ever
    (CPython's ``terminate_broken`` ends only those that it knew of). They are copies
    of a server that has imported this module and does nothing else: copies of this program, which may
    have threads, could hang, and each new one would take seconds to import it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the server and its copies inherit this
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    everyone = context.Barrier(workers)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(everyone,))
    try:
        try:
            for up in [pool.submit(_is_up) for _ in range(workers)]:
                up.result()
        except (BrokenProcessPool, OSError, EOFError):
            yield None
        else:
            yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _look_at(look: Callable[[Path], Finding], paths: Sequence[Path]) -> list[Finding]:
    return [look(path) for path in paths]


def _is_up() -> bool:
    return True


def _start(everyone: Barrier) -> None:
    """Leave Ctrl-C to the parent process, end when it is gone, and wait for the other processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    everyone.wait(timeout=START_SECONDS)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
