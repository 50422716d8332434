"""libjpeg's compression of photos with 4:2:0 chroma: all that it loses, in whole numbers.

Entropy coding loses nothing, so a round trip needs none; `encoded_bytes` tells its length.

Reference:
    Loeffler, Ligtenberg, Moschytz, *Practical fast 1-D DCT algorithms with 11 multiplications*, ICASSP 1989: the
    transform, which libjpeg computes with constants of 13 bits.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Int32, UInt8
from torch import Tensor

from iqbench.exact.integers import constant, eight_bits, rounded_shift
from iqbench.exact.jpeg_tables import BLOCK, tables

MCU = 16
"""Side of the blocks that are encoded together, in pixels: four of brightness, and one of each colour difference."""

SMALLEST_SMOOTH = 3
"""Columns of halved colour from which on it is enlarged smoothly."""


class Planes(NamedTuple):
    """Brightness and the two colour differences: the differences at half the size, all filled up to whole blocks."""

    luma: Int32[Tensor, "*batch rows columns"]
    blue: Int32[Tensor, "*batch half_rows half_columns"]
    red: Int32[Tensor, "*batch half_rows half_columns"]


@dataclass(frozen=True)
class Transformed:
    """Photos as their transforms, from which every quality starts.

    Args:
        planes: The coefficients of each plane, eight times as large as they are, not yet quantized.
        height: Rows of the photos.
        width: Columns of the photos.
    """

    planes: Planes
    height: int
    width: int

    @classmethod
    def of(cls, photos: UInt8[Tensor, "*batch 3 height width"]) -> "Transformed":
        """Return the transforms of photos of one size."""
        height, width = photos.shape[-2:]
        return cls(Planes(*(_forward(plane) for plane in _planes(photos))), height, width)

    def quantized(self, quality: int) -> Planes:
        """Return what is encoded: each coefficient in steps of its table, at its place in its block.

        Args:
            quality: libjpeg's scale, 1 to 100.
        """
        return Planes(
            *(_quantized(plane, steps) for plane, steps in zip(self.planes, self._steps(quality), strict=True))
        )

    def decoded(self, quality: int) -> UInt8[Tensor, "*batch 3 height width"]:
        """Return the photos after encoding and decoding.

        Args:
            quality: libjpeg's scale, 1 to 100.
        """
        steps = self._steps(quality)
        luma, *chroma = (_back(_blocks(plane) * s) for plane, s in zip(self.quantized(quality), steps, strict=True))
        blue, red = (_enlarged(plane, self.height, self.width) - 128 for plane in chroma)
        return _coloured(luma[..., : self.height, : self.width], blue, red)

    def _steps(self, quality: int) -> list[Int32[Tensor, "8 1 8"]]:
        """Return the steps of each plane, beside its blocks."""
        luma, chroma = (constant(steps, self.planes.luma.device).unsqueeze(1) for steps in tables(quality).steps)
        return [luma, chroma, chroma]


def jpeg(photos: UInt8[Tensor, "*batch 3 height width"], quality: int) -> UInt8[Tensor, "*batch 3 height width"]:
    """Return photos after encoding and decoding by libjpeg with 4:2:0 chroma.

    Args:
        photos: sRGB photos of one size.
        quality: libjpeg's scale, 1 to 100.

    Example:
        >>> jpeg(torch.full((3, 16, 16), 100, dtype=torch.uint8), quality=95)[:, 0, 0].tolist()
        [100, 100, 100]
    """
    return Transformed.of(photos).decoded(quality)


def _planes(photos: Tensor) -> Planes:
    red, green, blue = photos.to(torch.int32).unbind(dim=-3)
    height, width = photos.shape[-2:]
    rows, columns = (-(-side // MCU) * MCU for side in (height, width))
    half = (128 << 16) + 32767
    luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    differences = (
        (-11059 * red - 21709 * green + 32768 * blue + half) >> 16,
        (32768 * red - 27439 * green - 5329 * blue + half) >> 16,
    )
    return Planes(
        _filled(luma, rows, columns),
        *(_filled(_halved(each, columns), rows // 2, columns // 2) for each in differences),
    )


def _filled(plane: Tensor, rows: int, columns: int) -> Tensor:
    """Return a plane with so many rows and columns, the last ones repeated."""
    for dim, side in ((-2, rows), (-1, columns)):
        missing = side - plane.shape[dim]
        if missing:
            last = plane.narrow(dim, plane.shape[dim] - 1, 1)
            plane = torch.cat(
                [plane, last.expand([missing if at == plane.ndim + dim else -1 for at in range(plane.ndim)])], dim
            )
    return plane


def _halved(plane: Tensor, columns: int) -> Tensor:
    """Return the means of 2 x 2 values, rounded down and up in turn from column to column."""
    plane = _filled(plane, plane.shape[-2] + plane.shape[-2] % 2, columns)
    bias = torch.arange(columns // 2, dtype=torch.int32, device=plane.device) % 2 + 1
    rows = plane[..., ::2, :] + plane[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2] + bias) >> 2


def _enlarged(plane: Tensor, height: int, width: int) -> Tensor:
    """Return a plane of colour differences at full size."""
    rows, columns = -(-height // 2), -(-width // 2)
    plane = plane[..., :rows, :columns]
    if columns < SMALLEST_SMOOTH:
        return plane.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)[..., :height, :width]
    above, below = _beside(plane, -2)
    tall = torch.stack([3 * plane + above, 3 * plane + below], dim=-2).flatten(-3, -2)
    before, after = _beside(tall, -1)
    wide = torch.stack([(3 * tall + before + 8) >> 4, (3 * tall + after + 7) >> 4], dim=-1).flatten(-2)
    return wide[..., :height, :width]


def _beside(plane: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return the value before and after each value along a side, the outermost beside itself."""
    side = plane.shape[dim]
    first, last = plane.narrow(dim, 0, 1), plane.narrow(dim, side - 1, 1)
    return torch.cat([first, plane.narrow(dim, 0, side - 1)], dim), torch.cat(
        [plane.narrow(dim, 1, side - 1), last], dim
    )


