"""Memory of a device that does not suffice: how torch says it, and how it is given back."""

import gc

import torch

_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory")
"""What errors of torch say that are no `torch.OutOfMemoryError`: those of a Mac's GPU, of cuDNN and of the CPU."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory does not suffice.

    Example:
        >>> is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.06 GiB"))
        True
        >>> is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB)"))
        True
        >>> is_out_of_memory(RuntimeError("expected 3 channels"))
        False
    """
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error).lower() for message in _MESSAGES)


def empty_cache(device: torch.device) -> None:
    """Give back the memory of a device that torch keeps for later, after what a failed call has left is collected."""
    gc.collect()
    if device.type == "cuda" and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        with torch.cuda.device(device):
            torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
