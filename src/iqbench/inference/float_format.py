"""The format of float32 numbers in convolutions and products of matrices: IEEE's, or TF32.

Unless told otherwise, torch computes convolutions on NVIDIA GPUs in TF32, whose numbers have 10 bits behind the point
instead of 23: margins then differ from those of a CPU in the second digit. A model, or a library that it imports, may
ask for TF32 in products of matrices too. So a run sets what its precision says, and gives back what it found.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

TF32_CAPABILITY = 8
"""The least major compute capability of a GPU that has TF32: Ampere."""

FloatFormat = tuple[Any, ...]
"""The settings of a process, as `float_format` returns them."""


def float_format() -> FloatFormat:
    """Return the settings of this process, the older ones of torch first; None is one that torch cannot name.

    It cannot where code has set the newer ones to something that the older ones do not express.
    """
    found: list[Any] = [None, None]
    with suppress(RuntimeError):
        found[0] = torch.get_float32_matmul_precision()
    with suppress(RuntimeError):
        found[1] = torch.backends.cudnn.allow_tf32
    return (*found, *(operation.fp32_precision for _, operation in _operations()))


def set_float_format(settings: FloatFormat) -> None:
    """Give back settings that `float_format` has returned."""
    products, convolutions, *newer = settings
    torch.set_float32_matmul_precision(products or "highest")
    torch.backends.cudnn.allow_tf32 = bool(convolutions)
    for (_, operation), value in zip(_operations(), newer, strict=True):
        operation.fp32_precision = value


class _Judging:
    """What judging has changed: all threads share torch's settings, and a batch may outlast the turn of its model."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks = 0
        self.precision = ""
        self.before: FloatFormat = ()


_judging = _Judging()


def _renew() -> None:
    global _judging
    _judging = _Judging()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Compute float32 operations in TF32 if the precision is ``tf32``, else as IEEE 754 has them.

    Lower precisions keep some layers in float32, and these are exact too. Of blocks that overlap, in one thread or in
    several, the first decides, and the last gives back the settings.
    """
    judging = _judging
    with judging.lock:
        if not judging.blocks:
            judging.precision, judging.before = precision, float_format()
        judging.blocks += 1
        _set_precision(judging.precision)  # again, since a model may have changed it
    try:
        yield
    finally:
        with judging.lock:
            judging.blocks -= 1
            if not judging.blocks:
                set_float_format(judging.before)


def _set_precision(precision: str) -> None:
    is_short = precision == "tf32"
    newer = ["tf32" if is_short and on_gpu else "ieee" for on_gpu, _ in _operations()]
    set_float_format(("high" if is_short else "highest", is_short, *newer))


def float_format_beside_judging() -> FloatFormat:
    """Return the settings that hold when nothing is judged."""
    with _judging.lock:
        return _judging.before if _judging.blocks else float_format()


def set_float_format_beside_judging(settings: FloatFormat) -> None:
    """Give back settings of `float_format_beside_judging`: at once, or when nothing is judged any more."""
    with _judging.lock:
        if _judging.blocks:
            _judging.before = settings
        else:
            set_float_format(settings)


def has_tf32(device: torch.device) -> bool:
    """Return whether a device computes in TF32 if it is told to."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= TF32_CAPABILITY


def _operations() -> list[tuple[bool, Any]]:
    """Return the operations whose format torch sets one by one, and whether they are of GPUs; none before torch 2.9."""
    gpu: Any = torch.backends.cudnn
    cpu: Any = torch.backends.mkldnn
    if not hasattr(gpu, "conv"):
        return []
    of_gpus = [torch.backends.cuda.matmul, gpu.conv, gpu.rnn]
    return [*((True, operation) for operation in of_gpus), *((False, op) for op in (cpu.matmul, cpu.conv, cpu.rnn))]
