"""Calls of functions that do not depend on each other, made at once in worker processes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Generic, NamedTuple, TypeVar

from iqbench.inference.worker_pool import WorkerPool

T = TypeVar("T")

TIMEOUT = 3600
"""Seconds after which a call in a worker is given up, and made in this process."""


class _NotMade(NamedTuple):
    """Stands for the result of a call whose worker died or hung."""


def in_workers(calls: Sequence[Callable[[], T]], workers: int) -> Iterator[T]:
    """Yield the results of some calls in order. A call whose worker dies or hangs is made in this process.

    Args:
        calls: The calls. Where processes cannot be forked, they and their results have to be picklable.
        workers: Number of processes; fewer than two make all calls in this process.

    Raises:
        Exception: That a call raises.

    Example:
        >>> from functools import partial
        >>> list(in_workers([partial(pow, 2, 5), partial(pow, 3, 2)], workers=0))
        [32, 9]
    """
    workers = min(workers, len(calls))
    with closing(WorkerPool(workers if workers > 1 else 0, TIMEOUT).in_order(_Calls(calls))) as results:
        for call, result in zip(calls, results, strict=True):
            yield call() if isinstance(result, _NotMade) else result


class _Calls(Generic[T]):
    """The calls as items, which are their results."""

    def __init__(self, calls: Sequence[Callable[[], T]]) -> None:
        self._calls = calls

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, index: int) -> T | _NotMade:
        return self._calls[index]()

    def substitute(self, index: int, code: str, error: str) -> T | _NotMade:
        return _NotMade()
