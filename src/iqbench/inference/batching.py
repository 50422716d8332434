"""Encoding in batches across photos: pictures of one shape wait for each other, and every batch is of the same size."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Generic, Self, TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from iqbench.errors import Stopped
from iqbench.inference.engine_config import PRECISIONS, Settings
from iqbench.inference.worker import ON_ONE_PICTURE, one_line

Tag = TypeVar("Tag")
Failure = tuple[str, str]
"""A status for the results, and the error in one line."""

NONFINITE: Failure = ("nonfinite", "the model's encoding holds NaN or infinity")

PATIENCE = 8
"""Pictures of all shapes that may wait, in batches; then the largest group goes, full or not."""

AHEAD = 2
"""Batches that may be on their way for each lane: one is encoded, the next is ready."""


def lanes(settings: Settings) -> ThreadPoolExecutor:
    """Return the threads that encode a network's batches side by side, each batch with its own share of the cores.

    On a CPU that is a thread a core: a batch that is spread over the cores waits at each layer for the slowest,
    which is the one that a worker needs just then. They live as long as the program, since what is compiled is
    compiled for their number of threads.
    """
    return _lanes(settings.lane_count, settings.threads)


@cache
def _lanes(count: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "lane", torch.set_num_threads, (threads,))


os.register_at_fork(after_in_child=_lanes.cache_clear)  # threads are not inherited


DEVICE_FAULT: type[Exception] | tuple[()] = getattr(torch, "AcceleratorError", ())
"""What a device raises that answers no more until the program is started again."""


class Batcher(Generic[Tag]):
    """Encodes pictures as soon as a batch of their shape is full; ``with`` it, beside what this thread does meanwhile.

    A batch that cannot be filled is filled up with copies of its last picture: a network's answer about a
    picture depends, in its last bits, on the size of its batch, though not on its place there nor on its
    company. So the answers are the same whichever photos come along, in whichever order.

    The lanes and the workers have all cores: so within the ``with`` this thread keeps to one. Whatever it
    spread over the cores would wait for them, however small it is, and depend in its last bits on their number.

    Args:
        encode: The model's ``encode``, or what is called instead of it.
        settings: How the machine is used.
        network: Whether it is one, whose batches are filled up and encoded side by side; another model treats
            each picture by itself, and is called in this thread.
    """

    def __init__(self, encode: Callable[[Tensor], Tensor], settings: Settings, network: bool) -> None:
        self._encode, self._settings = encode, settings
        self._lanes = lanes(settings) if network else None
        self._device = settings.torch_device
        self._size = int(settings.batch_size)
        self._most_running = AHEAD * settings.lane_count if network else 0
        self._waiting: dict[object, list[tuple[Tag, Tensor]]] = {}
        self._running: deque[tuple[list[Tag], Future[list[Tensor | Failure]]]] = deque()

    def __enter__(self) -> Self:
        self._threads_before = torch.get_num_threads()
        if self._lanes is not None:
            torch.set_num_threads(1)
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._threads_before)

    @property
    def capacity(self) -> int:
        """How many pictures of one shape may be on their way: put, and not yet encoded."""
        return self._size * (1 + self._most_running)

    def put(self, tag: Tag, picture: Shaped[Tensor, "..."]) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        """Add a picture, and yield what has been encoded meanwhile, each with its tag, in the order of the batches."""
        group = self._waiting.setdefault((picture.shape, picture.dtype), [])
        group.append((tag, picture))
        if len(group) >= self._size:
            yield from self._take(group)
        elif sum(map(len, self._waiting.values())) >= PATIENCE * self._size:
            yield from self._take(max(self._waiting.values(), key=len))

    def flush(self) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        """Yield the encodings of all that still wait."""
        for group in self._waiting.values():
            if group:
                yield from self._take(group)
        while self._running:
            yield from self._first()

    def _take(self, group: list[tuple[Tag, Tensor]]) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        tags, pictures = [tag for tag, _ in group], [picture for _, picture in group]
        group.clear()
        missing = self._size - len(pictures) if self._lanes else 0
        batch = torch.stack(pictures + pictures[-1:] * missing)
        if self._device.type == "cuda":
            batch = batch.pin_memory()  # so that the copy to the device need not be waited for
        work = (self._encode, batch, self._device, self._settings)
        if self._lanes is None:
            yield from zip(tags, encode_each(*work), strict=False)
            return
        self._running.append((tags, self._lanes.submit(encode_each, *work)))
        while self._running and (len(self._running) > self._most_running or self._running[0][1].done()):
            yield from self._first()

    def _first(self) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        tags, encoded = self._running.popleft()
        yield from zip(tags, encoded.result(), strict=False)


def encode_each(
    encode: Callable[[Tensor], Tensor], batch: Shaped[Tensor, "n ..."], device: torch.device, settings: Settings
) -> list[Float[Tensor, "d"] | Failure]:
    """Return what the model makes of each picture, or why it could make nothing of it.

    A batch that fails is halved until the picture that it fails on stands alone, or fits into memory.

    Raises:
        Stopped: If the device is lost, for this picture and all others.
    """
    try:
        return list(encode_batch(encode, batch, device, settings))
    except DEVICE_FAULT as error:
        raise Stopped(
            f"stopped: the device failed ({one_line(error)}); the same command goes on where it stopped"
        ) from error
    except ON_ONE_PICTURE as error:
        if len(batch) == 1:
            return [("model_error", one_line(error))]
        middle = len(batch) // 2
        return [
            found for half in (batch[:middle], batch[middle:]) for found in encode_each(encode, half, device, settings)
        ]


@torch.inference_mode()
def compare_each(
    margin: Callable[[Tensor, Tensor], Tensor], first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]
) -> list[float | Failure]:
    """Return the model's margin of each pair, or why there is none; as in `encode_each`, the others have theirs."""
    try:
        found = margin(first, second)
        if found.shape != (len(first),):
            raise ValueError(f"margin gave shape {tuple(found.shape)} for {len(first)} pairs")
        return found.double().tolist()
    except ON_ONE_PICTURE as error:
        if len(first) == 1:
            return [("model_error", one_line(error))]
        middle = len(first) // 2
        halves = (slice(middle), slice(middle, None))
        return [each for half in halves for each in compare_each(margin, first[half], second[half])]


@torch.inference_mode()
def encode_batch(
    encode: Callable[[Tensor], Tensor], batch: Shaped[Tensor, "n ..."], device: torch.device, settings: Settings
) -> Float[Tensor, "n d"]:
    """Return the encodings of a batch, in the precision of the settings, as float32 or float64.

    Raises:
        ValueError: If the model does not give a row a picture.
    """
    dtype = PRECISIONS[settings.precision]
    with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
        encoded = encode(batch.to(device, non_blocking=True))
    if encoded.ndim != 2 or len(encoded) != len(batch):
        raise ValueError(f"encode gave shape {tuple(encoded.shape)} for {len(batch)} pictures")
    return encoded.double() if encoded.dtype == torch.float64 else encoded.float()
