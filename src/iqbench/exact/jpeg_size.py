"""The number of bytes that libjpeg writes for photos, without writing them: the length of their Huffman codes.

Reference:
    ITU-T T.81, sections F.1.2 and F.1.4: the order of the codes, and their bits.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from iqbench.exact.dct import SIDE
from iqbench.exact.integers import constant
from iqbench.exact.jpeg import CHROMA, LUMA, MCU, Transformed
from iqbench.exact.jpeg_tables import Codes, Tables, tables, zigzag

END = 2
"""Bytes after the codes."""

VALUES = SIDE * SIDE

RUN = 16
"""Zeros that one code stands for, `ZEROS`, if a coefficient follows in the block."""

ZEROS, NO_MORE = 0xF0, 0x00
"""The symbols of so many zeros, and of a block without further coefficients."""

LONGEST = 11 * (VALUES // RUN - 1) + 16 + 10
"""Most bits of a coefficient: three times `ZEROS`, its own code, its value."""

BYTES_OF_MCU = (LUMA + CHROMA) * (VALUES * (16 + 10) // 8 + 1)
"""Most bytes of an MCU: a code and a value for each coefficient."""


MCUS_TOGETHER = 8192
"""MCUs whose codes are computed at a time: each takes some 60 kB for a moment."""


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


class Layout(NamedTuple):
    """Where the photos of several sizes lie whose blocks are in a row, one photo after the other.

    Args:
        photos: The number of the photo of each MCU.
        starts: The first MCU of each photo.
        inside: Which blocks of brightness lie inside their photo. The file has the others as flat ones.
    """

    photos: Int64[Tensor, "mcus"]
    starts: Int64[Tensor, "n"]
    inside: Bool[Tensor, "mcus 4"]

    @classmethod
    def of(cls, parts: Sequence[Transformed]) -> "Layout":
        """Return the layout of the blocks of photos of several sizes."""
        counts, inside = [], []
        for part in parts:
            number, rows, columns = part.blocks.shape[:3]
            counts += [rows * columns] * number
            down, across = (np.arange(MCU // SIDE * count) * SIDE for count in (rows, columns))
            within = (down < part.height)[:, None] & (across < part.width)
            blocks = within.reshape(rows, MCU // SIDE, columns, MCU // SIDE).swapaxes(1, 2).reshape(-1, LUMA)
            inside.append(np.tile(blocks, (number, 1)))
        photos, starts = np.repeat(np.arange(len(counts)), counts), np.cumsum([0, *counts[:-1]])
        device = parts[0].blocks.device
        return cls(*(constant(each, device) for each in (photos, starts, np.concatenate(inside))))


def encoded_bytes(photos: Sequence[UInt8[Tensor, "n 3 height width"]], quality: int) -> Int64[Tensor, "all"]:
    """Return the number of bytes of each photo as a JPEG file of libjpeg, with 4:2:0 chroma and its standard codes.

    Args:
        photos: Photos, those of one size together.
        quality: libjpeg's scale, 1 to 100.

    Example:
        >>> encoded_bytes([torch.full((1, 3, 16, 16), 100, dtype=torch.uint8)], quality=95)
        tensor([631])
    """
    return torch.cat([_encoded_bytes(some, quality) for some in _few_at_a_time(photos)])


def _few_at_a_time(photos: Sequence[UInt8[Tensor, "n 3 height width"]]) -> Iterator[list[Tensor]]:
    """Yield photos in their order, so many together that the memory for their codes is limited."""
    chosen: list[Tensor] = []
    room = MCUS_TOGETHER
    for some in photos:
        each = math.prod(-(-side // MCU) for side in some.shape[-2:])
        for few in torch.split(some, max(1, MCUS_TOGETHER // each)):
            if chosen and len(few) * each > room:
                yield chosen
                chosen, room = [], MCUS_TOGETHER
            chosen.append(few)
            room -= len(few) * each
    yield chosen


def _encoded_bytes(photos: Sequence[UInt8[Tensor, "n 3 height width"]], quality: int) -> Int64[Tensor, "all"]:
    parts, used = [Transformed.of(some) for some in photos], tables(quality)
    layout = Layout.of(parts)
    blocks = torch.cat([part.quantized(quality).flatten(0, 2).flatten(-2) for part in parts])
    ordered = blocks[..., constant(zigzag(), blocks.device)].to(torch.int64)
    return used.header + _length(_written(_differences(ordered, layout), used), layout) + END


def _differences(blocks: Int64[Tensor, "mcus 6 64"], layout: Layout) -> Int64[Tensor, "mcus 6 64"]:
    """Return blocks as they are written: those outside their photo flat, and of each first value the change.

    It is the change from the block before in the same plane; the first block of a photo is left as it is.
    """
    luma, chroma = torch.split(blocks, [LUMA, CHROMA], dim=1)
    places = torch.arange(LUMA, device=blocks.device)
    before = torch.where(layout.inside, places, 0).cummax(dim=1).values  # a flat block repeats the one before
    firsts = torch.cat([luma[..., 0].gather(1, before), chroma[..., 0]], dim=1)
    last = torch.cat([firsts[:1] * 0, firsts[:-1]])[:, LUMA - 1 :].index_fill(0, layout.starts, 0)
    previous = torch.cat([last[:, :1], firsts[:, : LUMA - 1], last[:, 1:]], dim=1)
    written = torch.cat([torch.where(layout.inside.unsqueeze(-1), luma, 0), chroma], dim=1)
    written[..., 0] = firsts - previous
    return written


def _written(blocks: Int64[Tensor, "mcus 6 64"], used: Tables) -> Bits:
    """Return what is written for each coefficient and at the end of each block, in a row for each MCU."""
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


def _coded(codes: tuple[Codes, ...], symbols: Int64[Tensor, "mcus 6 k"]) -> Bits:
    """Return the codes of symbols: of the last two blocks by the second table, which are colour."""
    parts = torch.split(symbols, [LUMA, CHROMA], dim=1)
    of_parts = (
        [constant(table, symbols.device)[part] for table in kind] for kind, part in zip(codes, parts, strict=True)
    )
    return Bits(*(torch.cat(pair, dim=1) for pair in zip(*of_parts, strict=True)))


def _length(written: Bits, layout: Layout) -> Int64[Tensor, "n"]:
    """Return the number of bytes of the bits of each photo. The last byte is filled with ones, and a 0 follows 255."""
    ends = written.lengths.flatten().cumsum(0).reshape(written.lengths.shape)
    total = torch.cat([ends[layout.starts[1:] - 1, -1], ends[-1:, -1]])
    before = torch.cat([total[:1] * 0, total[:-1]])
    bits = total - before
    size = (bits + 7) >> 3
    room = (size + 1).cumsum(0) - size - 1  # the first byte of each photo, with one to spare after each
    offset = ((room << 3) - before)[layout.photos].unsqueeze(1)
    ends = ends + offset
    first = (ends - written.lengths) >> 3
    filled = torch.zeros(len(ends) * BYTES_OF_MCU + len(bits), dtype=torch.int32, device=ends.device)
    for step in range((7 + LONGEST) // 8 + 1):
        shift = ends - ((first + step + 1) << 3)
        part = torch.where(shift >= 0, written.numbers >> shift.clamp(min=0), written.numbers << (-shift).clamp(0, 8))
        places = (first + step).clamp_(max=len(filled) - 1)
        filled.scatter_add_(0, places.flatten(), (part & 255).to(torch.int32).flatten())
    last = room + (bits >> 3)
    filled.scatter_add_(0, last, ((1 << (-bits % 8)) - 1).to(torch.int32))
    ones = torch.nn.functional.pad((filled == 255).cumsum(0), (1, 0))
    return size + ones[room + size] - ones[room]
