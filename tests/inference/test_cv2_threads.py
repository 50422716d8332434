"""OpenCV in a forked worker: its settings are given back without waiting for threads that only the parent has."""

import multiprocessing
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from iqbench.inference.process_state import one_cv2_thread, process_settings, restore_settings
from iqbench.inference.worker_process import _use_one_core

PATIENCE = 30
"""Seconds after which a process counts as hanging."""


def in_threads() -> None:
    """Do what OpenCV does in its own threads. (It smooths in others.)"""
    cv2.resize(np.zeros((2000, 2000, 3), np.uint8), (777, 555), interpolation=cv2.INTER_AREA)


def after_one_thread() -> None:
    with one_cv2_thread():
        pass


def after_a_model_that_sets_threads() -> None:
    before = process_settings()
    cv2.setNumThreads(3)
    restore_settings(before)


def in_a_worker(action: Callable[[], None]) -> None:
    _use_one_core()
    action()
    in_threads()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here")
@pytest.mark.parametrize("action", [after_one_thread, after_a_model_that_sets_threads])
def test_a_worker_whose_parent_used_threads_does_not_wait_for_them(action: Callable[[], None]) -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        in_threads()
        worker = multiprocessing.get_context("fork").Process(target=in_a_worker, args=[action])
        worker.start()
        worker.join(PATIENCE)
        hangs = worker.is_alive()
        worker.kill()
        worker.join()
        assert not hangs
        assert worker.exitcode == 0
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_is_given_back(threads: int) -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        with one_cv2_thread():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize(("threads", "given_back"), [(1, 0), (4, 4)])
def test_a_single_thread_is_given_back_as_none_which_never_waits(
    monkeypatch: pytest.MonkeyPatch, threads: int, given_back: int
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(cv2, "getNumThreads", lambda: threads)
    monkeypatch.setattr(cv2, "setNumThreads", calls.append)
    with one_cv2_thread():
        pass
    assert calls == [0, given_back]


def test_a_single_thread_is_restored_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before, calls = cv2.getNumThreads(), list[int]()
    cv2.setNumThreads(3)
    try:
        settings = process_settings() | {"cv2_threads": 1}
        with monkeypatch.context() as patched:
            patched.setattr(cv2, "setNumThreads", calls.append)
            restore_settings(settings)
    finally:
        cv2.setNumThreads(before)
    assert calls == [0]
