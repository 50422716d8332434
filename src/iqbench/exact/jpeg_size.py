"""The number of bytes that libjpeg writes for photos, without writing them: the length of their Huffman codes.

Reference:
    ITU-T T.81, sections F.1.2 and F.1.4: the order of the codes, and their bits.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from iqbench.exact.integers import constant
from iqbench.exact.jpeg import MCU, Transformed
from iqbench.exact.jpeg_tables import BLOCK, Codes, Tables, tables, zigzag

END = 2
"""Bytes after the codes."""

VALUES = BLOCK * BLOCK

RUN = 16
"""Zeros that one code stands for, `ZEROS`, if a coefficient follows in the block."""

ZEROS, NO_MORE = 0xF0, 0x00
"""The symbols of so many zeros, and of a block without further coefficients."""

LONGEST = 11 * (VALUES // RUN - 1) + 16 + 10
"""Most bits of a coefficient: three times `ZEROS`, its own code, its value."""


class Bits(NamedTuple):
    """Numbers of so many bits, to be written one after the other."""

    numbers: Int64[Tensor, "*shape"]
    lengths: Int64[Tensor, "*shape"]

    def then(self, other: "Bits") -> "Bits":
        """Return numbers that begin with these bits and go on with others."""
        return Bits((self.numbers << other.lengths) | other.numbers, self.lengths + other.lengths)

    def where(self, condition: Bool[Tensor, "*shape"]) -> "Bits":
        """Return these bits where a condition holds, and no bits elsewhere."""
        return Bits(torch.where(condition, self.numbers, 0), torch.where(condition, self.lengths, 0))


def encoded_bytes(photos: UInt8[Tensor, "n 3 height width"], quality: int) -> Int64[Tensor, "n"]:
    """Return the number of bytes of each photo as a JPEG file of libjpeg, with 4:2:0 chroma and its standard codes.

    Example:
        >>> encoded_bytes(torch.full((1, 3, 16, 16), 100, dtype=torch.uint8), quality=95)
        tensor([631])
    """
    used = tables(quality)
    return used.header + _length(_written(_in_order(Transformed.of(photos), quality), used)) + END


def _in_order(transformed: Transformed, quality: int) -> Int64[Tensor, "n mcus 6 64"]:
    """Return the coefficients in the order of the file, the first of each block less that of the block before."""
    ordered = []
    for plane, per_side in zip(transformed.quantized(quality), (MCU // BLOCK, 1, 1), strict=True):
        rows, columns = (side // BLOCK // per_side for side in plane.shape[-2:])
        split = plane.reshape(-1, rows, per_side, BLOCK, columns, per_side, BLOCK)
        blocks = split.permute(0, 1, 4, 2, 5, 3, 6).reshape(-1, rows * columns, per_side**2, VALUES)
        blocks = blocks[..., constant(zigzag(), plane.device)].to(torch.int64)
        if per_side > 1:
            blocks = _without_outside(blocks, transformed.height, transformed.width, columns)
        first = blocks[..., 0].flatten(1)
        blocks[..., 0] = torch.diff(first, prepend=torch.zeros_like(first[:, :1])).reshape(blocks.shape[:-1])
        ordered.append(blocks)
    return torch.cat(ordered, dim=2)


def _without_outside(
    blocks: Int64[Tensor, "n mcus 4 64"], height: int, width: int, columns: int
) -> Int64[Tensor, "n mcus 4 64"]:
    """Return blocks of brightness with those that lie outside the photo as flat as the block before them."""
    row, column = (constant(at, blocks.device) for at in np.divmod(np.arange(blocks.shape[1]), columns))
    down, across = (constant(at, blocks.device) for at in np.divmod(np.arange(blocks.shape[2]), MCU // BLOCK))
    inside = (row[:, None] * MCU + down * BLOCK < height) & (column[:, None] * MCU + across * BLOCK < width)
    before = torch.where(inside, MCU // BLOCK * down + across, 0).cummax(dim=1).values
    flat = torch.where(inside[..., None], blocks, 0)
    flat[..., 0] = blocks[..., 0].gather(2, before.expand(len(blocks), -1, -1))
    return flat


def _written(blocks: Int64[Tensor, "n mcus 6 64"], used: Tables) -> Bits:
    """Return what is written for each coefficient and at the end of each block, in a row for each photo."""
    places = torch.arange(VALUES, device=blocks.device)
    has_code = blocks != 0
    has_code[..., 0] = True
    last = torch.where(has_code, places, 0).cummax(dim=-1).values
    zeros = places[1:] - last[..., :-1] - 1
    sizes, numbers = _sizes(blocks), torch.where(blocks < 0, blocks - 1, blocks)
    numbers &= (1 << sizes) - 1
    first = _coded(used.first, sizes[..., :1]).then(Bits(numbers[..., :1], sizes[..., :1]))
    run = _coded(used.others, torch.full_like(sizes[..., :1], ZEROS))
    others = Bits(torch.zeros_like(zeros), torch.zeros_like(zeros))
    for number in range(1, VALUES // RUN):
        others = others.then(run.where(zeros >= number * RUN))
    others = others.then(_coded(used.others, (zeros % RUN << 4) + sizes[..., 1:]))
    others = others.then(Bits(numbers[..., 1:], sizes[..., 1:])).where(has_code[..., 1:])
    ends = _coded(used.others, torch.full_like(sizes[..., :1], NO_MORE)).where(last[..., -1:] < VALUES - 1)
    return Bits(*(torch.cat(part, dim=-1).flatten(1) for part in zip(first, others, ends, strict=True)))


def _sizes(blocks: Tensor) -> Int64[Tensor, "*shape"]:
    """Return the number of bits of each coefficient without its sign, 0 for 0."""
    return torch.frexp(blocks.abs().float()).exponent.to(torch.int64)


def _coded(codes: tuple[Codes, ...], symbols: Int64[Tensor, "n mcus 6 k"]) -> Bits:
    """Return the codes of symbols: of the last two blocks by the second table, since they are colour."""
    parts = symbols[:, :, :-2], symbols[:, :, -2:]
    of_parts = (
        [constant(table, symbols.device)[part] for table in kind] for kind, part in zip(codes, parts, strict=True)
    )
    return Bits(*(torch.cat(pair, dim=2) for pair in zip(*of_parts, strict=True)))


def _length(written: Bits) -> Int64[Tensor, "n"]:
    """Return the number of bytes of each row of bits. The last byte is filled with ones, and a 0 follows 255."""
    ends = written.lengths.cumsum(dim=1)
    starts, total = ends - written.lengths, ends[:, -1:]
    first = starts >> 3
    reach = (7 + LONGEST) // 8
    filled = torch.zeros(len(ends), int(total.max()) // 8 + reach + 1, dtype=torch.int64, device=ends.device)
    for step in range(reach + 1):
        shift = ends - ((first + step + 1) << 3)
        part = torch.where(shift >= 0, written.numbers >> shift.clamp(min=0), written.numbers << (-shift).clamp(0, 8))
        filled.scatter_add_(1, first + step, part & 255)
    filled.scatter_add_(1, total >> 3, (1 << (-total % 8)) - 1)
    return (total.squeeze(1) + 7) // 8 + (filled == 255).sum(dim=1)
