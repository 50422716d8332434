"""Calls in workers: results in order, errors raised here, and a call whose worker dies is made in this process."""

import multiprocessing
import os
from functools import partial

import pytest

from iqbench.errors import UsageError
from iqbench.inference.calls_in_workers import in_workers

HERE = os.getpid()


def place(number: int) -> tuple[int, int]:
    return number, os.getpid()


def kills_its_worker(number: int) -> tuple[int, int]:
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return place(number)


def fails(number: int) -> tuple[int, int]:
    raise UsageError(f"no {number}")


def test_the_results_come_in_order_from_as_many_processes_as_are_allowed() -> None:
    results = list(in_workers([partial(place, number) for number in range(6)], workers=2))
    assert [number for number, _ in results] == list(range(6))
    processes = {process for _, process in results}
    assert HERE not in processes
    assert len(processes) <= 2


@pytest.mark.parametrize("workers", [0, 1])
def test_without_several_workers_the_calls_are_made_here(workers: int) -> None:
    assert list(in_workers([partial(place, number) for number in (3, 4)], workers)) == [(3, HERE), (4, HERE)]
    assert list(in_workers([partial(place, 5)], workers=2)) == [(5, HERE)]


def test_a_call_whose_worker_dies_is_made_here_and_the_others_are_not() -> None:
    results = list(in_workers([partial(place, 0), partial(kills_its_worker, 1), partial(place, 2)], workers=2))
    assert [number for number, _ in results] == [0, 1, 2]
    assert [process == HERE for _, process in results] == [False, True, False]


def test_an_error_of_a_call_is_raised_here() -> None:
    results = in_workers([partial(place, 0), partial(fails, 1), partial(place, 2)], workers=2)
    assert next(results)[0] == 0
    with pytest.raises(UsageError, match="no 1"):
        next(results)
