"""The format of float32 numbers in convolutions and products of matrices: IEEE's, or TF32.

Unless told otherwise, torch computes convolutions on NVIDIA GPUs in TF32, whose numbers have 10 bits behind the point
instead of 23: margins then differ from those of a CPU in the second digit. A model, or a library that it imports, may
ask for TF32 in products of matrices too. So a run sets what its precision says, and gives back what it found.
"""

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


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Compute float32 operations in TF32 if the precision is ``tf32``, else as IEEE 754 has them.

    Lower precisions keep some layers in float32, and these are exact too.
    """
    before, is_short = float_format(), precision == "tf32"
    newer = ["tf32" if is_short and on_gpu else "ieee" for on_gpu, _ in _operations()]
    set_float_format(("high" if is_short else "highest", is_short, *newer))
    try:
        yield
    finally:
        set_float_format(before)


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
