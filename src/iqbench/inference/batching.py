"""Encoding in batches across photos: pictures of one shape are batched together, and all batches have one size."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Generic, Self, TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from iqbench.inference import model_calls
from iqbench.inference.engine_config import PRECISIONS, EngineConfig
from iqbench.inference.failures import Failure
from iqbench.inference.placement import is_thread_safe
from iqbench.interfaces import QualityModel, is_scorer

Tag = TypeVar("Tag")

NONFINITE = Failure("nonfinite", "the model's encoding holds NaN or infinity")
NONFINITE_MARGIN = Failure("nonfinite", "the model's margin is NaN or infinity")

MAX_WAITING_BATCHES = 8
"""Pictures of all shapes that may wait, in batches. Beyond it, the largest group is encoded, full or not."""

BATCHES_AHEAD = 2
"""Batches submitted per inference thread: one is being encoded, the next is ready."""


def inference_threads(engine: EngineConfig) -> ThreadPoolExecutor:
    """Return the threads that encode a network's batches, each with its share of the cores.

    On a CPU, one thread per core is fastest: a batch that is spread over all cores waits at each layer for the
    slowest of them, which is the one that a worker is using. The threads live as long as the program, because
    compiled code is compiled for their number of threads.
    """
    return _inference_threads(engine.inference_thread_count, engine.threads_per_batch, os.getpid())


@cache
def _inference_threads(count: int, threads_per_batch: int, process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a forked child inherits the cache, but no threads."""
    return ThreadPoolExecutor(count, "inference", torch.set_num_threads, (threads_per_batch,))


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Limit this thread's operations to one core, so that their last bits do not depend on the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Batcher(Generic[Tag]):
    """A context manager that encodes pictures as soon as a batch of their shape is full.

    A batch that cannot be filled is padded with copies of its last picture: the last bits of a network's answer
    about a picture depend on the size of its batch, though not on the other pictures in it. So the answers
    do not depend on which photos come along, or in which order.

    Inference threads and workers use all cores, so within the context this thread is limited to one: any
    operation that it spread over the cores would wait for them, and its last bits would depend on their number.

    Args:
        model: The model. A network's batches are padded, and encoded by the inference threads. Any other model treats
            each picture by itself, and is called in this thread.
        engine: The engine config, as `EngineConfig.for_model` returns it.
        encode: Called instead of the model's own ``encode``.
    """

    def __init__(
        self, model: QualityModel, engine: EngineConfig, encode: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        is_network = isinstance(model, nn.Module)
        own = encode or engine.encoder(model)
        self._encode = own if is_thread_safe(model) else model_calls.one_at_a_time(own, model)
        self._engine = engine
        self._threads = inference_threads(engine) if is_network else None
        self._size = int(engine.batch_size)
        self._max_running = BATCHES_AHEAD * engine.inference_thread_count if is_network else 0
        self._waiting: dict[object, list[tuple[Tag, Tensor]]] = {}
        self._running: deque[tuple[list[Tag], Future[list[Tensor | Failure]]]] = deque()
        self._one_number = encode is None and is_scorer(model)
        self._width: int | None = None

    def __enter__(self) -> Self:
        self._limit: AbstractContextManager[None] = nullcontext() if self._threads is None else one_torch_thread()
        self._limit.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._limit.__exit__(None, None, None)

    @property
    def capacity(self) -> int:
        """The number of pictures of one shape that can be put and not yet encoded."""
        return self._size * (1 + self._max_running)

    def put(self, tag: Tag, picture: Shaped[Tensor, "..."]) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        """Add a picture, and yield the encodings that are ready, with their tags, in the order of the batches."""
        group = self._waiting.setdefault((picture.shape, picture.dtype), [])
        group.append((tag, picture))
        if len(group) >= self._size:
            yield from self._submit(group)
        elif sum(map(len, self._waiting.values())) >= MAX_WAITING_BATCHES * self._size:
            yield from self._submit(max(self._waiting.values(), key=len))

    def flush(self) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        """Yield the encodings of all pictures that still wait."""
        for group in self._waiting.values():
            if group:
                yield from self._submit(group)
        while self._running:
            yield from self._oldest()

    def _submit(self, group: list[tuple[Tag, Tensor]]) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        tags, pictures = [tag for tag, _ in group], [picture for _, picture in group]
        group.clear()
        if self._threads is None:
            yield from self._checked(tags, encode_each(self._encode, pictures, self._engine))
            return
        pictures += pictures[-1:] * (self._size - len(pictures))
        self._running.append((tags, self._threads.submit(encode_each, self._encode, pictures, self._engine)))
        while self._running and (len(self._running) > self._max_running or self._running[0][1].done()):
            yield from self._oldest()

    def _oldest(self) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        tags, encodings = self._running.popleft()
        yield from self._checked(tags, encodings.result())

    def _checked(
        self, tags: Sequence[Tag], encodings: Sequence[Tensor | Failure]
    ) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        """Yield the encodings with their tags. All encodings of a model have one length, a scorer's one number."""
        for tag, encoding in zip(tags, encodings, strict=False):  # what is left is padding
            if isinstance(encoding, Failure):
                yield tag, encoding
                continue
            width = len(encoding)
            self._width = 1 if self._one_number else self._width or width
            if width == self._width:
                yield tag, encoding
            else:
                promise = "one number, its score" if self._one_number else f"{self._width} as for the first"
                yield tag, Failure("model_error", f"encode gave {width} numbers for a picture, promised is {promise}")


def encode_each(
    encode: Callable[[Tensor], Tensor], pictures: Sequence[Shaped[Tensor, "..."]], engine: EngineConfig
) -> list[Float[Tensor, "d"] | Failure]:
    """Return the encoding of each picture, or the reason why there is none.

    A batch that fails is halved until the failing picture is alone, or the batch fits into memory. Each try gets a
    batch of its own, since a model may change its input.

    Raises:
        Stopped: If the device is lost, for this picture and all others.
    """
    try:
        return list(encode_batch(encode, torch.stack(list(pictures)), engine))
    except BaseException as error:  # noqa: BLE001 - of other people's code
        failure = Failure.of("model_error", error)
    if len(pictures) == 1:
        return [failure]
    middle = len(pictures) // 2
    return [*encode_each(encode, pictures[:middle], engine), *encode_each(encode, pictures[middle:], engine)]


@torch.inference_mode()
def compare_each(
    margin: Callable[[Tensor, Tensor], Tensor], first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]
) -> list[float | Failure]:
    """Return the model's margin of each pair, or the reason why there is none; see `encode_each`."""
    try:
        return [*model_calls.margins(margin, first, second)]
    except BaseException as error:  # noqa: BLE001 - of other people's code
        failure = Failure.of("model_error", error)
    if len(first) == 1:
        return [failure]
    middle = len(first) // 2
    halves = (slice(middle), slice(middle, None))
    return [answer for half in halves for answer in compare_each(margin, first[half], second[half])]


@torch.inference_mode()
def encode_batch(
    encode: Callable[[Tensor], Tensor], batch: Shaped[Tensor, "n ..."], engine: EngineConfig
) -> Float[Tensor, "n d"]:
    """Return the encodings of a batch, computed in the precision of the config, as float32 or float64.

    Raises:
        BrokenPromise: If the model does not give one row of floats per picture.
    """
    device, dtype = engine.torch_device, PRECISIONS[engine.precision]
    if device.type == "cuda":
        batch = batch.pin_memory()  # makes the copy to the device asynchronous
    with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
        return model_calls.encodings(encode, batch.to(device, non_blocking=True))
