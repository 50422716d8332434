"""Encoding in batches across photos: pictures of one shape are batched together, and all batches have one size."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from itertools import islice
from typing import Generic, NamedTuple, Self, TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from iqbench.inference import model_calls
from iqbench.inference.engine_config import PRECISIONS, EngineConfig
from iqbench.inference.failures import Failure
from iqbench.inference.float_format import computing_in
from iqbench.inference.memory import empty_cache, is_out_of_memory
from iqbench.inference.placement import is_thread_safe
from iqbench.interfaces import QualityModel, is_scorer

log = logging.getLogger(__name__)

Tag = TypeVar("Tag")

NONFINITE = Failure("nonfinite", "the model's encoding holds NaN or infinity")
NONFINITE_MARGIN = Failure("nonfinite", "the model's margin is NaN or infinity")

TOO_LARGE = (
    "a single picture does not fit into the device's memory ({}); use a smaller model.size, engine.precision=bf16, or "
    "engine.device=cpu"
)

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


class Encoded(NamedTuple, Generic[Tag]):
    """The answer about pictures that were put together, or about some of them.

    Args:
        tag: What they were put with.
        start: The place of the first of them among all that were put with that tag.
        encodings: Their encodings, or the reason why one picture has none.
    """

    tag: Tag
    start: int
    encodings: Float[Tensor, "n d"] | Failure


class _Part(NamedTuple, Generic[Tag]):
    """Pictures that were put together, or some of them: ``start`` is the place of the first."""

    tag: Tag
    start: int
    pictures: Shaped[Tensor, "n ..."]

    def split(self, count: int) -> "tuple[_Part[Tag], _Part[Tag]]":
        """Return the first so many pictures, and the others."""
        rest = _Part(self.tag, self.start + count, self.pictures[count:])
        return self._replace(pictures=self.pictures[:count]), rest


class _Waiting(Generic[Tag]):
    """Pictures of one shape that wait for a batch."""

    def __init__(self) -> None:
        self.count = 0
        self._parts: deque[_Part[Tag]] = deque()

    def put(self, part: _Part[Tag]) -> None:
        """Add pictures."""
        self._parts.append(part)
        self.count += len(part.pictures)

    def take(self, count: int) -> list[_Part[Tag]]:
        """Return the oldest pictures, so many or all that there are, and forget them."""
        taken: list[_Part[Tag]] = []
        while self._parts and count:
            part = self._parts.popleft()
            if len(part.pictures) > count:
                part, rest = part.split(count)
                self._parts.appendleft(rest)
            taken.append(part)
            count -= len(part.pictures)
            self.count -= len(part.pictures)
        return taken


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
        self.size = int(engine.batch_size)
        """Pictures of a batch. It falls for good where a batch does not fit into memory."""
        self._max_running = BATCHES_AHEAD * engine.inference_thread_count if is_network else 0
        self._waiting: dict[object, _Waiting[Tag]] = {}
        self._running: deque[tuple[list[_Part[Tag]], Future[list[Tensor | Failure]]]] = deque()
        self._one_number = encode is None and is_scorer(model)
        self._width: int | None = None

    def __enter__(self) -> Self:
        self._settings = ExitStack()
        self._settings.enter_context(computing_in(self._engine.precision))
        if self._threads is not None:
            self._settings.enter_context(one_torch_thread())
        return self

    def __exit__(self, *_: object) -> None:
        self._settings.close()

    @property
    def capacity(self) -> int:
        """The number of pictures of one shape that can be put and not yet encoded."""
        return self.size * (1 + self._max_running)

    def put(self, tag: Tag, pictures: Shaped[Tensor, "n ..."]) -> Iterator[Encoded[Tag]]:
        """Add pictures of one shape, and yield what is encoded, in the order of the batches."""
        group = self._waiting.setdefault((pictures.shape[1:], pictures.dtype), _Waiting())
        group.put(_Part(tag, 0, pictures))
        while group.count >= self.size:
            yield from self._submit(group)
        while sum(each.count for each in self._waiting.values()) >= MAX_WAITING_BATCHES * self.size:
            yield from self._submit(max(self._waiting.values(), key=lambda each: each.count))

    def flush(self) -> Iterator[Encoded[Tag]]:
        """Yield the encodings of all pictures that still wait."""
        for group in self._waiting.values():
            while group.count:
                yield from self._submit(group)
        while self._running:
            yield from self._oldest()

    def _submit(self, group: _Waiting[Tag]) -> Iterator[Encoded[Tag]]:
        size = self.size
        parts = group.take(size)
        pictures = [part.pictures for part in parts]
        if self._threads is None:
            yield from self._checked(parts, encode_each(self._encode, pictures, self._engine, self._shrink))
            return
        missing = size - sum(map(len, pictures))
        pictures += [pictures[-1][-1:]] * missing
        encode = partial(encode_each, self._encode, pictures, self._engine, self._shrink)
        self._running.append((parts, self._threads.submit(encode)))
        while self._running and (len(self._running) > self._max_running or self._running[0][1].done()):
            yield from self._oldest()

    def _shrink(self, pictures: int) -> None:
        """Go on with batches of so many pictures, since more do not fit into memory."""
        if self._threads is not None and pictures < self.size:
            log.warning(
                "out of memory with batches of %d pictures: the run goes on with %d; free memory, or set "
                "engine.batch_size=%d from the start, since the last bits of a network's answers depend on it",
                self.size,
                pictures,
                pictures,
            )
            self.size = pictures

    def _oldest(self) -> Iterator[Encoded[Tag]]:
        parts, encodings = self._running.popleft()
        yield from self._checked(parts, encodings.result())

    def _checked(self, parts: Sequence[_Part[Tag]], answers: Sequence[Tensor | Failure]) -> Iterator[Encoded[Tag]]:
        """Yield the answers with their tags. All encodings of a model have one length, a scorer's one number."""
        left = deque(answers)
        for part in parts:  # answers beyond them are about padding
            place, end = part.start, part.start + len(part.pictures)
            while place < end:
                answer = left.popleft()
                if isinstance(answer, Tensor) and len(answer) > end - place:
                    left.appendleft(answer[end - place :])
                    answer = answer[: end - place]
                count = len(answer) if isinstance(answer, Tensor) else 1
                yield from self._of_promised_width(Encoded(part.tag, place, answer))
                place += count

    def _of_promised_width(self, encoded: Encoded[Tag]) -> Iterator[Encoded[Tag]]:
        """Yield the answer, or a failure for each of its pictures if the encodings have another length."""
        if isinstance(encoded.encodings, Failure):
            yield encoded
            return
        count, width = encoded.encodings.shape
        self._width = 1 if self._one_number else self._width or width
        if width == self._width:
            yield encoded
            return
        promise = "one number, its score" if self._one_number else f"{self._width} as for the first"
        failure = Failure("model_error", f"encode gave {width} numbers for a picture, promised is {promise}")
        yield from (Encoded(encoded.tag, encoded.start + place, failure) for place in range(count))


