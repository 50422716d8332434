"""Several tensors of any shape and type as one tensor of bytes: a model of several networks has several inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Int, Shaped, UInt8
from torch import Tensor

TYPES = (
    torch.uint8,
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.bool,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
)
"""The types of a part, by their number in a header."""

MAX_DIMENSIONS = 6

_FIELDS = 2 + MAX_DIMENSIONS
"""Whole numbers that describe a part: its type, its number of dimensions, and its sides."""

_NUMBER = 4
"""Bytes of a whole number in a header."""


def pack(parts: Sequence[Shaped[Tensor, "..."]]) -> UInt8[Tensor, "bytes"]:
    """Return tensors on the CPU as one tensor of bytes: a header with their shapes and types, and their contents.

    Raises:
        ValueError: If a part has more than `MAX_DIMENSIONS` dimensions, or a type that is not in `TYPES`.

    Example:
        >>> packed = pack([torch.ones(2, 3), torch.tensor([7], dtype=torch.uint8)])
        >>> [(rows.tolist(), [part.shape for part in inputs]) for rows, inputs in unpacked(packed.unsqueeze(0))]
        [([0], [torch.Size([1, 2, 3]), torch.Size([1, 1])])]
    """
    for part in parts:
        if part.ndim > MAX_DIMENSIONS or part.dtype not in TYPES:
            raise ValueError(f"an input of {part.ndim} dimensions and {part.dtype} cannot be one of several inputs")
    header = torch.tensor([len(parts), *(number for part in parts for number in _described(part))], dtype=torch.int32)
    return torch.cat([header.view(torch.uint8), *(part.contiguous().view(-1).view(torch.uint8) for part in parts)])


def _described(part: Tensor) -> list[int]:
    return [TYPES.index(part.dtype), part.ndim, *part.shape, *[0] * (MAX_DIMENSIONS - part.ndim)]


@dataclass(frozen=True)
class Packed:
    """A batch of packed inputs of equal shapes.

    Args:
        rows: The bytes.
        layout: The place, type and shape of each part.
    """

    rows: UInt8[Tensor, "n bytes"]
    layout: Sequence[tuple[slice, torch.dtype, list[int]]]

    def part(self, number: int, device: torch.device | None = None) -> Shaped[Tensor, "n ..."]:
        """Return one part of all inputs, in memory of its own, on their device or another one."""
        place, dtype, shape = self.layout[number]
        content = self.rows[:, place].to(device or self.rows.device).clone(memory_format=torch.contiguous_format)
        return content.reshape(-1).view(dtype).reshape(len(self.rows), *shape)

    def __iter__(self) -> Iterator[Tensor]:
        return (self.part(number) for number in range(len(self.layout)))


def unpacked(packed: UInt8[Tensor, "n bytes"]) -> list[tuple[Int[Tensor, "rows"], Packed]]:
    """Return the inputs of a batch, and their rows in it; those of other shapes apart, though they have as many bytes.

    Args:
        packed: Results of `pack`, stacked.
    """
    count = int(packed[0, :_NUMBER].cpu().view(torch.int32))
    size = _NUMBER * (1 + count * _FIELDS)
    headers, kinds = torch.unique(packed[:, :size].cpu(), dim=0, return_inverse=True)
    groups = []
    for kind, header in enumerate(headers):
        at = torch.nonzero(kinds == kind).flatten()
        rows = packed if len(headers) == 1 else packed[at.to(packed.device)]
        groups.append((at, Packed(rows, _layout(header.clone().view(torch.int32)[1:].tolist(), size))))
    return groups


def _layout(numbers: list[int], start: int) -> list[tuple[slice, torch.dtype, list[int]]]:
    layout = []
    for at in range(0, len(numbers), _FIELDS):
        dtype, dimensions, *sides = numbers[at : at + _FIELDS]
        shape, kind = sides[:dimensions], TYPES[dtype]
        end = start + prod(shape) * kind.itemsize
        layout.append((slice(start, end), kind, shape))
        start = end
    return layout
