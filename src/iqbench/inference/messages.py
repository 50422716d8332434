"""Messages between the program and its workers: pickles whose tensors and arrays travel beside them, uncopied."""

import io
import pickle
import sys
from multiprocessing.connection import Connection
from pickle import PickleBuffer
from typing import Any

import numpy as np


def pack(value: object) -> list[memoryview]:
    """Return a value as buffers: a pickle, then the memory of its tensors and arrays.

    Tensors travel as plain memory on the CPU. Torch's own pickles would share file descriptors, which a
    worker that dies takes with it, or open the GPU in every worker.

    Raises:
        Exception: If the value cannot be pickled: a `pickle.PicklingError`, `TypeError` or `AttributeError`.
    """
    buffers: list[PickleBuffer] = []
    stream = io.BytesIO()
    _Pickler(stream, protocol=5, buffer_callback=buffers.append).dump(value)
    return [stream.getbuffer(), *(buffer.raw() for buffer in buffers)]


def unpack(buffers: list[Any]) -> Any:
    """Return the value of the buffers that `pack` returned, which it keeps using."""
    first, *others = buffers
    return pickle.loads(first, buffers=others)


def send(connection: Connection, buffers: list[memoryview]) -> None:
    """Send packed buffers."""
    connection.send([len(buffer) for buffer in buffers])
    for buffer in filter(len, buffers):
        connection.send_bytes(buffer)


def receive(connection: Connection) -> list[Any]:
    """Return the buffers that the other side sent, as writable memory.

    Raises:
        EOFError, OSError: If the other side died.
    """
    buffers = []
    for size in connection.recv():
        buffer = bytearray(size)
        if size:
            connection.recv_bytes_into(buffer)
        buffers.append(buffer)
    return buffers


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is None or type(value) is not torch.Tensor or value.layout is not torch.strided:
            return NotImplemented
        memory = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return _tensor, (memory, value.dtype, tuple(value.shape))


def _tensor(memory: np.ndarray, dtype: Any, shape: tuple[int, ...]) -> Any:
    import torch

    return torch.from_numpy(memory).view(dtype).reshape(shape)