def encode_each(
    encode: Callable[[Tensor], Tensor],
    pictures: Sequence[Shaped[Tensor, "_ ..."]],
    engine: EngineConfig,
    shrink: Callable[[int], None] | None = None,
) -> list[Float[Tensor, "_ d"] | Failure]:
    """Return the encodings of pictures in their order: tensors of several, and for each that has none, the reason.

    A batch that fails is halved until the failing picture is alone, or the batch fits into memory. Each try gets a
    batch of its own, since a model may change its input. Nothing of the failed try is referenced any more by then,
    and the device gives back the memory that it keeps.

    Args:
        encode: The model's ``encode``, or a replacement.
        pictures: Prepared pictures of one shape, some in each tensor.
        engine: The engine config.
        shrink: Called with half the number of pictures if they do not fit into memory together.

    Raises:
        Stopped: If the device is lost, for this picture and all others.
    """
    try:
        return [encode_batch(encode, torch.cat(list(pictures)), engine)]
    except BaseException as error:  # noqa: BLE001 - of other people's code
        failure, needs_memory = Failure.of("model_error", error), is_out_of_memory(error)
    if needs_memory:
        empty_cache(engine.torch_device)
    count = sum(map(len, pictures))
    if count == 1:
        return [Failure(failure.status, TOO_LARGE.format(failure.error)) if needs_memory else failure]
    middle = count // 2
    if needs_memory and shrink is not None:
        shrink(middle)
    each = [part[at : at + 1] for part in pictures for at in range(len(part))]
    return [answer for half in (each[:middle], each[middle:]) for answer in encode_each(encode, half, engine, shrink)]


