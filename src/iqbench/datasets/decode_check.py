"""Decoding photos in processes of their own, so that one that kills or hangs its process takes nothing else down."""

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from iqbench import photos
from iqbench.inference.engine_config import cores

log = logging.getLogger(__name__)

FEW = 100
"""Photos that are decoded sooner than a server of processes is up: for them, this program is copied as it is."""
_CHUNK = 8
"""Photos that a process is given at a time; those in the air when a process dies are decoded again, one by one."""

START_SECONDS = 120
"""In which all processes have to come up."""

PATIENCE = 300
"""Seconds without a single photo being finished, after which those in the air are given up."""


class Finding(NamedTuple):
    """What became of a photo when it was decoded: ``code`` is ``ok``, or why it cannot be used."""

    sha256: str | None
    file_bytes: int | None
    width: int | None
    height: int | None
    code: str
    error: str


DIED = Finding(None, None, None, None, "process_died", "the process that decoded it was killed, twice")
HUNG = Finding(None, None, None, None, "timeout", "it was not decoded in time, twice")


class _HungError(Exception):
    """The processes of a pool do not get on."""


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
    start = "fork" if len(paths) < FEW else "forkserver"
    waiting = deque(range(start, min(start + _CHUNK, len(paths))) for start in range(0, len(paths), _CHUNK))
    while waiting:
        suspects: list[int] = []
        with _pool(start, min(cores(), len(waiting))) as pool:
            if pool is None:
                log.warning("other processes cannot be started from this program; decoding in this one alone")
                yield from ((place, look(paths[place])) for chunk in waiting for place in chunk)
                return
            yield from _until_broken(pool, waiting, paths, look, suspects)
        if suspects:
            yield from _singly(start, suspects, paths, look)


def _until_broken(
    pool: ProcessPoolExecutor,
    waiting: deque[range],
    paths: Sequence[Path],
    look: Callable[[Path], Finding],
    suspects: list[int],
) -> Iterator[tuple[int, Finding]]:
    """Yield findings until all is done, or a process dies or hangs; ``suspects`` are then the photos in the air."""
    running: dict[Future[list[Finding]], range] = {}
    most = 2 * cores()
    try:
        while waiting or running:
            while waiting and len(running) < most:
                running[pool.submit(_look_at, look, [paths[place] for place in waiting[0]])] = waiting[0]
                waiting.popleft()
            finished = wait(running, timeout=PATIENCE, return_when=FIRST_COMPLETED).done
            if not finished:
                suspects += sorted(place for chunk in running.values() for place in chunk)
                raise _HungError
            for future in finished:
                findings = future.result()
                yield from zip(running.pop(future), findings, strict=True)
    except BrokenProcessPool:
        suspects += sorted(place for chunk in running.values() for place in chunk)


def _singly(
    start: str, places: Iterable[int], paths: Sequence[Path], look: Callable[[Path], Finding]
) -> Iterator[tuple[int, Finding]]:
    """Yield findings one by one: who kills or hangs the process now is guilty, and the next photo gets a new one."""
    waiting = deque(places)
    while waiting:
        lost = DIED
        with _pool(start, 1) as pool, suppress(BrokenProcessPool):
            while pool is not None and waiting:
                future = pool.submit(look, paths[waiting[0]])
                if not wait([future], timeout=PATIENCE).done:
                    lost = HUNG
                    raise _HungError
                yield waiting[0], future.result()
                waiting.popleft()
        if waiting:
            yield waiting.popleft(), lost


@contextmanager
def _pool(start: str, workers: int) -> Iterator[ProcessPoolExecutor | None]:
    """Give a pool whose processes have all come up, or None if they cannot; after a `_HungError` it is killed.

    All of them at once, since a pool that starts one more while another dies waits for it for ever
    (CPython's ``terminate_broken`` ends only those that it knew of). Started by ``forkserver``, they are
    copies of a server that has imported this module and does nothing else: copies of this program, which
    may have threads, could hang. Started by ``fork`` they are such copies, but up at once.
    """
    context = multiprocessing.get_context(start)
    if start == "forkserver":
        _start_server()
    before = set(multiprocessing.active_children())
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
    except _HungError:
        for process in set(multiprocessing.active_children()) - before:
            process.kill()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_server() -> None:
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the server and its copies inherit this
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _look_at(look: Callable[[Path], Finding], paths: Sequence[Path]) -> list[Finding]:
    return [look(path) for path in paths]


def _is_up() -> bool:
    return True


def _start(everyone: Barrier) -> None:
    """Leave Ctrl-C to the parent process, end when it is gone or says so, and wait for the other processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    everyone.wait(timeout=START_SECONDS)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
