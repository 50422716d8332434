"""The state of the process that a model may change for everybody: its folder, the settings of libraries, chance."""

import locale
import os
import random
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageFile

from iqbench.inference.float_format import float_format_beside_judging, set_float_format_beside_judging
from iqbench.photos import strict_pillow

Settings = dict[str, Any]
"""The values of settings by name, as `process_settings` and `random_states` return them."""


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a Path takes four times as long, and this is asked after each picture
    except OSError:  # the folder is gone
        return ""


def _enter(folder: str) -> None:
    with suppress(OSError):  # the folder is gone
        os.chdir(folder)


def _set_default_device(before: torch.device) -> None:
    if torch.get_default_device() != before:
        torch.set_default_device(None if before.type == "cpu" else before)


def _signals() -> tuple[Any, ...]:
    return tuple(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))


def _set_signals(handlers: tuple[Any, ...]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
            signal.signal(number, handler)


class _Filters:
    """The filters of warnings; equal where the same warnings are errors, since no other filter changes an answer."""

    def __init__(self) -> None:
        self.entries = list(warnings.filters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Filters) and self._errors == other._errors

    __hash__ = None  # type: ignore[assignment]

    @property
    def _errors(self) -> list[Any]:
        """The filters down to the last one that makes an error: those before it make exceptions from it."""
        last = max((place for place, entry in enumerate(self.entries) if entry[0] == "error"), default=-1)
        return self.entries[: last + 1]


def _set_filters(before: _Filters) -> None:
    filters: Any = warnings.filters
    filters[:] = before.entries


def _set_cv2_threads(count: int) -> None:
    """Set the threads of OpenCV, which reports 0 as 1; in a forked process, 1 would wait for the parent's threads."""
    cv2.setNumThreads(0 if count == 1 else count)


@contextmanager
def one_cv2_thread() -> Iterator[None]:
    """Let OpenCV compute in the calling thread, with the same bits in a worker and in the main process."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        _set_cv2_threads(threads)


def _of_autocast(device: str) -> dict[str, tuple[Callable[[], Any], Callable[[Any], object]]]:
    return {
        f"autocast_{device}": (
            lambda: torch.is_autocast_enabled(device),
            lambda is_on: torch.set_autocast_enabled(device, is_on),
        ),
        f"autocast_dtype_{device}": (
            lambda: torch.get_autocast_dtype(device),
            lambda dtype: torch.set_autocast_dtype(device, dtype),
        ),
    }


def _attribute(owner: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


_SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "folder": (_folder, _enter),
    "numpy_errors": (np.geterr, lambda kinds: np.seterr(**kinds)),
    "truncated_images": _attribute(ImageFile, "LOAD_TRUNCATED_IMAGES"),
    "max_pixels": _attribute(Image, "MAX_IMAGE_PIXELS"),
    "dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "device": (torch.get_default_device, _set_default_device),
    "grad": (torch.is_grad_enabled, torch.set_grad_enabled),
    **_of_autocast("cpu"),
    **_of_autocast("cuda"),
    "float_format": (float_format_beside_judging, set_float_format_beside_judging),
    "deterministic": (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    "cudnn_benchmark": _attribute(torch.backends.cudnn, "benchmark"),
    "cudnn_deterministic": _attribute(torch.backends.cudnn, "deterministic"),
    "torch_threads": (torch.get_num_threads, torch.set_num_threads),
    "cv2_threads": (cv2.getNumThreads, _set_cv2_threads),
    "locale": (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    "signals": (_signals, _set_signals),
    "warnings": (_Filters, _set_filters),
}


def process_settings() -> Settings:
    """Return the settings that a model may have changed, warnings that are errors among them."""
    return {name: get() for name, (get, _) in _SETTINGS.items()}


def restore_settings(settings: Settings) -> None:
    """Set what differs from earlier settings."""
    for name, (get, set_) in _SETTINGS.items():
        if get() != settings[name]:
            set_(settings[name])


def random_states() -> Settings:
    """Return the states of the random number generators that all code of this process shares."""
    legacy: Any = np.random.get_state()
    kind, keys, *rest = legacy
    states: Settings = {"numpy": (kind, keys.tobytes(), rest), "python": random.getstate()}
    states["torch"] = torch.get_rng_state().numpy().tobytes()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states["cuda"] = [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()]
    return states


def restore_random_states(states: Settings) -> None:
    """Continue the random numbers of an earlier moment."""
    kind, keys, rest = states["numpy"]
    np.random.set_state((kind, np.frombuffer(keys, dtype=np.uint32), *rest))
    random.setstate(states["python"])
    torch.set_rng_state(_bytes_tensor(states["torch"]))
    if "cuda" in states:
        torch.cuda.set_rng_state_all([_bytes_tensor(state) for state in states["cuda"]])


def _bytes_tensor(state: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(state), dtype=torch.uint8)


def surroundings() -> tuple[Settings, Settings]:
    """Return all that one model's code could change for another's: settings and random numbers."""
    return process_settings(), random_states()


def restore_surroundings(before: tuple[Settings, Settings]) -> None:
    """Give back what a model's code has changed for others since `surroundings` were taken."""
    restore_settings(before[0])
    restore_random_states(before[1])


@contextmanager
def restored_process_state() -> Iterator[None]:
    """Give back at the end what a model has changed for the whole process.

    The model keeps its changes while it runs, because it may depend on them. Reports, and the next model of a sweep,
    must not see them.
    """
    with ExitStack() as stack:
        stack.callback(restore_settings, process_settings())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(np.errstate())
        stack.enter_context(strict_pillow())
        yield
