"""The state of the process that a model may change for everybody: its folder and the settings of libraries."""

import locale
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import torch

from iqbench.photos import strict_pillow


@contextmanager
def restored_process_state() -> Iterator[None]:
    """Give back at the end what a model has changed for the whole process.

    The model keeps its changes while it runs, because it may depend on them. Reports, and the next model of a sweep,
    must not see them.
    """
    with ExitStack() as stack:
        with suppress(OSError):  # the folder is gone
            stack.callback(os.chdir, Path.cwd())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(np.errstate())
        stack.enter_context(strict_pillow())
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        stack.callback(_reset_default_device, torch.get_default_device())
        stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        for device in ("cpu", "cuda"):
            stack.callback(torch.set_autocast_enabled, device, torch.is_autocast_enabled(device))
            stack.callback(torch.set_autocast_dtype, device, torch.get_autocast_dtype(device))
        stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        stack.callback(torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled())
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        stack.callback(cv2.setNumThreads, cv2.getNumThreads())
        stack.callback(locale.setlocale, locale.LC_ALL, locale.setlocale(locale.LC_ALL))
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                stack.callback(signal.signal, number, signal.getsignal(number))
        yield


def _reset_default_device(before: torch.device) -> None:
    if torch.get_default_device() != before:
        torch.set_default_device(None if before.type == "cpu" else before)
