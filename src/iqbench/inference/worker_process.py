"""A worker process: how it starts, computes the items of a dataset, and ends."""

import gc
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
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, Self

from iqbench.errors import one_line
from iqbench.inference import messages

STOP_SECONDS = 5
"""Time limit for a worker to end by itself, in seconds; then it is killed."""

POLL_SECONDS = 1
"""Interval in seconds between looks at whether workers and parents are alive."""


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


@dataclass(frozen=True)
class Packed:
    """A pickled dataset, for workers that are not forked."""

    buffers: list[bytes]

    @classmethod
    def of(cls, dataset: object) -> Self:
        """Pickle the dataset.

        Raises:
            Exception: If it cannot be pickled, as in `iqbench.inference.messages.pack`.
        """
        return cls([bytes(buffer) for buffer in messages.pack(dataset)])

    def dataset(self) -> Any:
        """Return the dataset."""
        return messages.unpack([bytearray(buffer) for buffer in self.buffers])


class WorkerProcess:
    """A process with a pipe of its own: its death cannot damage what other workers send."""

    def __init__(self, context: BaseContext, dataset: "Packed | object") -> None:
        self.connection, theirs = context.Pipe()
        self.process: Any = context.Process(  # type: ignore[attr-defined]
            target=serve, args=(theirs, dataset), name="iqbench-worker", daemon=True
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
        """The time at which it started or took up its current item."""

    def give(self, index: int) -> None:
        """Hand over an item to compute."""
        if not self.indexes:
            self.since = time.monotonic()
        self.indexes.append(index)
        with suppress(OSError):  # it is dead, which shows when its answer is awaited
            self.connection.send(index)

    def has_sent(self) -> bool:
        """Return whether an answer, or part of one, is there to be received."""
        try:
            return bool(self.connection.poll())
        except (EOFError, OSError):  # on Windows, of a process that is dead
            return False

    def ask_to_stop(self) -> None:
        """Let the process end when it has no more items."""
        with suppress(OSError):  # it is dead
            self.connection.send(None)

    def stop(self, patience: float) -> None:
        """Wait ``patience`` seconds for the end of the process, then kill it."""
        self.process.join(patience)
        self.process.kill()
        self.process.join(STOP_SECONDS)
        self.connection.close()


@contextmanager
def _starting() -> Iterator[None]:
    """Start a process here even in a daemon, without a Ctrl-C in its first moments, nor a warning about threads."""
    process = multiprocessing.current_process()
    is_daemon = process.daemon
    can_block = hasattr(signal, "pthread_sigmask")
    if can_block and start_method() != "fork":
        resource_tracker.ensure_running()  # at its own start it unblocks the signal, which the first worker would see
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


def serve(connection: Connection, dataset: Any) -> None:
    """Compute the items whose indexes come, in a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the parent handles it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.freeze()  # what a forked process inherits is no garbage: looking for it would only copy its memory
    reason = None
    if isinstance(dataset, Packed):
        try:
            dataset = dataset.dataset()
        except Exception as error:  # noqa: BLE001 - of other people's code; the parent says it
            reason = one_line(error)
    _use_one_core()
    with suppress(EOFError, OSError):  # the parent is gone
        messages.send(connection, messages.pack(reason))
        while (index := connection.recv()) is not None:
            messages.send(connection, _answer(dataset, index))


def _answer(dataset: Any, index: int) -> list[memoryview]:
    """Return the message about an item: the error that it raised, if any, and the item."""
    try:
        return messages.pack((None, dataset[index]))
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        return messages.pack((_portable(error), None))


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
    note = f"In a worker process:\n{''.join(traceback.format_exception(error))}"  # shows an error without a text, too
    try:
        messages.unpack(messages.pack(error))
    except Exception:  # noqa: BLE001 - whatever its own pickling raises
        error = RuntimeError(one_line(error))
    error.add_note(note)
    return error
