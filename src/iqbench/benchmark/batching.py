"""Encoding in batches across photos: pictures of one shape wait for each other, and every batch is of the same size."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from iqbench.benchmark.settings import PRECISIONS, Settings
from iqbench.benchmark.workshop import ON_ONE_PICTURE, one_line

Tag = TypeVar("Tag")
Failure = tuple[str, str]
"""A status for the results, and the error in one line."""

NONFINITE: Failure = ("nonfinite", "the model's encoding holds NaN or infinity")

PATIENCE = 8
"""Pictures of all shapes that may wait, in batches; then the largest group goes, full or not."""


class Batcher(Generic[Tag]):
    """Encodes pictures as soon as a batch of their shape is full.

    A batch that cannot be filled is filled up with copies of its last picture: a network's answer about a
    picture depends, in its last bits, on the size of its batch, though not on its place there nor on its
    company. So the answers are the same whichever photos come along, in whichever order.

    Args:
        encode: The model's ``encode``, or what is called instead of it.
        settings: How the machine is used.
        filled: Whether batches are filled up; of no use to a model that treats each picture by itself.
    """

    def __init__(self, encode: Callable[[Tensor], Tensor], settings: Settings, filled: bool) -> None:
        self._encode, self._settings, self._filled = encode, settings, filled
        self._device = settings.torch_device
        self._size = int(settings.batch_size)
        self._waiting: dict[object, list[tuple[Tag, Tensor]]] = {}

    def put(self, tag: Tag, picture: Shaped[Tensor, "..."]) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        """Add a picture, and yield what was encoded because of that, each with its tag."""
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

    def _take(self, group: list[tuple[Tag, Tensor]]) -> Iterator[tuple[Tag, Float[Tensor, "d"] | Failure]]:
        tags, pictures = [tag for tag, _ in group], [picture for _, picture in group]
        group.clear()
        missing = self._size - len(pictures) if self._filled else 0
        batch = torch.stack(pictures + pictures[-1:] * missing)
        if self._device.type == "cuda":
            batch = batch.pin_memory()  # so that the copy to the device need not be waited for
        yield from zip(tags, encode_each(self._encode, batch, self._device, self._settings), strict=False)


def encode_each(
    encode: Callable[[Tensor], Tensor], batch: Shaped[Tensor, "n ..."], device: torch.device, settings: Settings
) -> list[Float[Tensor, "d"] | Failure]:
    """Return what the model makes of each picture, or why it could make nothing of it.

    A batch that fails is halved until the picture that it fails on stands alone, or fits into memory.
    """
    try:
        return list(encode_batch(encode, batch, device, settings))
    except ON_ONE_PICTURE as error:
        if len(batch) == 1:
            return [("model_error", one_line(error))]
        middle = len(batch) // 2
        return [
            found for half in (batch[:middle], batch[middle:]) for found in encode_each(encode, half, device, settings)
        ]


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