def compare_each(
    margin: Callable[[Tensor, Tensor], Tensor], first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]
) -> list[float | Failure]:
    """Return the model's margin of each pair, or the reason why there is none."""
    [answers] = on_host([compare(margin, first, second)])
    return answers


@torch.inference_mode()
def compare(
    margin: Callable[[Tensor, Tensor], Tensor], first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]
) -> list[Float[Tensor, "_"] | Failure]:
    """Return the model's margins of pairs in their order, on its device: see `encode_each`."""
    try:
        return [model_calls.margins(margin, first, second)]
    except BaseException as error:  # noqa: BLE001 - of other people's code
        failure = Failure.of("model_error", error)
    if len(first) == 1:
        return [failure]
    middle = len(first) // 2
    halves = (slice(middle), slice(middle, None))
    return [answer for half in halves for answer in compare(margin, first[half], second[half])]


def on_host(answers: Sequence[Sequence[Float[Tensor, "_"] | Failure]]) -> list[list[float | Failure]]:
    """Return the answers of several calls of `compare`, one for each pair, by a single transfer from the device."""
    tensors = [each for answer in answers for each in answer if isinstance(each, Tensor)]
    numbers = iter(_joined(tensors).tolist() if tensors else ())
    return [
        [number for each in answer for number in ([each] if isinstance(each, Failure) else islice(numbers, len(each)))]
        for answer in answers
    ]


def each_on_host(answers: Iterable[Encoded[Tag]]) -> Iterator[tuple[Tag, int, Float[Tensor, "d"] | Failure]]:
    """Yield the answer about each picture, with the picture's tag and its place among those put with that tag.

    All encodings come to the CPU by a single transfer, and each that holds NaN or infinity becomes a failure.
    """
    answers = list(answers)
    tensors = [each.encodings for each in answers if isinstance(each.encodings, Tensor)]
    rows = _joined(tensors).cpu() if tensors else torch.empty(0, 0, device="cpu")
    each_row = zip(rows, rows.isfinite().all(dim=1).tolist(), strict=True)
    for tag, start, encodings in answers:
        if isinstance(encodings, Failure):
            yield tag, start, encodings
        else:
            for place, (row, is_finite) in enumerate(islice(each_row, len(encodings)), start):
                yield tag, place, row if is_finite else NONFINITE


def _joined(tensors: Sequence[Shaped[Tensor, "_ ..."]]) -> Shaped[Tensor, "n ..."]:
    """Return tensors as one: on their device, or on the CPU if the model gave answers on several."""
    together = len({each.device for each in tensors}) == 1
    return torch.cat([each if together else each.cpu() for each in tensors])


@torch.inference_mode()
def encode_batch(
    encode: Callable[[Tensor], Tensor], batch: Shaped[Tensor, "n ..."], engine: EngineConfig
) -> Float[Tensor, "n d"]:
    """Return the encodings of a batch, computed in the precision of the config, as float32 or float64.

    Raises:
        BrokenPromise: If the model does not give one row of floats per picture.
    """
    device, dtype = engine.torch_device, PRECISIONS[engine.precision]
    if device.type == "cuda" and batch.device.type == "cpu":
        batch = batch.pin_memory()  # makes the copy to the device asynchronous
    with computing_in(engine.precision), torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
        return model_calls.encodings(encode, batch.to(device, non_blocking=True))