def _coloured(luma: Tensor, blue: Tensor, red: Tensor) -> UInt8[Tensor, "*batch 3 height width"]:
    channels = (
        luma + ((91881 * red + 32768) >> 16),
        luma + ((-22554 * blue - 46802 * red + 32768) >> 16),
        luma + ((116130 * blue + 32768) >> 16),
    )
    return eight_bits(torch.stack(channels, dim=-3))


def _blocks(plane: Tensor) -> Tensor:
    """Return a plane by block: rows of blocks, rows of a block, columns of blocks, columns of a block."""
    rows, columns = plane.shape[-2:]
    return plane.reshape(*plane.shape[:-2], rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)


def _forward(plane: Tensor) -> Tensor:
    """Return the transform of each block, eight times as large: across, then down."""
    across = torch.stack(_transformed((_blocks(plane) - 128).unbind(-1), first=True), dim=-1)
    return torch.stack(_transformed(across.unbind(-3), first=False), dim=-3).reshape(plane.shape)


def _quantized(plane: Tensor, steps: Int32[Tensor, "8 1 8"]) -> Tensor:
    blocks = _blocks(plane)
    sizes = torch.div(blocks.abs() + steps * 4, steps * 8, rounding_mode="floor")
    return (blocks.sign() * sizes).reshape(plane.shape)


def _back(blocks: Tensor) -> Int32[Tensor, "*batch rows columns"]:
    """Return the values that coefficients stand for, from 0 to 255: down, then across."""
    down = torch.stack(_restored(blocks.unbind(-3), bits=11), dim=-3)
    across = torch.stack(_restored(down.unbind(-1), bits=18), dim=-1)
    return (across.flatten(-4, -3).flatten(-2) + 128).clamp(0, 255)


def _odd(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the odd half of the transform of eight values, which is the same forward and back."""
    both = (a + c + b + d) * 9633
    z1, z2, z3, z4 = (a + d) * -7373, (b + c) * -20995, (a + c) * -16069 + both, (b + d) * -3196 + both
    return a * 2446 + z1 + z3, b * 16819 + z2 + z4, c * 25172 + z2 + z3, d * 12299 + z1 + z4


def _transformed(values: tuple[Tensor, ...], first: bool) -> list[Tensor]:
    """Return the transform of eight values, times 4 after the ``first`` pass, times 8 after the other."""
    sums = [values[at] + values[7 - at] for at in range(4)]
    differences = [values[3 - at] - values[4 + at] for at in range(4)]
    outer, inner, outer_less, inner_less = sums[0] + sums[3], sums[1] + sums[2], sums[0] - sums[3], sums[1] - sums[2]
    bits = 11 if first else 15
    ends = [(x << 2) if first else rounded_shift(x, 2) for x in (outer + inner, outer - inner)]
    both = (inner_less + outer_less) * 4433
    second, sixth = (rounded_shift(x, bits) for x in (both + outer_less * 6270, both - inner_less * 15137))
    seventh, fifth, third, one = (rounded_shift(x, bits) for x in _odd(*differences))
    return [ends[0], one, second, third, ends[1], fifth, sixth, seventh]


def _restored(c: tuple[Tensor, ...], bits: int) -> list[Tensor]:
    """Return the eight values that a transform stands for, shifted by so many bits."""
    both = (c[2] + c[6]) * 4433
    inner, outer = both - c[6] * 15137, both + c[2] * 6270
    plus, minus = (c[0] + c[4]) << 13, (c[0] - c[4]) << 13
    even = [plus + outer, minus + inner, minus - inner, plus - outer]
    odd = _odd(c[7], c[5], c[3], c[1])[::-1]
    return [rounded_shift(e + o, bits) for e, o in zip(even, odd, strict=True)] + [
        rounded_shift(e - o, bits) for e, o in zip(even[::-1], odd[::-1], strict=True)
    ]
